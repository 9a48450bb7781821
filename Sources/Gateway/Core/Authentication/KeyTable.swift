/// A keyed hash of a credential: what is stored and compared in its place.
package struct CredentialDigest: Sendable, Hashable {
    // Not a vector of four words: those are aligned to 32 bytes, more than async functions' frames are, which then overwrite memory.
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64

    /// - Parameter bytes: exactly 32 bytes; `nil` otherwise.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for byte in bytes {
            words = (words.0 << 8 | words.1 >> 56, words.1 << 8 | words.2 >> 56, words.2 << 8 | words.3 >> 56, words.3 << 8 | UInt64(byte))
        }
        (first, second, third, fourth) = words
    }

    /// The 32 bytes, for a store.
    package var bytes: [UInt8] {
        [first, second, third, fourth].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) } }
    }

    /// Looks at every word, so that the time taken says nothing about where two digests differ.
    package static func == (left: Self, right: Self) -> Bool {
        (left.first ^ right.first) | (left.second ^ right.second) | (left.third ^ right.third) | (left.fourth ^ right.fourth) == 0
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(first)
    }
}

/// Every credential that is valid, by its digest. Immutable: a reload makes a new one.
package struct KeyTable: Sendable {
    private let principals: [CredentialDigest: Principal]

    package init(_ principals: [CredentialDigest: Principal]) {
        self.principals = principals
    }

    package var count: Int { principals.count }

    /// Whom a credential stands for, expired or not.
    package func principal(_ credential: Credential) -> Principal? {
        principals[credential.digest] ?? credential.previous.flatMap { principals[$0] }
    }

    /// Whether there still is an entry under this digest.
    package func contains(_ digest: CredentialDigest) -> Bool { principals[digest] != nil }

    /// The tenants that are named here.
    package var tenants: Set<String> { Set(principals.values.map(\.tenant)) }
}

extension Fault {
    /// The credential is wrong, expired or revoked; which of these is not told.
    package static let unknownCredential = Fault(
        .unauthenticated, origin: .downstream,
        message: "The API key is not valid here: unknown, expired or revoked. Keys of this gateway are made with `agentshield keys create`."
    )
}
