import GatewayCore
import NIOCore
import Testing

@testable import GatewayPipeline

@Suite("pipeline: idempotency keys", .timeLimit(.minutes(4)))
struct IdempotencyTests {
    private static let chat = TestChat("one", "Mail ana@example.com")

    @Test("a repetition hears the kept answer and asks nobody; another body is a conflict, another caller's key another one")
    func repeats() async throws {
        try await PipelineRig.run { rig in
            let first = try await rig.begin(Self.chat, idempotencyKey: "k")
            try await rig.one.call().answer("Told <EMAIL_1>.", finish: "length")
            #expect(try await first.end().head?.isRepetition == false)
            for _ in 0..<2 {
                let again = try await rig.begin(Self.chat, idempotencyKey: "k").end()
                #expect(again.texts[0] == "Told ana@example.com." && again.head?.isRepetition == true && again.head?.cache == .hit)
                #expect(again.summary?.attempts == 0 && again.summary?.costNanoUSD == 0)
                #expect(again.summary?.finishes.first?.reason == .length)
            }
            let other = try await rig.begin(TestChat("one", "Mail bob@example.com"), idempotencyKey: "k").end()
            #expect(other.fault?.kind == .idempotencyConflict && other.fault?.httpStatus == 409)
            for (principal, key) in [(Callers.limited, "k"), (Callers.plain, "l"), (Callers.plain, nil)] {
                let request = try await rig.begin(Self.chat, as: principal, idempotencyKey: key)
                try await rig.one.call().answer("another")
                #expect(try await request.end().texts[0] == "another")
            }
            #expect(try await rig.one.calls == 4)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a repetition of a request under way waits for its answer; a conflict hears of it at once", arguments: [false, true])
    func attaches(streamed: Bool) async throws {
        try await PipelineRig.run { rig in
            let chat = TestChat("one", "Hi", streamed: streamed)
            let first = try await rig.begin(chat, idempotencyKey: "k")
            let again = try await rig.begin(chat, idempotencyKey: "k")
            let hasty = try await rig.begin(chat, timeout: .milliseconds(50), idempotencyKey: "k")
            let other = try await rig.begin(TestChat("one", "Ho"), idempotencyKey: "k")
            #expect(try await other.end().fault?.kind == .idempotencyConflict)
            #expect(try await hasty.end().fault?.kind == .deadlineExceeded)
            let call = try await rig.one.call()
            if streamed {
                try await call.beginStream()
                try await call.piece("Hello")
                try await call.finish()
                try await call.done()
            } else {
                try await call.answer()
            }
            #expect(try await first.end().texts[0] == "Hello")
            let told = try await again.end()
            #expect(told.texts[0] == "Hello" && told.head?.cache == .coalesced && told.head?.isRepetition == true)
            #expect(try await rig.one.calls == 1)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a request that failed or was cancelled frees its key: the repetition that waits carries it out, or the next one")
    func frees() async throws {
        try await PipelineRig.run { rig in
            let first = try await rig.begin(Self.chat, idempotencyKey: "k")
            let again = try await rig.begin(Self.chat, idempotencyKey: "k")
            let call = try await rig.one.call()
            try await first.cancel()
            try await call.closed()
            try await rig.one.call().fail(500)
            #expect(try await again.end().fault?.kind == .upstreamError)
            let other = try await rig.begin(TestChat("one", "another body"), idempotencyKey: "k")
            try await rig.one.call().answer("free")
            #expect(try await other.end().texts[0] == "free")
            #expect(try await rig.one.calls == 3)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a key that comes to a repetition which has just left goes to the next")
    func tooLate() async throws {
        try await PipelineRig.run { rig in
            var requests: [PipelineRequest] = []
            for _ in 0..<3 { requests.append(try await rig.begin(Self.chat, idempotencyKey: "k")) }
            let (first, second) = (requests[0], requests[1])
            let call = try await rig.one.call()
            try await rig.onLoop { _ in
                first.exchange.value.cancel()
                second.exchange.value.cancel()
            }
            try await call.closed()
            try await rig.one.call().answer()
            #expect(try await requests[2].end().texts[0] == "Hello")
            #expect(try await rig.isEmpty)
        }
    }

    @Test("no more repetitions wait than may")
    func full() async throws {
        try await PipelineRig.run { rig in
            var requests: [PipelineRequest] = []
            for _ in 0..<17 { requests.append(try await rig.begin(Self.chat, idempotencyKey: "k")) }
            let shed = try await rig.begin(Self.chat, idempotencyKey: "k").end()
            #expect(shed.fault?.kind == .overloaded)
            try await rig.one.call().answer()
            for request in requests { #expect(try await request.end().texts[0] == "Hello") }
            #expect(try await rig.one.calls == 1)
        }
    }

    @Test("an answer that is too long to be kept is told to those who wait, and frees the key")
    func tooLong() async throws {
        try await PipelineRig.run { rig in
            let first = try await rig.begin(Self.chat, idempotencyKey: "k")
            let waits = try await rig.begin(Self.chat, idempotencyKey: "k")
            let long = String(repeating: "x", count: IdempotencyClaim.maxAnswerBytes)
            try await rig.one.call().answer(long)
            #expect(try await first.end().texts[0] == long)
            #expect(try await waits.end().head?.isRepetition == true)
            let again = try await rig.begin(Self.chat, idempotencyKey: "k")
            try await rig.one.call().answer("short")
            #expect(try await again.end().texts[0] == "short")
            #expect(try await rig.begin(Self.chat, idempotencyKey: "k").end().head?.isRepetition == true)
            #expect(try await rig.one.calls == 2)
        }
    }

    @Test("what the cache answers is the answer of the key too")
    func cached() async throws {
        try await PipelineRig.run { rig in
            let chat = TestChat("memo", "Hi")
            let first = try await rig.begin(chat)
            try await rig.one.call().answer("kept")
            _ = try await first.end()
            let keyed = try await rig.begin(chat, idempotencyKey: "k").end()
            #expect(keyed.head?.cache == .hit && keyed.head?.isRepetition == false)
            let again = try await rig.begin(chat, cache: .refresh, idempotencyKey: "k").end()
            #expect(again.texts[0] == "kept" && again.head?.isRepetition == true)
            #expect(try await rig.one.calls == 1)
        }
    }
}
