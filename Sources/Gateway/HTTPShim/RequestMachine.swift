import GatewayCore
import GatewayPipeline
import NIOCore

/// One request after another on one HTTP/1.1 connection, or the one request of an HTTP/2 stream: what to do at each event. Pure.
///
/// The life of a request: head → body → dispatch → answer held back (unstreamed) or passed on (streamed) → next request. An answer that
/// comes before the request's end (a refusal) leaves the machine draining: the rest of the request is read and dropped.
struct RequestMachine {
    /// What the handler does. An action is complete in itself: the machine has already moved on when it is returned.
    enum Action: Equatable {
        case none
        /// Tells the client, which asked, that the body may come.
        case sendContinue
        /// Adds the bytes just received to the request's body.
        case keepBytes
        /// The request is there, or needs no body: answer it, or hand it to the pipeline.
        case dispatch
        /// Answers with an error. The request's body and exchange, if any, are forgotten.
        case respond(Fault, LimitReport?, closing: Bool)
        /// Answers whole with what was held back.
        case respondWhole(AnswerHead, AnswerChunk, AnswerSummary, closing: Bool)
        /// Begins a stream; without a head if nothing of the answer is known yet.
        case beginStream(AnswerHead?, closing: Bool)
        /// Remembers the head of an answer whose stream has begun without it.
        case keepHead(AnswerHead)
        case writeEvent(AnswerChunk)
        case writeComment
        case endStream(AnswerSummary, closing: Bool)
        /// Ends a stream that has begun with an error event.
        case breakStream(Fault, closing: Bool)
        case pauseExchange
        case resumeExchange
        /// Forgets the request and cancels its exchange, if there is one.
        case abandon
        case abandonAndClose
        case close
    }

    private enum State {
        case waiting
        case receiving(Receiving)
        /// The request is whole; nothing of its answer is there. A stream does not wait for it for ever: see ``exchangeStarted(isStreamed:now:)``.
        case running(streamsAt: NIODeadline?, keepsAlive: Bool)
        /// An unstreamed answer, held back until its cost is known.
        case holding(AnswerHead, AnswerChunk?, keepsAlive: Bool)
        case streaming(lastWrite: NIODeadline, keepsAlive: Bool)
        /// Answered before the request's end.
        case draining(until: NIODeadline, closing: Bool, isFlushed: Bool)
        /// The last answer is on its way out; the connection closes behind it, or the stream is over.
        case flushing(until: NIODeadline)
        case closed
    }

    private struct Receiving {
        var framing: BodyFraming
        var received = 0
        var since: NIODeadline
        /// When something of the body came last.
        var heardAt: NIODeadline

        init(framing: BodyFraming, since: NIODeadline) {
            self.framing = framing
            self.since = since
            heardAt = since
        }
    }

    private var state = State.waiting
    /// Since when the client has not taken what was written; `nil`: it takes it.
    private var unwritableSince: NIODeadline?
    /// Whether the connection carries other requests beside this one: then it is never closed for this one's sake.
    private let isMultiplexed: Bool
    private var settings: DoorSettings

    init(isMultiplexed: Bool, settings: DoorSettings) {
        self.isMultiplexed = isMultiplexed
        self.settings = settings
    }

    // MARK: Request

    /// - Parameter verdict: whether the operation wants the body, or why the request is refused.
    mutating func headReceived(
        _ verdict: Result<Bool, Fault>, framing: BodyFraming, settings: DoorSettings, now: NIODeadline
    ) -> Action {
        guard case .waiting = state else { return .none }
        self.settings = settings
        state = .receiving(Receiving(framing: framing, since: now))
        switch verdict {
        case .failure(let fault): return refuse(fault, now: now)
        case .success(false): return .dispatch
        case .success(true):
            if let length = framing.length, length > settings.maxRequestBytes { return refuse(tooLarge, now: now) }
            return framing.expectsContinue ? .sendContinue : .none
        }
    }

    mutating func bodyReceived(_ count: Int, now: NIODeadline) -> Action {
        guard case .receiving(var receiving) = state else { return .none }
        receiving.received += count
        if count > 0 { receiving.heardAt = now }
        state = .receiving(receiving)
        return receiving.received > settings.maxRequestBytes ? refuse(tooLarge, now: now) : .keepBytes
    }

    /// Refuses a body that has come to `count` bytes once its compression was undone.
    func checkBody(of count: Int) throws(Fault) {
        if count > settings.maxRequestBytes { throw tooLarge }
    }

    mutating func requestEnded(now: NIODeadline) -> Action {
        switch state {
        case .receiving(let receiving):
            state = .running(streamsAt: nil, keepsAlive: receiving.framing.keepsAlive)
            return .dispatch
        case .draining(_, closing: false, _):
            state = afterAnswer(now: now)
            return .none
        case .draining(_, closing: true, isFlushed: true):
            state = .closed
            return .close
        case .draining(let until, closing: true, isFlushed: false):
            state = .flushing(until: until)
            return .none
        case .waiting, .running, .holding, .streaming, .flushing, .closed: return .none
        }
    }

    /// Refuses the request under way, at any time before its answer has begun.
    mutating func refuse(_ fault: Fault, rateLimit: LimitReport? = nil, now: NIODeadline) -> Action {
        .respond(fault, rateLimit, closing: finish(now: now))
    }

    /// The handler answers the request by itself, whole; returns whether the connection closes after that.
    mutating func answered(now: NIODeadline) -> Bool { finish(now: now) }

    private var tooLarge: Fault {
        Fault(
            .requestTooLarge, origin: .downstream,
            message: "The request is larger than the \(settings.maxRequestBytes) bytes that this gateway accepts.")
    }

    /// Moves on behind an answer that is written whole; returns whether the connection closes after it.
    private mutating func finish(closing mustClose: Bool = false, now: NIODeadline) -> Bool {
        let closing: Bool
        switch state {
        case .receiving(let receiving):
            let framing = receiving.framing
            // Of a client that waits for 100 Continue nobody knows whether it will still send the body.
            let isShort = framing.length.map { $0 - receiving.received <= ShimLimits.maxDrainedBytes } ?? false
            closing = !isMultiplexed && (mustClose || !framing.keepsAlive || framing.expectsContinue || !isShort)
            let timeout = closing ? ShimLimits.lingerTimeout : settings.slowRequestTimeout
            state = .draining(until: now + timeout, closing: closing, isFlushed: false)
            return closing
        case .running(_, let keepsAlive), .holding(_, _, let keepsAlive), .streaming(_, let keepsAlive):
            closing = !isMultiplexed && (mustClose || !keepsAlive)
        case .waiting, .draining, .flushing, .closed:
            closing = !isMultiplexed && mustClose
        }
        state = closing ? .flushing(until: now + settings.slowRequestTimeout) : afterAnswer(now: now)
        return closing
    }

    /// A connection waits for its next request. A stream is over when its client has taken the answer, for which it has a time that no slow reading makes
    /// longer: one that opens no window, or next to none, would hold the stream and the connection for ever.
    private func afterAnswer(now: NIODeadline) -> State {
        isMultiplexed ? .flushing(until: now + ShimLimits.stalledReaderTimeout) : .waiting
    }

    // MARK: Answer

    /// The pipeline has the request. If it is one for a stream and nothing of the answer comes for a while, the stream begins without it, so that
    /// proxies and clients hear comments and not silence; what fails after that is told in the stream.
    mutating func exchangeStarted(isStreamed: Bool, now: NIODeadline) {
        guard isStreamed, case .running(nil, let keepsAlive) = state else { return }
        state = .running(streamsAt: now + settings.streamStartDelay, keepsAlive: keepsAlive)
    }

    mutating func answerBegan(_ head: AnswerHead, isStreamed: Bool, now: NIODeadline) -> Action {
        if case .streaming = state { return .keepHead(head) }
        guard case .running(_, let keepsAlive) = state else { return .none }
        guard isStreamed else {
            state = .holding(head, nil, keepsAlive: keepsAlive)
            return .none
        }
        state = .streaming(lastWrite: now, keepsAlive: keepsAlive)
        return .beginStream(head, closing: !keepsAlive && !isMultiplexed)
    }

    mutating func answerReceived(_ chunk: AnswerChunk, now: NIODeadline) -> Action {
        switch state {
        case .holding(let head, nil, let keepsAlive):
            state = .holding(head, chunk, keepsAlive: keepsAlive)
            return .none
        case .streaming(_, let keepsAlive):
            state = .streaming(lastWrite: now, keepsAlive: keepsAlive)
            return .writeEvent(chunk)
        case .waiting, .receiving, .running, .holding, .draining, .flushing, .closed: return .none
        }
    }

    mutating func answerEnded(_ summary: AnswerSummary, now: NIODeadline) -> Action {
        switch state {
        case .holding(let head, let chunk?, _): return .respondWhole(head, chunk, summary, closing: finish(now: now))
        case .streaming: return .endStream(summary, closing: finish(now: now))
        case .running, .holding: return refuse(.answerWithoutContent, now: now)
        case .waiting, .receiving, .draining, .flushing, .closed: return .none
        }
    }

    mutating func answerFailed(_ fault: Fault, rateLimit: LimitReport?, now: NIODeadline) -> Action {
        switch state {
        case .running, .holding: return refuse(fault, rateLimit: rateLimit, now: now)
        // The error event is the answer's end. A connection that closed behind it without having said so would lose its client's next request.
        case .streaming: return .breakStream(fault, closing: finish(now: now))
        case .waiting, .receiving, .draining, .flushing, .closed: return .none
        }
    }

    // MARK: Connection

    mutating func writabilityChanged(_ isWritable: Bool, now: NIODeadline) -> Action {
        guard isWritable == (unwritableSince != nil) else { return .none }
        unwritableSince = isWritable ? nil : now
        switch state {
        case .running, .holding, .streaming: return isWritable ? .resumeExchange : .pauseExchange
        case .waiting, .receiving, .draining, .flushing, .closed: return .none
        }
    }

    /// Everything that was written with `closing` is out.
    mutating func answerFlushed() -> Action {
        switch state {
        case .draining(let until, closing: true, _):
            state = .draining(until: until, closing: true, isFlushed: true)
            return .none
        case .flushing:
            state = .closed
            return .close
        case .draining, .waiting, .receiving, .running, .holding, .streaming, .closed: return .none
        }
    }

    /// What came is not HTTP, where a request or the rest of one was due.
    mutating func parserFailed(_ fault: Fault, now: NIODeadline) -> Action {
        switch state {
        case .waiting, .receiving:
            // What follows cannot be told apart any more, so nothing of it is drained.
            state = .flushing(until: now + settings.slowRequestTimeout)
            return .respond(fault, nil, closing: true)
        case .draining(let until, closing: true, isFlushed: false):
            state = .flushing(until: until)
            return .none
        case .draining:
            state = .closed
            return .close
        case .running, .holding, .streaming: return connectionFailed()
        case .flushing, .closed: return .none
        }
    }

    /// The client is gone, or its stream was reset.
    mutating func clientGone() -> Action {
        let state = self.state
        self.state = .closed
        switch state {
        case .receiving, .running, .holding, .streaming: return .abandon
        case .waiting, .draining, .flushing, .closed: return .none
        }
    }

    /// The connection is of no more use, though it may still be open.
    mutating func connectionFailed() -> Action {
        switch state {
        // What was written may still reach the client; the deadline closes.
        case .draining(_, closing: true, _), .flushing, .closed: return .none
        case .receiving, .running, .holding, .streaming:
            state = .closed
            return .abandonAndClose
        case .waiting, .draining:
            state = .closed
            return .close
        }
    }

    // MARK: Time

    /// When ``timerFired(now:)`` is due, if nothing happens before.
    var deadline: NIODeadline? {
        let stalled = unwritableSince.map { $0 + ShimLimits.stalledReaderTimeout }
        let own: NIODeadline? =
            switch state {
            case .receiving(let receiving): deadline(of: receiving)
            case .running(let streamsAt, _): unwritableSince == nil ? streamsAt : nil
            case .streaming(let lastWrite, _): unwritableSince == nil ? lastWrite + settings.keepAliveInterval : nil
            case .draining(let until, _, _), .flushing(let until): until
            case .waiting, .holding, .closed: nil
            }
        guard let stalled, let own else { return own ?? stalled }
        return min(stalled, own)
    }

    /// A body must come at a minimum rate, and what came early buys no silence later.
    private func deadline(of receiving: Receiving) -> NIODeadline {
        let whole =
            receiving.since + settings.slowRequestTimeout + .seconds(Int64(receiving.received / ShimLimits.minimumBodyBytesPerSecond))
        return min(whole, receiving.heardAt + settings.slowRequestTimeout)
    }

    mutating func timerFired(now: NIODeadline) -> Action {
        guard let deadline, now >= deadline else { return .none }
        if let unwritableSince, now >= unwritableSince + ShimLimits.stalledReaderTimeout {
            let action: Action
            switch state {
            case .receiving, .running, .holding, .streaming: action = .abandonAndClose
            case .waiting, .draining, .flushing, .closed: action = .close
            }
            state = .closed
            return action
        }
        switch state {
        case .receiving: return .respond(.requestTooSlow, nil, closing: finish(closing: true, now: now))
        case .running(_?, let keepsAlive):
            state = .streaming(lastWrite: now, keepsAlive: keepsAlive)
            return .beginStream(nil, closing: !keepsAlive && !isMultiplexed)
        case .streaming(_, let keepsAlive):
            state = .streaming(lastWrite: now, keepsAlive: keepsAlive)
            return .writeComment
        case .draining, .flushing:
            state = .closed
            return .close
        case .waiting, .running, .holding, .closed: return .none
        }
    }
}

extension Fault {
    static let requestTooSlow = Fault(.timeout, origin: .downstream, message: "The request did not arrive in time.")
    fileprivate static let answerWithoutContent = Fault(.internalError, origin: .gateway, message: "The answer ended before it began.")
}
