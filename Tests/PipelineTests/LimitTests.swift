import GatewayCore
import NIOCore
import Testing

@testable import GatewayPipeline

@Suite("pipeline: limits in one process", .timeLimit(.minutes(4)))
struct LimitTests {
    private static func rate(_ burst: UInt64) -> RateLimit { RateLimit(permits: 1, periodNanoseconds: Callers.day, burst: burst) }

    /// Sends a request and lets the provider answer it.
    private func answered(_ rig: PipelineRig, _ chat: TestChat, as principal: Principal) async throws -> Recorder.Told {
        let request = try await rig.begin(chat, as: principal)
        try await rig.one.call().answer()
        return try await request.end()
    }

    @Test("tokens count as estimated while a request is under way, and as used when it is over")
    func tokens() async throws {
        try await PipelineRig.run { rig in
            let chat = TestChat(json: #"{"model":"one","max_tokens":900,"messages":[{"role":"user","content":"Hello"}]}"#)
            let first = try await rig.begin(chat, as: Callers.counted)
            let call = try await rig.one.call()
            let second = try await rig.begin(chat, as: Callers.counted).end()
            #expect(second.fault?.kind == .rateLimited)
            #expect(second.fault?.message.contains("tokens at once") == true)
            try await call.answer(usage: #"{"prompt_tokens":70,"completion_tokens":5}"#)
            let told = try await first.end()
            let estimate = UInt64(chat.json.utf8.count / 4) + 900
            #expect(told.head?.rateLimit?.tokens?.remaining == 1_000 - estimate)
            let third = try await answered(rig, chat, as: Callers.counted)
            #expect(third.head?.rateLimit?.tokens?.remaining == 1_000 - 75 - estimate)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("what fails, what is cancelled and what comes from the cache is charged what it used")
    func settles() async throws {
        try await PipelineRig.run { rig in
            func chat(_ model: String) -> TestChat {
                TestChat(json: #"{"model":"\#(model)","max_tokens":100,"messages":[{"role":"user","content":""}]}"#)
            }
            /// Tokens that are left with this request's own estimate taken away; it uses ten.
            func left() async throws -> UInt64? {
                try await answered(rig, chat("one"), as: Callers.counted).head?.rateLimit?.tokens?.remaining
            }
            let before = try #require(try await left())
            let failing = try await rig.begin(chat("one"), as: Callers.counted)
            try await rig.one.call().fail(500)
            _ = try await failing.end()
            // Only the ten tokens of `left` itself: a provider that failed used none.
            #expect(try await left() == before - 10)

            let cancelled = try await rig.begin(chat("one"), as: Callers.counted)
            _ = try await rig.one.call()
            try await cancelled.cancel()
            let used = try #require(rig.record(cancelled)).summary.usage.input
            #expect(used > 0)
            #expect(try await left() == before - 20 - used)

            _ = try await answered(rig, chat("memo"), as: Callers.counted)
            let hit = try await rig.begin(chat("memo"), as: Callers.counted).end()
            #expect(hit.head?.cache == .hit)
            #expect(try await left() == before - 30 - used - 10)
        }
    }

    @Test("a place is free again however its request ends")
    func concurrency() async throws {
        try await PipelineRig.run { rig in
            for end in ["answer", "failure", "cancellation", "cut"] {
                let running = try await rig.begin(TestChat("one"), as: Callers.single)
                let call = try await rig.one.call()
                let refused = try await rig.begin(TestChat("one"), as: Callers.single).end()
                #expect(refused.fault?.kind == .rateLimited && refused.fault?.message == "This key may have 1 requests under way at once.")
                #expect(refused.fault?.retryAfterMilliseconds == 1_000)
                #expect(refused.summary?.rateLimit?.places == RateLimitStatus(limit: 1, remaining: 0, resetMilliseconds: 0))
                switch end {
                case "answer": try await call.answer()
                case "failure": try await call.fail(500)
                case "cancellation": try await running.cancel()
                default: try await rig.onLoop { $0.cutRequests() }
                }
                if end != "cancellation" { _ = try await running.end() }
            }
            #expect(try await rig.isEmpty)
        }
    }

    struct Narrow: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var tenant: TenantLimits
        var words: String
    }

    static let narrow = [
        Narrow(
            testDescription: "user", tenant: TenantLimits(tenant: SubjectLimits(requests: rate(9)), user: SubjectLimits(requests: rate(1))),
            words: "The user `ana` may send 1 requests at once"),
        Narrow(
            testDescription: "tenant", tenant: TenantLimits(tenant: SubjectLimits(requests: rate(1))),
            words: "This tenant may send 1 requests"),
        Narrow(
            testDescription: "model", tenant: TenantLimits(models: [.init(name: "on*", limits: SubjectLimits(requests: rate(1)))]),
            words: "Requests of this tenant for the model `on*` may send 1"),
    ]

    @Test("the limit that refuses is named, and what it refuses is taken from no other", arguments: narrow)
    func subjects(narrow: Narrow) async throws {
        try await PipelineRig.run(.init(limits: LimitSettings(tenants: ["acme": narrow.tenant]))) { rig in
            _ = try await answered(rig, TestChat("one"), as: Callers.limited)
            for _ in 0..<3 {
                let refused = try await rig.begin(TestChat("one"), as: Callers.limited).end()
                #expect(refused.fault?.message.hasPrefix(narrow.words) == true, "\(refused.fault?.message ?? "")")
                #expect(refused.summary?.rateLimit?.requests?.remaining == 0)
            }
            guard narrow.testDescription == "model" else { return }
            // Nothing of the refused ones was taken from the key's two.
            let other = try await rig.begin(TestChat("two"), as: Callers.limited)
            try await rig.two.call().answer()
            #expect(try await other.end().fault == nil)
        }
    }

    @Test("a new configuration is asked anew, whoever was known to be refused")
    func reload() async throws {
        let tight = LimitSettings(tenants: ["acme": TenantLimits(tenant: SubjectLimits(requests: Self.rate(1)))])
        try await PipelineRig.run(.init(limits: tight)) { rig in
            _ = try await answered(rig, TestChat("one"), as: Callers.plain)
            #expect(try await rig.begin(TestChat("one")).end().fault?.kind == .rateLimited)
            try await rig.onLoop { gateway in
                let old = gateway.snapshot
                gateway.update(
                    GatewaySnapshot(keys: old.keys, models: old.models, providers: old.providers, door: old.door, pipeline: old.pipeline))
            }
            #expect(try await answered(rig, TestChat("one"), as: Callers.plain).fault == nil)
        }
    }
}
