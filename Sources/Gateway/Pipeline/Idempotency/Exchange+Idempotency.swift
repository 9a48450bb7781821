import EmbeddedStore
import GatewayCore
import NIOCore
import RedisStore

/// Idempotency keys: of requests with the same key one is carried out, and the others hear its answer.
///
/// The key is asked about together with the limits. Where Redis does not answer, it is known in this process alone.
extension Exchange {
    enum ClaimPlace { case process, redis }

    /// How often Redis is asked about a request that another replica carries out.
    private static let repetitionInterval = TimeAmount.milliseconds(50)

    /// Questions in a row without an answer, after which Redis counts as away.
    private static let maxSilences = 40

    private var tenant: String { request.principal.tenant }
    func planClaim() {
        guard let key = request.idempotencyKey, claim == nil, !isCounting else { return }
        let operation = request.operation == .embeddings ? "embeddings" : "\(request.surface.rawValue)"
        claim = loop.claim(
            key, principal: request.principal, operation: operation, variant: surfaceKey, body: request.body, rules: rules)
        sharedClaim = claim.flatMap { loop.sharedClaims?.question($0, tenant: tenant) }
    }

    /// What Redis is asked about the key together with the limits.
    var claimQuestion: RedisClaim? { heldClaim == nil ? sharedClaim : nil }

    /// Decides what becomes of a request with a key.
    ///
    /// - Parameter found: what Redis says; `nil`: it was not asked, or does not answer.
    /// - Returns: whether the request is to be carried out now; if not, it waits, or is answered.
    func isFirst(_ found: RedisClaim.Found?) throws(Fault) -> Bool {
        guard let claim, heldClaim == nil else { return true }
        guard let found, let shared = loop.sharedClaims, let sharedClaim else { return try enter(claim) }
        switch found {
        case .mine:
            heldClaim = .redis
            shared.hold(sharedClaim, holder: holder)
            return true
        case .running:
            repeatLater()
            return false
        case .conflict: throw .idempotencyConflict
        case .answer(let value):
            // What does not open was sealed under another pepper or policy: it is no answer to this request.
            guard let answer = shared.open(value, claim, tenant: tenant) else { return true }
            tell(again: answer, as: .hit)
            return false
        }
    }

    private func tell(again answer: StoredAnswer, as status: CacheStatus) {
        isRepetition = true
        if asksForDocument { tellDocument(answer, as: status) } else { tell(answer, as: status) }
    }

    // MARK: in this process

    private func enter(_ claim: IdempotencyClaim) throws(Fault) -> Bool {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let waiter = FlightWaiter(eventLoop: loop.eventLoop) { bound.value.firstEnded($0) }
        switch loop.stores.claims.enter(claim, now: .now(), waiter: waiter) {
        case .mine:
            heldClaim = .process
            return true
        case .wait(let waiter):
            state = .repeating(waiter)
            callStartedAt = .now()
            return false
        case .answered(let answer):
            tell(again: answer, as: .hit)
            return false
        case .alone: return true
        case .conflict: throw .idempotencyConflict
        case .full: throw .tooManyRepetitions
        }
    }

    /// The request that this one repeats is over.
    private func firstEnded(_ outcome: FlightOutcome) {
        guard case .repeating = state else {
            // Too late: this request is over too.
            if case .promoted = outcome, let claim { loop.stores.claims.release(claim.key) }
            return
        }
        waited()
        switch outcome {
        case .answered(let answer): tell(again: answer, as: .coalesced)
        case .promoted:
            heldClaim = .process
            attempt { () throws(Fault) in try lookUp() }
        }
    }

    private func waited() {
        summary.timings[.call] += (NIODeadline.now() - callStartedAt).nanoseconds
        callStartedAt = .uptimeNanoseconds(0)
        state = .new
    }

    // MARK: in Redis

    /// Asks again and again for the answer of the request that this one repeats, or for the lease of one that is carried out no more. Ends with the request,
    /// at its deadline at the latest.
    private func repeatLater() {
        if case .repeatingElsewhere = state {} else { callStartedAt = .now() }
        state = .repeatingElsewhere
        loop.eventLoop.assumeIsolated().scheduleTask(in: Self.repetitionInterval) { [self] in
            guard case .repeatingElsewhere = state, let claim, let sharedClaim, let shared = loop.sharedClaims else { return }
            shared.ask(sharedClaim, holder: holder) { [self] in heard($0, of: claim, shared) }
        }
    }

    private func heard(_ found: RedisClaim.Found?, of claim: IdempotencyClaim, _ shared: SharedClaims) {
        guard case .repeatingElsewhere = state else {
            if case .mine = found, let sharedClaim { shared.release(sharedClaim, holder: holder) }
            return
        }
        // A moment's silence does not make it the first.
        repetitionSilences = found == nil ? repetitionSilences + 1 : 0
        let isSilent = found == nil && loop.limits.redis?.isUp == true && repetitionSilences <= Self.maxSilences
        if found == .running || isSilent { return repeatLater() }
        waited()
        attempt { () throws(Fault) in
            if case .answer(let value) = found, let answer = shared.open(value, claim, tenant: tenant) {
                return tell(again: answer, as: .coalesced)
            }
            if try isFirst(found) { try carryOut() }
        }
    }

    // MARK: the end

    /// The request was answered: so will be those that repeat it.
    func answerRepetitions() {
        guard let claim, let heldClaim, var answer = stored else { return }
        answer.usage = usage ?? TokenUsage()
        switch heldClaim {
        case .process:
            self.heldClaim = nil
            loop.stores.claims.complete(claim, with: answer, now: .now())
        // The lease goes with the settlement, behind this on the same connection.
        case .redis: if let sharedClaim { loop.sharedClaims?.keep(answer, claim, as: sharedClaim, tenant: tenant) }
        }
    }

    /// The request is over: its key is free, unless its answer is kept.
    func releaseClaim(with settlement: inout RedisSettlement) {
        guard let claim, let heldClaim else { return }
        self.heldClaim = nil
        switch heldClaim {
        case .process: loop.stores.claims.release(claim.key)
        case .redis:
            guard let sharedClaim else { return }
            loop.sharedClaims?.letGo(sharedClaim, holder: holder)
            settlement.leases.append(sharedClaim.lease)
        }
    }
}
