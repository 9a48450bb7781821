/// How often a kind of personal data was found and replaced in a request.
package struct ScrubCount: Sendable, Equatable {
    /// The kind's stable upper-case name, such as `EMAIL`.
    package var kind: String
    package var count: Int

    package init(kind: String, count: Int) {
        self.kind = kind
        self.count = count
    }
}

/// What is known of an answer when it begins.
package struct AnswerHead: Sendable, Equatable {
    package var requestID: RequestID
    /// The model really used, by the gateway's name for it.
    package var model: String
    package var provider: String
    package var cache: CacheStatus
    /// Why this model and provider: `exact`, `pattern`, `alias:NAME`, `fallback:N`.
    package var routeReason: String
    /// Seconds since 1970.
    package var createdUnixSeconds: UInt64
    package var scrubbed: [ScrubCount]
    package var rateLimit: LimitReport?
    /// Whether it is the answer to an earlier request with the same idempotency key.
    package var isRepetition: Bool
    /// Fields of the request that the provider's dialect has no place for and that the request allowed to be left out.
    package var dropped: [String]

    package init(
        requestID: RequestID, model: String, provider: String, cache: CacheStatus, routeReason: String, createdUnixSeconds: UInt64,
        scrubbed: [ScrubCount], rateLimit: LimitReport?, isRepetition: Bool = false, dropped: [String] = []
    ) {
        self.requestID = requestID
        self.model = model
        self.provider = provider
        self.cache = cache
        self.routeReason = routeReason
        self.createdUnixSeconds = createdUnixSeconds
        self.scrubbed = scrubbed
        self.rateLimit = rateLimit
        self.isRepetition = isRepetition
        self.dropped = dropped
    }
}

/// What is known of a request when it is over, whether it was answered or failed. The receipt's id is the request's.
package struct AnswerSummary: Sendable, Equatable {
    package var requestID: RequestID
    package var finishes: [AnswerFinish]
    package var usage: TokenUsage
    /// `nil`: the model has no price in the configuration.
    package var costNanoUSD: UInt64?
    /// Which prices the cost was reckoned with; `nil`: none.
    package var priceVersion: String?
    /// Whether usage was not told by the provider but counted here.
    package var isEstimated: Bool
    package var scrubbed: [ScrubCount]
    package var timings: PhaseTimings
    /// Calls to providers; 0 for an answer from the cache.
    package var attempts: Int
    package var cache: CacheStatus
    package var routeReason: String
    package var rateLimit: LimitReport?

    package init(requestID: RequestID) {
        self.requestID = requestID
        finishes = []
        usage = TokenUsage()
        costNanoUSD = nil
        priceVersion = nil
        isEstimated = false
        scrubbed = []
        timings = PhaseTimings()
        attempts = 0
        cache = .bypass
        routeReason = ""
        rateLimit = nil
    }
}
