import GatewayCore
import NIOCore
import Testing

@testable import GatewayPipeline

@Suite("pipeline: what is refused before a provider hears of it", .timeLimit(.minutes(4)))
struct AdmissionTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var chat: TestChat
        var principal = Callers.plain
        var cache = CacheDirective.modelDefault
        var kind: FaultKind
        var parameter: String?
    }

    private static let mail = "Write to ana@example.com"
    /// Each request has all the faults of those below it, so that the order is shown.
    static let refusals = [
        Refusal(testDescription: "no JSON", chat: TestChat(json: "{"), principal: Callers.strict, cache: .only, kind: .malformedBody),
        Refusal(
            testDescription: "no model of this name", chat: TestChat("nobody", mail), principal: Callers.strict, cache: .only,
            kind: .modelNotFound, parameter: "model"),
        Refusal(
            testDescription: "data that the policy blocks", chat: TestChat("one", mail), principal: Callers.strict, cache: .only,
            kind: .blockedByPolicy, parameter: "messages[0].content"),
        Refusal(testDescription: "not in the cache", chat: TestChat("memo"), cache: .only, kind: .cacheMiss),
        Refusal(testDescription: "no cache to be in", chat: TestChat("one"), cache: .only, kind: .cacheMiss),
    ]

    @Test("is told its own fault, is written down once, and leaves nothing behind", arguments: refusals)
    func refuses(refusal: Refusal) async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(refusal.chat, as: refusal.principal, cache: refusal.cache)
            let told = try await request.end()
            #expect(told.fault?.kind == refusal.kind)
            #expect(told.fault?.parameter == refusal.parameter)
            #expect(told.head == nil && told.calls == 1)
            #expect(rig.records == 1)
            let record = try #require(rig.record(request))
            #expect(record.outcome == .failed && record.fault == refusal.kind.presentation.name)
            #expect(record.summary.attempts == 0 && record.summary.usage == TokenUsage() && record.summary.costNanoUSD == 0)
            #expect(!record.summary.isEstimated)
            #expect(try await rig.one.calls == 0)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a used-up limit is told before anything of the request is looked at; requests that are no good count too")
    func limit() async throws {
        try await PipelineRig.run { rig in
            for _ in 0..<2 {
                let request = try await rig.begin(TestChat(json: "{"), as: Callers.limited)
                let told = try await request.end()
                #expect(told.fault?.kind == .malformedBody)
                #expect(told.summary?.rateLimit?.requests?.limit == 2)
            }
            let refused = try await rig.begin(TestChat(json: "{"), as: Callers.limited).end()
            #expect(refused.fault?.kind == .rateLimited)
            #expect((refused.fault?.retryAfterMilliseconds ?? 0) > 0)
            #expect(refused.summary?.timings[.scrub] == 0 && refused.summary?.timings[.route] == 0)
            #expect(refused.summary?.rateLimit?.requests?.remaining == 0)
            // Others have their own.
            #expect(try await rig.begin(TestChat(json: "{")).end().fault?.kind == .malformedBody)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a full budget of requests sheds before it counts against the limit")
    func overload() async throws {
        try await PipelineRig.run(.init(pipeline: PipelineSettings(maxInFlightRequests: 1))) { rig in
            let running = try await rig.begin(TestChat("one"))
            let call = try await rig.one.call()
            for _ in 0..<3 {
                let shed = try await rig.begin(TestChat("one"), as: Callers.limited).end()
                #expect(shed.fault?.kind == .overloaded)
                #expect(shed.fault?.retryAfterMilliseconds != nil)
                #expect(shed.summary?.rateLimit == nil)
            }
            try await call.answer()
            #expect(try await running.end().fault == nil)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("an answer that outgrows the budget of bytes is given up, unless it is alone")
    func answerBudget() async throws {
        let text = String(repeating: "x", count: 200_000)
        try await PipelineRig.run(.init(pipeline: PipelineSettings(maxInFlightBytes: 100_000))) { rig in
            let alone = try await rig.begin(TestChat("one"))
            try await rig.one.call().answer(text)
            #expect(try await alone.end().texts[0] == text)

            let other = try await rig.begin(TestChat("two"))
            let call = try await rig.two.call()
            let shed = try await rig.begin(TestChat("one"))
            try await rig.one.call().answer(text)
            #expect(try await shed.end().fault?.kind == .overloaded)
            try await call.answer()
            #expect(try await other.end().texts[0] == "Hello")
            #expect(try await rig.isEmpty)
        }
    }

    @Test("only a key of the table is known, whatever its form")
    func authenticates() async throws {
        try await PipelineRig.run { rig in
            let outcomes = try await rig.onLoop { gateway in
                ["", "ask_x", String(PipelineRig.key.dropLast()) + "!", PipelineRig.key].map { key -> Result<String, Fault> in
                    var key = key
                    return switch key.withUTF8({ gateway.authenticate(UnsafeRawBufferPointer($0)) }) {
                    case .known(let principal): .success(principal.keyID)
                    case .refused(let fault): .failure(fault)
                    case .unknown: .failure(.authorityUnavailable)
                    }
                }
            }
            #expect(
                outcomes == [.failure(.unknownCredential), .failure(.unknownCredential), .failure(.unknownCredential), .success("plain")])
            #expect(rig.records == 0)
        }
    }
}
