import GatewayCore
import GatewayJSON
import NIOCore
import Providers

/// How the answer to one request is written in the dialect of its surface: passed on where the provider speaks it too, and otherwise written anew of
/// what was read. Pure: events in, bytes out.
struct SurfaceAnswer {
    let surface: Dialect
    private let requestID: RequestID
    private var head: AnswerHead?
    private var wantsUsage = false
    /// Who writes what a provider of another dialect says; `nil`: nobody has to.
    private var writer: Writer?
    /// Whether an event of the answer was written.
    private var hasBegun = false

    private enum Writer {
        case openAI(OpenAIAnswerWriter)
        case anthropic(AnthropicAnswerWriter)
        case responses(ResponsesAnswerWriter)
        case completions(CompletionsAnswerWriter)
    }

    /// What a response repeats of its request; `nil`: in other dialects nothing is.
    private var echo: ResponsesEcho?
    private let framing: ResponsesAnswerWriter.Framing

    /// - Parameter framing: of the events of a response.
    init(_ surface: Dialect, _ requestID: RequestID, framing: ResponsesAnswerWriter.Framing = .events) {
        self.surface = surface
        self.requestID = requestID
        self.framing = framing
    }

    /// Takes what the answer will repeat of its request's body.
    mutating func takeEcho(of body: ByteBuffer) {
        guard surface == .responses else { return }
        var index = JSONIndex()
        echo = ResponsesEcho(of: body, index: &index)
    }

    /// - Parameter wantsUsage: whether the caller asked for the usage at a stream's end; Anthropic's dialect always tells it.
    mutating func began(_ head: AnswerHead, wantsUsage: Bool) {
        self.head = head
        self.wantsUsage = wantsUsage
    }

    /// The writer for a chunk of another dialect.
    private func makeWriter() throws(Fault) -> Writer {
        guard let head else { throw .unrestorable }
        switch surface {
        case .anthropic: return .anthropic(AnthropicAnswerWriter(head))
        case .responses:
            guard let echo else { throw .unrestorable }
            return .responses(ResponsesAnswerWriter(head, echo, framing: framing))
        case .completions: return .completions(CompletionsAnswerWriter(head))
        case .openAI, .ollama, .gemini: return .openAI(OpenAIAnswerWriter(head))
        }
    }

    // MARK: whole answers

    mutating func whole(_ chunk: AnswerChunk, _ summary: AnswerSummary) throws(Fault) -> ByteBuffer {
        if chunk.dialect == surface, !chunk.needsSplicing { return chunk.raw }
        var body = ByteBuffer()
        body.reserveCapacity(chunk.raw.readableBytes)
        guard chunk.dialect != surface else {
            guard chunk.write(into: &body) else { throw .unrestorable }
            return body
        }
        switch try makeWriter() {
        case .openAI(let writer): writer.write(whole: chunk, summary.usage, into: &body)
        case .anthropic(var writer):
            var index = JSONIndex()
            try writer.write(whole: chunk, summary.usage, index: &index, into: &body)
        case .responses(var writer): try writer.write(whole: chunk, summary.usage, into: &body)
        case .completions(let writer): writer.write(whole: chunk, summary.usage, into: &body)
        }
        return body
    }

    // MARK: streams

    /// Appends the events of a chunk.
    mutating func write(_ chunk: AnswerChunk, into output: inout ByteBuffer) throws(Fault) {
        hasBegun = true
        guard chunk.dialect != surface else {
            guard chunk.writeEvent(into: &output) else { throw .unrestorable }
            return
        }
        let present: Writer
        if let writer { present = writer } else { present = try makeWriter() }
        switch present {
        case .openAI(var answer):
            writer = nil
            answer.write(chunk, into: &output)
            writer = .openAI(answer)
        case .anthropic(var answer):
            writer = nil
            try answer.write(chunk, into: &output)
            writer = .anthropic(answer)
        case .responses(var answer):
            writer = nil
            defer { writer = .responses(answer) }
            try answer.write(chunk, into: &output)
        case .completions(let answer):
            writer = present
            answer.write(chunk, into: &output)
        }
    }

    /// Appends what ends a stream that is whole.
    mutating func writeEnd(_ summary: AnswerSummary, into output: inout ByteBuffer) {
        switch (surface, writer) {
        case (.anthropic, .anthropic(var writer)?): writer.end(summary.usage, into: &output)
        case (.anthropic, _): output.writeStaticString(StreamText.messageStop)
        case (_, .openAI(let writer)?):
            if wantsUsage { writer.write(summary.usage, into: &output) }
            output.writeStaticString(StreamText.done)
        case (.responses, let present): endResponse(present, summary, into: &output)
        case (.completions, .completions(let writer)?):
            if wantsUsage { writer.write(summary.usage, into: &output) }
            output.writeStaticString(StreamText.done)
        case (_, _): output.writeStaticString(StreamText.done)
        }
    }

    private mutating func endResponse(_ present: Writer?, _ summary: AnswerSummary, into output: inout ByteBuffer) {
        guard case .responses(var answer)? = present ?? (try? makeWriter()) else { return }
        writer = nil
        answer.end(summary.usage, into: &output)
        writer = .responses(answer)
    }

    /// The response that was told, with the elements of its output; `nil`: there is none.
    var response: (id: String, items: ByteBuffer)? {
        guard case .responses(let answer)? = writer else { return nil }
        return (answer.id, answer.output)
    }

    /// Appends an error as the last event of a stream.
    func writeEvent(_ fault: Fault, into output: inout ByteBuffer) {
        if surface == .responses { return writeResponsesEvent(fault, into: &output) }
        output.writeStaticString(surface == .anthropic ? "event: error\ndata: " : "data: ")
        write(fault, into: &output)
        output.writeStaticString("\n\n")
    }

    private func writeResponsesEvent(_ fault: Fault, into output: inout ByteBuffer) {
        if case .responses(var writer)? = writer { return writer.fail(fault, into: &output) }
        if framing == .events { output.writeStaticString("event: error\ndata: ") }
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        json.object { json in
            json.member("type", "error")
            json.member("sequence_number", Int64(0))
            if framing == .lines { json.member("status", Int64(fault.httpStatus)) }
            fault.writeErrorEvent(into: &json)
        }
        output = json.buffer
        output.writeStaticString(framing == .events ? "\n\n" : "\n")
    }

    /// What tells the caller of a stream that it is alive. Anthropic's own is an event, which follows the answer's first.
    var keepAlive: StaticString { surface == .anthropic && hasBegun ? StreamText.ping : StreamText.comment }

    // MARK: errors

    /// Appends the dialect's error object.
    func write(_ fault: Fault, into output: inout ByteBuffer) {
        switch surface {
        case .anthropic: fault.writeMessagesError(requestID, into: &output)
        case .openAI, .responses, .completions, .ollama, .gemini: fault.writeErrorObject(into: &output)
        }
    }

    /// The HTTP status that the dialect has for a fault: Anthropic's has one of its own for overload.
    func status(of fault: Fault) -> Int {
        surface == .anthropic && fault.httpStatus == 503 && fault.kind.presentation.anthropicType == "overloaded_error"
            ? 529 : fault.httpStatus
    }

    /// The longest wait that the dialect's SDKs follow, in milliseconds: told to wait longer, they do not try again at all.
    var maxRetryAfterMilliseconds: Int64 { surface == .anthropic ? 60_000 : 120_000 }
}

extension Fault {
    /// Passing the provider's bytes on would show the caller a placeholder in place of what was scrubbed.
    static let unrestorable = Fault(.internalError, origin: .gateway, message: "The answer could not be put together again.")
}
