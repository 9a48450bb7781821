import EmbeddedStore
import Foundation
import GatewayCore
import GatewayCrypto
import Logging
import NIOCore
import ProcessSupport
import Testing

@testable import GatewayPipeline

@Suite("pipeline: arbitrated names", .timeLimit(.minutes(4)))
struct ArbitrationTests {
    private static func withLedger(_ body: (PipelineRig, LedgerFile) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("ledger.sqlite").path
            let file = try LedgerFile(path: path, chainSecret: Secret("a secret for chains"))
            var setup = PipelineRig.Setup()
            setup.file = file
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
}
