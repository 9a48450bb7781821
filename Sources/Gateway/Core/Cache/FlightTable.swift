/// Names one request that waits for another.
package struct FlightWaiterID: Sendable, Hashable {
    package var number: UInt64

    package init(number: UInt64) {
        self.number = number
    }
}

/// Which requests are under way, and who waits for them: of equal requests only one is sent to a provider. A pure machine.
package struct FlightTable: Sendable {
    package enum Entry: Sendable, Equatable {
        /// Send the request; then call ``completed(_:)`` or ``abandoned(_:)``.
        case lead
        /// An equal request is under way.
        case wait(FlightWaiterID)
        /// So many wait already that this one goes by itself, without a lead and without storing.
        case alone
    }

    private var waiters: [CacheKey: [FlightWaiterID]] = [:]
    private var nextNumber: UInt64 = 0
    package let maxWaitersPerFlight: Int

    package init(maxWaitersPerFlight: Int) {
        self.maxWaitersPerFlight = maxWaitersPerFlight
    }

    package var flights: Int { waiters.count }

    package func isUnderWay(_ key: CacheKey) -> Bool { waiters[key] != nil }

    package mutating func enter(_ key: CacheKey) -> Entry {
        guard let queue = waiters[key] else {
            waiters[key] = []
            return .lead
        }
        guard queue.count < maxWaitersPerFlight else { return .alone }
        let waiter = FlightWaiterID(number: nextNumber)
        nextNumber &+= 1
        waiters[key]?.append(waiter)
        return .wait(waiter)
    }

    /// The leader has the whole answer: everyone who waits gets it.
    package mutating func completed(_ key: CacheKey) -> [FlightWaiterID] {
        waiters.removeValue(forKey: key) ?? []
    }

    /// The leader has no answer to share: the first who waits leads now, the others go on waiting.
    package mutating func abandoned(_ key: CacheKey) -> FlightWaiterID? {
        guard var queue = waiters[key] else { return nil }
        guard !queue.isEmpty else {
            waiters[key] = nil
            return nil
        }
        let promoted = queue.removeFirst()
        waiters[key] = queue
        return promoted
    }

    /// A waiter's own deadline passed or its caller left.
    package mutating func left(_ key: CacheKey, _ waiter: FlightWaiterID) {
        waiters[key]?.removeAll { $0 == waiter }
    }
}
