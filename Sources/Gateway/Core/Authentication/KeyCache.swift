/// What the store said about credentials, remembered for a while. Pure; one for each event loop.
///
/// Bound: so many known credentials and so many unknown ones, of which the least recently used go first.
package struct KeyCache: Sendable {
    package enum Entry: Sendable {
        case principal(Principal)
        /// A key that is there and may not be used, such as one of a tenant that is paused.
        case refused(Fault)
    }

    private struct Known: Sendable {
        var entry: Entry
        var tenant: String
        var key: String
        var credential: Credential
    }

    /// How long an unknown credential is remembered at most; a change of any key ends it sooner.
    package static let unknownLifetimeMilliseconds: Int64 = 5_000

    private var known: RecencyCache<CredentialDigest, Known>
    private var unknown: RecencyCache<CredentialDigest, Bool>

    package init(maxKnown: Int = 8_192, maxUnknown: Int = 4_096) {
        known = RecencyCache(maxCost: maxKnown)
        unknown = RecencyCache(maxCost: maxUnknown)
    }

    package var count: Int { known.count + unknown.count }

    /// - Parameter now: milliseconds since 1970, here and below.
    package mutating func entry(for digest: CredentialDigest, now: Int64) -> Entry? {
        known.value(for: digest, now: now)?.entry
    }

    package mutating func isUnknown(_ digest: CredentialDigest, now: Int64) -> Bool {
        unknown.value(for: digest, now: now) != nil
    }

    /// - Parameter endsAt: when the credential ends; `nil`: never.
    package mutating func insert(_ entry: Entry, for credential: Credential, key: String, tenant: String, endsAt: Int64?) {
        known.insert(
            Known(entry: entry, tenant: tenant, key: key, credential: credential), for: credential.digest, cost: 1,
            expiresAt: endsAt ?? .max)
    }

    package mutating func insertUnknown(_ credential: Credential, now: Int64) {
        unknown.insert(true, for: credential.digest, cost: 1, expiresAt: now + Self.unknownLifetimeMilliseconds)
    }

    /// Forgets exactly what changed. Of an unknown credential nobody can say what it would be, so each of them goes.
    package mutating func forget(_ changes: Set<ControlChange>) {
        unknown.removeAll()
        known.removeAll { changes.contains(.key(tenant: $0.tenant, id: $0.key)) || changes.contains(.tenant($0.tenant)) }
    }

    package mutating func forgetAll() {
        unknown.removeAll()
        known.removeAll()
    }
}
