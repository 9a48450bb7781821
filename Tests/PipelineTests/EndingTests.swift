import GatewayCore
import NIOCore
import Testing

@testable import GatewayPipeline

@Suite("pipeline: every way a request can end", .timeLimit(.minutes(4)))
struct EndingTests {
    @Test("who leaves while the provider works pays for the prompt, and nothing is told any more")
    func cancelBeforeFirstByte() async throws {
        try await PipelineRig.run { rig in
            let chat = TestChat("one")
            let request = try await rig.begin(chat)
            let call = try await rig.one.call()
            try await request.cancel()
            try await call.closed()
            try await request.cancel()
            let record = try #require(rig.record(request))
            #expect(record.outcome == .cancelled && record.fault == nil)
            #expect(record.summary.usage == TokenUsage(input: UInt64(chat.json.utf8.count / 4)) && record.summary.isEstimated)
            #expect(record.summary.costNanoUSD == PipelineRig.price.cost(of: record.summary.usage))
            #expect(try await request.told.calls == 0)
            #expect(rig.records == 1)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("who leaves in the middle of a stream pays for what was produced")
    func cancelMidStream() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("one", streamed: true))
            let call = try await rig.one.call()
            try await call.beginStream()
            try await call.piece("12345678")
            try await request.chunks(1)
            try await request.cancel()
            try await call.closed()
            let record = try #require(rig.record(request))
            #expect(record.outcome == .cancelled && record.summary.isEstimated)
            #expect(record.summary.usage.output == 2 && record.summary.usage.input > 0)
            #expect(try await request.told.calls == 2)
            #expect(rig.records == 1)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("who leaves before a connection is there pays nothing, and the place is free for others")
    func cancelWhileWaitingForConnection() async throws {
        try await PipelineRig.run(.init(maxConnections: 1)) { rig in
            let running = try await rig.begin(TestChat("one"))
            let call = try await rig.one.call()
            let waiting = try await rig.begin(TestChat("one"))
            try await waiting.cancel()
            let record = try #require(rig.record(waiting))
            #expect(record.outcome == .cancelled && record.summary.usage == TokenUsage() && !record.summary.isEstimated)
            #expect(record.summary.costNanoUSD == 0)
            try await call.answer()
            #expect(try await running.end().fault == nil)
            let next = try await rig.begin(TestChat("one"))
            try await rig.one.call().answer()
            #expect(try await next.end().fault == nil)
            #expect(try await rig.one.calls == 2)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a request that is cancelled before it starts, in its first tick, or after its end is written down once")
    func cancelAtTheEdges() async throws {
        try await PipelineRig.run { rig in
            let before = try await rig.begin(TestChat("one")) { $0.cancel() }
            #expect(rig.record(before)?.outcome == .cancelled && rig.record(before)?.summary.attempts == 0)
            let answered = try await rig.begin(TestChat("two"))
            try await rig.two.call().answer()
            let told = try await answered.end()
            try await answered.cancel()
            #expect(rig.record(answered)?.outcome == .answered)
            #expect(try await answered.told.calls == told.calls)
            #expect(rig.records == 2)
            #expect(try await rig.one.calls == 0)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a deadline ends a call, is told, and the prompt that the provider has is paid")
    func deadline() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("one"), timeout: .seconds(3))
            let call = try await rig.one.call()
            let told = try await request.end()
            #expect(told.fault?.kind == .deadlineExceeded && told.calls == 1)
            #expect(told.summary?.isEstimated == true && (told.summary?.usage.input ?? 0) > 0)
            try await call.closed()
            #expect(rig.record(request)?.outcome == .failed)
            #expect(rig.records == 1)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("no request waits longer than the configuration lets it, whatever it asks for")
    func longestDeadline() async throws {
        let settings = PipelineSettings(defaultTimeout: .milliseconds(50), maxTimeout: .milliseconds(100))
        try await PipelineRig.run(.init(pipeline: settings)) { rig in
            for timeout in [nil, TimeAmount.hours(1)] {
                let told = try await rig.begin(TestChat("one"), timeout: timeout).end()
                #expect(told.fault?.kind == .deadlineExceeded)
                #expect(told.fault?.message.contains(timeout == nil ? "50 ms" : "100 ms") == true)
            }
        }
    }

    @Test("of a stream that its caller leaves, the prompt is charged as the provider counted it, and what was written is estimated")
    func partialUsage() async throws {
        var setup = PipelineRig.Setup()
        setup.dialectOfTwo = .anthropic
        try await PipelineRig.run(setup) { rig in
            let request = try await rig.begin(TestChat("two", streamed: true))
            let call = try await rig.two.call()
            try await call.beginStream()
            try await call.event(
                #"{"type":"message_start","message":{"usage":{"input_tokens":25,"cache_read_input_tokens":5,"output_tokens":1}}}"#)
            try await call.event(#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#)
            try await call.event(#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"12345678 "}}"#)
            try await request.chunks(3)
            try await request.cancel()
            try await call.closed()
            let record = try #require(rig.record(request))
            #expect(record.summary.usage == TokenUsage(input: 25, cacheRead: 5, output: 3) && record.summary.isEstimated)
        }
    }

    @Test("a caller that gives up after a silence is told so, before the first word and after it")
    func silence() async throws {
        let reply =
            "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\n"
            + #"data: {"choices":[{"index":0,"delta":{"content":"a b"}}]}"# + "\n\n"
        try await PipelineRig.run(.init(replyOfTwo: reply)) { rig in
            let unheard = try await rig.begin(TestChat("one"), silence: .milliseconds(50)).end()
            #expect(unheard.fault?.kind == .deadlineExceeded && unheard.fault?.message.contains("50 ms") == true)

            let told = try await rig.begin(TestChat("two", streamed: true), silence: .seconds(2)).end()
            #expect(told.fault?.kind == .deadlineExceeded)
            #expect(told.texts[0] == "a ")
            try await rig.two.call().closed()
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a drain that has lasted long enough ends what is under way, each with its own word")
    func cut() async throws {
        try await PipelineRig.run { rig in
            let plain = try await rig.begin(TestChat("one"))
            let waiter = [try await rig.begin(TestChat("memo")), try await rig.begin(TestChat("memo"))]
            let calls = [try await rig.one.call(), try await rig.one.call()]
            try await rig.onLoop { $0.cutRequests() }
            for request in [plain] + waiter { #expect(try await request.end().fault?.kind == .draining) }
            for call in calls { try await call.closed() }
            #expect(rig.records == 3)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a provider's error that is told in the stream is the caller's own or the provider's, by its type")
    func errorInStream() async throws {
        try await PipelineRig.run { rig in
            let errors: [(String, FaultKind)] = [
                (#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#, .upstreamRateLimited),
                (#"{"error":{"message":"too long","type":"invalid_request_error"}}"#, .upstreamRejected),
                (#"{"error":{"message":"oops","type":"server_error"}}"#, .upstreamError),
            ]
            for (error, kind) in errors {
                let request = try await rig.begin(TestChat("one", streamed: true))
                let call = try await rig.one.call()
                try await call.beginStream()
                try await call.event(error)
                #expect(try await request.end().fault?.kind == kind)
            }
            #expect(try await rig.isEmpty)
        }
    }
}
