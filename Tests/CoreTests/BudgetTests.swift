import GatewayCore
import SeededRandomness
import Testing

@Suite("budgets")
struct BudgetTests {
    private static let time = SpendingTime(unixMilliseconds: 1_796_040_000_000)

    private static func hold(_ bound: Int64, _ limits: [BudgetSet], names: [String] = ["t", "d", "u"]) -> WalletHold {
        WalletHold(wallets: names, limits: limits, bound: bound, time: time, milliseconds: 1_000, record: [1])
    }

    @Test("a request must fit into every wallet from the tenant down, and the first that refuses is told")
    func waterfall() {
        var model = WalletModel()
        model.charge(["t", "d"], 900, Self.time)
        let limits = [BudgetSet(total: 1_000), BudgetSet(month: 950), BudgetSet(day: 40)]
        #expect(model.refusal(Self.hold(101, limits)) == WalletRefusal(wallet: 0, period: .total))
        #expect(model.refusal(Self.hold(100, limits)) == WalletRefusal(wallet: 1, period: .month))
        #expect(model.refusal(Self.hold(50, limits)) == WalletRefusal(wallet: 2, period: .day))
        #expect(model.refusal(Self.hold(40, limits)) == nil)
        model.reserve(Self.hold(40, limits), for: "a", now: 0)
        #expect(model.refusal(Self.hold(1, limits)) == WalletRefusal(wallet: 2, period: .day))
        #expect(model.settle("a", cost: 10, now: 0) == nil)
        #expect(model.refusal(Self.hold(30, limits)) == nil)
        #expect(model.refusal(Self.hold(31, limits)) == WalletRefusal(wallet: 2, period: .day))
        // Once settled it is settled.
        #expect(model.settle("a", cost: 10, now: 0) == nil)
        #expect(model.wallets["u"]?["t"] == 10)
    }

    @Test("a reservation that ends is charged at its bound, once; what is settled behind it is corrected, once")
    func late() {
        var model = WalletModel()
        model.reserve(Self.hold(40, []), for: "a", now: 5)
        #expect(model.expire(now: 1_000_004, count: 9).isEmpty)
        #expect(model.expire(now: 1_000_005, count: 9).map(\.id) == ["a"])
        #expect(model.expire(now: 9_000_000, count: 9).isEmpty)
        #expect(
            model.wallets["t"] == [
                "t": 40, "tr": 0, "m\(Self.time.month)": 40, "m\(Self.time.month)r": 0, "d\(Self.time.day)": 40, "d\(Self.time.day)r": 0,
            ])
        #expect(model.settle("a", cost: 15, now: 0) == 40)
        for _ in 0..<2 { model.correct("a", ["t", "d", "u"], -25, Self.time) }
        #expect(model.wallets["t"]?["t"] == 15 && model.settle("a", cost: 15, now: 0) == nil)
    }

    @Test(
        "a stream is beyond its cap by the provider's own count, or by more text than so many tokens can have; never by the count of its pieces",
        arguments: [
            // A cap of 10 tokens: 1,280 bytes.
            (10, 0, nil, true, false), (10, 1_280, nil, true, false), (10, 1_281, nil, true, true), (10, 1_281, nil, false, true),
            (10, 1, TokenUsage(output: 10), true, false), (10, 1, TokenUsage(output: 11), true, true),
            (10, 1, TokenUsage(output: 4, reasoning: 7), true, true), (10, 1, TokenUsage(input: 99, output: 4, reasoning: 6), true, false),
            // The bill of an answer that has ended.
            (10, 1, TokenUsage(output: 11), false, false), (10, 1_281, TokenUsage(output: 9), true, true),
            (0, 0, nil, true, false), (0, 1, nil, true, true), (.max, .max, TokenUsage(output: .max), true, false),
            (.max, 1, TokenUsage(output: .max, reasoning: 1), true, true),
        ] as [(UInt64, Int, TokenUsage?, Bool, Bool)])
    func cap(tokens: UInt64, bytes: Int, told: TokenUsage?, isOpen: Bool, isExceeded: Bool) {
        #expect(OutputCap(tokens: tokens).isExceeded(textBytes: bytes, told: told, isOpen: isOpen) == isExceeded)
    }

    @Test("a reservation that comes behind its request's settlement is freed when it ends, and not charged")
    func settledFirst() {
        var model = WalletModel()
        #expect(model.settle("a", cost: 0, now: 0) == nil)
        model.reserve(Self.hold(40, []), for: "a", now: 0)
        #expect(model.wallets["t"]?["tr"] == 40)
        let ended = model.expire(now: 1_000_000, count: 9)
        #expect(ended.map(\.id) == ["a"] && ended[0].record == nil)
        #expect(model.wallets["t"]?["t"] == nil && model.wallets["t"]?["tr"] == 0)
        #expect(model.settle("a", cost: 0, now: 0) == nil)
    }

    @Test("of reservations that ended 65,536 are remembered, for a week; what others are settled with changes nothing")
    func lateBound() {
        var model = WalletModel()
        for number in 0...65_536 { model.reserve(Self.hold(1, [], names: ["t"]), for: "\(number)", now: Int64(number)) }
        #expect(model.expire(now: 2_000_000, count: 100_000).count == 65_537)
        #expect(
            model.settle("0", cost: 5, now: 0) == 1 && model.settle("65535", cost: 5, now: 0) == 1
                && model.settle("65536", cost: 5, now: 0) == nil)
        #expect(model.wallets["t"]?["t"] == 65_537)
        model.reserve(Self.hold(1, [], names: ["t"]), for: "new", now: 0)
        _ = model.expire(now: 2_000_000 + WalletModel.lateMicroseconds, count: 1)
        #expect(model.settle("0", cost: 5, now: 0) == nil && model.settle("new", cost: 5, now: 0) == nil)
    }

    @Test("days and months are those of UTC; what is older than the last one is dropped, the total stays")
    func periods() throws {
        var model = WalletModel()
        let days = ["2026-11-29", "2026-11-30", "2026-12-01"]
        for day in days { model.charge(["t"], 1, SpendingTime(unixMilliseconds: try #require(UTCDay(day)).unixMilliseconds)) }
        let last = SpendingTime(unixMilliseconds: try #require(UTCDay("2026-12-01")).unixMilliseconds)
        #expect(model.wallets["t"] == ["t": 3, "m\(last.month - 1)": 2, "m\(last.month)": 1, "d\(last.day - 1)": 1, "d\(last.day)": 1])
        #expect(
            last.end(of: .day) == UTCDay("2026-12-02")?.unixMilliseconds && last.start(of: .month) == UTCDay("2026-12-01")?.unixMilliseconds
        )
        #expect(last.end(of: .month) == UTCDay("2027-01-01")?.unixMilliseconds && last.end(of: .total) == nil)
    }

    @Test("on random traces no wallet is ever over its limits, and what was spent is what was told")
    func invariant() {
        var random = SeededRandom(seed: 3)
        var model = WalletModel()
        let limits = [BudgetSet(total: 50_000), BudgetSet(day: 30_000), BudgetSet(month: 20_000)]
        var (open, spent, now): ([(id: String, bound: Int64)], Int64, Int64) = ([], 0, 0)
        for number in 0..<5_000 {
            now += Int64.random(in: 0...300_000, using: &random)
            let hold = Self.hold(Int64.random(in: 1...2_000, using: &random), limits)
            if Bool.random(using: &random), model.refusal(hold) == nil {
                model.reserve(hold, for: "\(number)", now: now)
                open.append(("\(number)", hold.bound))
            } else if let request = open.popLast() {
                let cost = Int64.random(in: 0...request.bound, using: &random)
                if let bound = model.settle(request.id, cost: cost, now: 0) {
                    #expect(bound == request.bound)
                    model.correct(request.id, ["t", "d", "u"], cost - bound, Self.time)
                }
                spent += cost
            }
            for (id, _) in model.expire(now: now, count: 3) { #expect(open.contains { $0.id == id }) }
            let fields = model.wallets["t"] ?? [:]
            #expect((fields["t"] ?? 0) + (fields["tr"] ?? 0) <= 50_000)
        }
        for request in open {
            if model.settle(request.id, cost: 0, now: 0) != nil { model.correct(request.id, ["t", "d", "u"], -request.bound, Self.time) }
        }
        #expect(model.wallets["t"]?["t"] == spent && model.wallets["t"]?["tr"] == 0)
    }

    @Test("the store's budgets come before the configuration's, period by period")
    func table() {
        let table = BudgetTable([
            Budget(tenant: "acme", subject: .tenant, period: .month, limitNanoUSD: 5),
            Budget(tenant: "acme", subject: .user("ana"), period: .day, limitNanoUSD: 6),
        ])
        let configured = BudgetTable.Tenant(tenant: BudgetSet(day: 1, month: 2), department: BudgetSet(total: 3), user: BudgetSet(total: 4))
        let found = table.budgets(tenant: "acme", department: "sales", user: "ana", configured: configured)
        #expect(found.map(\.subject) == [.tenant, .department("sales"), .user("ana")])
        #expect(found.map(\.limits) == [BudgetSet(day: 1, month: 5), BudgetSet(total: 3), BudgetSet(day: 6, total: 4)])
        let other = table.budgets(tenant: "other", department: nil, user: nil, configured: nil)
        #expect(other.map(\.limits) == [BudgetSet()] && other.map(\.subject) == [.tenant])
    }

    @Test("a refusal names the level, the figures and when it resets")
    func refusal() throws {
        let time = SpendingTime(unixMilliseconds: try #require(UTCDay("2026-11-30")).unixMilliseconds + 1_000)
        func fault(_ subject: BudgetSubject, _ period: BudgetPeriod) -> Fault {
            BudgetRefusal(subject: subject, period: period, limitNanoUSD: 25_500_000_000, boundNanoUSD: 12_300_000, time: time)
                .fault(now: UTCDay(number: time.day).unixMilliseconds + 86_399_000)
        }
        let day = fault(.department("sales"), .day)
        #expect(day.kind == .budgetExceeded && day.retryAfterMilliseconds == 1_000)
        #expect(
            day.message
                == "The budget of the department `sales`, 25.50 USD a day, has too little left for this request, which may cost up to 0.0123 USD. It resets at 2026-12-01T00:00:00Z."
        )
        #expect(fault(.tenant, .month).message.contains("this tenant, 25.50 USD a month"))
        #expect(fault(.user("ana"), .total).retryAfterMilliseconds == nil)
        #expect(fault(.user("ana"), .total).message.hasSuffix("It does not reset."))
    }

    @Test("what is reserved is what the dearest call could cost, in the dearest class of input")
    func bound() throws {
        let settings = ModelSettings(
            price: nil, cache: CacheSettings(mode: .off, timeToLiveNanoseconds: 0), firstByteTimeoutNanoseconds: 1,
            idleTimeoutNanoseconds: 1)
        func call(_ model: String, _ price: Price) -> (target: UpstreamTarget, quote: PriceQuote) {
            (UpstreamTarget(model: model, provider: "p", upstreamModel: model, settings: settings), PriceQuote(.configured, price))
        }
        let cheap = call("cheap", Price(input: 1_000_000, cacheRead: 0, cacheWrite: 0, output: 2_000_000))
        let dear = call("dear", Price(input: 1_000_000, cacheRead: 500_000, cacheWrite: 3_000_000, output: 2_000_000))
        let bound = try #require(SpendingBound([cheap, dear], requestBytes: 100, outputTokens: 10))
        #expect(bound.target == "dear" && bound.nanoUSD == 320 && bound.usage == TokenUsage(cacheWrite: 100, output: 10))
        #expect(SpendingBound([], requestBytes: 1, outputTokens: 1) == nil)
        #expect(SpendingBound([dear], requestBytes: .max, outputTokens: .max)?.nanoUSD == .max)
    }

    @Test("amounts read back what they write, up to nine million dollars")
    func amounts() {
        for (text, amount) in [("0", 0), ("25.50", 25_500_000_000), ("9000000", Budget.maxNanoUSD), ("0.000000001", 1)] as [(String, Int64)]
        {
            #expect(USDText.nanoUSD(text) == amount)
            #expect(USDText.nanoUSD(USDText.text(UInt64(amount))) == amount)
        }
        for text in ["", ".5", "-1", "9000000.000000001", "1e3", "1,5", "1.0000000001"] { #expect(USDText.nanoUSD(text) == nil, "\(text)") }
    }
}
