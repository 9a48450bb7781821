/// What a caller asks of the cache for one request.
package enum CacheDirective: UInt8, Sendable, Equatable {
    /// As the model's configuration says.
    case modelDefault
    /// Look up and store, also where the configuration would not.
    case use
    /// Neither look up nor store.
    case off
    /// Do not look up, store the new answer.
    case refresh
    /// Answer from the cache or fail with `cache_miss`.
    case only
}

/// What the cache did for a request.
package enum CacheStatus: UInt8, Sendable, Equatable {
    case miss
    case hit
    case bypass
    /// The answer of an equal request that was under way at the time.
    case coalesced

    package var name: String {
        switch self {
        case .miss: "miss"
        case .hit: "hit"
        case .bypass: "bypass"
        case .coalesced: "coalesced"
        }
    }
}
