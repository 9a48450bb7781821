import GatewayCore
import NIOCore
import SeededRandomness
import Testing

@Suite("Idempotency keys")
struct IdempotencyTests {
    private static func digest(_ number: Int) -> CacheKey? { CacheKey([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 32)) }

    private static func claim(_ key: Int, body: Int = 1, policy: Int = 1) throws -> IdempotencyClaim {
        IdempotencyClaim(
            key: try #require(digest(key)), fingerprint: try #require(digest(body)), answer: try #require(digest(100 * policy + body)))
    }

    private static func answer(_ text: String) -> StoredAnswer {
        var answer = StoredAnswer(isStreamed: false, dialect: .openAI, model: "m", provider: "p")
        answer.append(ByteBuffer(string: text))
        return answer
    }

    @Test("a key is 1 to 255 visible ASCII characters")
    func keys() {
        for key in ["a", "8f14e45f-ceea-467f-a5ab", String(repeating: "x", count: 255), "!~"] { #expect(IdempotencyClaim.isKey(key)) }
        for key in ["", " ", "a b", "é", "a\u{7F}", "a\n", String(repeating: "x", count: 256)] { #expect(!IdempotencyClaim.isKey(key)) }
    }

    @Test("the first carries the request out, the same waits for it, another one is a conflict; then both hear of the answer")
    func first() throws {
        var table = ClaimTable(maxBytes: 10_000, maxWaiters: 2)
        let claim = try Self.claim(1)
        #expect(table.enter(claim, now: 0) == .mine)
        #expect(table.enter(try Self.claim(1, body: 2), now: 0) == .conflict)
        guard case .wait(let one) = table.enter(claim, now: 0), case .wait(let two) = table.enter(claim, now: 0) else {
            Issue.record("nobody waits")
            return
        }
        #expect(table.enter(claim, now: 0) == .full)
        table.left(claim.key, one)
        #expect(table.complete(claim, with: Self.answer("yes"), expiresAt: 10) == [two])
        #expect(table.enter(claim, now: 9) == .answered(Self.answer("yes")))
        #expect(table.enter(try Self.claim(1, body: 2), now: 9) == .conflict)
        // Another policy numbers placeholders otherwise: its request is carried out.
        #expect(table.enter(try Self.claim(1, policy: 2), now: 9) == .mine)
        #expect(table.enter(claim, now: 9) == .alone)
        #expect(table.release(claim.key) == nil)
        #expect(table.enter(claim, now: 10) == .mine)
    }

    @Test("a request that fails gives its key to the first who waits, and frees it when nobody does")
    func fails() throws {
        var table = ClaimTable(maxBytes: 10_000, maxWaiters: 2)
        let claim = try Self.claim(1)
        #expect(table.enter(claim, now: 0) == .mine)
        guard case .wait(let waiter) = table.enter(claim, now: 0) else {
            Issue.record("it does not wait")
            return
        }
        #expect(table.release(claim.key) == waiter)
        #expect(table.enter(try Self.claim(1, body: 2), now: 0) == .conflict)
        #expect(table.release(claim.key) == nil)
        #expect(table.enter(try Self.claim(1, body: 2), now: 0) == .mine)
        #expect(table.counts.running == 1)
    }

    @Test("any trace: one of a key runs at a time, answers are those of the last that completed, and the byte cap holds")
    func trace() throws {
        var random = SeededRandom(seed: 7)
        var table = ClaimTable(maxBytes: 3_000, maxWaiters: 3)
        var running: [Int: Int] = [:]
        var last: [Int: (body: Int, text: String)] = [:]
        for step in 0..<20_000 {
            let (key, body) = (Int.random(in: 0..<12, using: &random), Int.random(in: 1...2, using: &random))
            let claim = try Self.claim(key, body: body)
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                switch table.enter(claim, now: 0) {
                case .mine:
                    #expect(running[key] == nil)
                    running[key] = body
                case .wait, .full: #expect(running[key] == body)
                case .alone: Issue.record("all come under one policy")
                case .conflict: #expect(running[key] ?? last[key]?.body != body)
                case .answered(let answer):
                    #expect(running[key] == nil && last[key]?.body == body)
                    #expect(answer == Self.answer(last[key]?.text ?? ""))
                }
            case 1:
                guard let body = running.removeValue(forKey: key) else { continue }
                let text = "answer \(step)"
                _ = table.complete(try Self.claim(key, body: body), with: Self.answer(text), expiresAt: .max)
                last[key] = (body, text)
            default:
                guard running[key] != nil else { continue }
                if table.release(claim.key) == nil { running[key] = nil }
            }
            #expect(table.counts.running == running.count && table.counts.bytes <= 3_000)
        }
    }
}
