import NIOCore
import SeededRandomness
import Wire

/// What the server answers to a request: told by a seed in the request, so that both ends know it.
struct AnswerPlan {
    enum Ending: Equatable {
        case end
        case error
        /// The answer just stops, as a hanging provider's.
        case never
    }

    struct Piece {
        var delayMilliseconds: Int
        var kind: ItemKind
        var data: ByteBuffer
    }

    var isStreamed: Bool
    /// Deltas, or the items of a whole answer.
    var pieces: [Piece]
    var ending: Ending
    /// What the server's application does when `isWritable` is false: wait, or go on.
    var heedsBackPressure: Bool

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        isStreamed = random.chance(70)
        heedsBackPressure = random.chance(90)
        let corpus = random.chance(50) ? Corpus.compressible : Corpus.incompressible
        let count = isStreamed ? random.number(0...30) : random.number(0...3)
        pieces = (0..<count).map { _ in
            Piece(
                delayMilliseconds: random.chance(30) ? random.number(0...500) : 0,
                kind: random.pick([.text, .text, .text, .toolCall, .providerBlock]),
                data: Corpus.slice(of: corpus, byteCount: random.size(upTo: 90_000), random: &random))
        }
        ending = random.chance(80) ? .end : random.chance(80) ? .error : .never
    }

    static func request(seed: UInt64, text: ByteBuffer) -> Request {
        Request(
            idempotencyKey: Text(String(seed)),
            operation: .chat(
                ChatRequest(
                    model: "m",
                    messages: [ChatMessage(role: .user, parts: [Part(.text(Text(validating: text) ?? Text()))])],
                    stream: true)))
    }

    static func seed(of request: Request) -> UInt64? {
        UInt64(request.idempotencyKey.string)
    }
}
