import EmbeddedStore
import Foundation
import GatewayCore
import GatewayCrypto
import Logging
import NIOCore
import ProcessSupport
import Scrubbing
import Testing

@testable import GatewayPipeline

@Suite("pipeline: arbitrated names", .timeLimit(.minutes(4)))
struct ArbitrationTests {
    private static func withLedger(
        _ setup: PipelineRig.Setup = PipelineRig.Setup(), _ body: (PipelineRig, LedgerFile) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("ledger.sqlite").path
            let file = try LedgerFile(path: path, chainSecret: Secret("a secret for chains"))
            var setup = setup
            setup.file = file
            // Longer than any machine takes for the test.
            setup.pipeline = PipelineSettings(ledgerTimeout: .seconds(60))
            try await PipelineRig.run(setup) { try await body($0, file) }
            await file.close()
        }
    }

    /// What the ledger says of the choice and of what came of it.
    private static func told(_ file: LedgerFile) async throws -> (decisions: [LedgerDecision], rewards: [LedgerReward]) {
        var (decisions, rewards): ([LedgerDecision], [LedgerReward]) = ([], [])
        for row in try await file.rows(LedgerQuery(), after: 0) {
            switch try LedgerEntry(decoding: row.bytes) {
            case .decision(let decision): decisions.append(decision)
            case .reward(let reward): rewards.append(reward)
            case .request, .correction: break
            }
        }
        return (decisions, rewards)
    }

    @Test("an arm that fails by its own fault is told of in a row of its own, and no other", arguments: [401, 408, 429, 500, 503])
    func failures(status: Int) async throws {
        try await Self.withLedger { rig, file in
            let request = try await rig.begin(TestChat("chosen"))
            try await rig.one.call().fail(status)
            try await rig.two.call().answer()
            #expect(try await request.end().head?.routeReason == "fallback:1")
            let (decisions, rewards) = try await Self.told(file)
            #expect(decisions.map(\.model) == ["two"] && decisions.first?.signals.isEmpty == true)
            let counts = [408, 500, 503].contains(status)
            #expect(rewards.map(\.model) == (counts ? ["one"] : []))
            #expect(rewards.allSatisfy { $0.signal.signal == .error && $0.requestID == request.id })
        }
    }

    @Test("what the caller did wrong says nothing of the arm")
    func rejected() async throws {
        try await Self.withLedger { rig, file in
            let request = try await rig.begin(TestChat("chosen"))
            try await rig.one.call().fail(400)
            #expect(try await request.end().fault?.kind == .upstreamRejected)
            let (decisions, rewards) = try await Self.told(file)
            #expect(decisions.map(\.model) == ["one"] && decisions.first?.signals.isEmpty == true && rewards.isEmpty)
        }
    }

    @Test("a deadline that passes while the arm is called speaks against it")
    func deadline() async throws {
        try await Self.withLedger { rig, file in
            let request = try await rig.begin(TestChat("chosen"), timeout: .seconds(2))
            let call = try await rig.one.call()
            #expect(try await request.end().fault?.kind == .deadlineExceeded)
            try await call.closed()
            // A deadline that has passed waits for no row.
            try await until("the row") { try await !Self.told(file).decisions.isEmpty }
            let (decisions, rewards) = try await Self.told(file)
            #expect(decisions.map(\.model) == ["one"] && rewards.isEmpty)
            #expect(decisions.first?.signals.map(\.signal) == [.error])
        }
    }

    @Test("an arm whose dialect has no place for a field is passed over; if none has one, the caller hears which it is")
    func untranslatable() async throws {
        var setup = PipelineRig.Setup()
        setup.dialectOfTwo = .anthropic
        try await PipelineRig.run(setup) { rig in
            func chat(_ model: String) -> TestChat {
                TestChat(json: #"{"model":"\#(model)","n":2,"messages":[{"role":"user","content":"Hello"}]}"#)
            }
            let request = try await rig.begin(chat("second"))
            try await rig.one.call().answer()
            let told = try await request.end()
            #expect(told.fault == nil && told.head?.model == "one" && told.head?.routeReason == "fallback:1")
            #expect(told.summary?.attempts == 1)
            let refused = try await rig.begin(chat("mute")).end()
            #expect(refused.fault?.kind == .invalidRequest && refused.fault?.parameter == "n")
            // Behind another arm's failure it is that one that is told.
            let failed = try await rig.begin(chat("second"))
            try await rig.one.call().fail(500)
            #expect(try await failed.end().fault?.kind == .upstreamError)
            #expect(try await rig.two.calls == 0)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("the record of an answer from the cache names the model that gave it; one of a refusal before the choice names none")
    func names() async throws {
        try await PipelineRig.run { rig in
            let first = try await rig.begin(TestChat("remembered"), as: Callers.limited)
            try await rig.one.call().fail(500)
            try await rig.two.call().answer()
            #expect(try await first.end().head?.model == "memo-two")
            let second = try await rig.begin(TestChat("remembered"), as: Callers.limited)
            #expect(try await second.end().summary?.cache == .hit)
            #expect(rig.record(second)?.usedModel == "memo-two" && rig.record(second)?.provider == "two")
            let third = try await rig.begin(TestChat("remembered"), as: Callers.limited)
            #expect(try await third.end().fault?.kind == .rateLimited)
            #expect(rig.record(third) != nil && rig.record(third)?.usedModel == nil && rig.record(third)?.provider == nil)
        }
    }

    @Test("a conversation stays at the arm that answered, of the same end user and under the same instructions")
    func sticky() async throws {
        let store = try ArbitrageFile(path: nil, settings: ArbitrageFile.Settings(feedbackMilliseconds: 60_000) { 0 })
        var setup = PipelineRig.Setup()
        setup.learner = ArbitrageLearner(store: store, settings: ArbitrageLearner.Settings(), logger: Logger(label: "pipeline tests"))
        try await PipelineRig.run(setup) { rig in
            func chat(_ system: String, _ more: String = "") -> TestChat {
                let messages = #"{"role":"system","content":"\#(system)"},{"role":"user","content":"Hi"}\#(more)"#
                return TestChat(json: #"{"model":"learning","messages":[\#(messages)]}"#)
            }
            let more = #",{"role":"assistant","content":"Hello"},{"role":"user","content":"Go on"}"#
            let first = try await rig.begin(chat("s"))
            try await rig.one.call().fail(500)
            try await rig.two.call().answer()
            #expect(try await first.end().head?.model == "two")
            let second = try await rig.begin(chat("s", more))
            try await rig.two.call().answer()
            #expect(try await second.end().head?.routeReason == "arbitrage:sticky")
            let other = try await rig.begin(chat("t", more))
            try await rig.one.call().answer()
            #expect(try await other.end().head?.routeReason != "arbitrage:sticky")
            // What failed is not remembered.
            let failed = try await rig.begin(chat("u"))
            try await rig.one.call().fail(400)
            #expect(try await failed.end().fault?.kind == .upstreamRejected)
            let after = try await rig.begin(chat("u", more))
            try await rig.one.call().answer()
            #expect(try await after.end().head?.routeReason != "arbitrage:sticky")
        }
    }

    private static func record(_ decision: LedgerDecision?) throws -> DecisionRecord {
        try DecisionRecord(json: ByteBuffer(string: #require(decision).record))
    }

    @Test("an arm that the budgets do not reach for gives way to a cheaper one, and whoever reaches for none is told so")
    func budgets() async throws {
        var setup = PipelineRig.Setup()
        setup.limits.assumedOutputTokens = 10
        try await Self.withLedger(setup) { rig, file in
            func set(_ limit: Int64) async throws {
                let table = BudgetTable([Budget(tenant: "acme", subject: .user("ana"), period: .day, limitNanoUSD: limit)])
                try await rig.onLoop { $0.limits.update(table) }
            }
            try await set(100_000)
            let dear = try await rig.begin(TestChat("priced"))
            try await rig.two.call().answer(usage: #"{"prompt_tokens":100,"completion_tokens":10}"#)
            #expect(try await dear.end().head?.model == "dear")
            // 12,000 are spent; the dear one may cost some 11,000 to 13,000, the other a hundredth of that.
            try await set(12_500)
            let cheap = try await rig.begin(TestChat("priced"))
            try await rig.one.call().answer()
            let told = try await cheap.end()
            #expect(told.head?.model == "one" && told.fault == nil)
            let (decisions, _) = try await Self.told(file)
            let record = try Self.record(decisions.last)
            #expect(record.infeasible == [.init(name: "dear", reason: .budget)] && record.candidates.map(\.name) == ["one"])
            // It stands behind nobody, either.
            let failed = try await rig.begin(TestChat("priced"))
            try await rig.one.call().fail(500)
            #expect(try await failed.end().fault?.kind == .upstreamError)
            #expect(try await rig.two.calls == 1)
            try await set(12_000)
            #expect(try await rig.begin(TestChat("priced")).end().fault?.kind == .budgetExceeded)
            #expect(try await file.holds().isEmpty)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a request counts under the limits of the arm that answers it; one whose limit is used up gives way")
    func modelLimits() async throws {
        let once = RateLimit(permits: 1, periodNanoseconds: Callers.day, burst: 1)
        var setup = PipelineRig.Setup()
        setup.limits.tenants["acme"] = TenantLimits(models: ["one", "two"].map { .init(name: $0, limits: SubjectLimits(requests: once)) })
        try await Self.withLedger(setup) { rig, file in
            for (provider, model) in [(rig.one, "one"), (rig.two, "two")] {
                let request = try await rig.begin(TestChat("chosen"))
                try await provider.call().answer()
                #expect(try await request.end().head?.model == model)
            }
            let (decisions, _) = try await Self.told(file)
            #expect(try Self.record(decisions.last).infeasible == [.init(name: "one", reason: .limited)])
            // Known by now without asking, and named too.
            for model in ["chosen", "one", "two", "chosen"] {
                let refused = try await rig.begin(TestChat(model)).end()
                #expect(refused.fault?.kind == .rateLimited && refused.fault?.retryAfterMilliseconds != nil)
            }
            #expect(try await rig.isEmpty)
        }
        // The name's own limit is everybody's.
        setup.limits.tenants["acme"] = TenantLimits(models: [.init(name: "chosen", limits: SubjectLimits(requests: once))])
        try await PipelineRig.run(setup) { rig in
            let request = try await rig.begin(TestChat("chosen"))
            try await rig.one.call().answer()
            #expect(try await request.end().fault == nil)
            #expect(try await rig.begin(TestChat("chosen")).end().fault?.kind == .rateLimited)
        }
    }

    @Test("who is answered by another model than the one that was named is told so, behind failures too; and who is not is not")
    func substitutes() async throws {
        try await PipelineRig.run { rig in
            let first = try await rig.begin(TestChat("named"))
            try await rig.two.call().answer()
            #expect(try await first.end().head?.routeReason == "substitution:rule")
            let second = try await rig.begin(TestChat("named"))
            try await rig.two.call().fail(500)
            try await rig.one.call().answer()
            let told = try await second.end()
            #expect(told.head?.model == "one" && told.head?.routeReason == "substitution:fallback:1")
            let third = try await rig.begin(TestChat("named"))
            try await rig.two.call().fail(500)
            try await rig.one.call().fail(500)
            try await rig.one.call().answer()
            let own = try await third.end()
            #expect(own.head?.model == "named" && own.head?.routeReason == "fallback:2")
        }
    }

    @Test("an answer that was stored is not told where other dials might have chosen another")
    func dials() async throws {
        var setup = PipelineRig.Setup()
        try await PipelineRig.run(setup) { rig in
            func ask(isAnswered: Bool = false) async throws -> CacheStatus? {
                let request = try await rig.begin(TestChat("remembered"))
                if isAnswered { try await rig.one.call().answer() }
                let told = try await request.end()
                #expect(told.fault == nil)
                return told.summary?.cache
            }
            #expect(try await ask(isAnswered: true) == .miss)
            #expect(try await ask() == .hit)
            try await rig.reload(setup)
            #expect(try await ask() == .hit)
            setup.dials.qualityPerSecond = 0.1
            try await rig.reload(setup)
            #expect(try await ask(isAnswered: true) == .miss)
            #expect(try await ask() == .hit)
        }
    }

    @Test("features are made of what the strictest arm's rules leave of the text, whichever arm is the first")
    func strictest() async throws {
        func features(_ model: String, _ text: String, lax: Bool) async throws -> FeatureVector {
            var setup = PipelineRig.Setup()
            if lax {
                var policy = ScrubPolicy()
                try policy.setAction(.ignore, for: .email)
                setup.rulesOfTwo = ScrubRules(name: "lax", version: "1", policy: policy, toolsWithRestoredArguments: [])
            }
            var found: FeatureVector?
            try await Self.withLedger(setup) { rig, file in
                let request = try await rig.begin(TestChat(model, text))
                let call = try await (model == "second" ? rig.two : rig.one).call()
                // Each arm is sent what its own rules leave.
                #expect(call.body.contains("@example") == (lax && model == "second"), "\(call.body)")
                try await call.answer()
                #expect(try await request.end().fault == nil)
                found = try Self.record(try await Self.told(file).decisions.first).features
            }
            return try #require(found)
        }
        let text = "Write to ana@example.com and say that the invoice of ana@example.com is paid"
        let strict = try await features("second", text, lax: false)
        #expect(try await features("second", text, lax: true) == strict)
        #expect(try await features("chosen", text, lax: true) == strict)
        let other = text.replacing("ana@example.com", with: "bob@example.org")
        #expect(try await features("second", other, lax: true) == strict)
    }

    @Test("a provider's time is from its call to its last byte, without what its reader was late")
    func stopwatch() {
        func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(100 + seconds) }
        var watch = UpstreamStopwatch(began: at(0))
        #expect(watch.time == nil)
        watch.resume(at(1))
        watch.pause(at(2))
        watch.pause(at(3))
        watch.resume(at(7))
        watch.pause(at(8))
        // The last byte was there when it was read at last.
        watch.end(at(20))
        #expect(watch.time == .seconds(3))
        watch.pause(at(21))
        watch.end(at(30))
        #expect(watch.time == .seconds(3))
    }

    @Test("a conversation leaves its arm only for one that is better by more than what its provider has cached of it")
    func cachedConversation() async throws {
        let store = try ArbitrageFile(path: nil, settings: ArbitrageFile.Settings(feedbackMilliseconds: 60_000) { 0 })
        var setup = PipelineRig.Setup()
        setup.learner = ArbitrageLearner(store: store, settings: ArbitrageLearner.Settings(), logger: Logger(label: "pipeline tests"))
        try await Self.withLedger(setup) { rig, file in
            let more = #",{"role":"assistant","content":"Hello"},{"role":"user","content":"Go on"}"#
            func chat(_ more: String = "") -> TestChat {
                TestChat(
                    json:
                        #"{"model":"learning","messages":[{"role":"user","content":"\#(String(repeating: "long ", count: 400))"}\#(more)]}"#
                )
            }
            let first = try await rig.begin(chat())
            try await rig.one.call().answer(
                usage: #"{"prompt_tokens":500,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":400}}"#)
            #expect(try await first.end().fault == nil)
            let second = try await rig.begin(chat(more))
            try await rig.one.call().answer()
            #expect(try await second.end().head?.routeReason == "arbitrage:sticky")
            let record = try Self.record(try await Self.told(file).decisions.last)
            #expect(record.incumbent == 0 && record.decidedAgain()?.reason == .sticky)
            let costs = record.candidates.map(\.belief.costNanoUSD)
            // 400 tokens of the prompt cost nothing, by the price of this test, and 1 nano-USD each elsewhere.
            #expect(costs.count == 2 && costs[1] - costs[0] == 400)
        }
    }
}
