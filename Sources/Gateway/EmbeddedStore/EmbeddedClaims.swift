package import GatewayCore
import NIOConcurrencyHelpers
package import NIOCore

/// The idempotency keys of one process, shared by its event loops: ``ClaimTable`` with those who wait.
package final class EmbeddedClaims: Sendable {
    /// Repetitions that may wait for one request: an impatient client sends a few.
    private static let maxWaiters = 16

    private struct State {
        var table: ClaimTable
        var waiters: [FlightWaiterID: FlightWaiter] = [:]
    }

    private let state: NIOLockedValueBox<State>
    private let timeToLive: TimeAmount

    /// - Parameters:
    ///   - maxBytes: of all kept answers.
    ///   - timeToLive: how long an answer is told again.
    package init(maxBytes: Int, timeToLive: TimeAmount) {
        self.timeToLive = timeToLive
        state = NIOLockedValueBox(State(table: ClaimTable(maxBytes: maxBytes, maxWaiters: Self.maxWaiters)))
    }

    package func enter(_ claim: IdempotencyClaim, now: NIODeadline, waiter: FlightWaiter) -> ClaimTable.Entry {
        state.withLockedValue { state in
            let entry = state.table.enter(claim, now: Int64(clamping: now.uptimeNanoseconds))
            if case .wait(let id) = entry { state.waiters[id] = waiter }
            return entry
        }
    }

    /// Keeps the answer, and tells it to all who wait.
    package func complete(_ claim: IdempotencyClaim, with answer: StoredAnswer, now: NIODeadline) {
        let waiters = state.withLockedValue { state in
            state.table.complete(claim, with: answer, expiresAt: Int64(clamping: (now + timeToLive).uptimeNanoseconds))
                .compactMap { state.waiters.removeValue(forKey: $0) }
        }
        for waiter in waiters {
            waiter.eventLoop.execute { waiter.notify(.answered(answer)) }
        }
    }

    /// The request ends without an answer.
    package func release(_ key: CacheKey) {
        let promoted = state.withLockedValue { state in
            state.table.release(key).flatMap { state.waiters.removeValue(forKey: $0) }
        }
        if let promoted {
            promoted.eventLoop.execute { promoted.notify(.promoted) }
        }
    }

    /// A waiter goes before it was told. If it has been told already, with `.promoted`, it must ``release(_:)``.
    package func leave(_ key: CacheKey, _ waiter: FlightWaiterID) {
        state.withLockedValue { state in
            state.table.left(key, waiter)
            state.waiters[waiter] = nil
        }
    }

    package var counts: (running: Int, kept: Int, bytes: Int) { state.withLockedValue { $0.table.counts } }
}
