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

    /// How embeddings are told that their provider has in a dialect of its own.
    struct EmbeddingsForm {
        /// The model's name here.
        var model = ""
        var inBase64 = false
    }

    private var language: Language
    private let isStreamed: Bool
    private var framing: Framing
    private var whole = ByteBuffer()
    private var wholeIsComplete = false
    private let maxBytes: Int

    /// What JSON texts stand in.
    private enum Framing {
        case events(SSEParser)
        case lines(LineParser)
        /// The body is one.
        case whole
    }

    /// Who reads a JSON text.
    private enum Language {
        case openAI
        /// OpenAI's older completions.
        case completions
        case anthropic(AnthropicAnswerReader)
        case ollama(OllamaAnswerReader)
        case gemini(GeminiAnswerReader)
        /// `count_tokens` and `countTokens`.
        case count(Dialect)
        case embeddings(Dialect, EmbeddingsForm)
    }

    /// Of one event, or one line.
    private static let maxEventBytes = 1 << 20

    init(
        _ dialect: Dialect, _ operation: RequestOperation = .answer, isStreamed: Bool, maxBytes: Int,
        embeddings form: EmbeddingsForm = EmbeddingsForm()
    ) {
        self.isStreamed = isStreamed
        self.maxBytes = maxBytes
        let most = min(maxBytes, Self.maxEventBytes)
        framing =
            !isStreamed ? .whole : dialect == .ollama ? .lines(LineParser(maxLineBytes: most)) : .events(SSEParser(maxEventBytes: most))
        switch operation {
        case .embeddings: language = .embeddings(dialect, form)
        case .countTokens: language = .count(dialect)
        default:
            language =
                switch dialect {
                case .openAI, .responses: .openAI
                case .completions: .completions
                case .anthropic: .anthropic(AnthropicAnswerReader())
                case .ollama: .ollama(OllamaAnswerReader())
                case .gemini: .gemini(GeminiAnswerReader())
                }
        }
    }

    mutating func receive(_ bytes: ByteBuffer) throws(Fault) {
        switch framing {
        case .events(var parser):
            framing = .whole
            parser.append(bytes)
            framing = .events(parser)
        case .lines(var parser):
            framing = .whole
            parser.append(bytes)
            framing = .lines(parser)
        case .whole:
            guard bytes.readableBytes <= maxBytes - whole.readableBytes else { throw .badAnswer("it is larger than \(maxBytes) bytes") }
            if whole.readableBytes == 0 { whole = bytes } else { whole.writeImmutableBuffer(bytes) }
        }
    }

    /// The body is over.
    mutating func finish() throws(Fault) {
        switch framing {
        case .events(let parser): guard !parser.isMidEvent else { throw .badAnswer("it ends in the middle of an event") }
        case .lines(var parser):
            parser.finish()
            framing = .lines(parser)
        case .whole:
            guard whole.readableBytes > 0 else { throw .badAnswer("it is empty") }
            wholeIsComplete = true
        }
    }

    /// The next event, or `nil` until more bytes are there.
    mutating func next(index: inout JSONIndex) throws(Fault) -> Event? {
        if wholeIsComplete {
            wholeIsComplete = false
            return try read(whole, index: &index)
        }
        guard let text = try nextText() else { return nil }
        return try read(text, index: &index)
    }

    private mutating func nextText() throws(Fault) -> ByteBuffer? {
        switch framing {
        case .events(var parser):
            framing = .whole
            defer { framing = .events(parser) }
            do {
                return try parser.nextEvent()?.data
            } catch {
                throw .badAnswer("its event stream is malformed")
            }
        case .lines(var parser):
            framing = .whole
            defer { framing = .lines(parser) }
            do {
                return try parser.nextLine()
            } catch {
                throw .badAnswer("a line in it is longer than \(Self.maxEventBytes) bytes")
            }
        case .whole: return nil
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
        case .embeddings(let dialect, let form) where dialect == .ollama || dialect == .gemini:
            return .chunk(
                try EmbeddingsTranslation.answer(raw, from: dialect, model: form.model, inBase64: form.inBase64, index: &index))
        case .embeddings: return .chunk(try OpenAIAnswer.embeddings(raw, index: &index))
        case .count(.gemini): return .chunk(try GeminiAnswerReader.count(raw, index: &index))
        case .count: return .chunk(try AnthropicAnswerReader.count(raw, index: &index))
        case .ollama(var reader):
            language = .openAI
            defer { language = .ollama(reader) }
            return .chunk(try answer(reader.read(raw, index: &index)))
        case .gemini(var reader):
            language = .openAI
            defer { language = .gemini(reader) }
            return .chunk(try answer(reader.read(raw, index: &index)))
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

    /// A whole answer has something in it.
    private func answer(_ chunk: AnswerChunk) throws(Fault) -> AnswerChunk {
        guard isStreamed || !chunk.finishes.isEmpty || !chunk.fragments.isEmpty else { throw .badAnswer("there is no answer in it") }
        return chunk
    }

    /// What ends a stream at its cap, where the dialect does not say it in the chunk that is cut off.
    ///
    /// - Parameter choices: those that have not ended.
    mutating func endingAtCap(_ choices: [Int], index: inout JSONIndex) -> [AnswerChunk]? {
        let raw: ByteBuffer
        switch language {
        case .anthropic(var reader):
            defer { language = .anthropic(reader) }
            return reader.endingAtCap()
        case .ollama: raw = OllamaAnswerReader.endingAtCap
        case .gemini: raw = GeminiAnswerReader.endingAtCap(choices)
        case .openAI, .completions, .count, .embeddings: return nil
        }
        guard case .chunk(let chunk)? = try? read(raw, index: &index) else { return nil }
        return [chunk]
    }
}

extension Fault {
    /// What a provider sent is no answer. The provider's name is put in where it is known.
    static func badAnswer(_ reason: String) -> Fault {
        Fault(.upstreamBadAnswer, origin: .upstream, message: "The provider sent an answer that cannot be used: \(reason).")
    }
}
