import Foundation
import GatewayCore
import NIOCore
import ProcessSupport
import SeededRandomness
import Synchronization
import Testing

@testable import RedisStore

@Suite("What arbitrated names learn, in Redis", .timeLimit(.minutes(4)))
struct ArbitrageTests {
    private static let hour = RouteStatistics.Hour(index: 490_000)

    private static func store(_ rig: RedisRig, unreadable: @escaping @Sendable (Int) -> Void = { _ in }) -> RedisArbitrage {
        var settings = RedisArbitrage.Settings(feedbackMilliseconds: 60_000)
        settings.timeout = .seconds(20)
        return RedisArbitrage(client: rig.client, settings: settings, unreadable: unreadable)
    }

    private static func features(_ random: inout SeededRandom) -> FeatureVector {
        var lanes = SIMD32<Float>(repeating: 0)
        for lane in 0..<32 { lanes[lane] = Float.random(in: -4...4, using: &random) }
        return FeatureVector(lanes)
    }

    private static func answer(_ number: UInt64, tenant: String = "acme") -> ArbitratedAnswer {
        var random = SeededRandom(seed: number)
        return ArbitratedAnswer(
            id: RequestID(high: 7 << 16, low: number), tenant: tenant, department: "d", user: nil, keyID: "k", route: "auto", arm: "small",
            features: features(&random))
    }

    @Test("what fifty replicas add at once is what one adds, bit for bit", arguments: [1, 2, 3] as [UInt64])
    func commutes(seed: UInt64) async throws {
        try await RedisRig.run { _, rig in
            let store = Self.store(rig)
            var random = SeededRandom(seed: seed)
            let names = ["small", "large"].map { LearnedName(route: "auto", arm: $0) }
            var whole: [LearnedName: ArmStatistics] = [:]
            var replicas: [[LearnedHour]] = []
            for _ in 0..<50 {
                var own: [LearnedHour] = []
                for name in names {
                    var statistics = ArmStatistics()
                    for _ in 0..<Int.random(in: 1...8, using: &random) {
                        let (features, quality) = (Self.features(&random), Double.random(in: 0...1, using: &random))
                        let weight = Double.random(in: 0.01...1, using: &random)
                        statistics.observe(features, quality: quality, weight: weight)
                        whole[name, default: ArmStatistics()].observe(features, quality: quality, weight: weight)
                    }
                    own.append(LearnedHour(name: name, hour: Self.hour, statistics: statistics))
                }
                replicas.append(own.shuffled(using: &random))
            }
            await withTaskGroup(of: Void.self) { group in
                for own in replicas {
                    group.addTask {
                        let left = await store.add(own)
                        #expect(left.isEmpty)
                    }
                }
            }
            let span = RouteStatistics.Hour(index: Self.hour.index - 2)...RouteStatistics.Hour(index: Self.hour.index + 1)
            let learned = try await store.learned(names, in: span)
            #expect(learned.count == 2)
            for hour in learned {
                #expect(hour.hour == Self.hour)
                #expect(hour.statistics == whole[hour.name])
            }
            let left = try await rig.send(RedisCommand("PTTL", key: .learned(names[0], Self.hour)))
            #expect(try #require(left.integer) > 7 * 86_400_000)
        }
    }

    @Test("what nobody can have learned is left out and told, and stops nothing else")
    func garbage() async throws {
        try await RedisRig.run { _, rig in
            let counts = Counts()
            let store = Self.store(rig) { counts.add($0) }
            let names = ["short", "odd", "long", "hash", "negative", "good"].map { LearnedName(route: "r", arm: $0) }
            func key(_ index: Int) -> RedisKey { .learned(names[index], Self.hour) }
            _ = try await rig.send(RedisCommand("SET", key: key(0), "12345678"))
            _ = try await rig.send(RedisCommand("SET", key: key(1), "123"))
            _ = try await rig.send(RedisCommand("SET", key: key(2), String(repeating: "x", count: 9_000)))
            _ = try await rig.send(RedisCommand("HSET", key: key(3), "a", "b"))
            _ = try await rig.send(RedisCommand("BITFIELD", key: key(4), "SET", "i64", "#\(ArmStatistics.size - 2)", "-1"))
            var random = SeededRandom(seed: 1)
            var statistics = ArmStatistics()
            statistics.observe(Self.features(&random), quality: 1)
            let increments = [3, 5].map { LearnedHour(name: names[$0], hour: Self.hour, statistics: statistics) }
            // What will never be taken is not sent for ever.
            #expect(await store.add(increments).isEmpty)
            let learned = try await store.learned(names, in: Self.hour...Self.hour)
            // Eight characters are one plausible number.
            #expect(learned.map(\.name.arm).sorted() == ["good", "short"])
            #expect(learned.first { $0.name.arm == "good" }?.statistics == statistics)
            #expect(counts.total == 4)
        }
    }

    @Test("an answer is claimed once, and by its tenant alone; one that was claimed does not come back")
    func claims() async throws {
        try await RedisRig.run { _, rig in
            let store = Self.store(rig)
            let answer = Self.answer(1)
            #expect(try await store.claim(answer.id, tenant: "acme", scoreMillionths: 500_000) == .unknown)
            #expect(await store.keep([answer, Self.answer(2)]).isEmpty)
            #expect(try await store.claim(answer.id, tenant: "umbrella", scoreMillionths: 500_000) == .unknown)
            let claims = try await withThrowingTaskGroup(of: FeedbackClaim.self) { group in
                for _ in 0..<20 { group.addTask { try await store.claim(answer.id, tenant: "acme", scoreMillionths: 500_000) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(claims.count { $0 == .answer(answer) } == 1)
            #expect(claims.count { $0 == .underWay } == 19)
            #expect(try await store.claim(answer.id, tenant: "acme", scoreMillionths: 1_000_000) == .given)
            try await store.settle(answer.id, tenant: "acme")
            #expect(await store.keep([answer]).isEmpty)
            #expect(try await store.claim(answer.id, tenant: "acme", scoreMillionths: 500_000) == .given)
            let left = try await rig.send(RedisCommand("PTTL", key: .arbitrated(tenant: "acme", answer.id)))
            #expect((1...60_000).contains(try #require(left.integer)))
            #expect(try await store.claim(Self.answer(2).id, tenant: "acme", scoreMillionths: 500_000) == .answer(Self.answer(2)))
            #expect(try await rig.send("SCRIPT", "LOAD", RedisArbitrage.claim.text).string == RedisArbitrage.claim.sha1)
        }
    }

    @Test("what was claimed and not settled is given out again when the lease is over, for the same score alone")
    func leases() async throws {
        try await RedisRig.run { _, rig in
            let store = Self.store(rig)
            let answer = Self.answer(1)
            let key = RedisKey.arbitrated(tenant: "acme", answer.id)
            var command = RedisCommand("SET", key: key)
            let lease = FeedbackLease(scoreMillionths: 7, endUnixMilliseconds: 1_000)
            command.append(ByteBuffer(bytes: lease.encoded(before: answer.encoded())))
            command.append("PX")
            command.append(60_000)
            _ = try await rig.send(command)
            #expect(try await store.claim(answer.id, tenant: "acme", scoreMillionths: 8) == .given)
            #expect(try await store.claim(answer.id, tenant: "acme", scoreMillionths: 7) == .answer(answer))
            #expect(try await store.claim(answer.id, tenant: "acme", scoreMillionths: 7) == .underWay)
            let kept = try #require(try await rig.send(RedisCommand("GET", key: key)).bytes)
            let (written, rest) = try #require(FeedbackLease.split(Array(kept.readableBytesView)))
            #expect(written?.scoreMillionths == 7 && written?.endUnixMilliseconds ?? 0 > 1_700_000_000_000)
            #expect(ArbitratedAnswer(decoding: rest) == answer)
            let left = try await rig.send(RedisCommand("PTTL", key: key))
            #expect((1...60_000).contains(try #require(left.integer)))
            // What is not there any more is not made by settling it.
            try await store.settle(Self.answer(2).id, tenant: "acme")
            #expect(try await store.claim(Self.answer(2).id, tenant: "acme", scoreMillionths: 7) == .unknown)
        }
    }

    @Test("while Redis is paused nothing waits for long, and what may have been added is not added twice")
    func paused() async throws {
        try await RedisRig.run { server, rig in
            var settings = RedisArbitrage.Settings(feedbackMilliseconds: 60_000)
            settings.timeout = .milliseconds(300)
            let store = RedisArbitrage(client: rig.client, settings: settings)
            var random = SeededRandom(seed: 1)
            var statistics = ArmStatistics()
            statistics.observe(Self.features(&random), quality: 1)
            let increment = LearnedHour(name: LearnedName(route: "r", arm: "a"), hour: Self.hour, statistics: statistics)
            _ = try await rig.send("PING")
            server.process.kill(SIGSTOP)
            #expect(await store.add([increment]).isEmpty)
            // Kept twice is kept once: it is sent again.
            #expect(await store.keep([Self.answer(1)]) == [Self.answer(1)])
            await #expect(throws: ArbitrageStoreError.self) {
                try await store.claim(Self.answer(1).id, tenant: "acme", scoreMillionths: 500_000)
            }
            server.process.kill(SIGCONT)
            try await until("the server") { try await rig.failure(of: "PING") == nil }
            let learned = try await Self.store(rig).learned([increment.name], in: Self.hour...Self.hour)
            #expect(learned.isEmpty || learned == [increment])
        }
    }
}

private final class Counts: Sendable {
    private let value = Mutex(0)

    func add(_ count: Int) { value.withLock { $0 += count } }

    var total: Int { value.withLock { $0 } }
}
