import GatewayCore
import NIOCore
import SeededRandomness
import Testing

@testable import RedisStore

@Suite("Limits in Redis", .timeLimit(.minutes(4)))
struct LimitTests {
    private static let now: Int64 = 1_800_000_000_000_000

    private func rate(_ key: RedisKey, _ demand: RateDemand) -> RedisAdmission.Rate { RedisAdmission.Rate(key: key, demand: demand) }

    /// Limits of all sizes, among them the largest that can be counted and intervals that end within a microsecond.
    private static let limits = [
        RateLimit(permits: 5, periodNanoseconds: 1_000_000_000), RateLimit(permits: 3, periodNanoseconds: 1_000_000_007, burst: 1),
        RateLimit(permits: 7_000_000, periodNanoseconds: 60_000_000_000),
        RateLimit(permits: 1_000, periodNanoseconds: RateLimit.maxBurstNanoseconds),
        RateLimit(permits: 1, periodNanoseconds: 1, burst: UInt64(RateLimit.maxBurstNanoseconds)),
    ]

    @Test("the scripts agree with the model on random traces", arguments: 0..<4)
    func model(seed: UInt64) async throws {
        try await RedisRig.run { _, rig async throws in
            var random = SeededRandom(seed: seed)
            var model = AdmissionModel()
            var now = Self.now
            let keys = Self.limits.indices.map { RedisKey.rate(tenant: "t", .key("\($0)"), .tokens) }
            let leases = (0..<3).map { RedisKey.leases(tenant: "t", .model("\($0)")) }
            for step in 0..<400 {
                now += Self.advance(using: &random)
                var command = RedisCommand([])
                let chosen = Self.limits.indices.filter { _ in Bool.random(using: &random) }
                let caps = leases.filter { _ in Bool.random(using: &random) }
                let holder = "h\(Int.random(in: 0..<6, using: &random))"
                switch Int.random(in: 0..<4, using: &random) {
                case 0, 1:
                    let demands = chosen.map { index in
                        let limit = Self.limits[index]
                        let permits = UInt64.random(in: 1...max(2, limit.burst / 2 + 2), using: &random)
                        return rate(keys[index], RateDemand(limit: limit, permits: permits))
                    }
                    let admission = RedisAdmission(
                        rates: demands, caps: caps.map { .init(key: $0, limit: 2) }, holder: holder, leaseMilliseconds: 700)
                    let outcome = try await rig.loop.flatSubmit { [now] in
                        rig.client.value.admit(admission, timeout: .seconds(20), now: now)
                    }.get()
                    let expected = model.admit(
                        demands.map { .init(name: $0.key.name, demand: $0.demand) }, caps: caps.map { .init(name: $0.name, limit: 2) },
                        holder: holder, leaseMicroseconds: 700_000, now: now)
                    #expect(outcome == expected, "step \(step)")
                case 2:
                    let corrections = chosen.map { index in
                        let bound = Int64(clamping: Self.limits[index].burst) * 3
                        return RedisSettlement.Correction(
                            key: keys[index], limit: Self.limits[index], permits: Int64.random(in: -bound...bound, using: &random))
                    }
                    RedisSettlement(corrections: corrections, leases: caps, holder: holder).encode(into: &command, now: now)
                    #expect(try await rig.send(command).integer == 0)
                    model.settle(
                        corrections.map { ($0.key.name, $0.limit, $0.permits) }, caps: caps.map(\.name), holder: holder, now: now)
                default:
                    let holders = (0..<3).map { "h\($0)" }
                    RedisAdmission.encodeRenewal(into: &command, lease: leases[0], holders: holders, leaseMilliseconds: 700, now: now)
                    let renewed = RedisAdmission.renewed(try await rig.send(command).reply)
                    #expect(renewed == model.renew(leases[0].name, holders: holders, leaseMicroseconds: 700_000, now: now), "step \(step)")
                }
            }
        }
    }

    /// Microseconds: mostly short, now and then a jump, sometimes back.
    private static func advance(using random: inout SeededRandom) -> Int64 {
        switch Int.random(in: 0..<10, using: &random) {
        case 0: Int64.random(in: -2_000_000...0, using: &random)
        case 1: Int64.random(in: 0...1_000_000_000_000, using: &random)
        case 2, 3: 0
        default: Int64.random(in: 0...500_000, using: &random)
        }
    }

    @Test("the digests in the source are those of the scripts")
    func digests() async throws {
        try await RedisRig.run { _, rig async throws in
            for script in RedisLimitScripts.all + [LedgerStream.remove, WalletStore.look, WalletStore.exchange] {
                let digest = try await rig.send("SCRIPT", "LOAD", script.text).string
                #expect(digest == script.sha1)
            }
        }
    }

    @Test("what one limit refuses is taken from no other")
    func atomic() async throws {
        try await RedisRig.run { _, rig async throws in
            let (wide, narrow) = (RedisKey.rate(tenant: "t", .tenant, .requests), RedisKey.rate(tenant: "t", .user("u"), .requests))
            let lease = RedisKey.leases(tenant: "t", .tenant)
            let hour = RateLimit(permits: 10, periodNanoseconds: 3_600_000_000_000)
            let once = RateLimit(permits: 1, periodNanoseconds: 3_600_000_000_000)
            let admission = RedisAdmission(
                rates: [rate(wide, RateDemand(limit: hour)), rate(narrow, RateDemand(limit: once))], caps: [.init(key: lease, limit: 5)],
                holder: "a")
            let outcomes = try await admit([admission, admission, admission], rig)
            #expect(outcomes.map(\.isAdmitted) == [true, false, false])
            #expect(outcomes.map { $0.rates[0].status.remaining } == [9, 9, 9])
            #expect(outcomes.map { $0.leaseCounts } == [[1], [1], [1]])
            #expect(try #require(outcomes[2].rates[1].waitNanoseconds) > 3_500_000_000_000)
            #expect(outcomes[2].rates[0].waitNanoseconds == 0)
        }
    }

    @Test("a demand beyond the burst never passes, and is told so")
    func never() async throws {
        try await RedisRig.run { _, rig async throws in
            let limit = RateLimit(permits: 10, periodNanoseconds: 1_000_000_000)
            let key = RedisKey.rate(tenant: "t", .tenant, .tokens)
            let outcome = try await admit(
                [RedisAdmission(rates: [rate(key, RateDemand(limit: limit, permits: 11))], caps: [], holder: "a")], rig)[0]
            #expect(!outcome.isAdmitted)
            #expect(outcome.rates[0].waitNanoseconds == nil)
            #expect(outcome.rates[0].status.remaining == 10)
        }
    }

    @Test("many clients at once get exactly what one would, and never more leases than the cap")
    func together() async throws {
        try await RedisServer.run { server async throws in
            let limit = RateLimit(permits: 40, periodNanoseconds: 3_600_000_000_000)
            let key = RedisKey.rate(tenant: "t", .key("k"), .requests)
            let lease = RedisKey.leases(tenant: "t", .key("k"))
            let admitted = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
                for client in 0..<4 {
                    group.addTask {
                        try await RedisRig.run(server.options) { rig async throws in
                            let byRate = (0..<30).map { _ in
                                RedisAdmission(rates: [rate(key, RateDemand(limit: limit))], caps: [], holder: "x")
                            }
                            let byCap = (0..<30).map {
                                RedisAdmission(
                                    rates: [], caps: [.init(key: lease, limit: 7)], holder: "\(client)-\($0)", leaseMilliseconds: 600_000)
                            }
                            let rates = try await admit(byRate, rig).count { $0.isAdmitted }
                            let caps = try await admit(byCap, rig)
                            #expect(caps.allSatisfy { $0.leaseCounts[0] <= 7 })
                            return (rates, caps.count { $0.isAdmitted })
                        }
                    }
                }
                return try await group.reduce(into: (0, 0)) { $0 = ($0.0 + $1.0, $0.1 + $1.1) }
            }
            #expect(admitted.0 == 40)
            #expect(admitted.1 == 7)
        }
    }

    @Test("where memory is full nobody is admitted, and places that were taken before are given back")
    func fullMemory() async throws {
        try await RedisRig.run { _, rig async throws in
            let limit = RateLimit(permits: 10, periodNanoseconds: 3_600_000_000_000)
            let key = RedisKey.rate(tenant: "t", .tenant, .tokens)
            let cap = RedisAdmission.Cap(key: .leases(tenant: "t", .tenant), limit: 5)
            let rates = [rate(key, RateDemand(limit: limit))]
            #expect(try await admit([RedisAdmission(rates: rates, caps: [cap], holder: "a")], rig)[0].isAdmitted)
            _ = try await rig.send("CONFIG", "SET", "maxmemory", "1")
            var command = RedisCommand([])
            for (rates, caps) in [(rates, [cap]), ([], [cap]), (rates, [])] {
                RedisAdmission(rates: rates, caps: caps, holder: "b").encode(into: &command)
                #expect(try await rig.failure(of: command)?.serverKind == .outOfMemory)
            }
            #expect(try await rig.send(RedisCommand("ZCARD", key: cap.key)).integer == 1)
            RedisSettlement(corrections: [.init(key: key, limit: limit, permits: -1)], leases: [cap.key], holder: "a")
                .encode(into: &command)
            #expect(try await rig.send(command).integer == 0)
            #expect(try await rig.send(RedisCommand("ZCARD", key: cap.key)).integer == 0)
        }
    }

    @Test("a lease that nobody renews ends by Redis' clock, and its place is free")
    func expiry() async throws {
        try await RedisRig.run { _, rig async throws in
            let cap = RedisAdmission.Cap(key: .leases(tenant: "t", .user("u")), limit: 1)
            // The heir's lease outlasts the test on any machine; the dead one's is over as soon as may be.
            let dead = RedisAdmission(rates: [], caps: [cap], holder: "dead", leaseMilliseconds: 300)
            let heir = RedisAdmission(rates: [], caps: [cap], holder: "heir", leaseMilliseconds: 600_000)
            #expect(try await admit([dead], rig)[0].isAdmitted)
            try await rig.eventually("the lease ends") { try await admit([heir], rig)[0].isAdmitted }
            var command = RedisCommand([])
            RedisAdmission.encodeRenewal(into: &command, lease: cap.key, holders: ["dead"])
            #expect(RedisAdmission.renewed(try await rig.send(command).reply) == [false])
            #expect(try #require(try await rig.send(RedisCommand("PTTL", key: cap.key)).integer) > 0)
        }
    }

    private func admit(_ admissions: [RedisAdmission], _ rig: RedisRig) async throws -> [AdmissionModel.Outcome] {
        try await rig.loop.flatSubmit {
            EventLoopFuture.whenAllSucceed(admissions.map { rig.client.value.admit($0, timeout: .seconds(20)) }, on: rig.loop)
        }.get()
    }
}
