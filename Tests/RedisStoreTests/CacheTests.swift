import GatewayCore
import NIOCore
import SeededRandomness
import Testing

@testable import RedisStore

@Suite("Answers in Redis", .timeLimit(.minutes(4)))
struct CacheTests {
    private static let bucket = RedisKey.bucket(of: "acme")

    private static func key(_ number: UInt8, tenant: String = "acme", model: String = "m") throws -> RedisKey {
        .answer(tenant: tenant, model: model, try #require(CacheKey([UInt8](repeating: number, count: 32))))
    }

    private static func flight(_ number: UInt8) throws -> RedisKey {
        .flight(tenant: "acme", try #require(CacheKey([UInt8](repeating: number, count: 32))))
    }

    private static func store(
        _ rig: RedisRig, _ key: RedisKey, _ value: String, milliseconds: Int64 = 60_000, maxBytes: Int = 1 << 20, now: Int64 = 0
    ) async throws -> Bool {
        let command = RedisAnswers.store(
            ByteBuffer(string: value), as: key, bucket: bucket, milliseconds: milliseconds, maxBytes: maxBytes, now: now)
        return try await rig.send(command).integer == 1
    }

    private static func look(
        _ rig: RedisRig, _ look: RedisLook, holder: String, rates: [RedisAdmission.Rate] = [], now: Int64? = nil
    ) async throws -> (isAdmitted: Bool, found: RedisLook.Found?) {
        let admission = RedisAdmission(rates: rates, caps: [], look: look, holder: holder)
        var command = RedisCommand([])
        admission.encode(into: &command, now: now)
        let reply = try await rig.send(command).reply
        return (try #require(admission.outcome(of: reply)).isAdmitted, admission.found(in: reply))
    }

    @Test("the digests in the source are those of the scripts")
    func digests() async throws {
        try await RedisRig.run { _, rig async throws in
            for script in RedisCacheScripts.all {
                #expect(try await rig.send("SCRIPT", "LOAD", script.text).string == script.sha1)
            }
        }
    }

    @Test("an answer is told to who is admitted; without one the first who asks has the lease to fetch it, until it is given back or over")
    func looks() async throws {
        try await RedisRig.run { _, rig in
            let look = RedisLook(answer: try Self.key(1), flight: try Self.flight(1))
            let onlyLook = RedisLook(answer: look.answer, flight: nil)
            let now: Int64 = 1_800_000_000_000_000
            #expect(try await Self.look(rig, onlyLook, holder: "a", now: now).found == RedisLook.Found.none)
            #expect(try await Self.look(rig, look, holder: "a", now: now).found == .lead)
            #expect(try await Self.look(rig, look, holder: "b", now: now + 14_999_999).found == RedisLook.Found.none)
            // Nobody has renewed it.
            #expect(try await Self.look(rig, look, holder: "b", now: now + 15_000_000).found == .lead)
            var settle = RedisCommand([])
            RedisSettlement(leases: [try #require(look.flight)], holder: "a").encode(into: &settle)
            _ = try await rig.send(settle)
            #expect(try await Self.look(rig, look, holder: "c", now: now + 15_000_001).found == RedisLook.Found.none)
            RedisSettlement(leases: [try #require(look.flight)], holder: "b").encode(into: &settle)
            _ = try await rig.send(settle)
            #expect(try await Self.look(rig, look, holder: "c", now: now + 15_000_002).found == .lead)
            #expect(try await Self.store(rig, look.answer, "sealed"))
            for asked in [look, onlyLook] {
                #expect(try await Self.look(rig, asked, holder: "d").found == .answer(ByteBuffer(string: "sealed")))
            }
            let limit = RateLimit(permits: 1, periodNanoseconds: 60_000_000_000, burst: 1)
            let rate = RedisAdmission.Rate(key: .rate(tenant: "acme", .tenant, .requests), demand: RateDemand(limit: limit))
            let first = try await Self.look(rig, look, holder: "e", rates: [rate])
            #expect(first.isAdmitted && first.found == .answer(ByteBuffer(string: "sealed")))
            let second = try await Self.look(rig, look, holder: "e", rates: [rate])
            #expect(!second.isAdmitted && second.found == RedisLook.Found.none)
        }
    }

    @Test("the cap holds whatever is stored, and what is told of sizes is true", arguments: 0..<3 as Range<UInt64>)
    func cap(seed: UInt64) async throws {
        try await RedisRig.run { _, rig in
            var random = SeededRandom(seed: seed)
            let cap = 4_000
            for _ in 0..<200 {
                let size = Int.random(in: 0..<(Bool.random(using: &random) ? 100 : 6_000), using: &random)
                let key = try Self.key(UInt8.random(in: 0..<20, using: &random))
                _ = try await Self.store(
                    rig, key, String(repeating: "x", count: size), milliseconds: Int64.random(in: 1...60_000, using: &random), maxBytes: cap
                )
                let sizes = try #require(try await rig.send("HVALS", RedisKey.answerSizes(bucket: Self.bucket).name).elements)
                // The sum stands among them.
                let total = sizes.compactMap { $0.string.flatMap { Int($0) } }.reduce(0, +) / 2
                #expect(total <= cap)
                let told = try await rig.send("HGET", RedisKey.answerSizes(bucket: Self.bucket).name, "").string.flatMap { Int($0) } ?? 0
                #expect(told == total)
            }
            // Of several the one that ends first goes first.
            _ = try await rig.send("FLUSHALL")
            for (number, life) in [(1, 3_000), (2, 1_000), (3, 2_000)] as [(UInt8, Int64)] {
                #expect(
                    try await Self.store(
                        rig, Self.key(number), String(repeating: "x", count: 800), milliseconds: life * 1_000, maxBytes: cap))
            }
            #expect(try await Self.store(rig, Self.key(4), String(repeating: "x", count: 800), maxBytes: cap))
            #expect(try await rig.send(RedisAnswers.get(Self.key(2))).isNull)
            #expect(try await !rig.send(RedisAnswers.get(Self.key(3))).isNull)
        }
    }

    @Test("a tenant's or a model's answers are purged, and nobody else's")
    func purges() async throws {
        try await RedisRig.run { _, rig in
            let kept = [try Self.key(1, tenant: "acme", model: "m*"), try Self.key(2, tenant: "acme", model: "other")]
            for number in 0..<120 as Range<UInt8> { #expect(try await Self.store(rig, Self.key(number), "x")) }
            for key in kept { #expect(try await Self.store(rig, key, "kept")) }
            #expect(try await Self.purge(rig, tenant: "umbrella", model: nil) == 0)
            #expect(try await Self.purge(rig, tenant: nil, model: "nothing") == 0)
            #expect(try await Self.purge(rig, tenant: "acme", model: "m") == 120)
            #expect(try await rig.send(RedisAnswers.get(Self.key(7))).isNull)
            for key in kept { #expect(try await rig.send(RedisAnswers.get(key)).string == "kept") }
            #expect(try await Self.purge(rig, tenant: "acme", model: nil) == 2)
            #expect(try await rig.send("HGETALL", RedisKey.answerSizes(bucket: Self.bucket).name).elements?.left == 2)
            #expect(try await rig.send("HGET", RedisKey.answerSizes(bucket: Self.bucket).name, "").string == "0")
        }
    }

    private static func purge(_ rig: RedisRig, tenant: String?, model: String?) async throws -> Int {
        var (cursor, total) = ("0", 0)
        repeat {
            let reply = try await rig.send(RedisAnswers.purge(bucket: bucket, tenant: tenant, model: model, cursor: cursor)).reply
            let told = try #require(RedisAnswers.purged(reply))
            (cursor, total) = (told.cursor, total + told.count)
        } while cursor != "0"
        return total
    }
}
