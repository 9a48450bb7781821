import GatewayCore
import NIOCore
import ProcessSupport
import Testing

@testable import GatewayPipeline

@Suite("pipeline: what is counted and traced", .timeLimit(.minutes(4)))
struct ObservationTests {
    private static func tally(_ rig: PipelineRig) async throws -> RequestTally { try await rig.onLoop { $0.tally } }

    private static func model(_ tally: RequestTally, _ name: String, at provider: String) -> ModelTally? {
        tally.models.first { $0.key.name == name && $0.key.provider == provider }?.value
    }

    @Test("an answer, and the same from the cache", arguments: [false, true])
    func answered(streamed: Bool) async throws {
        try await PipelineRig.run { rig in
            for isFirst in [true, false] {
                let request = try await rig.begin(TestChat("memo", "Write to ana@example.com", streamed: streamed))
                if isFirst {
                    let call = try await rig.one.call()
                    if streamed {
                        try await call.beginStream()
                        try await call.piece("Hello")
                        try await call.finish()
                        try await call.event(#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#)
                        try await call.done()
                    } else {
                        try await call.answer("Hello")
                    }
                }
                let told = try await request.end()
                let timings = try #require(told.summary?.timings)
                #expect((timings[.call] > 0) == isFirst)
                #expect(told.fault == nil && timings.overheadMicroseconds > 0)
            }
            let tally = try await Self.tally(rig)
            let kind = RequestTally.Kind(
                door: .http, surface: .openAI, operation: .answer, isStreamed: streamed, outcome: .answered, fault: nil, status: 200)
            #expect(tally.requests == [kind: 2])
            #expect(tally.cache == [1, 1, 0, 0] && tally.findings == ["EMAIL": 2])
            #expect(tally.overhead[0].count == 2 && tally.whole[0].count == 2 && tally.whole[1].count == 0)
            #expect(tally.phases[Phase.call.rawValue].count == 1 && tally.phases[Phase.scrub.rawValue].count == 2)
            // What the gateway adds and the provider takes is no more than the whole, in which a stream's own work is beside the call.
            #expect(tally.overhead[0].sum <= tally.whole[0].sum + 10_000)
            let model = try #require(Self.model(tally, "memo", at: "one"))
            #expect(model.calls.succeeded.count == 1 && model.calls.failed.isEmpty && model.requests.succeeded.count == 2)
            #expect(model.usage == TokenUsage(input: 7, output: 3) && model.costNanoUSD == PipelineRig.price.cost(of: model.usage))
            #expect(model.firstToken.count == (streamed ? 1 : 0))
        }
    }

    @Test("who is refused by a limit is counted with what the refusal took")
    func refused() async throws {
        try await PipelineRig.run { rig in
            for number in 0..<3 {
                let request = try await rig.begin(TestChat("one"), as: Callers.limited)
                if number < 2 { try await rig.one.call().answer() }
                let told = try await request.end()
                #expect((told.fault?.kind == .rateLimited) == (number == 2))
                #expect(try #require(told.summary).timings.overheadMicroseconds > 0)
            }
            let tally = try await Self.tally(rig)
            let refused = tally.requests.first { $0.key.outcome == .failed }
            #expect(refused?.key.fault == .rateLimited && refused?.key.status == 429 && refused?.value == 1)
        }
    }

    @Test("each call is counted at its provider, with what became of it")
    func fallback() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("either"))
            try await rig.one.call().fail(500)
            try await rig.two.call().answer()
            #expect(try await request.end().fault == nil)
            let tally = try await Self.tally(rig)
            let one = try #require(Self.model(tally, "one", at: "one"))
            #expect(one.calls.failed[.upstreamError]?.count == 1 && one.calls.succeeded.count == 0 && one.requests.succeeded.count == 0)
            let two = try #require(Self.model(tally, "two", at: "two"))
            #expect(two.calls.succeeded.count == 1 && two.requests.succeeded.count == 1)
        }
    }

    @Test("of two calls that race both are counted, the slower one as cancelled")
    func hedged() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("hedged"))
            let first = try await rig.one.call()
            try await rig.one.call().answer("second")
            #expect(try await request.end().texts[0] == "second")
            try await first.closed()
            let model = try #require(Self.model(try await Self.tally(rig), "hedged", at: "one"))
            #expect(model.calls.succeeded.count == 1 && model.calls.failed[.cancelled]?.count == 1)
        }
    }

    @Test("a caller that leaves is counted so, and its call as cancelled")
    func cancelled() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("one"))
            let call = try await rig.one.call()
            try await rig.onLoop { _ in request.exchange.value.cancel() }
            try await call.closed()
            let tally = try await Self.tally(rig)
            #expect(tally.requests.keys.map(\.outcome) == [.cancelled] && tally.requests.keys.first?.status == 499)
            let model = try #require(Self.model(tally, "one", at: "one"))
            #expect(model.calls.failed[.cancelled]?.count == 1 && model.requests.failed[.cancelled]?.count == 1)
        }
    }

    @Test("a full queue drops spans and counts them; nobody waits")
    func queue() {
        let queue = SpanQueue(capacity: 3)
        let span = Span(
            context: TraceContext(trace: .init(high: 1, low: 1), span: 1, isSampled: true), parent: 0, name: "s", kind: .server, start: 1,
            end: 2, attributes: [])
        queue.append([span, span])
        queue.append([span, span])
        #expect(queue.count == 2 && queue.dropped == 2)
        queue.append([span])
        #expect(queue.take(2).count == 2 && queue.count == 1 && queue.take(512).count == 1 && queue.take(1).isEmpty)
    }
}
