import GatewayCore
import NIOCore
import Testing

@testable import GatewayPipeline

@Suite("pipeline: answers", .timeLimit(.minutes(4)))
struct AnswerTests {
    @Test("a whole answer is told with its usage, its cost and the time of each phase, and written down once")
    func whole() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("memo", "Mail ana@example.com"), as: Callers.limited)
            let call = try await rig.one.call()
            #expect(call.body.contains(#""model":"model-1""#) && !call.body.contains("ana@example.com"))
            try await call.answer("Told <EMAIL_1>.")
            let told = try await request.end()
            #expect(told.calls == 3)
            #expect(told.texts == [0: "Told ana@example.com."])
            #expect(told.head?.model == "memo" && told.head?.provider == "one" && told.head?.routeReason == "exact")
            #expect(told.head?.cache == .miss)
            let summary = try #require(told.summary)
            #expect(summary.usage == TokenUsage(input: 7, output: 3) && !summary.isEstimated)
            #expect(summary.costNanoUSD == PipelineRig.price.cost(of: summary.usage))
            #expect(summary.scrubbed == [ScrubCount(kind: "EMAIL", count: 1)])
            for phase in Phase.allCases { #expect(summary.timings.microseconds(phase) > 0, "\(phase)") }
            #expect(summary.timings[.authenticate] == 5_000)
            #expect(rig.records == 1)
            #expect(rig.record(request)?.summary == summary && rig.record(request)?.outcome == .answered)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("each choice ends once, whatever a provider repeats, and nothing follows the end of a stream")
    func finishesOnce() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("one", streamed: true))
            let call = try await rig.one.call()
            #expect(call.body.contains(#""stream_options":{"include_usage":true}"#))
            try await call.beginStream()
            for choice in [0, 1] { try await call.piece("a", choice: choice) }
            for choice in [1, 0, 1, 0] { try await call.finish(choice == 0 ? "stop" : "length", choice: choice) }
            try await call.write("data: [DONE]\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"late\"}}]}\n\n")
            let told = try await request.end()
            #expect(told.fault == nil && told.texts == [0: "a", 1: "a"])
            #expect(told.summary?.finishes.map(\.choice) == [1, 0])
            #expect(told.summary?.finishes.map(\.reason) == [.length, .stop])
            // Its caller did not ask for it.
            #expect(try await request.told.calls == told.calls)
        }
    }

    @Test("a stream of Ollama's or Google's that is cut at its cap ends every choice that is open")
    func caps() async throws {
        try await PipelineRig.run { rig in
            for (dialect, choices) in [(Dialect.ollama, [0]), (.gemini, [0, 2])] {
                let ends = try await rig.onLoop { loop in
                    var reader = AnswerReader(dialect, isStreamed: true, maxBytes: 1 << 20)
                    return reader.endingAtCap(choices, index: &loop.answerIndex)?.flatMap(\.finishes) ?? []
                }
                #expect(ends.map(\.choice) == choices && ends.allSatisfy { $0.reason == .length })
            }
        }
    }

    @Test("usage that the provider does not tell is estimated and says so")
    func estimates() async throws {
        try await PipelineRig.run { rig in
            let chat = TestChat("one")
            let request = try await rig.begin(chat)
            try await rig.one.call().answer("12345678", usage: nil)
            let summary = try #require(try await request.end().summary)
            #expect(summary.isEstimated)
            #expect(summary.usage == TokenUsage(input: UInt64(chat.json.utf8.count / 4), output: 2))
        }
    }

    @Test("a stream without an end is broken once something was told, and no answer at all before that")
    func unfinished() async throws {
        try await PipelineRig.run { rig in
            for (pieces, kind) in [(1, FaultKind.streamBroken), (0, .upstreamBadAnswer)] {
                let request = try await rig.begin(TestChat("one", streamed: true))
                let call = try await rig.one.call()
                try await call.beginStream()
                if pieces > 0 {
                    try await call.piece("a")
                    try await request.chunks(1)
                }
                try await call.cut()
                let told = try await request.end()
                #expect(told.fault?.kind == kind)
                // What was read and told is billed; what came to nothing is not.
                #expect(told.summary?.isEstimated == (pieces > 0))
            }
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a paused caller is told nothing, and everything in order once it reads on", arguments: ["one", "memo"])
    func pauses(model: String) async throws {
        try await PipelineRig.run { rig in
            let chat = TestChat(model, streamed: true)
            let request = try await rig.begin(chat) { $0.pause() }
            let call = try await rig.one.call()
            try await call.beginStream()
            for number in 0..<50 { try await call.piece("\(number) ") }
            try await call.finish()
            try await call.event(#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#)
            try await call.done()
            #expect(try await request.told.calls == 0)
            try await request.resume()
            let whole = (0..<50).map { "\($0) " }.joined()
            #expect(try await request.end().texts[0] == whole)

            // The same from the cache: paused in the middle of a chunk's delivery or not at all.
            guard model == "memo" else { return }
            let again = try await rig.begin(chat) { $0.pause() }
            #expect(try await again.told.chunks == 0)
            try await again.resume()
            let told = try await again.end()
            #expect(told.texts[0] == whole && told.head?.cache == .hit && told.summary?.attempts == 0)
            #expect(try await rig.one.calls == 1)
        }
    }

    @Test("a reload changes what comes after it and not what is under way")
    func reloads() async throws {
        try await PipelineRig.run { rig in
            let request = try await rig.begin(TestChat("either"))
            let call = try await rig.one.call()
            try await rig.onLoop { gateway in
                let old = gateway.snapshot
                gateway.update(
                    GatewaySnapshot(
                        keys: old.keys, models: ModelTable(models: [], patterns: [], aliases: []), providers: [:], door: old.door,
                        pipeline: old.pipeline))
            }
            #expect(try await rig.begin(TestChat("either")).end().fault?.kind == .modelNotFound)
            try await call.fail(500)
            try await rig.two.call().answer()
            #expect(try await request.end().texts[0] == "Hello")
        }
    }
}
