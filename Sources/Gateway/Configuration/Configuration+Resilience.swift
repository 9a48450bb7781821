extension Configuration {
    /// How the gateway goes on when providers fail.
    package struct Resilience: Sendable, Equatable {
        package var retries: Retries
        package var breaker: Breaker
    }

    package struct Retries: Sendable, Equatable {
        /// Calls of one model for one request, the first included.
        package var maxAttempts: Int
        package var baseDelay: Duration
        package var maxDelay: Duration
        /// Of requests, and calls a second besides, that may be made again.
        package var budgetPercent: Int
        package var budgetMinimumPerSecond: Int
    }

    package struct Breaker: Sendable, Equatable {
        package var isEnabled: Bool
        package var failurePercent: Int
        package var minimumCalls: Int
        package var window: Duration
        package var openFor: Duration
        package var maxOpenFor: Duration
        package var probes: Int
    }
}
