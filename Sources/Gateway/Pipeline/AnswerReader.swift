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

    private var stream: SSEParser?
    private var whole = ByteBuffer()
    private var wholeIsComplete = false
    private let maxBytes: Int

    init(isStreamed: Bool, maxBytes: Int) {
        self.maxBytes = maxBytes
        stream = isStreamed ? SSEParser(maxEventBytes: min(maxBytes, 1 << 20)) : nil
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
            let chunk = try Self.chunk(whole, isWhole: true, index: &index)
            return .chunk(chunk)
        }
        guard let event = try nextEvent() else { return nil }
        if event.data.readableBytesView.elementsEqual("[DONE]".utf8) { return .done }
        return .chunk(try Self.chunk(event.data, isWhole: false, index: &index))
    }

    private mutating func nextEvent() throws(Fault) -> SSEEvent? {
        do {
            return try stream?.nextEvent()
        } catch {
            throw .badAnswer("its event stream is malformed")
        }
    }

    /// Reads one JSON text of a provider.
    static func chunk(_ raw: ByteBuffer, isWhole: Bool, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        isWhole ? try OpenAIAnswer.whole(raw, index: &index) : try OpenAIAnswer.chunk(raw, index: &index)
    }
}

extension Fault {
    /// What a provider sent is no answer. The provider's name is put in where it is known.
    static func badAnswer(_ reason: String) -> Fault {
        Fault(.upstreamBadAnswer, origin: .upstream, message: "The provider sent an answer that cannot be used: \(reason).")
    }
}
