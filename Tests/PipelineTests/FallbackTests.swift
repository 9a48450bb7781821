import GatewayCore
import NIOCore
import Testing

@testable import GatewayPipeline

@Suite("pipeline: another provider", .timeLimit(.minutes(4)))
struct FallbackTests {
    @Test("is asked where the first failed by itself", arguments: [401, 402, 403, 408, 429, 500, 503, 504])
    func rescues(status: Int) async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("either", "Mail ana@example.com"))
            let first = try await rig.one.call()
            try await first.fail(status)
            let second = try await rig.two.call()
            #expect(second.body == first.body.replacing("model-1", with: "model-2"))
            try await second.answer("Told <EMAIL_1>.")
            let told = try await request.end()
            #expect(told.texts[0] == "Told ana@example.com.")
            #expect(told.head?.model == "two" && told.head?.routeReason == "fallback:1")
            #expect(told.summary?.attempts == 2 && told.summary?.usage == TokenUsage(input: 7, output: 3))
            #expect(rig.record(request)?.provider == "two" && rig.records == 1)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("is not asked where the request itself is at fault", arguments: [400, 404, 413, 422])
    func callersFault(status: Int) async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("either"))
            try await rig.one.call().fail(status)
            let told = try await request.end()
            #expect(told.fault?.kind == .upstreamRejected && told.fault?.httpStatus == status)
            #expect(told.summary?.attempts == 1 && told.summary?.costNanoUSD == 0)
            #expect(try await rig.two.calls == 0)
        }
    }

    @Test("is asked where no connection comes about, or no answer that can be read")
    func unusable() async throws {
        try await PipelineRig.run { rig in
            let unreachable = try await rig.begin(TestChat("rescue"))
            try await rig.two.call().answer()
            #expect(try await unreachable.end().head?.routeReason == "fallback:1")

            for body in ["", "<html>", #"{"choices":[]}"#] {
                let request = try await rig.begin(TestChat("either"))
                try await rig.one.call().respond(200, body)
                try await rig.two.call().answer()
                #expect(try await request.end().texts[0] == "Hello", "\(body)")
            }
            let wrongType = try await rig.begin(TestChat("either"))
            try await rig.one.call().respond(200, "{}", type: "text/event-stream")
            try await rig.two.call().answer()
            #expect(try await wrongType.end().fault == nil)
        }
    }

    @Test("is asked while only a role has come, and never after a word")
    func untilContent() async throws {
        try await PipelineRig.run { rig in
            let early = try await rig.begin(TestChat("either", streamed: true))
            let first = try await rig.one.call()
            try await first.beginStream()
            try await first.event(#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#)
            try await first.cut()
            let second = try await rig.two.call()
            try await second.beginStream()
            try await second.piece("b")
            try await second.finish()
            try await second.done()
            let told = try await early.end()
            // Nothing of the first answer was told.
            #expect(told.texts == [0: "b"])

            let late = try await rig.begin(TestChat("either", streamed: true))
            let call = try await rig.one.call()
            try await call.beginStream()
            try await call.piece("a")
            try await late.chunks(1)
            try await call.cut()
            #expect(try await late.end().fault?.kind == .streamBroken)
            #expect(try await rig.two.calls == 1)
        }
    }

    @Test("the last provider's failure is told when all have failed, and none of them is paid")
    func exhausted() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("either"))
            try await rig.one.call().fail(500)
            try await rig.two.call().fail(429)
            let told = try await request.end()
            #expect(told.fault?.kind == .upstreamRateLimited && told.calls == 1)
            #expect(told.summary?.attempts == 2 && told.summary?.usage == TokenUsage() && told.summary?.costNanoUSD == 0)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("all attempts together have one deadline")
    func deadline() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("rescue"), timeout: .seconds(3))
            let second = try await rig.two.call()
            let told = try await request.end()
            #expect(told.fault?.kind == .deadlineExceeded)
            #expect(told.summary?.attempts == 2)
            try await second.closed()
            #expect(rig.records == 1)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a provider that takes too long for its first byte is left for another")
    func firstByte() async throws {
        try await PipelineRig.run(.init(firstByteTimeout: .milliseconds(50))) { rig in
            let request = try await rig.begin(TestChat("either"))
            let first = try await rig.one.call()
            try await rig.two.call().answer()
            #expect(try await request.end().texts[0] == "Hello")
            try await first.closed()
        }
    }
}
