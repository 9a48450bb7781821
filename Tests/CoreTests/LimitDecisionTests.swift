import GatewayCore
import Testing

@Suite("limits: what is remembered, estimated and told")
struct LimitDecisionTests {
    private let limit = RateLimit(permits: 60, periodNanoseconds: 60_000_000_000, burst: 3)
    private static let second: Int64 = 1_000_000_000

    private func outcome(_ permitsAhead: Int64) -> RateOutcome {
        RateOutcome(demand: RateDemand(limit: limit), aheadNanoseconds: permitsAhead * Self.second)
    }

    @Test("who has nothing left is known until one permit is back, and told what the store would say then")
    func memo() throws {
        var memo = RefusalMemo()
        memo.learn("a", .requests, outcome(2), askedAt: 0)
        #expect(memo.count == 0)
        memo.learn("a", .requests, outcome(3), askedAt: 0)
        let known = try #require(memo.refusal("a", now: 400_000_000))
        #expect(known.waitNanoseconds == 600_000_000 && known.status.remaining == 0)
        #expect(memo.refusal("a", now: Self.second) == nil)
        #expect(memo.refusal("b", now: 0) == nil)
    }

    @Test("the memo does not trust a store's word for long: tokens come back early, and stores forget")
    func memoEnds() {
        var memo = RefusalMemo()
        let slow = RateOutcome(
            demand: RateDemand(limit: RateLimit(permits: 1, periodNanoseconds: 86_400 * Self.second)),
            aheadNanoseconds: 86_400 * Self.second)
        memo.learn("requests", .requests, slow, askedAt: 0)
        memo.learn("tokens", .tokens, slow, askedAt: 0)
        #expect(memo.refusal("requests", now: 5 * Self.second - 1) != nil)
        #expect(memo.refusal("requests", now: 5 * Self.second) == nil)
        #expect(memo.refusal("tokens", now: Self.second / 4) == nil)
    }

    @Test("at its bound the memo forgets what has ended, and learns nothing more while nothing has")
    func memoBound() {
        var memo = RefusalMemo(maxEntries: 2)
        for name in ["a", "b", "c"] { memo.learn(name, .requests, outcome(3), askedAt: 0) }
        #expect(memo.count == 2 && memo.refusal("c", now: 1) == nil)
        memo.learn("d", .requests, outcome(3), askedAt: 2 * Self.second)
        #expect(memo.count == 1 && memo.refusal("d", now: 2 * Self.second) != nil)
    }

    @Test(
        "an estimate is a quarter of the bytes and what the model may write, for each answer that is asked for",
        arguments: [(400, nil, 1, 1_124), (401, 50, 1, 150), (0, 50, 4, 200), (0, .max, 2, .max), (3, 0, 1, 1)]
            as [(Int, UInt64?, UInt64, UInt64)])
    func estimate(bytes: Int, cap: UInt64?, choices: UInt64, tokens: UInt64) {
        #expect(LimitSettings().estimatedTokens(requestBytes: bytes, maxOutputTokens: cap, choices: choices) == tokens)
    }

    @Test("a model's exact name wins, then the longest start")
    func models() {
        let limits = TenantLimits(models: ["gpt-*", "gpt-4*", "gpt-4"].map { .init(name: $0, limits: SubjectLimits()) })
        func name(_ model: String) -> String? { limits.modelIndex(of: model).map { limits.models[$0].name } }
        #expect([name("gpt-4"), name("gpt-4o"), name("gpt-3"), name("o3")] == ["gpt-4", "gpt-4*", "gpt-*", nil])
    }

    @Test("of several limits the caller is told the one that leaves it least")
    func report() {
        var report = LimitReport()
        for remaining in [5, 2, 9] as [UInt64] {
            report.add(.requests, RateLimitStatus(limit: 10, remaining: remaining, resetMilliseconds: 0))
        }
        #expect(report.requests?.remaining == 2 && report.tokens == nil && report.places == nil)
        for (limit, taken) in [(5, 1), (3, 2), (9, 1)] { report.add(placesOf: limit, taken: taken) }
        #expect(report.places == RateLimitStatus(limit: 3, remaining: 1, resetMilliseconds: 0))
        // More than the cap are under way where its replicas were without Redis for a while.
        report.add(placesOf: 2, taken: 7)
        #expect(report.places?.remaining == 0)
    }

    @Test("what no limit holds any more is forgotten, and what one holds is not")
    func forgets() {
        var model = AdmissionModel()
        let rates = ["full", "used"].map { AdmissionModel.Rate(name: $0, demand: RateDemand(limit: limit)) }
        let caps = ["free", "held"].map { AdmissionModel.Cap(name: $0, limit: 1) }
        _ = model.admit([rates[0]], caps: [caps[0]], holder: "a", leaseMicroseconds: 10, now: 0)
        _ = model.admit([rates[1]], caps: [caps[1]], holder: "a", leaseMicroseconds: .max / 4, now: 10_000_000)
        model.settle([], caps: ["free"], holder: "a", now: 10_000_000)
        model.forgetIdle(now: 10_000_000)
        #expect(model.count == 2)
        #expect(model.keeps([rates[1]], caps: [caps[1]]) && !model.keeps([rates[0]], caps: []))
    }
}
