package import GatewayCrypto

/// What tokens of one issuer must be. Everything that decides how a token is verified stands here; the token only says who claims to have issued it.
package struct TokenRules: Sendable {
    /// Compared with `iss`, byte for byte.
    package var issuer: String
    /// `aud` must name one of these.
    package var audiences: [String]
    package var algorithm: SignatureAlgorithm
    /// By how much this clock and the issuer's may differ; 0 to 300.
    package var clockSkewSeconds: Int64
    package var keys: KeySource

    package init(issuer: String, audiences: [String], algorithm: SignatureAlgorithm, clockSkewSeconds: Int64, keys: KeySource) {
        self.issuer = issuer
        self.audiences = audiences
        self.algorithm = algorithm
        self.clockSkewSeconds = clockSkewSeconds
        self.keys = keys
    }
}

/// Where an issuer's keys come from.
package enum KeySource: Sendable {
    /// From the configuration: a file, or a secret of the vault.
    case fixed(KeySet)
    /// Published by the issuer, fetched from time to time; the name is the source's in ``PublishedKeys``.
    case published(String)
}

/// The keys of one issuer for its one algorithm.
package struct KeySet: Sendable {
    package struct Entry: Sendable {
        /// `nil`: the key has no id, and serves tokens with any or none.
        package var id: String?
        package var key: VerificationKey

        package init(id: String?, key: VerificationKey) {
            self.id = id
            self.key = key
        }
    }

    /// More keys than any issuer rotates through.
    package static let maxKeys = 32

    package let entries: [Entry]

    package init(_ entries: [Entry]) {
        self.entries = entries
    }

    package init(single key: VerificationKey) {
        entries = [Entry(id: nil, key: key)]
    }

    /// The one key that a token with this `kid`, or without one, may be signed with; never a guess among several.
    package func key(for id: String?) -> VerificationKey? {
        if entries.count == 1, entries[0].id == nil || id == nil { return entries[0].key }
        guard let id else { return nil }
        return entries.first { $0.id == id }?.key
    }

    package func contains(_ thumbprint: Digest) -> Bool { entries.contains { $0.key.thumbprint == thumbprint } }
}

/// The last good set that an issuer published, and how far it can be relied on. In seconds since 1970.
package struct PublishedKeys: Sendable {
    package var source: String
    package var keys: KeySet
    /// Until then a key that is not in the set is taken to be none of the issuer's: it has just been looked for.
    package var completeUntil: Int64
    /// From then on the set is too old to verify anything.
    package var usableUntil: Int64

    package init(source: String, keys: KeySet, completeUntil: Int64, usableUntil: Int64) {
        self.source = source
        self.keys = keys
        self.completeUntil = completeUntil
        self.usableUntil = usableUntil
    }
}
