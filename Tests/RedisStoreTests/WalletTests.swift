import GatewayCore
import NIOCore
import SeededRandomness
import Testing

@testable import RedisStore

@Suite("Wallets in Redis", .timeLimit(.minutes(4)))
struct WalletTests {
    private static let now: Int64 = 1_800_000_000_000_000
    private static let tenant = "t"
    private static let bucket = RedisKey.bucket(of: tenant)
    private static let subjects: [BudgetSubject] = [.tenant, .department("a"), .department("b"), .user("x"), .user("y")]

    private static func key(_ subject: BudgetSubject) -> RedisKey { .wallet(tenant: tenant, subject) }

    /// One way down the levels.
    private static func path(using random: inout SeededRandom) -> [BudgetSubject] {
        [.tenant, .department(Bool.random(using: &random) ? "a" : "b"), .user(Bool.random(using: &random) ? "x" : "y")]
    }

    private static func time(day: Int) -> SpendingTime { SpendingTime(unixMilliseconds: UTCDay(number: day).unixMilliseconds) }

    private static func hold(
        _ path: [BudgetSubject], _ limits: [BudgetSet], bound: Int64, day: Int = 20_833, milliseconds: Int64 = 700, record: [UInt8] = [1]
    ) -> RedisAdmission.Hold {
        let keys = path.map(key)
        return RedisAdmission.Hold(
            bucket: bucket, keys: keys,
            demand: WalletHold(
                wallets: keys.map(\.name), limits: limits, bound: bound, time: time(day: day), milliseconds: milliseconds, record: record))
    }

    private static func charge(_ kind: RedisSettlement.Charge.Kind, _ path: [BudgetSubject], _ nanoUSD: Int64, day: Int = 20_833)
        -> RedisSettlement.Charge
    {
        RedisSettlement.Charge(kind, bucket: bucket, wallets: path.map(key), nanoUSD: nanoUSD, time: time(day: day))
    }

    private static func settle(_ settlement: RedisSettlement, _ rig: RedisRig, now: Int64? = nil) async throws -> RedisSettlement.Outcome {
        var command = RedisCommand([])
        settlement.encode(into: &command, now: now)
        return try #require(RedisSettlement.outcome(of: try await rig.send(command).reply))
    }

    private static func expire(_ rig: RedisRig, count: Int = 100, now: Int64? = nil) async throws -> Int {
        let reply = try await rig.send(LedgerStream(bucket: bucket).expiry(count: count, now: now))
        var values = try #require(reply.elements)
        return Int(try #require(values.next()?.integer))
    }

    /// The fields of a wallet.
    private static func fields(_ subject: BudgetSubject, _ rig: RedisRig) async throws -> [String: Int64] {
        var fields: [String: Int64] = [:]
        guard var values = try await rig.send(RedisCommand("HGETALL", key: key(subject))).elements else { return fields }
        while let name = values.next()?.string, let value = values.next()?.string { fields[name] = Int64(value) }
        return fields
    }

    @Test("the scripts agree with the model on random traces", arguments: 0..<6)
    func model(seed: UInt64) async throws {
        try await RedisRig.run { _, rig async throws in
            var random = SeededRandom(seed: seed)
            var model = AdmissionModel()
            var (now, day) = (Self.now, 20_833)
            let limit = RateLimit(permits: 40, periodNanoseconds: 60_000_000_000)
            let rate = RedisAdmission.Rate(key: .rate(tenant: Self.tenant, .tenant, .requests), demand: RateDemand(limit: limit))
            for step in 0..<400 {
                now += Int64.random(in: 0...400_000, using: &random)
                if Int.random(in: 0..<12, using: &random) == 0 { day += Int.random(in: 0...40, using: &random) }
                let (path, id) = (Self.path(using: &random), "h\(Int.random(in: 0..<12, using: &random))")
                // Yesterday's requests end today.
                let spentOn = day - Int.random(in: 0...1, using: &random)
                switch Int.random(in: 0..<8, using: &random) {
                case 0...2:
                    func amount() -> Int64? { Bool.random(using: &random) ? nil : Int64.random(in: 0...30_000, using: &random) }
                    let limits = path.map { _ in BudgetSet(day: amount(), month: amount(), total: amount().map { $0 * 20 }) }
                    let hold = Self.hold(path, limits, bound: Int64.random(in: 0...5_000, using: &random), day: spentOn)
                    let admission = RedisAdmission(rates: [rate], caps: [], hold: hold, holder: id)
                    let outcome = try await rig.loop.flatSubmit { [now] in
                        rig.client.value.admit(admission, timeout: .seconds(20), now: now)
                    }.get()
                    let expected = model.admit(
                        [.init(name: rate.key.name, demand: rate.demand)], caps: [], hold: hold.demand, holder: id, leaseMicroseconds: 1,
                        now: now)
                    #expect(outcome == expected, "step \(step)")
                case 3, 4:
                    let cost = Int64.random(in: 0...6_000, using: &random)
                    let settlement = RedisSettlement(charge: Self.charge(.held, path, cost), holder: id)
                    let bound = model.wallets.settle(id, cost: cost, now: now)
                    let expected = bound.map { RedisSettlement.Outcome.late(boundNanoUSD: $0) } ?? .settled(streamLength: 0)
                    #expect(try await Self.settle(settlement, rig, now: now) == expected, "step \(step)")
                case 5:
                    let cost = Int64.random(in: 0...6_000, using: &random)
                    let settlement = RedisSettlement(charge: Self.charge(.direct, path, cost, day: spentOn), holder: id)
                    model.wallets.charge(path.map { Self.key($0).name }, cost, Self.time(day: spentOn))
                    #expect(try await Self.settle(settlement, rig, now: now) == .settled(streamLength: 0))
                case 6:
                    let change = Int64.random(in: -3_000...3_000, using: &random)
                    let settlement = RedisSettlement(charge: Self.charge(.late, path, change, day: spentOn), holder: id)
                    model.wallets.correct(id, path.map { Self.key($0).name }, change, Self.time(day: spentOn))
                    #expect(try await Self.settle(settlement, rig, now: now) == .settled(streamLength: 0))
                default:
                    let count = Int.random(in: 1...4, using: &random)
                    let expected = model.wallets.expire(now: now, count: count).count
                    #expect(try await Self.expire(rig, count: count, now: now) == expected, "step \(step)")
                }
                for subject in path {
                    #expect(try await Self.fields(subject, rig) == model.wallets.wallets[Self.key(subject).name] ?? [:], "step \(step)")
                }
            }
        }
    }

    @Test("eight clients with random budgets never overspend a wallet, and every nano-USD is accounted for", arguments: 0..<3)
    func neverOverspends(seed: UInt64) async throws {
        try await RedisServer.run { server async throws in
            var random = SeededRandom(seed: seed)
            var limits: [BudgetSubject: BudgetSet] = [:]
            for subject in Self.subjects {
                func amount() -> Int64? { Bool.random(using: &random) ? nil : Int64.random(in: 10_000...200_000, using: &random) }
                limits[subject] = BudgetSet(day: amount(), month: amount(), total: amount())
            }
            limits[.tenant]?.total = Int64.random(in: 100_000...300_000, using: &random)
            let budgets = limits
            let spent = try await withThrowingTaskGroup(of: [BudgetSubject: Int64].self) { group in
                for client in 0..<8 {
                    group.addTask {
                        try await RedisRig.run(server.options) { rig in
                            try await Self.spend(budgets, seed: seed << 8 | UInt64(client), client, rig)
                        }
                    }
                }
                return try await group.reduce(into: [:]) { total, part in total.merge(part, uniquingKeysWith: +) }
            }
            try await RedisRig.run(server.options) { rig in
                // What nobody settled is charged at its bound when its time is over: once, whoever looks.
                let left = try await rig.send(RedisCommand("ZCARD", key: .holds(bucket: Self.bucket))).integer ?? 0
                let ends = try await (Self.expire(rig, now: Self.now * 2), Self.expire(rig, now: Self.now * 2))
                #expect(Int64(ends.0 + ends.1) == left && left > 0)
                for subject in Self.subjects {
                    let fields = try await Self.fields(subject, rig)
                    #expect(fields["t"] ?? 0 == spent[subject] ?? 0, "\(subject)")
                    #expect(fields["d20833"] ?? 0 == spent[subject] ?? 0)
                    for field in ["tr", "m684r", "d20833r"] { #expect(fields[field] ?? 0 == 0) }
                    for period in BudgetPeriod.allCases {
                        let taken = fields[WalletModel.field(period, Self.time(day: 20_833))] ?? 0
                        #expect(taken <= budgets[subject]?[period] ?? .max, "\(subject), \(period)")
                    }
                }
                #expect(try await rig.send(LedgerStream(bucket: Self.bucket).length).integer == left)
            }
        }
    }

    /// Asks again and again, and spends what is admitted; now and then it forgets to say so.
    ///
    /// - Returns: what it spent, forgotten requests at their bound.
    private static func spend(
        _ budgets: [BudgetSubject: BudgetSet], seed: UInt64, _ client: Int, _ rig: RedisRig
    ) async throws -> [BudgetSubject: Int64] {
        var random = SeededRandom(seed: seed)
        var spent: [BudgetSubject: Int64] = [:]
        for number in 0..<120 {
            let path = path(using: &random)
            let bound = Int64.random(in: 1...6_000, using: &random)
            let hold = hold(path, path.map { budgets[$0] ?? BudgetSet() }, bound: bound, milliseconds: 3_600_000)
            let admission = RedisAdmission(rates: [], caps: [], hold: hold, holder: "\(client)-\(number)")
            let outcome = try await rig.loop.flatSubmit { rig.client.value.admit(admission, timeout: .seconds(20)) }.get()
            guard outcome.isAdmitted else {
                #expect(outcome.wallet != nil)
                continue
            }
            for subject in path {
                let fields = try await fields(subject, rig)
                for period in BudgetPeriod.allCases {
                    let field = WalletModel.field(period, time(day: 20_833))
                    #expect((fields[field] ?? 0) + (fields[field + "r"] ?? 0) <= budgets[subject]?[period] ?? .max)
                }
            }
            let isForgotten = number % 9 == 8 || number == 0
            let cost = isForgotten ? bound : Int64.random(in: 0...bound, using: &random)
            if !isForgotten {
                let settlement = RedisSettlement(charge: charge(.held, path, cost), holder: admission.holder)
                // Twice, as where a reply was lost.
                for _ in 0..<(number % 3 == 0 ? 2 : 1) { #expect(try await settle(settlement, rig) == .settled(streamLength: 0)) }
            }
            for subject in path { spent[subject, default: 0] += cost }
        }
        return spent
    }

    @Test("what is refused by a budget is taken from no limit, and the wallet is named")
    func atomic() async throws {
        try await RedisRig.run { _, rig async throws in
            let rate = RedisAdmission.Rate(
                key: .rate(tenant: Self.tenant, .tenant, .requests),
                demand: RateDemand(limit: RateLimit(permits: 10, periodNanoseconds: 3_600_000_000_000)))
            let path: [BudgetSubject] = [.tenant, .department("a"), .user("x")]
            let limits = [BudgetSet(day: 1_000), BudgetSet(day: 1_000, month: 100), BudgetSet(total: 50)]
            let admission = RedisAdmission(rates: [rate], caps: [], hold: Self.hold(path, limits, bound: 101), holder: "a")
            let outcome = try await rig.loop.flatSubmit { rig.client.value.admit(admission, timeout: .seconds(20)) }.get()
            #expect(!outcome.isAdmitted && outcome.rates[0].status.remaining == 10)
            #expect(outcome.wallet == WalletRefusal(wallet: 1, period: .month))
            #expect(try await Self.fields(.tenant, rig).isEmpty)
        }
    }

    @Test("a question that Redis sees later than its settlement is freed when its time is over, and not charged")
    func settledFirst() async throws {
        try await RedisRig.run { _, rig async throws in
            let path: [BudgetSubject] = [.tenant, .user("x")]
            let settlement = RedisSettlement(charge: Self.charge(.held, path, 0), holder: "req_1")
            for _ in 0..<2 { #expect(try await Self.settle(settlement, rig) == .settled(streamLength: 0)) }
            let hold = Self.hold(path, [BudgetSet(day: 1_000), BudgetSet()], bound: 900, milliseconds: 1)
            let admission = RedisAdmission(rates: [], caps: [], hold: hold, holder: "req_1")
            let outcome = try await rig.loop.flatSubmit { rig.client.value.admit(admission, timeout: .seconds(20)) }.get()
            #expect(outcome.isAdmitted)
            #expect(try await Self.fields(.tenant, rig)["tr"] == 900)
            try await rig.eventually("it ends by Redis' clock") { try await Self.expire(rig) == 1 }
            let fields = try await Self.fields(.tenant, rig)
            #expect(fields["tr"] == 0 && fields["t"] == nil)
            #expect(try await rig.send(LedgerStream(bucket: Self.bucket).length).integer == 0)
        }
    }

    @Test("a reservation that ended leaves its row and its bound; a settlement behind it is corrected once")
    func late() async throws {
        try await RedisRig.run { _, rig async throws in
            let path: [BudgetSubject] = [.tenant, .user("x")]
            let hold = Self.hold(path, [BudgetSet(day: 1_000), BudgetSet()], bound: 900, milliseconds: 1, record: [7, 8, 9])
            let admission = RedisAdmission(rates: [], caps: [], hold: hold, holder: "req_1")
            let outcome = try await rig.loop.flatSubmit { rig.client.value.admit(admission, timeout: .seconds(20)) }.get()
            #expect(outcome.isAdmitted)
            try await rig.eventually("it ends by Redis' clock") { try await Self.expire(rig) == 1 }
            #expect(try await Self.expire(rig) == 0)
            #expect(try await Self.fields(.user("x"), rig)["t"] == 900)
            let stream = LedgerStream(bucket: Self.bucket)
            _ = try await rig.send(stream.creation)
            let reply = try await rig.send(stream.read("c", count: 10)).reply
            #expect(LedgerStream.read(reply)?.map(\.bytes) == [[7, 8, 9]])
            let settlement = RedisSettlement(charge: Self.charge(.held, path, 300), holder: "req_1")
            #expect(try await Self.settle(settlement, rig) == .late(boundNanoUSD: 900))
            for _ in 0..<2 {
                _ = try await Self.settle(RedisSettlement(charge: Self.charge(.late, path, -600), holder: "req_1"), rig)
                #expect(try await Self.fields(.tenant, rig)["t"] == 300)
            }
            #expect(try await Self.settle(settlement, rig) == .settled(streamLength: 0))
        }
    }
}
