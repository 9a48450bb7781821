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

    /// Finds whom a credential stands for. Unknown and expired ones get the same answer.
    ///
    /// - Parameter unixSeconds: now, in seconds since 1970.
    package func authenticate(_ digest: CredentialDigest, unixSeconds: Int64) -> Result<Principal, Fault> {
        guard let principal = principals[digest] else { return .failure(.unknownCredential) }
        if let end = principal.expiresAtUnixSeconds, end <= unixSeconds { return .failure(.unknownCredential) }
        return .success(principal)
    }
}

extension Fault {
    /// The credential is wrong, expired or revoked; which of these is not told.
    package static let unknownCredential = Fault(
        .unauthenticated, origin: .downstream,
        message: "The API key is not valid here: unknown, expired or revoked. Keys of this gateway are made with `agentshield keys create`."
    )
}
