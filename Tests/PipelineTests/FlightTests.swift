import GatewayCore
import NIOCore
import Testing

@testable import GatewayPipeline

@Suite("pipeline: equal requests at once", .timeLimit(.minutes(4)))
struct FlightTests {
    private static let chat = TestChat("memo", "Mail ana@example.com")

    @Test("are sent once, and each caller is told the whole answer as its own")
    func coalesces() async throws {
        try await PipelineRig.run { rig in
            let leader = try await rig.begin(Self.chat)
            let waiters = [try await rig.begin(Self.chat), try await rig.begin(Self.chat)]
            try await rig.one.call().answer("Told <EMAIL_1>.")
            #expect(try await leader.end().head?.cache == .miss)
            for waiter in waiters {
                let told = try await waiter.end()
                #expect(told.texts[0] == "Told ana@example.com." && told.head?.cache == .coalesced)
                #expect(told.summary?.attempts == 0 && told.summary?.costNanoUSD == 0)
                #expect(told.summary?.usage == TokenUsage(input: 7, output: 3))
                #expect((told.summary?.timings[.call] ?? 0) > 0)
            }
            let hit = try await rig.begin(Self.chat).end()
            #expect(hit.head?.cache == .hit && hit.texts[0] == "Told ana@example.com.")
            #expect(try await rig.one.calls == 1)
            #expect(rig.records == 4)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a request says for how long its answer may be used again, and not for longer than is configured")
    func timeToLive() async throws {
        try await PipelineRig.run { rig in
            for (text, life) in [("short", TimeAmount.nanoseconds(1)), ("long", .hours(9))] {
                let first = try await rig.begin(TestChat("memo", text), cacheTimeToLive: life)
                try await rig.one.call().answer()
                _ = try await first.end()
            }
            let again = try await rig.begin(TestChat("memo", "short"))
            try await rig.one.call().answer()
            #expect(try await again.end().head?.cache == .miss)
            #expect(try await rig.begin(TestChat("memo", "long")).end().head?.cache == .hit)
        }
    }

    @Test("go on with the next who waits when the leader's provider fails")
    func leaderFails() async throws {
        try await PipelineRig.run { rig in
            let requests = [try await rig.begin(Self.chat), try await rig.begin(Self.chat), try await rig.begin(Self.chat)]
            try await rig.one.call().fail(500)
            #expect(try await requests[0].end().fault?.kind == .upstreamError)
            try await rig.one.call().answer()
            let second = try await requests[1].end()
            #expect(second.texts[0] == "Hello" && second.head?.cache == .miss && second.summary?.attempts == 1)
            #expect(try await requests[2].end().head?.cache == .coalesced)
            #expect(try await rig.one.calls == 2)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("go on with the next who waits when the leader leaves, or when its answer may not be shared")
    func leaderLeaves() async throws {
        try await PipelineRig.run { rig in
            let requests = [try await rig.begin(Self.chat), try await rig.begin(Self.chat), try await rig.begin(Self.chat)]
            let call = try await rig.one.call()
            try await requests[0].cancel()
            try await call.closed()
            try await rig.one.call().answer("cut", finish: "length")
            #expect(try await requests[1].end().texts[0] == "cut")
            try await rig.one.call().answer()
            #expect(try await requests[2].end().texts[0] == "Hello")
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a waiter that leaves, or whose own deadline passes, ends by itself alone")
    func waiterEnds() async throws {
        try await PipelineRig.run { rig in
            let leader = try await rig.begin(Self.chat)
            let leaver = try await rig.begin(Self.chat)
            let hasty = try await rig.begin(Self.chat, timeout: .milliseconds(50))
            let stayer = try await rig.begin(Self.chat)
            let call = try await rig.one.call()
            try await leaver.cancel()
            let late = try await hasty.end()
            #expect(late.fault?.kind == .deadlineExceeded && late.summary?.attempts == 0 && late.summary?.costNanoUSD == 0)
            try await call.answer()
            #expect(try await leader.end().texts[0] == "Hello")
            #expect(try await stayer.end().head?.cache == .coalesced)
            #expect(try await leaver.told.calls == 0)
            #expect(rig.record(leaver)?.outcome == .cancelled && rig.record(leaver)?.summary.costNanoUSD == 0)
            #expect(rig.records == 4)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a lead that comes to one who has just left goes to the next")
    func leadTooLate() async throws {
        try await PipelineRig.run { rig in
            let requests = [try await rig.begin(Self.chat), try await rig.begin(Self.chat), try await rig.begin(Self.chat)]
            let call = try await rig.one.call()
            // In one tick: the second is promoted, and gone before it hears of it.
            try await rig.onLoop { _ in
                requests[0].exchange.value.cancel()
                requests[1].exchange.value.cancel()
            }
            try await call.closed()
            try await rig.one.call().answer()
            #expect(try await requests[2].end().texts[0] == "Hello")
            #expect(try await rig.isEmpty)
        }
    }

    @Test("beyond the bound of waiters each goes by itself")
    func tooMany() async throws {
        try await PipelineRig.run { rig in
            let leader = try await rig.begin(Self.chat)
            let call = try await rig.one.call()
            var waiters: [PipelineRequest] = []
            for _ in 0..<8 { waiters.append(try await rig.begin(Self.chat)) }
            let alone = try await rig.begin(Self.chat)
            try await rig.one.call().answer("alone")
            #expect(try await alone.end().texts[0] == "alone")
            try await call.answer()
            for request in [leader] + waiters { #expect(try await request.end().texts[0] == "Hello") }
            #expect(try await rig.one.calls == 2)
        }
    }
}
