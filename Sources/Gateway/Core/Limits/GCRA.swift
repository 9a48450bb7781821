/// A rate with a burst, in the terms of the generic cell rate algorithm (ITU-T I.371, virtual scheduling).
package struct RateLimit: Sendable, Equatable {
    /// Permits that may be used at once after a rest; at least 1.
    package let burst: UInt64
    /// Nanoseconds in which one permit grows back.
    package let emissionIntervalNanoseconds: Int64

    /// - Parameters:
    ///   - permits: how many per period; at least 1.
    ///   - periodNanoseconds: the period's length; at least `permits`.
    ///   - burst: permits usable at once; at least 1. `nil`: as many as a period has.
    package init(permits: UInt64, periodNanoseconds: Int64, burst: UInt64? = nil) {
        let permits = max(1, permits)
        self.burst = max(1, burst ?? permits)
        self.emissionIntervalNanoseconds = max(1, periodNanoseconds / Int64(clamping: permits))
    }
}

/// What a limit says to callers.
package struct RateLimitStatus: Sendable, Equatable {
    /// Permits usable at once after a rest.
    package var limit: UInt64
    /// Permits usable now.
    package var remaining: UInt64
    /// Milliseconds until all permits are back.
    package var resetMilliseconds: Int64

    package init(limit: UInt64, remaining: UInt64, resetMilliseconds: Int64) {
        self.limit = limit
        self.remaining = remaining
        self.resetMilliseconds = resetMilliseconds
    }
}

/// The state of one limit for one caller: its theoretical arrival time. Pure: `now` is a parameter, in nanoseconds of any steady clock.
package struct GCRA: Sendable, Equatable {
    /// When the bucket is full again. A time in the past stands for a full bucket, so such a state may be forgotten.
    package private(set) var theoreticalArrival: Int64

    package init(theoreticalArrival: Int64 = .min) {
        self.theoreticalArrival = theoreticalArrival
    }

    /// What is left, without taking anything.
    package func status(_ limit: RateLimit, now: Int64) -> RateLimitStatus {
        let ahead = max(0, theoreticalArrival - now)
        let free = limit.burstNanoseconds - ahead
        return RateLimitStatus(
            limit: limit.burst, remaining: free <= 0 ? 0 : UInt64(free / limit.emissionIntervalNanoseconds),
            resetMilliseconds: (ahead + 999_999) / 1_000_000)
    }
}
