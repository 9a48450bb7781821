import GatewayCore
import GatewayCrypto
import NIOCore
import SeededRandomness
import Testing

@testable import GatewayPipeline

@Suite("Answers that others keep are sealed")
struct AnswerSealTests {
    private static func key(_ byte: UInt8) throws -> CacheKey { try #require(CacheKey([UInt8](repeating: byte, count: 32))) }

    private static func seal(_ secret: String = "a secret", id: String = "1", longest: Int = 1 << 20) -> AnswerSeal {
        AnswerSeal(secret: Secret(secret), id: id, longest: longest)
    }

    private static func answer(_ texts: [String], streamed: Bool = true) -> StoredAnswer {
        var answer = StoredAnswer(isStreamed: streamed, dialect: .openAI, model: "m", provider: "p")
        for text in texts { answer.append(ByteBuffer(string: text)) }
        answer.usage = TokenUsage(input: 1, cacheRead: 2, cacheWrite: 3, output: .max, reasoning: 0)
        answer.finishes = [AnswerFinish(choice: 0, reason: .stop, providerReason: "stop")]
        return answer
    }

    @Test(
        "what was sealed opens for its tenant and key, whatever it is",
        arguments: [[], [0], [1], [2, 0, 10_000]])
    func opens(repetitions: [Int]) throws {
        let texts = repetitions.map { String(repeating: "to <EMAIL_1>, ", count: $0) }
        let (answer, key) = (Self.answer(texts), try Self.key(1))
        let value = try #require(Self.seal().seal(answer, as: key, of: "acme"))
        #expect(Self.seal().open(value, as: key, of: "acme") == answer)
        // Another nonce each time, so another value.
        #expect(Self.seal().seal(answer, as: key, of: "acme") != value)
        #expect(String(buffer: value).contains("EMAIL") == false)
    }

    @Test("it opens for nobody else, under no other key or secret, and not where the secret has another name")
    func others() throws {
        let (answer, key) = (Self.answer(["text"]), try Self.key(1))
        let value = try #require(Self.seal().seal(answer, as: key, of: "acme"))
        #expect(Self.seal().open(value, as: key, of: "umbrella") == nil)
        #expect(Self.seal().open(value, as: try Self.key(2), of: "acme") == nil)
        #expect(Self.seal("another").open(value, as: key, of: "acme") == nil)
        #expect(Self.seal(id: "2").open(value, as: key, of: "acme") == nil)
    }

    @Test("a piece of a stream opens in its place of its own stream, and as nothing else")
    func pieces() throws {
        let (piece, key) = (Self.answer(["text"]), try Self.key(1))
        let place = AnswerSeal.Place(holder: "req_1", index: 3)
        let value = try #require(Self.seal().seal(piece, as: key, of: "acme", at: place))
        #expect(Self.seal().open(value, as: key, of: "acme", at: place) == piece)
        for other in [AnswerSeal.Place(holder: "req_1", index: 2), AnswerSeal.Place(holder: "req_2", index: 3)] {
            #expect(Self.seal().open(value, as: key, of: "acme", at: other) == nil)
        }
        #expect(Self.seal().open(value, as: key, of: "acme") == nil)
        #expect(Self.seal().open(value, as: key, of: "umbrella", at: place) == nil)
        let whole = try #require(Self.seal().seal(piece, as: key, of: "acme"))
        #expect(Self.seal().open(whole, as: key, of: "acme", at: place) == nil)
    }

    @Test("changed, cut and foreign bytes are no answer", arguments: 0..<50 as Range<UInt64>)
    func damaged(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let (seal, key) = (Self.seal(), try Self.key(1))
        let value = Array(try #require(seal.seal(Self.answer(["a", "text"]), as: key, of: "acme")).readableBytesView)
        var changed = value
        changed[Int.random(in: 0..<value.count, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
        let cut = Array(value.prefix(Int.random(in: 0..<value.count, using: &random)))
        let foreign = (0..<Int.random(in: 0..<200, using: &random)).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        for bytes in [changed, cut, foreign, value + [0]] { #expect(seal.open(ByteBuffer(bytes: bytes), as: key, of: "acme") == nil) }
    }

    @Test("an answer longer than may be opened is none")
    func long() throws {
        let (answer, key) = (Self.answer([String(repeating: "a", count: 5_000)]), try Self.key(1))
        let value = try #require(Self.seal().seal(answer, as: key, of: "acme"))
        #expect(Self.seal(longest: 5_000).open(value, as: key, of: "acme") == nil)
        #expect(Self.seal(longest: 5_100).open(value, as: key, of: "acme") == answer)
    }
}
