package import GatewayCore
import NIOConcurrencyHelpers
package import NIOCore

/// What became of the request that a waiter waited for.
package enum FlightOutcome: Sendable {
    case answered(StoredAnswer)
    /// The leader failed; the waiter leads from now on.
    case promoted
}

/// Someone who waits for an equal request; told on its own event loop.
package struct FlightWaiter: Sendable {
    package var eventLoop: any EventLoop
    package var notify: @Sendable (FlightOutcome) -> Void

    package init(eventLoop: any EventLoop, notify: @escaping @Sendable (FlightOutcome) -> Void) {
        self.eventLoop = eventLoop
        self.notify = notify
    }
}

/// The exact cache and single flight of one process, shared by its event loops.
///
/// Bounds: the byte cap of the configuration; waiters per flight. At the cap the least recently used answer goes; at the bound of waiters
/// a request is sent by itself.
package final class EmbeddedResponseCache: Sendable {
    package enum Lookup: Sendable {
        case hit(StoredAnswer)
        /// Not stored, and nobody fetches it: fetch it and tell ``complete(_:of:with:expiresAt:)`` or ``abandon(_:)``. What comes of a stream is told to
        /// those who follow it.
        case lead(FlightLog)
        /// Not stored, but under way: the waiter will be told. What has come of a stream can be followed.
        case wait(FlightWaiterID, FlightLog)
        /// Not stored, and nothing to wait for.
        case miss
    }

    private struct Kept: Sendable {
        var tenant: String
        var answer: StoredAnswer
    }

    private struct State {
        var answers: RecencyCache<CacheKey, Kept>
        var flights: FlightTable
        var waiters: [FlightWaiterID: FlightWaiter] = [:]
        var logs: [CacheKey: FlightLog] = [:]
    }

    private let state: NIOLockedValueBox<State>
    private let maxEntryBytes: Int
    /// Of a stream that others follow while it comes.
    private let maxLogBytes: Int

    package init(maxBytes: Int, maxEntryBytes: Int, maxWaitersPerFlight: Int, maxLogBytes: Int = 8 << 20) {
        self.maxEntryBytes = maxEntryBytes
        self.maxLogBytes = maxLogBytes
        state = NIOLockedValueBox(
            State(answers: RecencyCache(maxCost: maxBytes), flights: FlightTable(maxWaitersPerFlight: maxWaitersPerFlight)))
    }

    /// Finds a stored answer without joining a flight.
    package func storedAnswer(_ key: CacheKey, now: NIODeadline) -> StoredAnswer? {
        state.withLockedValue { $0.answers.value(for: key, now: Int64(clamping: now.uptimeNanoseconds))?.answer }
    }

    /// Whether somebody here fetches the answer.
    package func isUnderWay(_ key: CacheKey) -> Bool { state.withLockedValue { $0.flights.isUnderWay(key) } }

    /// Finds a stored answer, or says who fetches it.
    package func lookUp(_ key: CacheKey, now: NIODeadline, waiter: FlightWaiter) -> Lookup {
        state.withLockedValue { state in
            if let kept = state.answers.value(for: key, now: Int64(clamping: now.uptimeNanoseconds)) { return .hit(kept.answer) }
            switch state.flights.enter(key) {
            case .lead:
                let log = FlightLog(maxBytes: maxLogBytes)
                state.logs[key] = log
                return .lead(log)
            case .alone: return .miss
            case .wait(let id):
                guard let log = state.logs[key], !log.isBroken else {
                    state.flights.left(key, id)
                    return .miss
                }
                state.waiters[id] = waiter
                return .wait(id, log)
            }
        }
    }

    /// Stores what a leader fetched and tells all who wait. Those who follow a stream have heard it already.
    package func complete(_ key: CacheKey, of tenant: String, with answer: StoredAnswer, expiresAt: NIODeadline) {
        let waiters = state.withLockedValue { state in
            keep(answer, of: tenant, as: key, expiresAt: expiresAt, in: &state)
            let waiters = state.flights.completed(key).compactMap { state.waiters.removeValue(forKey: $0) }
            return state.logs.removeValue(forKey: key)?.hasBegun == true ? [] : waiters
        }
        for waiter in waiters {
            waiter.eventLoop.execute { waiter.notify(.answered(answer)) }
        }
    }

    /// A leader ends without an answer that may be kept. A stream that has begun breaks for those who follow it, unless it was whole.
    package func abandon(_ key: CacheKey) {
        let (promoted, log) = state.withLockedValue { state -> (FlightWaiter?, FlightLog?) in
            guard let log = state.logs[key], log.hasBegun else {
                let promoted = state.flights.abandoned(key).flatMap { state.waiters.removeValue(forKey: $0) }
                if promoted == nil { state.logs[key] = nil }
                return (promoted, nil)
            }
            state.logs[key] = nil
            for waiter in state.flights.completed(key) { state.waiters[waiter] = nil }
            return (nil, log)
        }
        log?.finish(.broken)
        if let promoted {
            promoted.eventLoop.execute { promoted.notify(.promoted) }
        }
    }

    /// Stores an answer that was fetched outside a flight, as `refresh` does.
    package func store(_ answer: StoredAnswer, of tenant: String, for key: CacheKey, expiresAt: NIODeadline) {
        state.withLockedValue { keep(answer, of: tenant, as: key, expiresAt: expiresAt, in: &$0) }
    }

    private func keep(
        _ answer: StoredAnswer, of tenant: String, as key: CacheKey, expiresAt: NIODeadline, in state: inout State
    ) {
        guard answer.cost <= maxEntryBytes else { return }
        state.answers.insert(
            Kept(tenant: tenant, answer: answer), for: key, cost: answer.cost + tenant.utf8.count,
            expiresAt: Int64(clamping: expiresAt.uptimeNanoseconds))
    }

    /// Forgets answers; looks at every one.
    ///
    /// - Parameters:
    ///   - tenant: `nil`: of every tenant.
    ///   - model: `nil`: of every model.
    /// - Returns: how many.
    package func purge(tenant: String?, model: String?) -> Int {
        state.withLockedValue { state in
            let before = state.answers.count
            state.answers.removeAll { kept in (tenant ?? kept.tenant) == kept.tenant && (model ?? kept.answer.model) == kept.answer.model }
            return before - state.answers.count
        }
    }

    /// A waiter goes before it was told. `false`: it has been told already, the message is on its way; if that says `.promoted`, the
    /// waiter must ``abandon(_:)``.
    package func leave(_ key: CacheKey, _ waiter: FlightWaiterID) -> Bool {
        state.withLockedValue { state in
            state.flights.left(key, waiter)
            return state.waiters.removeValue(forKey: waiter) != nil
        }
    }

    package var counts: (answers: Int, bytes: Int, flights: Int) {
        state.withLockedValue { ($0.answers.count, $0.answers.cost, $0.flights.flights) }
    }
}
