package import NIOCore

/// How often and how soon a failed call of a target is made again.
///
/// Waits grow exponentially and have full jitter: each is drawn evenly from nothing to a ceiling that doubles, so that callers which failed together do not
/// come back together (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
package struct RetryPolicy: Sendable, Equatable {
    /// Calls of one target for one request, the first included; at least 1, which is never to make one again.
    package var maxAttempts: Int
    /// The ceiling of the first wait; each further one's is twice as high.
    package var baseDelay: TimeAmount
    /// The highest ceiling. A provider's `retry-after` that is longer is not waited for.
    package var maxDelay: TimeAmount

    package init(maxAttempts: Int = 2, baseDelay: TimeAmount = .milliseconds(100), maxDelay: TimeAmount = .seconds(1)) {
        self.maxAttempts = max(1, maxAttempts)
        self.baseDelay = baseDelay
        self.maxDelay = maxDelay
    }

    /// How long to wait before a target's next call.
    ///
    /// - Parameters:
    ///   - attempts: calls of the target so far; at least 1.
    ///   - advice: the provider's `retry-after`, which is waited for in full.
    /// - Returns: `nil`: the advice is longer than anybody should wait here.
    func delay(after attempts: Int, advice: TimeAmount?, random: inout some RandomNumberGenerator) -> TimeAmount? {
        if let advice {
            guard advice <= maxDelay else { return nil }
            return advice + jitter(below: min(baseDelay, maxDelay), &random)
        }
        var ceiling = baseDelay
        for _ in 1..<max(1, attempts) where ceiling < maxDelay { ceiling = ceiling + ceiling }
        return jitter(below: min(ceiling, maxDelay), &random)
    }

    private func jitter(below ceiling: TimeAmount, _ random: inout some RandomNumberGenerator) -> TimeAmount {
        .nanoseconds(Int64.random(in: 0...max(0, ceiling.nanoseconds), using: &random))
    }
}

/// Keeps repetitions to a share of what is asked anyway, so that a provider in trouble does not get a multiple of its usual load.
///
/// Over the last ten seconds, calls that are made again are at most `percent` of the requests, and `minimumPerSecond` times ten besides, without which a
/// gateway with little traffic could repeat nothing (as in Finagle's retry budget).
package struct RetryBudget: Sendable {
    package struct Settings: Sendable, Equatable {
        package var percent: Int
        package var minimumPerSecond: Int

        package init(percent: Int = 20, minimumPerSecond: Int = 10) {
            self.percent = percent
            self.minimumPerSecond = minimumPerSecond
        }
    }

    private static let seconds = 10
    private let settings: Settings
    /// Requests, and as `failed` the calls that were made again.
    private var counts = SlidingCounts(window: .seconds(Int64(Self.seconds)))

    package init(_ settings: Settings) {
        self.settings = settings
    }

    package mutating func requestBegan(now: NIODeadline) {
        counts.add(total: 1, now: now)
    }

    /// Takes one call out of the budget. False: there is nothing left in it.
    package mutating func withdraw(now: NIODeadline) -> Bool {
        let (requests, repeated) = counts.counts(now: now)
        guard repeated < settings.minimumPerSecond * Self.seconds + requests * settings.percent / 100 else { return false }
        counts.add(failed: 1, now: now)
        return true
    }
}
