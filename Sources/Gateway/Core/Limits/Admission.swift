/// One limit that a request must pass, and how much it takes of it.
package struct RateDemand: Sendable, Equatable {
    package var limit: RateLimit
    /// Permits; at least 1.
    package var permits: UInt64

    package init(limit: RateLimit, permits: UInt64 = 1) {
        self.limit = limit
        self.permits = max(1, permits)
    }
}

/// What became of one limit: how far its theoretical arrival time lies ahead of now, after the decision. Everything else follows from it.
package struct RateOutcome: Sendable, Equatable {
    package var demand: RateDemand
    package var aheadNanoseconds: Int64

    package init(demand: RateDemand, aheadNanoseconds: Int64) {
        self.demand = demand
        self.aheadNanoseconds = aheadNanoseconds
    }

    package var status: RateLimitStatus {
        GCRA(theoreticalArrival: aheadNanoseconds).status(demand.limit, now: 0)
    }

    /// Nanoseconds until the demand would pass, for an outcome of a refusal; 0: it would now. `nil`: never, it is larger than the burst.
    package var waitNanoseconds: Int64? {
        guard demand.permits <= demand.limit.burst else { return nil }
        return max(0, aheadNanoseconds - demand.limit.room(for: demand.permits))
    }
}

extension RateLimit {
    /// The longest time that a burst may take to grow back: 26 days. Twice as much is exact in a double, in which Redis' scripts count.
    package static let maxBurstNanoseconds: Int64 = 1 << 51

    /// Whether the limit can be counted in Redis: its burst grows back within 26 days.
    package var isCountable: Bool { burstNanoseconds <= Self.maxBurstNanoseconds }

    /// Nanoseconds in which an empty bucket fills.
    package var burstNanoseconds: Int64 { nanoseconds(for: burst) }

    /// Nanoseconds in which so many permits grow back.
    package func nanoseconds(for permits: UInt64) -> Int64 {
        let (product, overflow) = emissionIntervalNanoseconds.multipliedReportingOverflow(by: Int64(clamping: permits))
        return overflow ? .max / 4 : product
    }

    /// How far ahead the theoretical arrival time may be for so many permits to pass; negative: they never do.
    func room(for permits: UInt64) -> Int64 { burstNanoseconds - nanoseconds(for: permits) }

    /// The theoretical arrival time is never further ahead than this: a debt is one burst at most, and so is what a clock that jumps back can cost.
    var maxAheadNanoseconds: Int64 { 2 * min(burstNanoseconds, .max / 4) }
}

extension GCRA {
    /// How far the theoretical arrival time lies ahead of `now`, within the limit's bounds.
    func ahead(_ limit: RateLimit, now: Int64) -> Int64 {
        theoreticalArrival <= now ? 0 : min(theoreticalArrival - now, limit.maxAheadNanoseconds)
    }

    /// Takes more permits (a demand that was estimated too low) or gives some back (too high), whether or not there is room for them.
    package mutating func settle(_ limit: RateLimit, permits: Int64, now: Int64) {
        let change = limit.nanoseconds(for: permits.magnitude)
        let ahead = ahead(limit, now: now)
        let settled = permits < 0 ? max(0, ahead - change) : min(limit.maxAheadNanoseconds, ahead + min(change, .max / 4))
        self = GCRA(theoreticalArrival: now + settled)
    }
}

/// Leases of one cap on concurrent requests. A lease that nobody renews ends by itself: its holder is taken for dead.
package struct LeaseSet: Sendable, Equatable {
    /// When each lease ends, in microseconds of the clock that `now` is of.
    package private(set) var ends: [String: Int64] = [:]

    package init() {}

    package mutating func removeEnded(now: Int64) {
        ends = ends.filter { $0.value > now }
    }

    package mutating func take(_ holder: String, until end: Int64) {
        ends[holder] = end
    }

    package mutating func release(_ holder: String) {
        ends[holder] = nil
    }

    /// - Returns: whether the lease was still there to be renewed.
    package mutating func renew(_ holder: String, until end: Int64) -> Bool {
        guard ends[holder] != nil else { return false }
        ends[holder] = end
        return true
    }
}

/// Limits and caps of many subjects, decided together: a request passes all of them or takes from none.
///
/// The same as the scripts of RedisStore, which tests hold against it. Times are microseconds since 1970, as Redis tells them.
package struct AdmissionModel: Sendable, Equatable {
    package var rates: [String: GCRA] = [:]
    package var leases: [String: LeaseSet] = [:]

    package init() {}

    package struct Rate: Sendable, Equatable {
        package var name: String
        package var demand: RateDemand

        package init(name: String, demand: RateDemand) {
            self.name = name
            self.demand = demand
        }
    }

    package struct Cap: Sendable, Equatable {
        package var name: String
        package var limit: Int

        package init(name: String, limit: Int) {
            self.name = name
            self.limit = limit
        }
    }

    package struct Outcome: Sendable, Equatable {
        package var isAdmitted: Bool
        package var rates: [RateOutcome]
        /// How many hold a lease of each cap, this request counted if it was admitted.
        package var leaseCounts: [Int]

        package init(isAdmitted: Bool, rates: [RateOutcome], leaseCounts: [Int]) {
            self.isAdmitted = isAdmitted
            self.rates = rates
            self.leaseCounts = leaseCounts
        }
    }

    /// - Parameter leaseMicroseconds: how long the holder's leases last.
    package mutating func admit(
        _ demands: [Rate], caps: [Cap], holder: String, leaseMicroseconds: Int64, now: Int64
    ) -> Outcome {
        let nanoseconds = now * 1_000
        var isAdmitted = true
        for demand in demands {
            let ahead = rates[demand.name, default: GCRA()].ahead(demand.demand.limit, now: nanoseconds)
            isAdmitted = isAdmitted && ahead <= demand.demand.limit.room(for: demand.demand.permits)
        }
        for cap in caps {
            leases[cap.name, default: LeaseSet()].removeEnded(now: now)
            isAdmitted = isAdmitted && leases[cap.name, default: LeaseSet()].ends.count < cap.limit
        }
        let outcomes = demands.map { rate in
            if isAdmitted {
                rates[rate.name, default: GCRA()].settle(rate.demand.limit, permits: Int64(clamping: rate.demand.permits), now: nanoseconds)
            }
            let ahead = rates[rate.name, default: GCRA()].ahead(rate.demand.limit, now: nanoseconds)
            return RateOutcome(demand: rate.demand, aheadNanoseconds: ahead)
        }
        let counts = caps.map { cap in
            if isAdmitted {
                leases[cap.name, default: LeaseSet()].take(holder, until: now + leaseMicroseconds)
            }
            return leases[cap.name, default: LeaseSet()].ends.count
        }
        return Outcome(isAdmitted: isAdmitted, rates: outcomes, leaseCounts: counts)
    }

    /// Corrects estimates and gives leases back.
    package mutating func settle(
        _ corrections: [(name: String, limit: RateLimit, permits: Int64)], caps: [String], holder: String, now: Int64
    ) {
        for correction in corrections {
            rates[correction.name, default: GCRA()].settle(correction.limit, permits: correction.permits, now: now * 1_000)
        }
        for cap in caps {
            leases[cap, default: LeaseSet()].release(holder)
        }
    }

    /// - Returns: for each holder whether its lease was still there.
    package mutating func renew(_ cap: String, holders: [String], leaseMicroseconds: Int64, now: Int64) -> [Bool] {
        leases[cap, default: LeaseSet()].removeEnded(now: now)
        return holders.map { leases[cap, default: LeaseSet()].renew($0, until: now + leaseMicroseconds) }
    }
}
