// What providers answer, in each dialect, streamed and whole: however it is cut, the same is read; what is read lies within what was sent; and what
// becomes of it in every caller's dialect is JSON.
//
// Input: the dialect, what was asked for and whether it is a stream, the seed of the cuts, then the body.
import FuzzDriver
import GatewayCore
import GatewayJSON
import NIOCore
import Providers

/// What is read of a body, piece by piece.
func read(
    _ pieces: some Sequence<ByteBuffer>, _ dialect: Dialect, _ operation: RequestOperation, isStreamed: Bool
) -> (chunks: [AnswerChunk], fault: Fault?) {
    var reader = AnswerReader(dialect, operation, isStreamed: isStreamed, maxBytes: 1 << 20)
    var index = JSONIndex()
    var chunks: [AnswerChunk] = []
    func drain() throws(Fault) -> Bool {
        while let event = try reader.next(index: &index) {
            guard case .chunk(let chunk) = event else { return true }
            chunks.append(chunk)
        }
        return false
    }
    do throws(Fault) {
        for piece in pieces {
            try reader.receive(piece)
            if try drain() { return (chunks, nil) }
        }
        try reader.finish()
        _ = try drain()
        return (chunks, nil)
    } catch {
        return (chunks, error)
    }
}

/// Whether each line that carries JSON does.
func checkLines(_ output: ByteBuffer) {
    var index = JSONIndex()
    for line in output.readableBytesView.split(separator: UInt8(ascii: "\n")) where line.starts(with: "data: {".utf8) {
        let json = ByteBuffer(bytes: line.dropFirst(6))
        precondition((try? index.scan(json)) != nil, "what is told is no JSON")
    }
}

/// A request whose tools are called with a text, and which asks for log probabilities.
let echo = {
    var index = JSONIndex()
    let request = #"{"tools":[{"type":"custom","name":"f"}],"include":["message.output_text.logprobs"]}"#
    return ResponsesEcho(of: ByteBuffer(string: request), index: &index)
}()

func tellOthers(_ chunks: [AnswerChunk], _ head: AnswerHead) {
    var (responses, completions) = (ResponsesAnswerWriter(head, echo), CompletionsAnswerWriter(head))
    var (responsesOutput, completionsOutput) = (ByteBuffer(), ByteBuffer())
    for chunk in chunks { completions.write(chunk, into: &completionsOutput) }
    completions.write(TokenUsage(), into: &completionsOutput)
    checkLines(completionsOutput)
    do {
        for chunk in chunks { try responses.write(chunk, into: &responsesOutput) }
        responses.end(TokenUsage(), into: &responsesOutput)
    } catch {
        responses.fail(error, into: &responsesOutput)
    }
    checkLines(responsesOutput)
}

func tell(_ chunks: [AnswerChunk], _ head: AnswerHead) {
    tellOthers(chunks, head)
    var (chat, messages) = (OpenAIAnswerWriter(head), AnthropicAnswerWriter(head))
    var (chatOutput, messagesOutput) = (ByteBuffer(), ByteBuffer())
    for chunk in chunks {
        for fragment in chunk.fragments {
            guard let range = fragment.rawRange else { continue }
            precondition(range.lowerBound >= 0 && range.upperBound <= chunk.raw.readableBytes, "a text lies outside of what was sent")
        }
        chat.write(chunk, into: &chatOutput)
        do {
            try messages.write(chunk, into: &messagesOutput)
        } catch {
            // A call that goes on behind another one.
            return
        }
    }
    messages.end(TokenUsage(), into: &messagesOutput)
    checkLines(chatOutput)
    checkLines(messagesOutput)
}

func tell(whole chunk: AnswerChunk, _ head: AnswerHead) {
    var index = JSONIndex()
    var output = ByteBuffer()
    OpenAIAnswerWriter(head).write(whole: chunk, TokenUsage(), into: &output)
    precondition((try? index.scan(output)) != nil, "what is told is no JSON")
    output = ByteBuffer()
    CompletionsAnswerWriter(head).write(whole: chunk, TokenUsage(), into: &output)
    precondition((try? index.scan(output)) != nil, "what is told is no JSON")
    output = ByteBuffer()
    var responses = ResponsesAnswerWriter(head, echo)
    if (try? responses.write(whole: chunk, TokenUsage(), into: &output)) != nil {
        precondition((try? index.scan(output)) != nil, "what is told is no JSON")
    }
    output = ByteBuffer()
    var messages = AnthropicAnswerWriter(head)
    var scratch = JSONIndex()
    guard (try? messages.write(whole: chunk, TokenUsage(), index: &scratch, into: &output)) != nil else { return }
    precondition((try? index.scan(output)) != nil, "what is told is no JSON")
}

func makeHead() -> AnswerHead {
    AnswerHead(
        requestID: RequestID(high: 0, low: 1), model: "m", provider: "p", cache: .miss, routeReason: "exact", createdUnixSeconds: 0,
        scrubbed: [], rateLimit: nil)
}

fuzz { bytes in
    var input = Input(bytes)
    let choice = input.byte()
    let seed = input.byte()
    let dialect = Dialect.allCases[Int(choice >> 1) % Dialect.allCases.count]
    let isStreamed = choice & 1 == 1
    // Embeddings and counts of tokens are never streamed.
    let operation: RequestOperation = isStreamed || choice < 0xC0 ? .answer : choice < 0xE0 ? .embeddings : .countTokens
    let body = Array(input.rest)
    let whole = read([ByteBuffer(bytes: body)], dialect, operation, isStreamed: isStreamed)
    let cut = read(Chunks(body, seed: seed).lazy.map { ByteBuffer(bytes: $0) }, dialect, operation, isStreamed: isStreamed)
    precondition(whole.chunks == cut.chunks && whole.fault == cut.fault, "cutting changes what is read")
    guard operation == .answer else { return }
    if isStreamed { tell(whole.chunks, makeHead()) } else if let chunk = whole.chunks.first { tell(whole: chunk, makeHead()) }
}
