package import GatewayCore
import NIOCore

/// One question to the limits in Redis: may this request pass all of its limits and caps? It takes from all of them or from none, in one script.
///
/// Time is Redis' own (`TIME`): the clocks of replicas differ, and a limit that is counted by several clocks is as wide as they are apart. Rates
/// are counted in nanoseconds on top of microseconds, exactly: no number in the scripts leaves the integers of a double (2^53).
package struct RedisAdmission: Sendable {
    package struct Rate: Sendable, Equatable {
        package var key: RedisKey
        package var demand: RateDemand

        package init(key: RedisKey, demand: RateDemand) {
            self.key = key
            self.demand = demand
        }
    }

    /// At most so many at once.
    package struct Cap: Sendable, Equatable {
        package var key: RedisKey
        package var limit: Int

        package init(key: RedisKey, limit: Int) {
            self.key = key
            self.limit = limit
        }
    }

    /// What is reserved of wallets, with their keys.
    package struct Hold: Sendable, Equatable {
        package var bucket: UInt8
        package var keys: [RedisKey]
        package var demand: WalletHold

        package init(bucket: UInt8, keys: [RedisKey], demand: WalletHold) {
            self.bucket = bucket
            self.keys = keys
            self.demand = demand
        }
    }

    /// Of one tenant: their keys share a slot. Each limit must be countable (`RateLimit.isCountable`); configuration sees to it.
    package var rates: [Rate]
    package var caps: [Cap]
    /// `nil`: no budget applies.
    package var hold: Hold?
    /// What is asked of the request's idempotency key; `nil`: it has none.
    package var claim: RedisClaim?
    /// What is asked of the cache; `nil`: nothing.
    package var look: RedisLook?
    /// Names the request's leases and its hold: unique, and told again to release, renew or settle them.
    package var holder: String
    /// How long a lease lasts that nobody renews. The same for all who share a cap.
    package var leaseMilliseconds: Int64

    package init(
        rates: [Rate], caps: [Cap], hold: Hold? = nil, claim: RedisClaim? = nil, look: RedisLook? = nil, holder: String,
        leaseMilliseconds: Int64 = 15_000
    ) {
        self.rates = rates
        self.caps = caps
        self.hold = hold
        self.claim = claim
        self.look = look
        self.holder = holder
        self.leaseMilliseconds = leaseMilliseconds
    }

    /// Writes the question into a command.
    ///
    /// - Parameter microseconds: the time since 1970, for tests; `nil`: Redis' clock.
    package func encode(into command: inout RedisCommand, now microseconds: Int64? = nil) {
        let cacheKeyCount = look?.keyCount ?? 0
        let claimKeys = claim?.keys ?? []
        let keyCount = rates.count + caps.count + claimKeys.count + cacheKeyCount + (hold.map { 2 + $0.keys.count } ?? 0)
        command.restart(RedisLimitScripts.admit, keyCount: keyCount)
        for rate in rates { command.append(rate.key) }
        for cap in caps { command.append(cap.key) }
        for key in claimKeys { command.append(key) }
        if let look { command.append(look.answer) }
        if let flight = look?.flight { command.append(flight) }
        if let hold {
            command.append(RedisKey.holds(bucket: hold.bucket))
            command.append(RedisKey.held(bucket: hold.bucket))
            for key in hold.keys { command.append(key) }
        }
        command.append(microseconds ?? 0)
        command.append(Int64(rates.count))
        command.append(holder)
        command.append(leaseMilliseconds)
        command.append(Int64(caps.count))
        command.append(Int64(cacheKeyCount))
        command.append(claim?.fingerprint ?? [])
        command.append(claim?.milliseconds ?? 0)
        for rate in rates {
            command.append(rate.demand.limit.emissionIntervalNanoseconds)
            command.append(Int64(clamping: rate.demand.limit.burst))
            command.append(Int64(clamping: rate.demand.permits))
        }
        for cap in caps { command.append(Int64(cap.limit)) }
        guard let demand = hold?.demand else { return }
        command.append(demand.bound)
        command.append(demand.milliseconds)
        command.append(Int64(demand.time.day))
        command.append(Int64(demand.time.month))
        command.append(demand.record)
        for limits in demand.limits {
            for period in BudgetPeriod.allCases { if let limit = limits[period] { command.append(limit) } else { command.append("") } }
        }
    }

    /// - Returns: `nil`: the reply is not the script's.
    package func outcome(of reply: RedisReply) -> AdmissionModel.Outcome? {
        guard var values = reply.value.elements,
            values.left == 1 + rates.count + caps.count + (hold == nil ? 0 : 1) + (claim == nil ? 0 : 1) + (look == nil ? 0 : 1),
            let verdict = values.next()?.integer
        else {
            return nil
        }
        var outcome = AdmissionModel.Outcome(isAdmitted: verdict == 1, rates: [], leaseCounts: [])
        outcome.rates.reserveCapacity(rates.count)
        for rate in rates {
            guard let ahead = values.next()?.integer, ahead >= 0 else { return nil }
            outcome.rates.append(RateOutcome(demand: rate.demand, aheadNanoseconds: ahead))
        }
        for _ in caps {
            guard let count = values.next()?.integer, count >= 0 else { return nil }
            outcome.leaseCounts.append(Int(count))
        }
        if hold != nil {
            guard let code = values.next()?.integer else { return nil }
            outcome.wallet = WalletRefusal(code: Int(code))
        }
        return outcome
    }

    /// - Returns: what became of the idempotency key; `nil`: there is none, the limits refuse the request, or the reply is not the script's.
    package func claimed(in reply: RedisReply) -> RedisClaim.Found? {
        guard claim != nil, let values = reply.value.elements else { return nil }
        let (count, behind) = (values.left, look == nil ? 0 : 1)
        var found: RedisClaim.Found?
        for (position, value) in values.enumerated() where position == count - 1 - behind { found = RedisClaim.found(value) }
        return found
    }

    /// The leases that the question may have taken.
    package var leases: [RedisKey] { caps.map(\.key) + [claim?.lease, look?.flight].compactMap { $0 } }

    /// - Returns: what the cache answered; `nil`: it was not asked, or the reply is not the script's.
    package func found(in reply: RedisReply) -> RedisLook.Found? {
        guard look != nil, let values = reply.value.elements else { return nil }
        var found: RedisLook.Found?
        let last = values.left - 1
        for (position, value) in values.enumerated() where position == last { found = RedisLook.found(value) }
        return found
    }

    /// Writes the renewal of leases of one cap.
    package static func encodeRenewal(
        into command: inout RedisCommand, lease: RedisKey, holders: [String], leaseMilliseconds: Int64 = 15_000,
        now microseconds: Int64? = nil
    ) {
        command.restart(RedisLimitScripts.renew, keyCount: 1)
        command.append(lease)
        command.append(microseconds ?? 0)
        command.append(leaseMilliseconds)
        for holder in holders { command.append(holder) }
    }

    /// - Returns: for each holder whether its lease was still there; one that was not is not made again, for its place may be taken.
    package static func renewed(_ reply: RedisReply) -> [Bool]? {
        reply.value.elements.map { $0.map { $0.integer == 1 } }
    }
}
