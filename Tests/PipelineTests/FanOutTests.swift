import GatewayCore
import NIOCore
import ProcessSupport
import Scrubbing
import Testing

@testable import GatewayPipeline

@Suite("pipeline: one stream for many", .timeLimit(.minutes(4)))
struct FanOutTests {
    private static let chat = TestChat("memo", "Mail ana@example.com", streamed: true)
    private static let usage = #"{"id":"c","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#

    private static func finish(_ call: ProviderCall, _ reason: String = "stop") async throws {
        try await call.finish(reason)
        try await call.event(usage)
        try await call.done()
    }

    @Test("those who wait are told a stream while it comes, each its own data, also who comes in the middle; then it is kept")
    func live() async throws {
        try await PipelineRig.run { rig in
            let leader = try await rig.begin(Self.chat)
            let early = try await rig.begin(Self.chat)
            let call = try await rig.one.call()
            try await call.beginStream()
            try await call.piece("Told <EMA")
            try await call.piece("IL_1> one, ")
            // The next chunk is held back until it is known that no placeholder begins in it.
            try await early.chunks(1)
            let late = try await rig.begin(Self.chat)
            try await late.chunks(1)
            #expect(try await late.told.head?.cache == .coalesced)
            try await call.piece("two")
            try await Self.finish(call)
            for request in [leader, early, late] {
                let told = try await request.end()
                #expect(told.texts[0] == "Told ana@example.com one, two" && told.fault == nil)
                #expect(told.summary?.usage == TokenUsage(input: 7, output: 3) && told.summary?.finishes.first?.reason == .stop)
            }
            for request in [early, late] {
                let summary = try await request.end().summary
                #expect(summary?.attempts == 0 && summary?.costNanoUSD == 0 && summary?.cache == .coalesced)
            }
            #expect(try await rig.begin(Self.chat).end().head?.cache == .hit)
            #expect(try await rig.one.calls == 1)
            #expect(rig.records == 4)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a stream goes on for those who follow it when its own caller leaves, or is out of time", arguments: [false, true])
    func leaderLeaves(isLate: Bool) async throws {
        try await PipelineRig.run { rig in
            let leader = try await rig.begin(Self.chat)
            let follower = try await rig.begin(Self.chat)
            let call = try await rig.one.call()
            try await call.beginStream()
            try await call.piece("one, ")
            try await follower.chunks(1)
            if isLate {
                try await rig.onLoop { _ in leader.exchange.value.fail(.deadlinePassed(.seconds(3))) }
                #expect(try await leader.end().fault?.kind == .deadlineExceeded)
            } else {
                try await leader.cancel()
            }
            try await call.piece("two")
            try await Self.finish(call)
            let told = try await follower.end()
            #expect(told.texts[0] == "one, two" && told.fault == nil)
            // Who it was fetched for pays for it.
            try await until("its record is there") { rig.record(leader) != nil }
            let record = try #require(rig.record(leader))
            #expect(record.outcome == (isLate ? .failed : .cancelled) && record.summary.usage == TokenUsage(input: 7, output: 3))
            #expect((record.summary.costNanoUSD ?? 0) > 0 && rig.record(follower)?.summary.costNanoUSD == 0)
            #expect(try await rig.begin(Self.chat).end().head?.cache == .hit)
            #expect(try await rig.one.calls == 1)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("when the last follower of a stream that nobody else wants leaves, the provider's request is closed")
    func allLeave() async throws {
        try await PipelineRig.run { rig in
            let leader = try await rig.begin(Self.chat)
            let followers = [try await rig.begin(Self.chat), try await rig.begin(Self.chat)]
            let call = try await rig.one.call()
            try await call.beginStream()
            try await call.piece("one, ")
            for follower in followers { try await follower.chunks(1) }
            try await leader.cancel()
            for follower in followers { try await follower.cancel() }
            try await call.closed()
            try await until("nothing is left") { try await rig.isEmpty }
            #expect(rig.record(leader)?.outcome == .cancelled)
        }
    }

    @Test("a stream that breaks breaks for all who have begun to tell it, and the next one asks anew")
    func breaks() async throws {
        try await PipelineRig.run { rig in
            let requests = [try await rig.begin(Self.chat), try await rig.begin(Self.chat)]
            let call = try await rig.one.call()
            try await call.beginStream()
            try await call.piece("one, ")
            try await requests[1].chunks(1)
            try await call.cut()
            for request in requests {
                let told = try await request.end()
                #expect(told.fault?.kind == .streamBroken && told.texts[0] == "one, ")
            }
            let next = try await rig.begin(Self.chat)
            let again = try await rig.one.call()
            try await again.beginStream()
            try await again.piece("whole")
            try await Self.finish(again)
            #expect(try await next.end().texts[0] == "whole")
            #expect(try await rig.isEmpty)
        }
    }

    @Test("who does not read holds up nobody else")
    func slowReader() async throws {
        try await PipelineRig.run { rig in
            let leader = try await rig.begin(Self.chat)
            let (quick, slow) = (try await rig.begin(Self.chat), try await rig.begin(Self.chat))
            let call = try await rig.one.call()
            try await call.beginStream()
            try await call.piece("0 ")
            for follower in [quick, slow] { try await follower.chunks(1) }
            try await leader.pause()
            try await slow.pause()
            let text = (0..<200).map { "\($0) " }.joined()
            for number in 1..<200 { try await call.piece("\(number) ") }
            try await Self.finish(call)
            #expect(try await quick.end().texts[0] == text)
            // A chunk or two may have been on their way.
            for request in [leader, slow] { #expect(try await request.told.chunks < 10) }
            for request in [leader, slow] {
                try await request.resume()
                #expect(try await request.end().texts[0] == text)
            }
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a stream that was cut at its length is told to all who follow it, and is not kept")
    func cut() async throws {
        try await PipelineRig.run { rig in
            let requests = [try await rig.begin(Self.chat), try await rig.begin(Self.chat)]
            let call = try await rig.one.call()
            try await call.beginStream()
            try await call.piece("one, ")
            try await Self.finish(call, "length")
            for request in requests {
                let told = try await request.end()
                #expect(told.texts[0] == "one, " && told.summary?.finishes.first?.reason == .length)
            }
            let next = try await rig.begin(Self.chat)
            let again = try await rig.one.call()
            try await again.beginStream()
            try await again.piece("whole")
            try await Self.finish(again)
            #expect(try await next.end().head?.cache == .miss)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("of a request that ends before its stream begins nothing is left, nor of those that waited for it")
    func nothingLeft() async throws {
        try await PipelineRig.run { rig in
            var weak: [WeakExchange] = []
            do {
                let requests = [try await rig.begin(Self.chat), try await rig.begin(Self.chat)]
                for request in requests { weak.append(try await rig.onLoop { _ in WeakExchange(request.exchange.value) }) }
                try await rig.one.call().fail(500)
                try await rig.one.call().fail(500)
                for request in requests { #expect(try await request.end().fault?.kind == .upstreamError) }
            }
            for exchange in weak { try await until("it is gone") { try await rig.onLoop { _ in exchange.isGone } } }
        }
    }

    /// Used on the gateway's loop alone.
    private final class WeakExchange: @unchecked Sendable {
        private weak var exchange: Exchange?

        init(_ exchange: Exchange) { self.exchange = exchange }

        var isGone: Bool { exchange == nil }
    }

    @Test("an answer that a fallback gives under other rules is told to nobody else")
    func otherRules() async throws {
        var setup = PipelineRig.Setup()
        setup.rulesOfTwo = ScrubRules(name: "none", version: "2", policy: ScrubPolicy(), toolsWithRestoredArguments: [])
        try await PipelineRig.run(setup) { rig in
            let chat = TestChat("memo-or-two", "Mail ana@example.com", streamed: true)
            let requests = [try await rig.begin(chat), try await rig.begin(chat)]
            try await rig.one.call().fail(500)
            let first = try await rig.two.call()
            // The one that waited leads now, and asks by itself.
            try await rig.one.call().fail(500)
            let second = try await rig.two.call()
            for (call, text) in [(first, "one"), (second, "two")] {
                try await call.beginStream()
                try await call.piece(text)
                try await Self.finish(call)
            }
            #expect(try await requests[0].end().texts[0] == "one")
            #expect(try await requests[1].end().texts[0] == "two")
            let third = try await rig.begin(chat)
            let again = try await rig.one.call()
            try await again.beginStream()
            try await again.piece("kept")
            try await Self.finish(again)
            #expect(try await third.end().head?.cache == .miss)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a follower with an idempotency key keeps the answer for its repetitions")
    func follower() async throws {
        try await PipelineRig.run { rig in
            let leader = try await rig.begin(Self.chat)
            let follower = try await rig.begin(Self.chat, idempotencyKey: "k")
            let call = try await rig.one.call()
            try await call.beginStream()
            try await call.piece("one")
            try await Self.finish(call)
            #expect(try await follower.end().texts[0] == "one")
            let again = try await rig.begin(Self.chat, cache: .refresh, idempotencyKey: "k").end()
            #expect(again.texts[0] == "one" && again.head?.isRepetition == true)
            _ = try await leader.end()
        }
    }
}
