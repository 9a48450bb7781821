import DequeModule
import EmbeddedStore
import GatewayCore
import NIOCore
import Providers
import RedisStore

/// One stream for many: a request that leads tells what comes in a ``FlightLog``, and those that wait for it tell it to their callers while it comes.
///
/// The answer does not end with the caller that it was fetched for: where others follow it, it goes on for them when that one leaves, is too late or too
/// slow. Who has not begun to tell an answer that breaks asks anew; who has cannot.
extension Exchange {
    /// How far a request has followed a stream.
    struct Following {
        let log: FlightLog
        /// `nil`: it is the one that leads here, and follows another replica.
        let waiter: FlightWaiterID?
        var read = 0
        var end: FlightLog.End?
    }

    /// How a request ended for its caller.
    struct Departure {
        let outcome: Outcome
        let fault: Fault?
    }

    // MARK: the one that leads

    /// Whether anybody else is told the answer while it comes.
    var isFollowed: Bool { leadsFlight && ((flightLog?.followers ?? 0) > 0 || relay?.isWatched == true) }

    /// Takes a chunk to all who are told the answer.
    func pass(on chunk: AnswerChunk) {
        if leadsFlight, let flightLog, let target {
            // A copy of its own: what the provider sent is a part of a read buffer, which would be kept whole.
            let raw = ByteBuffer(bytes: chunk.raw.readableBytesView)
            flightLog.append(raw, origin: FlightLog.Origin(dialect: dialectOfTarget, model: target.model, provider: target.provider))
        }
        guard behind.isEmpty, !isPaused || !isFollowed else { return behind.append(chunk) }
        rewrite(chunk)
    }

    /// Tells the caller what came while it did not read. True when nothing of that is left.
    func catchUp() -> Bool {
        while !isOver, !isPaused, !isRewriting, let chunk = behind.popFirst() { rewrite(chunk) }
        return behind.isEmpty && !isOver
    }

    /// The provider's whole answer is there, though the caller may not have heard all of it.
    func tellEnd() {
        guard leadsFlight, !summary.finishes.isEmpty, let flightLog else { return }
        flightLog.finish(.whole(usage ?? TokenUsage(), summary.finishes))
        endRelay()
    }

    /// The first one follows, or the last one has left.
    func followersChanged(_ count: Int) {
        guard !isOver else { return }
        guard count == 0 else {
            if isPaused, !isRewriting { resumeCall() }
            return
        }
        guard !isFollowed else { return }
        if let departure { return close(departure.outcome, fault: departure.fault) }
        if isPaused { pauseCall() }
    }

    /// Ends a request for its caller alone, where others follow its answer. False: there are none.
    func departs(_ outcome: Outcome, _ fault: Fault?) -> Bool {
        let isComing = call != nil || tail != nil
        guard departure == nil, hasBegun, isComing, isFollowed, flightLog?.isOpen == true else { return false }
        departure = Departure(outcome: outcome, fault: fault)
        dismiss(fault)
        armDeadline()
        // Not from inside: what failed may be a chunk that is just being told.
        loop.eventLoop.assumeIsolated().execute { [self] in
            if !isOver, !isRewriting { goOn() }
        }
        return true
    }

    /// Another target's rules make another request of it: its answer is neither kept nor told to anybody else, who may be served under the first ones alone.
    func keepToItself() {
        isShared = false
        relay = nil
        abandonFlight()
        var settlement = RedisSettlement(holder: holder)
        releaseFlight(with: &settlement)
        if !settlement.isEmpty { loop.limits.redis?.settle(settlement) }
    }

    /// Leads no more: the next who waits does. What has come of the stream is let go of, and with it this request.
    func abandonFlight() {
        if leadsFlight, let cacheKey {
            leadsFlight = false
            flightLog?.forgetLeader()
            loop.stores.cache.abandon(cacheKey)
        }
        flightLog = nil
    }

    // MARK: those that follow

    func follow(_ waiter: FlightWaiterID, _ log: FlightLog) {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        log.follow(waiter, on: loop.eventLoop) { bound.value.flightNews(for: waiter) }
    }

    private func flightNews(for waiter: FlightWaiterID) {
        switch state {
        case .waiting(_, waiter): beginFollowing(waiter)
        case .replaying where following?.waiter == waiter && replay.isEmpty: continueReplay()
        default: break
        }
    }

    private func beginFollowing(_ waiter: FlightWaiterID) {
        guard let flightLog, let (origin, rest) = flightLog.read(waiter, from: 0) else { return }
        guard rest.end != .broken else {
            leaveFlights()
            self.flightLog = nil
            state = .new
            return attempt { () throws(Fault) in try carryOut() }
        }
        tell(flightLog, of: origin, as: waiter)
    }

    /// Tells a stream as it comes.
    func tell(_ log: FlightLog, of origin: FlightLog.Origin, as waiter: FlightWaiterID?) {
        summary.timings[.call] += (NIODeadline.now() - callStartedAt).nanoseconds
        callStartedAt = .uptimeNanoseconds(0)
        following = Following(log: log, waiter: waiter)
        state = .replaying
        stored =
            heldClaim == nil
            ? nil : StoredAnswer(isStreamed: true, dialect: origin.dialect, model: origin.model, provider: origin.provider)
        reader = AnswerReader(origin.dialect, isStreamed: true, maxBytes: snapshot.pipeline.maxAnswerBytes)
        rewriter = makeRewriter(for: origin.dialect)
        begin(cache: .coalesced, model: origin.model, provider: origin.provider)
        continueReplay()
    }

    /// Takes what has come since.
    func readOn() {
        guard var following, following.end == nil, let (_, rest) = following.log.read(following.waiter, from: following.read) else {
            return
        }
        following.read += rest.chunks.count
        following.end = rest.end
        self.following = following
        for chunk in rest.chunks { stored?.append(chunk) }
        replay = rest.chunks.reversed()
    }

    /// Whether the answer is whole, when all that has come of it has been told.
    func hasReadAll() -> Bool {
        guard let following else { return true }
        switch following.end {
        case nil: return false
        case .broken:
            fail(.brokenFlight)
            return false
        case .whole(let usage, let finishes):
            self.usage = usage
            summary.finishes = finishes
            stored?.finishes = finishes
            return true
        }
    }

    func stopFollowing() {
        guard let following else { return }
        self.following = nil
        guard let waiter = following.waiter else { return }
        following.log.leave(waiter)
        if let cacheKey { _ = loop.stores.cache.leave(cacheKey, waiter) }
    }
}

extension Fault {
    /// The answer broke for the request that fetched it.
    static let brokenFlight = Fault(
        .streamBroken, origin: .upstream,
        message: "The answer was that of an equal request under way, whose stream broke before its end. Send the request again.")
}
