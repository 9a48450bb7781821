import GatewayCore
import GatewayPipeline
import NIOCore
import Testing

@testable import HTTPShim

@Suite struct RequestMachineTests {
    private let settings = DoorSettings(maxRequestBytes: 100)
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let fault = Fault(.unauthenticated, origin: .downstream, message: "No.")
    // swift-format-ignore: NeverForceUnwrap
    private let summary = AnswerSummary(requestID: RequestID("req_00000000000000000000000000000001")!)
    private let chunk = AnswerChunk(raw: ByteBuffer(string: "{}"))
    private var head: AnswerHead {
        AnswerHead(
            requestID: summary.requestID, model: "m", provider: "p", cache: .miss, routeReason: "exact", createdUnixSeconds: 0,
            scrubbed: [],
            rateLimit: nil)
    }

    private func machine(isMultiplexed: Bool = false) -> RequestMachine {
        RequestMachine(isMultiplexed: isMultiplexed, settings: settings)
    }

    /// A machine whose request is with the pipeline.
    private func running(isMultiplexed: Bool = false, keepsAlive: Bool = true) -> RequestMachine {
        var machine = machine(isMultiplexed: isMultiplexed)
        let framing = BodyFraming(length: 2, keepsAlive: keepsAlive)
        #expect(machine.headReceived(.success(true), framing: framing, settings: settings, now: start) == .none)
        #expect(machine.bodyReceived(2, now: start) == .keepBytes)
        #expect(machine.requestEnded(now: start) == .dispatch)
        return machine
    }

    @Test("an unstreamed answer is held back until its summary is there, and the next request may come")
    func unstreamed() {
        var machine = running()
        #expect(machine.answerBegan(head, isStreamed: false, now: start) == .none)
        #expect(machine.answerReceived(chunk, now: start) == .none)
        #expect(machine.answerEnded(summary, now: start) == .respondWhole(head, chunk, summary, closing: false))
        #expect(machine.headReceived(.success(false), framing: BodyFraming(length: 0), settings: settings, now: start) == .dispatch)
    }

    @Test("a stream is passed on as it comes")
    func streamed() {
        var machine = running()
        #expect(machine.answerBegan(head, isStreamed: true, now: start) == .beginStream(head, closing: false))
        #expect(machine.answerReceived(chunk, now: start) == .writeEvent(chunk))
        #expect(machine.answerEnded(summary, now: start) == .endStream(summary, closing: false))
    }

    @Test("a client that asked for it has its connection closed when the answer is out")
    func closes() {
        var machine = running(keepsAlive: false)
        #expect(machine.answerBegan(head, isStreamed: true, now: start) == .beginStream(head, closing: true))
        #expect(machine.answerEnded(summary, now: start) == .endStream(summary, closing: true))
        #expect(machine.answerFlushed() == .close)
        #expect(machine.clientGone() == .none)
    }

    @Test("an answer that never gets out does not keep the connection for ever")
    func closesUnflushed() {
        var machine = running(keepsAlive: false)
        _ = machine.answerBegan(head, isStreamed: true, now: start)
        _ = machine.answerEnded(summary, now: start)
        #expect(machine.deadline == start + settings.slowRequestTimeout)
        #expect(machine.timerFired(now: start + settings.slowRequestTimeout) == .close)
    }

    @Test("an answer that ends without content is an error")
    func emptyAnswer() {
        var machine = running()
        _ = machine.answerBegan(head, isStreamed: false, now: start)
        guard case .respond(let fault, nil, closing: false) = machine.answerEnded(summary, now: start) else {
            Issue.record("no error")
            return
        }
        #expect(fault.kind == .internalError)
    }

    @Test("a failure before the first event is an ordinary answer, one after it breaks the stream; the connection goes on")
    func failures() {
        var machine = running()
        #expect(machine.answerFailed(fault, rateLimit: nil, now: start) == .respond(fault, nil, closing: false))
        machine = running()
        _ = machine.answerBegan(head, isStreamed: true, now: start)
        #expect(machine.answerFailed(fault, rateLimit: nil, now: start) == .breakStream(fault, closing: false))
        #expect(machine.answerFlushed() == .none)
        machine = running(keepsAlive: false)
        _ = machine.answerBegan(head, isStreamed: true, now: start)
        #expect(machine.answerFailed(fault, rateLimit: nil, now: start) == .breakStream(fault, closing: true))
        #expect(machine.answerFlushed() == .close)
    }

    @Test("a stream whose answer does not come begins without it, and says that it is alive")
    func beginsEarly() {
        var machine = running()
        machine.exchangeStarted(isStreamed: true, now: start)
        let begins = start + settings.streamStartDelay
        #expect(machine.deadline == begins)
        #expect(machine.timerFired(now: begins - .nanoseconds(1)) == .none)
        #expect(machine.timerFired(now: begins) == .beginStream(nil, closing: false))
        #expect(machine.timerFired(now: begins + settings.keepAliveInterval) == .writeComment)
        #expect(machine.answerBegan(head, isStreamed: true, now: begins) == .keepHead(head))
        #expect(machine.answerReceived(chunk, now: begins) == .writeEvent(chunk))
        #expect(machine.answerEnded(summary, now: begins) == .endStream(summary, closing: false))
        #expect(machine.deadline == nil)
    }

    @Test("what fails after a stream has begun without its answer is told in it")
    func failsAfterEarlyBeginning() {
        var machine = running()
        machine.exchangeStarted(isStreamed: true, now: start)
        _ = machine.timerFired(now: start + settings.streamStartDelay)
        #expect(machine.answerFailed(fault, rateLimit: nil, now: start) == .breakStream(fault, closing: false))
    }

    @Test("an unstreamed request, and one whose client does not read, has no stream to begin early")
    func noEarlyBeginning() {
        var machine = running()
        machine.exchangeStarted(isStreamed: false, now: start)
        #expect(machine.deadline == nil)
        machine.exchangeStarted(isStreamed: true, now: start)
        _ = machine.writabilityChanged(false, now: start)
        #expect(machine.deadline == start + ShimLimits.stalledReaderTimeout)
        #expect(machine.timerFired(now: start + settings.streamStartDelay) == .none)
    }

    @Test("an HTTP/2 stream never closes the connection for its own sake")
    func multiplexed() {
        var machine = running(isMultiplexed: true, keepsAlive: false)
        _ = machine.answerBegan(head, isStreamed: true, now: start)
        #expect(machine.answerFailed(fault, rateLimit: nil, now: start) == .breakStream(fault, closing: false))
        machine = self.machine(isMultiplexed: true)
        let refused = machine.headReceived(.failure(fault), framing: BodyFraming(length: nil), settings: settings, now: start)
        #expect(refused == .respond(fault, nil, closing: false))
        #expect(machine.timerFired(now: start + settings.slowRequestTimeout) == .close)
    }

    @Test("an HTTP/2 stream whose answer is not taken is given up")
    func multiplexedStall() {
        var machine = running(isMultiplexed: true)
        _ = machine.answerBegan(head, isStreamed: true, now: start)
        #expect(machine.answerEnded(summary, now: start) == .endStream(summary, closing: false))
        #expect(machine.deadline == start + ShimLimits.stalledReaderTimeout)
        #expect(machine.timerFired(now: start + ShimLimits.stalledReaderTimeout) == .close)
    }

    @Test("a refused request's short rest is dropped and the connection goes on", arguments: [0, 10, 65_536])
    func drainsShort(length: Int) {
        var machine = machine()
        let framing = BodyFraming(length: length)
        #expect(
            machine.headReceived(.failure(fault), framing: framing, settings: settings, now: start) == .respond(fault, nil, closing: false))
        #expect(machine.bodyReceived(length, now: start) == .none)
        #expect(machine.requestEnded(now: start) == .none)
        #expect(machine.headReceived(.success(true), framing: BodyFraming(length: 2), settings: settings, now: start) == .none)
    }

    @Test("a refused request's long or unknown rest costs the connection, once the rest or the time is over", arguments: [65_537, nil])
    func drainsLong(length: Int?) {
        var machine = machine()
        let framing = BodyFraming(length: length)
        #expect(
            machine.headReceived(.failure(fault), framing: framing, settings: settings, now: start) == .respond(fault, nil, closing: true))
        #expect(machine.bodyReceived(70_000, now: start) == .none)
        #expect(machine.answerFlushed() == .none)
        #expect(machine.deadline == start + ShimLimits.lingerTimeout)
        var ended = machine
        #expect(ended.requestEnded(now: start) == .close)
        #expect(machine.timerFired(now: start + ShimLimits.lingerTimeout) == .close)
    }

    @Test("a reader that stops pauses its exchange, and loses it after the stall timeout")
    func stalls() {
        var machine = running()
        _ = machine.answerBegan(head, isStreamed: true, now: start)
        #expect(machine.writabilityChanged(false, now: start) == .pauseExchange)
        #expect(machine.writabilityChanged(false, now: start) == .none)
        #expect(machine.writabilityChanged(true, now: start) == .resumeExchange)
        #expect(machine.writabilityChanged(true, now: start) == .none)
        #expect(machine.writabilityChanged(false, now: start + .seconds(5)) == .pauseExchange)
        let stalled = start + .seconds(5) + ShimLimits.stalledReaderTimeout
        #expect(machine.deadline == stalled)
        #expect(machine.timerFired(now: stalled - .nanoseconds(1)) == .none)
        #expect(machine.timerFired(now: stalled) == .abandonAndClose)
    }

    @Test("a reader that stops after the answer's end is closed too")
    func stallsAfterEnd() {
        var machine = running()
        _ = machine.answerBegan(head, isStreamed: true, now: start)
        _ = machine.writabilityChanged(false, now: start)
        _ = machine.answerEnded(summary, now: start)
        #expect(machine.timerFired(now: start + ShimLimits.stalledReaderTimeout) == .close)
    }

    @Test("a client that leaves abandons what is under way, at every stage", arguments: 0..<4)
    func leaves(stage: Int) {
        var machine = machine()
        if stage == 0 {
            _ = machine.headReceived(.success(true), framing: BodyFraming(length: 2), settings: settings, now: start)
        } else {
            machine = running()
        }
        if stage >= 2 { _ = machine.answerBegan(head, isStreamed: stage == 3, now: start) }
        #expect(machine.clientGone() == .abandon)
        #expect(machine.clientGone() == .none)
        #expect(machine.answerReceived(chunk, now: start) == .none)
        #expect(machine.answerEnded(summary, now: start) == .none)
    }

    @Test("a body with an honest rate has time, one without has the timeout")
    func bodyDeadline() {
        var machine = RequestMachine(isMultiplexed: false, settings: DoorSettings())
        _ = machine.headReceived(.success(true), framing: BodyFraming(length: 1 << 20), settings: DoorSettings(), now: start)
        #expect(machine.deadline == start + .seconds(20))
        _ = machine.bodyReceived(ShimLimits.minimumBodyBytesPerSecond * 3, now: start + .seconds(5))
        #expect(machine.deadline == start + .seconds(23))
        // A megabyte at once buys no minute of silence.
        _ = machine.bodyReceived(ShimLimits.minimumBodyBytesPerSecond * 60, now: start + .seconds(6))
        #expect(machine.deadline == start + .seconds(26))
    }

    @Test("bytes that are not HTTP end the connection behind an error")
    func garbage() {
        var machine = machine()
        #expect(machine.parserFailed(fault, now: start) == .respond(fault, nil, closing: true))
        #expect(machine.parserFailed(fault, now: start) == .none)
        #expect(machine.connectionFailed() == .none)
        #expect(machine.answerFlushed() == .close)
    }
}
