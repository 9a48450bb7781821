import GatewayCore
import NIOCore
import ProcessSupport
import Testing

@testable import GatewayPipeline

@Suite("pipeline: hedging", .timeLimit(.minutes(4)))
struct HedgingTests {
    private static let usage = #"{"prompt_tokens":7,"completion_tokens":3}"#

    private static func answer(_ call: ProviderCall, _ text: String, streamed: Bool) async throws {
        guard streamed else { return try await call.answer(text) }
        try await call.beginStream()
        try await call.piece(text)
        try await call.finish()
        try await call.event(#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#)
        try await call.done()
    }

    @Test("a second call answers where the first is silent, which is cancelled and paid by estimate", arguments: [false, true])
    func secondWins(streamed: Bool) async throws {
        try await PipelineRig.run { rig in
            let chat = TestChat("hedged", streamed: streamed)
            let request = try await rig.begin(chat)
            let first = try await rig.one.call()
            let second = try await rig.one.call()
            #expect(second.body == first.body)
            try await Self.answer(second, "second", streamed: streamed)
            let told = try await request.end()
            try await first.closed()
            #expect(told.texts[0] == "second" && told.summary?.attempts == 2)
            let estimate = TokenUsage(input: 7 + UInt64(chat.json.utf8.count / 4), output: 3)
            #expect(told.summary?.usage == estimate && told.summary?.isEstimated == true)
            #expect(told.summary?.costNanoUSD == PipelineRig.price.cost(of: estimate))
            #expect(rig.records == 1)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("the first call may still be the first with content: the second is cancelled", arguments: [false, true])
    func firstWins(streamed: Bool) async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("hedged", streamed: streamed))
            let first = try await rig.one.call()
            let second = try await rig.one.call()
            if streamed {
                // A role is no content.
                try await second.beginStream()
                try await second.event(#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#)
            }
            try await Self.answer(first, "first", streamed: streamed)
            let told = try await request.end()
            try await second.closed()
            #expect(told.texts[0] == "first" && told.fault == nil)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("it goes to the provider's other endpoint")
    func otherEndpoint() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("hedged-over-both", streamed: true))
            let (one, two) = (try await rig.one.call(), try await rig.two.call())
            try await one.beginStream()
            try await one.piece("a")
            try await two.closed()
            try await one.finish()
            try await one.done()
            #expect(try await request.end().texts[0] == "a")
            #expect(try await rig.isEmpty)
        }
    }

    @Test("where one of the two fails the other goes on alone", arguments: [false, true])
    func oneFails(firstFails: Bool) async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("hedged", streamed: true))
            let first = try await rig.one.call()
            let second = try await rig.one.call()
            let (failing, other) = firstFails ? (first, second) : (second, first)
            // What the other has said before it is taken is not lost.
            try await other.beginStream()
            try await other.event(#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#)
            try await failing.fail(500)
            try await other.piece("b")
            try await other.finish()
            try await other.done()
            let told = try await request.end()
            #expect(told.texts[0] == "b" && told.fault == nil && told.summary?.attempts == 2)
            #expect(try await rig.one.calls == 2)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("where both fail the failure is told")
    func bothFail() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("hedged"))
            let first = try await rig.one.call()
            let second = try await rig.one.call()
            try await second.respond(200, "<html>", type: "text/html")
            try await first.fail(503)
            let told = try await request.end()
            // Either may be the last.
            #expect(told.fault?.kind == .upstreamBadAnswer || told.fault?.kind == .upstreamOverloaded)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a second call that is given up for its silence is paid by estimate, and the first one answers", arguments: [false, true])
    func secondTimesOut(streamed: Bool) async throws {
        try await PipelineRig.run { rig in
            let chat = TestChat("hedged-briefly", streamed: streamed)
            let request = try await rig.begin(chat)
            let (first, second) = (try await rig.one.call(), try await rig.one.call())
            // The first one's head is there, so that it is not given up too.
            let answer = #"{"choices":[{"index":0,"message":{"content":"first"},"finish_reason":"stop"}],"usage":\#(Self.usage)}"#
            let head = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: \(answer.utf8.count)\r\n\r\n"
            if streamed { try await first.beginStream() } else { try await first.write(head) }
            try await second.closed()
            if streamed {
                try await first.piece("first")
                try await first.finish()
                try await first.event(#"{"choices":[],"usage":\#(Self.usage)}"#)
                try await first.done()
            } else {
                try await first.write(answer)
            }
            let told = try await request.end()
            #expect(told.texts[0] == "first" && told.summary?.attempts == 2)
            #expect(told.summary?.usage.input == 7 + UInt64(chat.json.utf8.count / 4) && told.summary?.isEstimated == true)
            #expect(rig.records == 1)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("where both calls are given up the caller is told of the timeout, and both are paid by estimate")
    func bothTimeOut() async throws {
        try await PipelineRig.run { rig in
            let chat = TestChat("hedged-briefly")
            let request = try await rig.begin(chat)
            let (first, second) = (try await rig.one.call(), try await rig.one.call())
            let told = try await request.end()
            try await first.closed()
            try await second.closed()
            #expect(told.fault?.kind == .upstreamTimeout && told.summary?.attempts == 2)
            #expect(told.summary?.usage == TokenUsage(input: 2 * UInt64(chat.json.utf8.count / 4)) && told.summary?.isEstimated == true)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("the caller's own fault is told at once, and the second call is cancelled")
    func refused() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("hedged"))
            let first = try await rig.one.call()
            let second = try await rig.one.call()
            try await first.fail(400)
            #expect(try await request.end().fault?.kind == .upstreamRejected)
            try await second.closed()
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a caller that leaves takes both calls along")
    func cancelled() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("hedged"))
            let (first, second) = (try await rig.one.call(), try await rig.one.call())
            try await second.write("HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
            try await request.cancel()
            try await first.closed()
            try await second.closed()
            #expect(try await rig.isEmpty)
        }
    }

    @Test("without room in the budget there is no second call")
    func budget() async throws {
        let resilience = ResilienceSettings(
            retries: RetryPolicy(maxAttempts: 1), budget: RetryBudget.Settings(percent: 0, minimumPerSecond: 0))
        try await PipelineRig.run(PipelineRig.Setup(resilience: resilience)) { rig in
            let request = try await rig.begin(TestChat("hedged", streamed: true))
            let first = try await rig.one.call()
            try await until("the time of the second call") {
                try await rig.onLoop { $0.exchanges.values.allSatisfy { $0.hedgeTimer == nil } }
            }
            try await first.beginStream()
            try await first.piece("a")
            try await first.finish()
            try await first.done()
            #expect(try await request.end().summary?.attempts == 1)
            #expect(try await rig.one.calls == 1)
        }
    }
}
