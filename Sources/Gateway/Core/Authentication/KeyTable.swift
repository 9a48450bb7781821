/// A keyed hash of a credential: what is stored and compared in its place.
package struct CredentialDigest: Sendable, Hashable {
    private var words: SIMD4<UInt64>

    /// - Parameter bytes: exactly 32 bytes; `nil` otherwise.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        words = .zero
        for (position, byte) in bytes.enumerated() {
            words[position / 8] = words[position / 8] << 8 | UInt64(byte)
        }
    }

    /// The 32 bytes, for a store.
    package var bytes: [UInt8] {
        (0..<32).map { position in UInt8(truncatingIfNeeded: words[position / 8] >> UInt64(56 - 8 * (position % 8))) }
    }

    /// Looks at every word, so that the time taken says nothing about where two digests differ.
    package static func == (left: Self, right: Self) -> Bool {
        let difference = left.words ^ right.words
        return difference[0] | difference[1] | difference[2] | difference[3] == 0
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words[0])
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
