package import GatewayCrypto

/// What `agentshield keys create` makes: a key to hand to its user, and the entry that goes below `auth.keys`.
package struct NewKey: Sendable {
    /// Shown once and kept nowhere.
    package let key: String
    /// What is kept in its place.
    package let hash: Digest
    /// The entry as one line of YAML, to be indented as the list is.
    package let entry: String

    /// - Parameters:
    ///   - random: as `APIKey.generate` takes it.
    ///   - id, tenant: identifiers, as `auth.keys[].id` and `auth.keys[].tenant` allow; `nil` for anything else.
    package static func make(
        id: String, tenant: String, isDevelopment: Bool, pepper: Secret, random: (Int) throws(CryptoError) -> [UInt8]
    ) throws(CryptoError) -> NewKey? {
        guard ConfigurationKey.ValueType.isIdentifier(id), ConfigurationKey.ValueType.isIdentifier(tenant) else { return nil }
        let key = try APIKey.generate(random: random)
        let hash = APIKey.hash(key, pepper: try KeyedHash(key: pepper))
        let development = isDevelopment ? ", development: true" : ""
        return NewKey(
            key: key, hash: hash, entry: "- {id: \"\(id)\", hash: \"\(APIKey.text(of: hash))\", tenant: \"\(tenant)\"\(development)}")
    }
}
