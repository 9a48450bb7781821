import GatewayCore
import Scrubbing
import Testing

@Suite("limits and keys")
struct LimitTests {
    private let limit = RateLimit(permits: 60, periodNanoseconds: 60_000_000_000, burst: 3)

    private func ask(_ model: inout AdmissionModel, permits: UInt64 = 1, microseconds now: Int64) -> AdmissionModel.Outcome {
        model.admit(
            [.init(name: "r", demand: RateDemand(limit: limit, permits: permits))], caps: [], holder: "", leaseMicroseconds: 1, now: now)
    }

    @Test("a burst is admitted at once, then one permit grows back each interval")
    func burst() throws {
        var model = AdmissionModel()
        for remaining in [2, 1, 0] as [UInt64] {
            let outcome = ask(&model, microseconds: 0)
            #expect(outcome.isAdmitted && outcome.rates[0].status.remaining == remaining)
        }
        let refused = ask(&model, microseconds: 0)
        #expect(!refused.isAdmitted)
        #expect(refused.rates[0].waitNanoseconds == 1_000_000_000)
        #expect(ask(&model, microseconds: 999_999).isAdmitted == false)
        #expect(ask(&model, microseconds: 1_000_000).isAdmitted)
    }

    @Test("no trace of arrivals is admitted more than burst and rate allow")
    func neverMore() {
        var random = SystemRandomNumberGenerator()
        var model = AdmissionModel()
        var now: Int64 = 0
        var admitted: Int64 = 0
        for _ in 0..<10_000 {
            now += Int64.random(in: 0...400_000, using: &random)
            if ask(&model, microseconds: now).isAdmitted { admitted += 1 }
        }
        #expect(admitted <= 3 + now / 1_000_000)
        #expect(admitted >= now / 1_000_000 - 1)
    }

    @Test("in-flight bytes beyond the budget are refused, but one request alone is always let in")
    func budget() {
        var budget = InFlightBudget(maxRequests: 1, maxBytes: 100)
        let alone = [budget.reserve(500), budget.reserve(1)]
        #expect(alone == [true, false])
        budget.release(500)
        let shared = [budget.reserve(60), budget.reserve(40), budget.reserve(1)]
        #expect(shared == [true, true, false])
        let places = [budget.openRequest(), budget.openRequest()]
        #expect(places == [true, false])
    }

    @Test("a request id reads back what it writes, and nothing else")
    func requestID() {
        var random = SystemRandomNumberGenerator()
        let id = RequestID(unixMilliseconds: 1_795_000_000_123, random: &random)
        #expect(RequestID(id.description) == id)
        #expect(id.unixMilliseconds == 1_795_000_000_123)
        for text in ["", "req_", "req_0000000000000000000000000000000G", "rqe_00000000000000000000000000000000"] {
            #expect(RequestID(text) == nil)
        }
    }
}

@Suite("routing")
struct RoutingTests {
    private let settings = ModelSettings(
        price: nil, cache: CacheSettings(mode: .off, timeToLiveNanoseconds: 0), firstByteTimeoutNanoseconds: 1, idleTimeoutNanoseconds: 1)

    private func target(_ model: String) -> UpstreamTarget {
        UpstreamTarget(model: model, provider: "p", upstreamModel: model, settings: settings)
    }

    private func principal(_ models: ModelPermission) throws -> Principal {
        Principal(
            keyID: "k", tenant: "t", models: models,
            scrub: ScrubRules(name: "default", version: "1", policy: .init(), toolsWithRestoredArguments: []))
    }

    @Test("an exact name wins over a pattern, a longer pattern over a shorter one")
    func precedence() throws {
        let table = ModelTable(
            models: [target("oai-4")],
            patterns: [
                .init(prefix: "o", provider: "short", settings: settings), .init(prefix: "oai-", provider: "long", settings: settings),
            ], aliases: [("smart", ["oai-4", "oai-5"])])
        let caller = try principal(.all)
        #expect(try table.resolve("oai-4", for: caller).get().reason == "exact")
        #expect(try table.resolve("oai-5", for: caller).get().targets.map(\.provider) == ["long"])
        #expect(try table.resolve("other", for: caller).get().targets.map(\.provider) == ["short"])
        #expect(try table.resolve("smart", for: caller).get().targets.map(\.model) == ["oai-4", "oai-5"])
        #expect(throws: Fault.self) { try table.resolve("unknown", for: caller).get() }
    }

    @Test("a model that the key may not name is told as one that does not exist")
    func permission() throws {
        let table = ModelTable(models: [target("a"), target("b")], patterns: [], aliases: [])
        let caller = try principal(.only([ModelPattern("a*")]))
        #expect(table.names(for: caller).map(\.name) == ["a"])
        #expect(throws: Fault.self) { try table.resolve("b", for: caller).get() }
    }

    @Test("a price is exact to the nano-USD, rounded up, and saturates")
    func price() {
        let price = Price(input: 150_000_000, cacheRead: 37_500_000, cacheWrite: 0, output: 600_000_000)
        #expect(price.cost(of: TokenUsage(input: 10, cacheRead: 1, output: 2, reasoning: 1)) == 1_500 + 38 + 1_800)
        #expect(Price(input: .max, cacheRead: 0, cacheWrite: 0, output: 0).cost(of: TokenUsage(input: .max)) == .max)
    }

    @Test(
        "retry-after is read as seconds, milliseconds and dates",
        arguments: [
            ("2", nil, 2_000), ("0.5", nil, 500), ("9", "150", 150), ("Sun, 06 Nov 1994 08:49:37 GMT", nil, 10_000), ("soon", nil, nil),
            ("-1", nil, nil), ("1e99", nil, 86_400_000),
        ] as [(String?, String?, Int64?)])
    func retryAfter(value: String?, milliseconds: String?, expected: Int64?) {
        #expect(RetryAfter.milliseconds(value, milliseconds: milliseconds, unixSeconds: 784_111_767) == expected)
    }
}
