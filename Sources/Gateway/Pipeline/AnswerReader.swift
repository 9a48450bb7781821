import GatewayCore
import GatewayJSON
import NIOCore
import Providers

/// Turns the body of a provider's successful answer into chunks. A pure machine: bytes in, events out.
///
/// Bound: `maxBytes` of one unstreamed answer or of one event of a stream; more is ``FaultKind/upstreamBadAnswer``.
struct AnswerReader {
    enum Event {
        case chunk(AnswerChunk)
        /// The stream's own mark that nothing more comes.
        case done
    }

    private var language: Language
    private let isStreamed: Bool
    private var stream: SSEParser?
    private var whole = ByteBuffer()
    private var wholeIsComplete = false
    private let maxBytes: Int

    /// Who reads a JSON text.
    private enum Language {
        case openAI
        /// OpenAI's older completions.
        case completions
        case anthropic(AnthropicAnswerReader)
        /// Anthropic's `count_tokens`.
        case count
        /// OpenAI's.
        case embeddings
    }

    init(_ dialect: Dialect, _ operation: RequestOperation = .answer, isStreamed: Bool, maxBytes: Int) {
        self.isStreamed = isStreamed
        self.maxBytes = maxBytes
        stream = isStreamed ? SSEParser(maxEventBytes: min(maxBytes, 1 << 20)) : nil
        language =
            switch (dialect, operation) {
            case (.openAI, .embeddings): .embeddings
            case (.openAI, _), (.responses, _): .openAI
            case (.completions, _): .completions
            case (.anthropic, .countTokens): .count
            case (.anthropic, _): .anthropic(AnthropicAnswerReader())
            }
    }

    mutating func receive(_ bytes: ByteBuffer) throws(Fault) {
        guard stream == nil else {
            stream?.append(bytes)
            return
        }
        guard bytes.readableBytes <= maxBytes - whole.readableBytes else { throw .badAnswer("it is larger than \(maxBytes) bytes") }
        if whole.readableBytes == 0 { whole = bytes } else { whole.writeImmutableBuffer(bytes) }
    }

    /// The body is over.
    mutating func finish() throws(Fault) {
        guard stream == nil else {
            guard stream?.isMidEvent != true else { throw .badAnswer("it ends in the middle of an event") }
            return
        }
        guard whole.readableBytes > 0 else { throw .badAnswer("it is empty") }
        wholeIsComplete = true
    }

    /// The next event, or `nil` until more bytes are there.
    mutating func next(index: inout JSONIndex) throws(Fault) -> Event? {
        if wholeIsComplete {
            wholeIsComplete = false
            return try read(whole, index: &index)
        }
        guard let event = try nextEvent() else { return nil }
        return try read(event.data, index: &index)
    }

    private mutating func nextEvent() throws(Fault) -> SSEEvent? {
        do {
            return try stream?.nextEvent()
        } catch {
            throw .badAnswer("its event stream is malformed")
        }
    }

    /// Reads one JSON text of the provider: the next event's data, or the whole answer.
    mutating func read(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> Event {
        switch language {
        case .openAI:
            guard isStreamed else { return .chunk(try OpenAIAnswer.whole(raw, index: &index)) }
            if raw.readableBytesView.elementsEqual("[DONE]".utf8) { return .done }
            return .chunk(try OpenAIAnswer.chunk(raw, index: &index))
        case .completions:
            if isStreamed, raw.readableBytesView.elementsEqual("[DONE]".utf8) { return .done }
            return .chunk(try CompletionsAnswer.chunk(raw, index: &index))
        case .embeddings: return .chunk(try OpenAIAnswer.embeddings(raw, index: &index))
        case .count: return .chunk(try AnthropicAnswerReader.count(raw, index: &index))
        case .anthropic(var reader):
            language = .openAI
            defer { language = .anthropic(reader) }
            guard isStreamed else { return .chunk(try reader.whole(raw, index: &index)) }
            switch try reader.event(raw, index: &index) {
            case .chunk(let chunk): return .chunk(chunk)
            case .done: return .done
            }
        }
    }

    /// What ends a stream at its cap, where the dialect does not say it in the chunk that is cut off.
    mutating func endingAtCap() -> [AnswerChunk]? {
        guard case .anthropic(var reader) = language else { return nil }
        defer { language = .anthropic(reader) }
        return reader.endingAtCap()
    }
}

extension Fault {
    /// What a provider sent is no answer. The provider's name is put in where it is known.
    static func badAnswer(_ reason: String) -> Fault {
        Fault(.upstreamBadAnswer, origin: .upstream, message: "The provider sent an answer that cannot be used: \(reason).")
    }
}
