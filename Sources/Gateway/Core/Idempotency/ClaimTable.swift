/// Which idempotency keys are taken, by which requests, and the answers of those that are over. A pure machine; `now` is in nanoseconds.
///
/// Bounds: keys in use as many as requests under way; waiters per key; the byte cap of kept answers, of which those not used for the longest time go.
package struct ClaimTable: Sendable {
    package enum Entry: Sendable, Equatable {
        /// The request is to be carried out; then call ``complete(_:with:expiresAt:)`` or ``release(_:)``.
        case mine
        /// It is under way: the answer will be told.
        case wait(FlightWaiterID)
        /// It is under way, and as many wait as may.
        case full
        case answered(StoredAnswer)
        /// The key stands for another request.
        case conflict
        /// It is under way, and its answer will be no answer to this one, which comes under another scrubbing policy: to be carried out by itself.
        case alone
    }

    private struct Kept: Sendable {
        var claim: IdempotencyClaim
        var answer: StoredAnswer
    }

    private var running: [CacheKey: IdempotencyClaim] = [:]
    private var flights: FlightTable
    private var kept: RecencyCache<CacheKey, Kept>

    package init(maxBytes: Int, maxWaiters: Int) {
        flights = FlightTable(maxWaitersPerFlight: maxWaiters)
        kept = RecencyCache(maxCost: maxBytes)
    }

    package var counts: (running: Int, kept: Int, bytes: Int) { (running.count, kept.count, kept.cost) }

    package mutating func enter(_ claim: IdempotencyClaim, now: Int64) -> Entry {
        if let first = running[claim.key] {
            guard first.fingerprint == claim.fingerprint else { return .conflict }
            guard first.answer == claim.answer else { return .alone }
            guard case .wait(let waiter) = flights.enter(claim.key) else { return .full }
            return .wait(waiter)
        }
        if let known = kept.value(for: claim.key, now: now) {
            guard known.claim.fingerprint == claim.fingerprint else { return .conflict }
            if known.claim.answer == claim.answer { return .answered(known.answer) }
        }
        running[claim.key] = claim
        _ = flights.enter(claim.key)
        return .mine
    }

    /// The request was answered: all who wait hear it, and so does who asks until `expiresAt`, unless it is longer than
    /// ``IdempotencyClaim/maxAnswerBytes``: then the key is free.
    package mutating func complete(_ claim: IdempotencyClaim, with answer: StoredAnswer, expiresAt: Int64) -> [FlightWaiterID] {
        if answer.cost <= IdempotencyClaim.maxAnswerBytes {
            kept.insert(Kept(claim: claim, answer: answer), for: claim.key, cost: answer.cost, expiresAt: expiresAt)
        }
        running[claim.key] = nil
        return flights.completed(claim.key)
    }

    /// The request was not answered: the first who waits carries it out now; `nil`: nobody does, and the key is free.
    package mutating func release(_ key: CacheKey) -> FlightWaiterID? {
        let promoted = flights.abandoned(key)
        if promoted == nil { running[key] = nil }
        return promoted
    }

    /// A waiter's own deadline passed or its caller left.
    package mutating func left(_ key: CacheKey, _ waiter: FlightWaiterID) {
        flights.left(key, waiter)
    }
}
