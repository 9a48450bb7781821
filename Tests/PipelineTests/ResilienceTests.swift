import GatewayCore
import NIOCore
import ProcessSupport
import Providers
import Testing

@testable import GatewayPipeline

@Suite("pipeline: resilience", .timeLimit(.minutes(4)))
struct ResilienceTests {
    private static func setup(
        attempts: Int = 2, base: TimeAmount = .milliseconds(1), most: TimeAmount = .seconds(1), budget: RetryBudget.Settings = .init(),
        breaker: CircuitBreaker.Settings = .init(), firstByte: TimeAmount = .seconds(30)
    ) -> PipelineRig.Setup {
        PipelineRig.Setup(
            firstByteTimeout: firstByte,
            resilience: ResilienceSettings(
                retries: RetryPolicy(maxAttempts: attempts, baseDelay: base, maxDelay: most), budget: budget, breaker: breaker))
    }

    @Test("a failed call is made again, and the caller hears of the answer alone", arguments: [408, 429, 500, 502, 503, 504, 529])
    func again(status: Int) async throws {
        try await PipelineRig.run(Self.setup()) { rig in
            let request = try await rig.begin(TestChat("one", "Mail ana@example.com"))
            let first = try await rig.one.call()
            try await first.fail(status)
            let second = try await rig.one.call()
            #expect(second.body == first.body)
            try await second.answer("Told <EMAIL_1>.")
            let told = try await request.end()
            #expect(told.texts[0] == "Told ana@example.com.")
            #expect(told.head?.routeReason == "exact" && told.summary?.attempts == 2)
            #expect(told.summary?.usage == TokenUsage(input: 7, output: 3) && rig.records == 1)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a call that the gateway gives up costs its prompt by estimate, as one does that the caller's deadline ends: its provider has it")
    func givenUp() async throws {
        try await PipelineRig.run(Self.setup(firstByte: .milliseconds(100))) { rig in
            let chat = TestChat("one", "Hello")
            let told = try await rig.begin(chat).end()
            #expect(told.fault?.kind == .upstreamTimeout && told.summary?.attempts == 2)
            let usage = TokenUsage(input: 2 * UInt64(chat.json.utf8.count / 4))
            #expect(told.summary?.usage == usage && told.summary?.isEstimated == true)
            #expect(told.summary?.costNanoUSD == PipelineRig.price.cost(of: usage))
            #expect(try await rig.isEmpty)
        }
    }

    @Test("so is one whose answer is empty, a page, cut, or breaks before its first word", arguments: [false, true])
    func unusable(streamed: Bool) async throws {
        try await PipelineRig.run(Self.setup(attempts: 5)) { rig in
            let request = try await rig.begin(TestChat("one", streamed: streamed))
            try await rig.one.call().respond(200, "")
            try await rig.one.call().respond(200, "<html>", type: "text/html")
            let cut = try await rig.one.call()
            let type = streamed ? "text/event-stream" : "application/json"
            try await cut.write("HTTP/1.1 200 X\r\ncontent-type: \(type)\r\ncontent-length: 100\r\n\r\ndata: {")
            try await cut.cut()
            let early = try await rig.one.call()
            try await early.cut()
            let last = try await rig.one.call()
            if streamed {
                try await last.beginStream()
                try await last.piece("Hello")
                try await last.finish()
                try await last.done()
            } else {
                try await last.answer()
            }
            let told = try await request.end()
            #expect(told.texts[0] == "Hello" && told.summary?.attempts == 5)
            #expect(try await rig.isEmpty)
        }
    }

    @Test(
        "the caller's own faults, and conflicts, which callers' libraries repeat themselves, are told at once",
        arguments: [400, 404, 409, 413, 422])
    func callersFault(status: Int) async throws {
        try await PipelineRig.run(Self.setup()) { rig in
            let request = try await rig.begin(TestChat("either"))
            try await rig.one.call().fail(status)
            let told = try await request.end()
            #expect(told.fault?.httpStatus == status && told.summary?.attempts == 1)
            #expect(try await rig.one.calls == 1)
            #expect(try await rig.two.calls == 0)
        }
    }

    @Test("a wait ends with its request, and holds nothing at the provider")
    func cancelledWait() async throws {
        try await PipelineRig.run(Self.setup(most: .seconds(60))) { rig in
            for ending in ["cancelled", "late"] {
                let request = try await rig.begin(TestChat("one"), timeout: ending == "late" ? .seconds(20) : .seconds(600))
                try await rig.one.call().respond(503, "{}", type: "application/json\r\nretry-after: 30")
                if ending == "late" {
                    // No wait goes beyond the deadline: what happened is told at once.
                    let told = try await request.end()
                    #expect(told.fault?.kind == .upstreamOverloaded && told.fault?.retryAfterMilliseconds == 30_000)
                } else {
                    try await until("a wait") { try await rig.onLoop { $0.exchanges.values.contains { $0.isBackingOff } } }
                    #expect(try await rig.onLoop { $0.pool.statistics.allSatisfy { $0.open == $0.idle } })
                    try await request.cancel()
                }
                #expect(try await rig.isEmpty)
            }
            #expect(rig.records == 2)
            #expect(try await rig.one.calls == 2)
        }
    }

    @Test("a retry-after that is too long to be waited for is told, and others are not made to hear it from the provider")
    func longAdvice() async throws {
        try await PipelineRig.run(Self.setup()) { rig in
            let request = try await rig.begin(TestChat("one"))
            try await rig.one.call().respond(429, "{}", type: "application/json\r\nretry-after: 7")
            let told = try await request.end()
            #expect(told.fault?.kind == .upstreamRateLimited && told.fault?.retryAfterMilliseconds == 7_000)
            // One at a time finds out whether the limit has gone.
            let probe = try await rig.begin(TestChat("one"))
            let call = try await rig.one.call()
            let other = try await rig.begin(TestChat("one")).end()
            #expect(other.fault?.kind == .upstreamRateLimited && (1...7_000).contains(other.fault?.retryAfterMilliseconds ?? 0))
            #expect(other.summary?.attempts == 0)
            // Who has a fallback goes there.
            let elsewhere = try await rig.begin(TestChat("either"))
            try await rig.two.call().answer()
            #expect(try await elsewhere.end().head?.routeReason == "fallback:1")
            try await call.answer()
            #expect(try await probe.end().fault == nil)
            #expect(try await rig.one.calls == 2)
        }
    }

    @Test("a provider that says not to ask it again is not asked again, though others are")
    func advisedAgainst() async throws {
        try await PipelineRig.run(Self.setup(attempts: 5)) { rig in
            let request = try await rig.begin(TestChat("either"))
            try await rig.one.call().respond(500, "{}", type: "application/json\r\nx-should-retry: false")
            try await rig.two.call().answer()
            #expect(try await request.end().summary?.attempts == 2)
        }
    }

    @Test("in an outage calls are made again within the budget alone")
    func budget() async throws {
        try await PipelineRig.run(Self.setup(attempts: 10, budget: .init(percent: 0, minimumPerSecond: 0))) { rig in
            let request = try await rig.begin(TestChat("one"))
            try await rig.one.call().fail(500)
            #expect(try await request.end().summary?.attempts == 1)
        }
    }

    @Test("what failed calls say that they used is charged with the answer")
    func spent() async throws {
        try await PipelineRig.run(Self.setup()) { rig in
            let request = try await rig.begin(TestChat("one", streamed: true))
            let first = try await rig.one.call()
            try await first.beginStream()
            try await first.event(#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":0}}"#)
            try await first.cut()
            let second = try await rig.one.call()
            try await second.beginStream()
            try await second.piece("Hello")
            try await second.finish()
            try await second.event(#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#)
            try await second.done()
            let told = try await request.end()
            #expect(told.summary?.usage == TokenUsage(input: 12, output: 3))
            #expect(told.summary?.costNanoUSD == PipelineRig.price.cost(of: TokenUsage(input: 12, output: 3)))
        }
    }

    private static func breaker(openFor: TimeAmount) -> CircuitBreaker.Settings {
        CircuitBreaker.Settings(minimumCalls: 4, window: .seconds(600), openFor: openFor, maxOpenFor: .seconds(3_600))
    }

    /// Makes the provider `one` fail until its breaker opens.
    private static func open(_ rig: PipelineRig) async throws {
        for _ in 0..<4 {
            let request = try await rig.begin(TestChat("one"))
            try await rig.one.call().fail(500)
            #expect(try await request.end().fault?.kind == .upstreamError)
        }
    }

    @Test("a provider that goes on failing is left alone: 503 at once with a time, or the fallback")
    func broken() async throws {
        try await PipelineRig.run(Self.setup(attempts: 1, breaker: Self.breaker(openFor: .seconds(1_200)))) { rig in
            try await Self.open(rig)
            let refused = try await rig.begin(TestChat("one")).end()
            #expect(refused.fault?.kind == .overloaded && refused.fault?.httpStatus == 503 && refused.summary?.attempts == 0)
            #expect((500_000...1_200_000).contains(refused.fault?.retryAfterMilliseconds ?? 0))
            let rescued = try await rig.begin(TestChat("either"))
            try await rig.two.call().answer()
            let told = try await rescued.end()
            #expect(told.head?.model == "two" && told.summary?.attempts == 1)
            #expect(try await rig.one.calls == 4)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a deadline that passes counts against the provider only where it had half of its time", arguments: [false, true])
    func deadline(isSlow: Bool) async throws {
        var breaker = Self.breaker(openFor: .seconds(1_200))
        breaker.minimumCalls = 1
        try await PipelineRig.run(Self.setup(attempts: 1, breaker: breaker, firstByte: isSlow ? .milliseconds(1_100) : .seconds(3_000))) {
            rig in
            // On a slow machine the deadline may pass before the provider has heard anything.
            let late = try await rig.begin(TestChat("one", "late"), timeout: .seconds(1))
            #expect(try await late.end().fault != nil)
            let next = try await rig.begin(TestChat("one", "next"))
            if isSlow {
                #expect(try await next.end().fault?.kind == .overloaded)
            } else {
                var call = try await rig.one.call()
                if call.body.contains("late") { call = try await rig.one.call() }
                try await call.answer()
                #expect(try await next.end().fault == nil)
            }
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a probe that is answered closes the breaker")
    func recovers() async throws {
        try await PipelineRig.run(Self.setup(attempts: 1, breaker: Self.breaker(openFor: .milliseconds(50)))) { rig in
            try await Self.open(rig)
            try await until("a probe") {
                let request = try await rig.begin(TestChat("one"))
                try await until("a call or an end") {
                    let (calls, told) = (try await rig.one.calls, try await request.told)
                    return calls == 5 || told.fault != nil
                }
                guard try await rig.one.calls == 5 else { return false }
                try await rig.one.call().answer()
                return try await request.end().fault == nil
            }
            for _ in 0..<5 {
                let request = try await rig.begin(TestChat("one"))
                try await rig.one.call().answer()
                #expect(try await request.end().fault == nil)
            }
        }
    }

    @Test("of a provider's endpoints one that takes no connections costs no request")
    func endpoints() async throws {
        try await PipelineRig.run(Self.setup()) { rig in
            for _ in 0..<10 {
                let request = try await rig.begin(TestChat("half"))
                try await rig.two.call().answer()
                let told = try await request.end()
                #expect(told.fault == nil && told.head?.routeReason == "exact")
            }
            #expect(try await rig.isEmpty)
        }
    }

    @Test("an endpoint whose limit is used up is passed over, and its call goes to the other at once")
    func limitedEndpoint() async throws {
        try await PipelineRig.run(Self.setup()) { rig in
            let limited = #"{"error":{"message":"no"}}"#
            let request = try await rig.begin(TestChat("both"))
            // Either may be drawn first.
            try await until("a call") {
                let (one, two) = (try await rig.one.calls, try await rig.two.calls)
                return one + two == 1
            }
            let (first, other) = try await rig.one.calls == 1 ? (rig.one, rig.two) : (rig.two, rig.one)
            try await first.call().respond(429, limited, type: "application/json\r\nretry-after: 60")
            try await other.call().answer()
            #expect(try await request.end().summary?.attempts == 2)
            for _ in 0..<5 {
                let next = try await rig.begin(TestChat("both"))
                try await other.call().answer()
                #expect(try await next.end().summary?.attempts == 1)
            }
        }
    }
}
