import GatewayCore
import NIOCore
import Scrubbing
import Testing

@testable import GatewayPipeline

@Suite("pipeline: long texts are scrubbed in slices", .timeLimit(.minutes(3)))
struct SliceLaneTests {
    /// A megabyte of what is nearly something, and here and there is.
    private static let hostile = String(
        repeating: "eyJ-eyJ- 1 2 3 4-5 6.7 a@b. ES91 2100 0418 x:y:z password= ana@example.com 4111 1111 1111 1112, ", count: 11_000)

    private static let scrubbed: String = {
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        var output: [UInt8] = []
        _ = Array(hostile.utf8).withUnsafeBytes { scrubber.scrub($0, into: &output) }
        return String(decoding: output, as: UTF8.self)
    }()

    private static let reply: String = {
        let body = #"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#
        return "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
    }()

    private static func isScrubbing(_ request: PipelineRequest) -> Bool {
        if case .scrubbing = request.exchange.value.state { true } else { false }
    }

    /// Tries again where the other side of a socket was too late to see what is there for a moment only.
    private func happens(_ body: () async throws -> Bool) async throws {
        for _ in 0..<20 where try await body() { return }
        Issue.record("not once in 20 tries")
    }

    /// Begins another request of the same loop as soon as `condition` holds, takes it to its end, with all that it reads and writes, and
    /// says whether `condition` still holds at that moment.
    private func isAnswered(_ rig: PipelineRig, while condition: @escaping @Sendable () -> Bool) -> EventLoopFuture<Bool> {
        rig.begin(TestChat("two"), when: condition).flatMap { small in
            small.recorder.value.end.map { told in told.fault == nil && told.texts == [0: "Hi"] && condition() }
        }
    }

    @Test("another request of the loop is answered while a hostile megabyte is scrubbed, whose result is that of scrubbing it at once")
    func requests() async throws {
        try await PipelineRig.run(.init(replyOfTwo: Self.reply)) { rig in
            try await happens {
                let (large, small) = try await rig.onLoop { ($0.begin(TestChat("one", Self.hostile)), $0.begin(TestChat("two"))) }
                let wasAnswered = try await small.atEnd { $0.texts == [0: "Hi"] && Self.isScrubbing(large) }
                let call = try await rig.one.call()
                #expect(call.body == TestChat("one", Self.scrubbed).json.replacing(#""model":"one""#, with: #""model":"model-1""#))
                try await call.answer("To <EMAIL_1>.")
                let told = try await large.end()
                #expect(told.texts == [0: "To ana@example.com."])
                #expect(told.summary?.scrubbed.contains(ScrubCount(kind: "EMAIL", count: 11_000)) == true)
                #expect((told.summary?.timings[.scrub] ?? 0) > 0 && (told.summary?.timings[.route] ?? 0) > 0)
                #expect(try await rig.isEmpty)
                return wasAnswered
            }
        }
    }

    @Test("requests that end while they are scrubbed, or wait for it, leave at once and let the next one through")
    func endings() async throws {
        try await PipelineRig.run(.init(replyOfTwo: Self.reply)) { rig in
            // Asked for in the loop's same turn: a moment later it may all be over.
            let (first, waiting, last, isLate) = try await rig.onLoop { gateway in
                let first = gateway.begin(TestChat("one", Self.hostile))
                let late = gateway.begin(TestChat("one", Self.hostile), timeout: .milliseconds(1))
                let waiting = gateway.begin(TestChat("one", Self.hostile))
                let last = gateway.begin(TestChat("two", String(repeating: "a b ", count: 20_000)))
                let isLate = late.recorder.value.end.map { told in
                    let areScrubbed = Self.isScrubbing(first) && Self.isScrubbing(waiting) && Self.isScrubbing(last)
                    waiting.exchange.value.cancel()
                    first.exchange.value.cancel()
                    return told.fault?.kind == .deadlineExceeded && areScrubbed
                }
                return (first, waiting, last, isLate)
            }
            #expect(try await isLate.get())
            #expect(try await last.end().texts == [0: "Hi"])
            #expect(rig.record(first)?.outcome == .cancelled && rig.record(waiting)?.outcome == .cancelled)
            #expect(rig.record(first)?.summary.attempts == 0)
            #expect(try await rig.one.calls == 0)
            let cut = try await rig.begin(TestChat("one", Self.hostile))
            try await rig.onLoop { $0.cutRequests() }
            #expect(try await cut.end().fault?.kind == .draining)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("what is wrong with a large body is told as it is for a small one")
    func faults() async throws {
        try await PipelineRig.run { rig in
            let filler = String(repeating: "a b ", count: 20_000)
            let blocked = try await rig.begin(TestChat("one", filler + "ana@example.com"), as: Callers.strict).end()
            #expect(blocked.fault?.kind == .blockedByPolicy && blocked.fault?.parameter == "messages[0].content")
            #expect(blocked.summary?.scrubbed == [ScrubCount(kind: "EMAIL", count: 1)])
            #expect(try await rig.begin(TestChat("none", filler)).end().fault?.kind == .modelNotFound)
            #expect(try await rig.begin(TestChat(json: TestChat("one", filler).json + "}")).end().fault?.kind == .malformedBody)
            #expect(try await rig.one.calls == 0)
            #expect(try await rig.isEmpty)
        }
    }

    @Test("a large body goes to another target as it is, or scrubbed anew where other rules are kept")
    func fallback() async throws {
        let text = String(repeating: "a b ", count: 20_000) + "ana@example.com"
        var policy = ScrubPolicy()
        try policy.setAction(.redact, for: .email)
        let rules = ScrubRules(name: "other", version: "1", policy: policy, toolsWithRestoredArguments: [])
        for (rules, expected) in [(nil, "<EMAIL_1>"), (rules, "<EMAIL>")] {
            try await PipelineRig.run(.init(rulesOfTwo: rules)) { rig in
                let request = try await rig.begin(TestChat("rescue", text))
                let call = try await rig.two.call()
                #expect(call.body.hasSuffix(expected + #""}]}"#) && call.body.hasPrefix(#"{"model":"model-2""#))
                try await call.answer("Done")
                let told = try await request.end()
                #expect(told.texts == [0: "Done"] && told.summary?.attempts == 2)
                #expect(try await rig.isEmpty)
            }
        }
    }

    @Test("another request is answered while a long answer is scrubbed, streamed or not", arguments: [true, false])
    func answers(isStreamed: Bool) async throws {
        let text = String(Self.hostile.prefix(600_000))
        var whole = StreamScrubber(policy: ScrubPolicy())
        var expected: [UInt8] = []
        _ = Array(text.utf8).withUnsafeBytes { whole.feed($0, into: &expected) }
        _ = whole.finish(into: &expected)
        try await PipelineRig.run(.init(replyOfTwo: Self.reply)) { rig in
            try await happens {
                let large = try await rig.begin(TestChat("one", streamed: isStreamed))
                let call = try await rig.one.call()
                let isOtherAnswered = isAnswered(rig) { large.exchange.value.isRewriting }
                if isStreamed {
                    try await call.beginStream()
                    try await call.piece(text)
                    try await call.piece(" tail")
                    try await call.finish()
                    try await call.done()
                } else {
                    try await call.answer(text)
                }
                let wasAnswered = try await isOtherAnswered.get()
                let told = try await large.end()
                #expect(told.fault == nil)
                #expect(told.texts[0] == String(decoding: expected, as: UTF8.self) + (isStreamed ? " tail" : ""))
                #expect(told.summary?.scrubbed.first?.kind == "EMAIL")
                #expect(try await rig.isEmpty)
                return wasAnswered
            }
        }
    }

    @Test("who leaves while a long answer is scrubbed hears nothing more, and a long cached answer is told in slices")
    func answersOfLeavers() async throws {
        let text = String(Self.hostile.prefix(300_000))
        try await PipelineRig.run(.init(replyOfTwo: Self.reply)) { rig in
            let leaver = try await rig.begin(TestChat("one"))
            let other = rig.begin(TestChat("two")) {
                guard leaver.exchange.value.isRewriting else { return false }
                leaver.exchange.value.cancel()
                return true
            }
            try await rig.one.call().answer(text)
            _ = try await other.get().end()
            let calls = try await leaver.told.calls
            let first = try await rig.begin(TestChat("memo"))
            try await rig.one.call().answer(text)
            let told = try await first.end()
            let again = try await rig.onLoop { gateway in
                let again = gateway.begin(TestChat("memo"))
                #expect(again.exchange.value.isRewriting)
                return again
            }
            let cached = try await again.end()
            #expect(cached.head?.cache == .hit && cached.texts == told.texts && told.texts[0]?.contains("<EMAIL>") == true)
            #expect(try await leaver.told.calls == calls)
            #expect(try await rig.isEmpty)
        }
    }
}
