import EmbeddedStore
import GatewayCore
import NIOCore
import RedisStore

/// The cache that replicas share: one of all replicas fetches an answer, the others watch for it.
extension Exchange {
    /// How often Redis is asked for an answer that another replica fetches.
    static let watchInterval = TimeAmount.milliseconds(50)

    /// Decides what the cache does for the request, and what its answer would be found by.
    func planCache() {
        guard let target, !asksForDocument else { return }
        cachePlan = CachePlan(target.settings.cache, directive: request.cache, isDeterministic: envelope.isDeterministic)
        guard !cachePlan.isBypass else { return }
        cacheKey = loop.cacheKey(principal: request.principal, rules: rules, target: target, surface: surfaceKey, body: body)
        guard loop.sharedCache != nil else { return }
        answerName = cacheKey.map { AnswerName(tenant: request.principal.tenant, model: target.model, key: $0) }
    }

    /// What Redis is asked of the cache together with the limits. A request whose equal is under way here waits for that one, and fetches nothing.
    var look: RedisLook? {
        guard let shared = loop.sharedCache, cachePlan.looksUp, fetched == nil, let answerName else { return nil }
        return shared.look(answerName, leads: cachePlan.stores && !loop.stores.cache.isUnderWay(answerName.key))
    }

    /// Asks the server of answers, where that is another one than the limits', and then the limits.
    func limit() throws(Fault) {
        planCache()
        planClaim()
        guard let shared = loop.sharedCache, shared.isApart, cachePlan.looksUp, let answerName else { return try askLimits() }
        let began = NIODeadline.now()
        state = .asking
        shared.fetch(answerName) { [self] answer in
            guard case .asking = state else { return }
            state = .new
            summary.timings[.cache] += (NIODeadline.now() - began).nanoseconds
            fetched = answer
            attempt { () throws(Fault) in try askLimits() }
        }
    }

    /// Goes on with what Redis found.
    func goOn(with found: RedisLook.Found, _ target: UpstreamTarget) throws(Fault) {
        switch found {
        case .answer(let value):
            if let answerName, let answer = loop.sharedCache?.open(value, answerName) { return tell(answer, as: .hit) }
            // What does not open is none, and is replaced.
            try goOn(with: .none, target)
        case .lead:
            holdFlight()
            enterFlight(target)
        case .none:
            if cachePlan.requiresHit { throw .cacheMiss }
            guard cachePlan.stores else { return call(target) }
            enterFlight(target)
        }
    }

    private func enterFlight(_ target: UpstreamTarget) {
        guard let cacheKey else { return call(target) }
        let cache = loop.stores.cache
        switch cache.lookUp(cacheKey, now: .now(), waiter: flightWaiter) {
        case .hit(let answer): tell(answer, as: .hit)
        case .lead(let log):
            lead(log)
            if heldFlight == nil { watch(after: .zero) } else { call(target) }
        case .wait(let waiter, let log):
            guard heldFlight != nil else { return wait(waiter, log) }
            // Of two that asked at once this one has the lease: the other will find its answer in Redis.
            _ = cache.leave(cacheKey, waiter)
            call(target)
        case .miss: call(target)
        }
    }

    func holdFlight() {
        guard let answerName else { return }
        let key = answerName.flight
        heldFlight = key
        loop.limits.redis?.hold(flight: key, holder: holder)
    }

    /// Gives the lease back with the settlement.
    func releaseFlight(with settlement: inout RedisSettlement) {
        guard let heldFlight else { return }
        self.heldFlight = nil
        loop.limits.redis?.letGo(flight: heldFlight, holder: holder)
        settlement.leases.append(heldFlight)
    }

    // MARK: watching

    /// Asks again and again for the answer that another replica fetches, or for the lease of one that fetches it no more. Ends with the request, at its
    /// deadline at the latest.
    func watch(after delay: TimeAmount) {
        if case .watching = state {} else { callStartedAt = .now() }
        state = .watching
        loop.eventLoop.assumeIsolated().scheduleTask(in: delay) { [self] in
            guard case .watching = state, let answerName, let shared = loop.sharedCache else { return }
            shared.fetch(answerName) { [self] answer in
                guard case .watching = state else { return }
                if let answer { return share(found: answer) }
                guard !envelope.isStreamed else { return readTail(of: answerName, shared) }
                shared.ask(answerName, holder: holder) { [self] in watched($0, answerName) }
            }
        }
    }

    private func watched(_ found: RedisLook.Found?, _ name: AnswerName) {
        guard case .watching = state, let target else {
            if case .lead = found { giveFlightBack(name) }
            return
        }
        switch found {
        case .answer(let value):
            guard let answer = loop.sharedCache?.open(value, name) else { return stopWatching(target) }
            share(found: answer)
        case .lead:
            holdFlight()
            stopWatching(target)
        case .some(.none): watch(after: Self.watchInterval)
        case nil: stopWatching(target)
        }
    }

    func stopWatching(_ target: UpstreamTarget) {
        summary.timings[.call] += (NIODeadline.now() - callStartedAt).nanoseconds
        callStartedAt = .uptimeNanoseconds(0)
        state = .new
        call(target)
    }

    /// Another replica's answer is there: for this request, and for those that wait for it here.
    func share(found answer: StoredAnswer) {
        summary.timings[.call] += (NIODeadline.now() - callStartedAt).nanoseconds
        callStartedAt = .uptimeNanoseconds(0)
        if leadsFlight, let cacheKey {
            leadsFlight = false
            flightLog?.forgetLeader()
            loop.stores.cache.complete(cacheKey, of: request.principal.tenant, with: answer, expiresAt: .now())
        }
        tell(answer, as: .coalesced)
    }

    func giveFlightBack(_ name: AnswerName) {
        loop.limits.redis?.settle(
            RedisSettlement(leases: [name.flight], holder: holder))
    }
}
