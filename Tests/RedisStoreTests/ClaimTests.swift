import GatewayCore
import NIOCore
import Testing

@testable import RedisStore

@Suite("Idempotency keys in Redis", .timeLimit(.minutes(4)))
struct ClaimTests {
    private static let now: Int64 = 1_800_000_000_000_000

    private static func claim(_ key: UInt8, body: UInt8 = 1) throws -> RedisClaim {
        func digest(_ byte: UInt8) throws -> CacheKey { try #require(CacheKey([UInt8](repeating: byte, count: 32))) }
        return RedisClaim(
            IdempotencyClaim(key: try digest(key), fingerprint: try digest(body), answer: try digest(body)), tenant: "acme",
            milliseconds: 600_000)
    }

    private static func ask(
        _ rig: RedisRig, _ claim: RedisClaim, look: RedisLook? = nil, holder: String, rates: [RedisAdmission.Rate] = [], at now: Int64
    ) async throws -> (isAdmitted: Bool, claimed: RedisClaim.Found?, found: RedisLook.Found?) {
        let admission = RedisAdmission(rates: rates, caps: [], claim: claim, look: look, holder: holder)
        var command = RedisCommand([])
        admission.encode(into: &command, now: now)
        let reply = try await rig.send(command).reply
        return (try #require(admission.outcome(of: reply)).isAdmitted, admission.claimed(in: reply), admission.found(in: reply))
    }

    private static func release(_ rig: RedisRig, _ claim: RedisClaim, holder: String) async throws {
        var settle = RedisCommand([])
        RedisSettlement(leases: [claim.lease], holder: holder).encode(into: &settle)
        _ = try await rig.send(settle)
    }

    private static func keep(_ rig: RedisRig, _ claim: RedisClaim, _ value: String, maxBytes: Int = 1 << 20) async throws -> Bool {
        let command = RedisAnswers.store(
            ByteBuffer(string: value), for: claim, bucket: RedisKey.bucket(of: "acme"), milliseconds: 60_000, maxBytes: maxBytes)
        return try await rig.send(command).integer == 1
    }

    @Test("the first who asks carries the request out; until it is over the same waits, and another one is a conflict")
    func running() async throws {
        try await RedisRig.run { _, rig in
            let (claim, other) = (try Self.claim(1), try Self.claim(1, body: 2))
            #expect(try await Self.ask(rig, claim, holder: "a", at: Self.now).claimed == .mine)
            #expect(try await Self.ask(rig, claim, holder: "b", at: Self.now + 1).claimed == .running)
            #expect(try await Self.ask(rig, other, holder: "b", at: Self.now + 2).claimed == .conflict)
            #expect(try await Self.ask(rig, try Self.claim(2, body: 2), holder: "b", at: Self.now + 3).claimed == .mine)
            // It failed: its key is free for any request.
            try await Self.release(rig, claim, holder: "a")
            #expect(try await Self.ask(rig, other, holder: "b", at: Self.now + 4).claimed == .mine)
            // Nobody renewed the lease: whoever had it is gone.
            #expect(try await Self.ask(rig, claim, holder: "c", at: Self.now + 15_000_005).claimed == .mine)
        }
    }

    @Test("its answer is told to the same request, and another one is a conflict; one that does not fit is not kept")
    func answered() async throws {
        try await RedisRig.run { _, rig in
            let (claim, other) = (try Self.claim(1), try Self.claim(1, body: 2))
            #expect(try await Self.ask(rig, claim, holder: "a", at: Self.now).claimed == .mine)
            #expect(try await !Self.keep(rig, claim, "sealed", maxBytes: 100))
            #expect(try await Self.keep(rig, claim, "sealed"))
            // Also before the lease is given back.
            #expect(try await Self.ask(rig, claim, holder: "b", at: Self.now).claimed == .answer(ByteBuffer(string: "sealed")))
            try await Self.release(rig, claim, holder: "a")
            #expect(try await Self.ask(rig, claim, holder: "b", at: Self.now).claimed == .answer(ByteBuffer(string: "sealed")))
            #expect(try await Self.ask(rig, other, holder: "b", at: Self.now).claimed == .conflict)
            // A value of another type is none, and whoever asks then carries the request out.
            _ = try await rig.send("DEL", claim.answer.name)
            _ = try await rig.send("RPUSH", claim.answer.name, "x")
            #expect(try await Self.ask(rig, claim, holder: "c", at: Self.now).claimed == .mine)
        }
    }

    @Test("the cache is asked for who carries the request out alone; who is refused takes no key")
    func besideOthers() async throws {
        try await RedisRig.run { _, rig in
            let claim = try Self.claim(1)
            let digest = try #require(CacheKey([UInt8](repeating: 9, count: 32)))
            let look = RedisLook(
                answer: .answer(tenant: "acme", model: "m", digest), flight: .flight(tenant: "acme", digest))
            let limit = RateLimit(permits: 1, periodNanoseconds: 60_000_000_000, burst: 1)
            let rate = RedisAdmission.Rate(key: .rate(tenant: "acme", .tenant, .requests), demand: RateDemand(limit: limit))
            let first = try await Self.ask(rig, claim, look: look, holder: "a", rates: [rate], at: Self.now)
            #expect(first.isAdmitted && first.claimed == .mine && first.found == .lead)
            let refused = try await Self.ask(rig, try Self.claim(2), look: look, holder: "b", rates: [rate], at: Self.now)
            #expect(!refused.isAdmitted && refused.claimed == nil && refused.found == RedisLook.Found.none)
            let again = try await Self.ask(rig, claim, look: look, holder: "c", at: Self.now)
            #expect(again.isAdmitted && again.claimed == .running && again.found == RedisLook.Found.none)
            let free = try await Self.ask(rig, try Self.claim(2), holder: "b", at: Self.now)
            #expect(free.claimed == .mine)
        }
    }
}
