import GatewayCore
import NIOCore
import Testing

@testable import RedisStore

@Suite("Streams under way in Redis", .timeLimit(.minutes(4)))
struct TailTests {
    private static let now: Int64 = 1_800_000_000_000_000

    private static func keys(_ number: UInt8 = 1) throws -> (keys: RedisTail.Keys, look: RedisLook) {
        let key = try #require(CacheKey([UInt8](repeating: number, count: 32)))
        let answer = RedisKey.answer(tenant: "acme", model: "m", key)
        return (RedisTail.Keys(tenant: "acme", answer: answer, key), RedisLook(answer: answer, flight: .flight(tenant: "acme", key)))
    }

    private static func piece(_ holder: String, _ text: String) -> RedisTail.Piece {
        RedisTail.Piece(holder: holder, sealed: ByteBuffer(string: text))
    }

    private static func read(_ rig: RedisRig, _ keys: RedisTail.Keys, from count: Int, asker: String, at now: Int64) async throws
        -> RedisTail.Found?
    {
        RedisTail.found(try await rig.send(RedisTail.read(keys, from: count, asker: asker, now: now)).reply, from: count)
    }

    private static func publish(_ rig: RedisRig, _ piece: RedisTail.Piece, _ index: Int, _ keys: RedisTail.Keys) async throws -> Bool {
        try await rig.send(RedisTail.publish(piece, index: index, keys)).integer == 1
    }

    @Test("who watches is told what has come since, in order; who fetches knows that somebody watches")
    func reads() async throws {
        try await RedisRig.run { _, rig in
            let (keys, _) = try Self.keys()
            #expect(try await rig.send(RedisTail.isWatched(keys)).integer == 0)
            // Nobody fetches it: who asks does.
            #expect(try await Self.read(rig, keys, from: 0, asker: "a", at: Self.now) == .lead)
            #expect(try await Self.read(rig, keys, from: 0, asker: "b", at: Self.now) == .running(holder: "a", []))
            #expect(try await rig.send(RedisTail.isWatched(keys)).integer == 1)
            #expect(try await Self.publish(rig, Self.piece("a", "one"), 0, keys))
            #expect(try await Self.publish(rig, Self.piece("a", "two"), 1, keys))
            #expect(
                try await Self.read(rig, keys, from: 0, asker: "b", at: Self.now)
                    == .running(holder: "a", [Self.piece("a", "one"), Self.piece("a", "two")]))
            #expect(try await Self.read(rig, keys, from: 1, asker: "b", at: Self.now) == .running(holder: "a", [Self.piece("a", "two")]))
            // A piece that is not the next one is not kept.
            #expect(try await !Self.publish(rig, Self.piece("a", "four"), 3, keys))
            // The first piece of another stream takes those of the last one away.
            #expect(try await Self.publish(rig, Self.piece("c", "new"), 0, keys))
            #expect(
                try await Self.read(rig, keys, from: 0, asker: "b", at: Self.now) == .running(holder: "a", [Self.piece("c", "new")]))
        }
    }

    @Test("when nobody fetches it any more who has begun hears so, and who has not gets the answer, or the lease")
    func over() async throws {
        try await RedisRig.run { _, rig in
            let (keys, look) = try Self.keys()
            #expect(try await Self.read(rig, keys, from: 0, asker: "a", at: Self.now) == .lead)
            #expect(try await Self.publish(rig, Self.piece("a", "one"), 0, keys))
            #expect(try await Self.publish(rig, Self.piece("a", "end"), 1, keys))
            var settle = RedisCommand([])
            RedisSettlement(leases: [try #require(look.flight)], holder: "a").encode(into: &settle)
            _ = try await rig.send(settle)
            #expect(try await Self.read(rig, keys, from: 1, asker: "b", at: Self.now) == .over([Self.piece("a", "end")]))
            let store = RedisAnswers.store(
                ByteBuffer(string: "sealed"), as: look.answer, bucket: RedisKey.bucket(of: "acme"), milliseconds: 60_000, maxBytes: 1 << 20)
            _ = try await rig.send(store)
            #expect(try await Self.read(rig, keys, from: 0, asker: "c", at: Self.now) == .answer(ByteBuffer(string: "sealed")))
            _ = try await rig.send("DEL", look.answer.name)
            #expect(try await Self.read(rig, keys, from: 0, asker: "c", at: Self.now) == .lead)
            // A lease that nobody renews ends.
            #expect(
                try await Self.read(rig, keys, from: 0, asker: "d", at: Self.now + 14_999_999)
                    == .running(holder: "c", [Self.piece("a", "one"), Self.piece("a", "end")]))
            #expect(try await Self.read(rig, keys, from: 1, asker: "d", at: Self.now + 15_000_000) == .over([Self.piece("a", "end")]))
            #expect(try await Self.read(rig, keys, from: 0, asker: "d", at: Self.now + 15_000_000) == .lead)
        }
    }

    @Test("what is no reply of the script is none")
    func foreign() async throws {
        try await RedisRig.run { _, rig in
            _ = try await rig.send("RPUSH", "k", "0", "holder", "\u{9}short")
            let list = try await rig.send("LRANGE", "k", "0", "-1").reply
            #expect(RedisTail.found(list, from: 0) == nil)
        }
    }
}
