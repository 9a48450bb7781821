/// How answers of a model are cached.
package struct CacheSettings: Sendable, Equatable {
    package enum Mode: Sendable, Equatable {
        /// Only requests with temperature 0 and no tools.
        case deterministic
        case always
        case off
    }

    package var mode: Mode
    /// How long an answer may be served again.
    package var timeToLiveNanoseconds: Int64

    package init(mode: Mode, timeToLiveNanoseconds: Int64) {
        self.mode = mode
        self.timeToLiveNanoseconds = timeToLiveNanoseconds
    }
}

/// Who may be served an answer that somebody else's request brought.
package enum CacheScope: Sendable, Equatable {
    case tenant
    case user
    case key
}

extension Principal {
    /// What a cache key starts with: two principals share answers only if this is equal. A principal without a user shares within its key alone.
    package func cacheOwner(_ scope: CacheScope) -> [String] {
        switch (scope, user) {
        case (.tenant, _): ["tenant", tenant]
        case (.user, let user?): ["user", tenant, user]
        case (.user, nil), (.key, _): ["key", tenant, keyID]
        }
    }
}

/// What the cache does for one request.
package struct CachePlan: Sendable, Equatable {
    package var looksUp: Bool
    package var stores: Bool
    /// Without a stored answer the request fails with `cache_miss`.
    package var requiresHit: Bool

    /// The caller's directive wins over the model's mode, except that nothing switches on what the configuration says is `off`.
    package init(_ settings: CacheSettings, directive: CacheDirective, isDeterministic: Bool) {
        let byDefault =
            switch settings.mode {
            case .always: true
            case .deterministic: isDeterministic
            case .off: false
            }
        let isPossible = settings.mode != .off
        requiresHit = directive == .only
        switch directive {
        case .modelDefault: (looksUp, stores) = (byDefault, byDefault)
        case .use: (looksUp, stores) = (isPossible, isPossible)
        case .off: (looksUp, stores) = (false, false)
        case .refresh: (looksUp, stores) = (false, isPossible)
        case .only: (looksUp, stores) = (isPossible, false)
        }
    }

    package var isBypass: Bool { !looksUp && !stores }
}

/// What a cached answer is found by: a keyed hash of everything that could change it.
package struct CacheKey: Sendable, Hashable {
    package var high: UInt64
    package var low: UInt64
    package var rest: SIMD2<UInt64>

    /// - Parameter bytes: exactly 32 bytes; `nil` otherwise.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 32 else { return nil }
        func word(_ number: Int) -> UInt64 { UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8 * number, as: UInt64.self)) }
        (high, low, rest) = (word(0), word(1), SIMD2(word(2), word(3)))
    }

    /// - Parameter bytes: exactly 32 bytes; `nil` otherwise.
    package init?(_ bytes: [UInt8]) {
        guard let key = bytes.withUnsafeBytes({ CacheKey($0) }) else { return nil }
        self = key
    }

    /// The 32 bytes that it was made of.
    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Swift.withUnsafeBytes(of: (high.bigEndian, low.bigEndian, rest[0].bigEndian, rest[1].bigEndian), body)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(high)
    }
}
