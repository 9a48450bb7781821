import EmbeddedStore
import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import RedisStore
import Scrubbing

/// The phase `cache`: who fetches the answer, and how a stored one is told again.
extension Exchange {
    /// Goes on behind the limits.
    ///
    /// - Parameters:
    ///   - found: what Redis says of the cache that replicas share; `nil`: it was not asked, or does not answer.
    ///   - claimed: what it says of the request's idempotency key, likewise.
    func lookUp(_ found: RedisLook.Found? = nil, claimed: RedisClaim.Found? = nil) throws(Fault) {
        if try isFirst(claimed) { try carryOut(found) }
    }

    /// Answers the request from the cache, or by a call.
    func carryOut(_ found: RedisLook.Found? = nil) throws(Fault) {
        guard let target else { return }
        guard !cachePlan.isBypass else {
            if cachePlan.requiresHit { throw .cacheMiss }
            return call(target)
        }
        let began = NIODeadline.now()
        summary.cache = .miss
        if let fetched { return tell(fetched, as: .hit) }
        if let found { return try goOn(with: found, target) }
        let lookup = find(now: began)
        summary.timings[.cache] += (NIODeadline.now() - began).nanoseconds
        switch lookup {
        case .hit(let answer): tell(answer, as: .hit)
        case .lead(let log):
            lead(log)
            call(target)
        case .wait(let waiter, let log): wait(waiter, log)
        case .miss:
            if cachePlan.requiresHit { throw .cacheMiss }
            call(target)
        }
    }

    private func find(now: NIODeadline) -> EmbeddedResponseCache.Lookup {
        let cache = loop.stores.cache
        guard let cacheKey, cachePlan.looksUp else { return .miss }
        guard cachePlan.stores else { return cache.storedAnswer(cacheKey, now: now).map { .hit($0) } ?? .miss }
        return cache.lookUp(cacheKey, now: now, waiter: flightWaiter)
    }

    var flightWaiter: FlightWaiter {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        return FlightWaiter(eventLoop: loop.eventLoop) { bound.value.flightEnded($0) }
    }

    func lead(_ log: FlightLog) {
        leadsFlight = true
        guard envelope.isStreamed else { return }
        flightLog = log
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        log.lead(on: loop.eventLoop) { bound.value.followersChanged($0) }
    }

    func wait(_ waiter: FlightWaiterID, _ log: FlightLog) {
        guard let cacheKey else { return }
        state = .waiting(cacheKey, waiter)
        callStartedAt = .now()
        guard envelope.isStreamed else { return }
        flightLog = log
        follow(waiter, log)
    }

    /// The equal request that this one waited for is over.
    private func flightEnded(_ outcome: FlightOutcome) {
        guard case .waiting(let key, let waiter) = state, let target else {
            // Too late: this request is over. A lead that it was given goes to the next.
            if case .promoted = outcome, let cacheKey { loop.stores.cache.abandon(cacheKey) }
            return
        }
        summary.timings[.call] += (NIODeadline.now() - callStartedAt).nanoseconds
        callStartedAt = .uptimeNanoseconds(0)
        flightLog?.leave(waiter)
        switch outcome {
        case .answered(let answer): tell(answer, as: .coalesced)
        case .promoted:
            cacheKey = key
            leadsFlight = true
            if let flightLog { lead(flightLog) }
            if loop.sharedCache != nil { watch(after: .zero) } else { call(target) }
        }
    }

    /// Tells a stored answer as if it came from the provider, placeholders restored for this caller.
    func tell(_ answer: StoredAnswer, as status: CacheStatus) {
        state = .replaying
        usage = answer.usage
        summary.finishes = answer.finishes
        replay = answer.chunks.reversed()
        stored = answer
        if let arbitration { summary.routeReason = arbitration.prefix(for: answer.model, asked: envelope.model) }
        reader = AnswerReader(answer.dialect, isStreamed: envelope.isStreamed, maxBytes: snapshot.pipeline.maxAnswerBytes)
        rewriter = makeRewriter(for: answer.dialect)
        begin(cache: status, model: answer.model, provider: answer.provider)
        continueReplay()
    }

    func continueReplay() {
        let began = NIODeadline.now()
        var rest = ScanProgress.slice
        while !isPaused, !isRewriting, case .replaying = state, let raw = nextOfReplay() {
            do {
                if case .chunk(let chunk) = try reader?.read(raw, index: &loop.answerIndex) { rewrite(chunk) }
            } catch {
                return fail(error)
            }
            rest -= raw.readableBytes
            if rest <= 0, !isRewriting, !replay.isEmpty { return loop.sliceLane.add(self) }
        }
        guard case .replaying = state, replay.isEmpty, !isPaused, !isRewriting, hasReadAll() else { return }
        guard finishRewriting() else { return }
        answerRepetitions()
        summary.timings[.answer] += (NIODeadline.now() - began).nanoseconds
        end()
    }

    /// The next chunk of a stored answer, or of one that comes meanwhile.
    private func nextOfReplay() -> ByteBuffer? {
        if replay.isEmpty { readOn() }
        return replay.popLast()
    }

    /// Takes a chunk to the caller, scrubbed and restored. Ends the request where the policy blocks what is in it. A long chunk goes through the
    /// loop's ``SliceLane``: until it is delivered, ``isRewriting`` is true and no other one may come.
    func rewrite(_ chunk: AnswerChunk) {
        guard !isOver else { return }
        guard rewriter?.isLong(chunk) != true else {
            rewriter?.begin(chunk, isWhole: !envelope.isStreamed)
            pauseCall()
            return loop.sliceLane.add(self)
        }
        do {
            if envelope.isStreamed {
                try rewriter?.rewrite(chunk) { deliver($0) }
            } else {
                try rewriter?.rewriteWhole(chunk) { deliver($0) }
            }
        } catch {
            refuse(error)
        }
    }

    /// A long chunk is not delivered yet.
    var isRewriting: Bool { rewriter?.isInChunk == true }

    /// Takes a slice of a long chunk, if there is one. True when it is delivered, or the request has ended.
    func takeAnswerSlice() -> Bool {
        let began = NIODeadline.now()
        defer { summary.timings[.answer] += (NIODeadline.now() - began).nanoseconds }
        do {
            return try rewriter?.rewriteSlice { deliver($0) } ?? true
        } catch {
            refuse(error)
            return true
        }
    }

    /// Goes on behind the last slice of a long chunk.
    func answerSlicesEnded() {
        switch state {
        case .calling: continueReading()
        case .replaying: continueReplay()
        default: break
        }
    }

    /// Delivers what was held back. False when the request has ended with it.
    func finishRewriting() -> Bool {
        do {
            try rewriter?.finish { deliver($0) }
        } catch {
            refuse(error)
        }
        return !isOver
    }

    private func refuse(_ fault: Fault) {
        if let rewriter { tellCounts(of: rewriter.counts) }
        fail(fault)
    }

    /// A leader has the whole answer: stores it and tells those who wait.
    func share() {
        guard cachePlan.stores, let target, target.settings.cache.mode != .off, let cacheKey else { return }
        guard var answer = stored, answer.isWhole, usage != nil || !envelope.isStreamed else { return }
        answer.usage = usage ?? TokenUsage()
        let configured = TimeAmount.nanoseconds(target.settings.cache.timeToLiveNanoseconds)
        let timeToLive = request.cacheTimeToLive.map { min($0, configured) } ?? configured
        if let shared = loop.sharedCache, let answerName {
            shared.store(answer, answerName, milliseconds: timeToLive.nanoseconds / 1_000_000)
        }
        let expiry = NIODeadline.now() + timeToLive
        if leadsFlight {
            leadsFlight = false
            loop.stores.cache.complete(cacheKey, of: request.principal.tenant, with: answer, expiresAt: expiry)
        } else {
            loop.stores.cache.store(answer, of: request.principal.tenant, for: cacheKey, expiresAt: expiry)
        }
    }
}

extension Fault {
    /// The caller wanted a stored answer or none.
    static let cacheMiss = Fault(
        .cacheMiss, origin: .downstream, message: "There is no cached answer to this request, and the request allows no other.")
}
