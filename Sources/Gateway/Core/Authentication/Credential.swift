/// A presented API key as the gateway knows it: by its keyed hashes. The key itself is kept nowhere.
package struct Credential: Sendable, Hashable {
    /// Under the pepper in use; what the key is called in tables and caches.
    package let digest: CredentialDigest
    /// Under the pepper before it, while a rotation of the pepper lasts.
    package let previous: CredentialDigest?

    package init(_ digest: CredentialDigest, previous: CredentialDigest? = nil) {
        self.digest = digest
        self.previous = previous
    }
}

/// What the gateway knows of a credential without asking the store.
package enum Recognition: Sendable {
    case known(Principal)
    case refused(Fault)
    /// Only the store can tell.
    case unknown(Credential)
}

/// What a principal's rights rest on: where to ask whether it still has them.
package enum Authority: Sendable, Equatable {
    /// The configuration file, under this digest.
    case file(CredentialDigest)
    /// The store of keys.
    case store(Credential)
    /// Its own expiry alone.
    case itself
}
