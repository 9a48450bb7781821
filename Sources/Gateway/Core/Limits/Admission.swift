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

    /// Nanoseconds until a single permit is there; 0: it is.
    package var waitForOneNanoseconds: Int64 { max(0, aheadNanoseconds - demand.limit.room(for: 1)) }
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
    /// No lease ends before; saves looking at all of them each time.
    private var earliestEnd = Int64.max

    package init() {}

    package static func == (left: Self, right: Self) -> Bool { left.ends == right.ends }

    package mutating func removeEnded(now: Int64) {
        guard earliestEnd <= now else { return }
        ends = ends.filter { $0.value > now }
        earliestEnd = ends.values.min() ?? .max
    }

    package mutating func take(_ holder: String, until end: Int64) {
        ends[holder] = end
        earliestEnd = min(earliestEnd, end)
    }

    package mutating func release(_ holder: String) {
        ends[holder] = nil
    }

    /// - Returns: whether the lease was still there to be renewed.
    package mutating func renew(_ holder: String, until end: Int64) -> Bool {
        guard ends[holder] != nil else { return false }
        take(holder, until: end)
        return true
    }
}

/// Limits and caps of many subjects, decided together: a request passes all of them or takes from none.
///
/// The same as the scripts of RedisStore, which tests hold against it. Times are microseconds since 1970, as Redis tells them.
package struct AdmissionModel: Sendable, Equatable {
    package var rates: [String: GCRA] = [:]
    package var leases: [String: LeaseSet] = [:]
    package var wallets = WalletModel()

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
        /// The budget that has too little left, if one was asked.
        package var wallet: WalletRefusal?

        package init(isAdmitted: Bool, rates: [RateOutcome], leaseCounts: [Int], wallet: WalletRefusal? = nil) {
            self.isAdmitted = isAdmitted
            self.rates = rates
            self.leaseCounts = leaseCounts
            self.wallet = wallet
        }
    }

    /// - Parameter leaseMicroseconds: how long the holder's leases last.
    package mutating func admit(
        _ demands: [Rate], caps: [Cap], hold: WalletHold? = nil, holder: String, leaseMicroseconds: Int64, now: Int64
    ) -> Outcome {
        var outcome = Outcome(isAdmitted: true, rates: [], leaseCounts: [])
        admit(demands, caps: caps, hold: hold, holder: holder, leaseMicroseconds: leaseMicroseconds, now: now, into: &outcome)
        return outcome
    }

    /// The same, told in memory that serves again.
    package mutating func admit(
        _ demands: [Rate], caps: [Cap], hold: WalletHold? = nil, holder: String, leaseMicroseconds: Int64, now: Int64,
        into outcome: inout Outcome
    ) {
        let nanoseconds = now * 1_000
        outcome.isAdmitted = true
        outcome.rates.removeAll(keepingCapacity: true)
        outcome.leaseCounts.removeAll(keepingCapacity: true)
        for rate in demands {
            let ahead = rates[rate.name]?.ahead(rate.demand.limit, now: nanoseconds) ?? 0
            outcome.rates.append(RateOutcome(demand: rate.demand, aheadNanoseconds: ahead))
            if ahead > rate.demand.limit.room(for: rate.demand.permits) { outcome.isAdmitted = false }
        }
        for cap in caps {
            leases[cap.name, default: LeaseSet()].removeEnded(now: now)
            let count = leases[cap.name]?.ends.count ?? 0
            outcome.leaseCounts.append(count)
            if count >= cap.limit { outcome.isAdmitted = false }
        }
        outcome.wallet = hold.flatMap { wallets.refusal($0) }
        if outcome.wallet != nil { outcome.isAdmitted = false }
        guard outcome.isAdmitted else { return }
        for (index, rate) in demands.enumerated() {
            outcome.rates[index].aheadNanoseconds += rate.demand.limit.nanoseconds(for: rate.demand.permits)
            rates[rate.name] = GCRA(theoreticalArrival: nanoseconds + outcome.rates[index].aheadNanoseconds)
        }
        for (index, cap) in caps.enumerated() {
            leases[cap.name, default: LeaseSet()].take(holder, until: now + leaseMicroseconds)
            outcome.leaseCounts[index] = leases[cap.name]?.ends.count ?? 0
        }
        if let hold { wallets.reserve(hold, for: holder, now: now) }
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

    /// Limits and caps that are kept.
    package var count: Int { rates.count + leases.count }

    package func keeps(_ demands: [Rate], caps: [Cap]) -> Bool {
        demands.allSatisfy { rates[$0.name] != nil } && caps.allSatisfy { leases[$0.name] != nil }
    }

    /// Forgets what is as if it had never been: full buckets, and caps without a lease.
    package mutating func forgetIdle(now: Int64) {
        rates = rates.filter { $0.value.theoreticalArrival > now * 1_000 }
        leases = leases.filter { !$0.value.ends.isEmpty }
    }
}
