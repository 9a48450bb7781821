/// The hash chain of ledgers: each row's hash is keyed, and covers the row and the hash before it, so that nobody without the key can change, leave
/// out or insert a row unseen.
///
/// Each tenant has a key of its own, derived from one secret. Not `Sendable`: a thread or an event loop has its own.
package final class LedgerChain {
    private let secret: Secret
    /// Prepared keys. Bound: ``maxKeys``; then all are made anew.
    private var keys: [String: KeyedHash] = [:]
    private static let maxKeys = 1_024

    /// - Parameter secret: 16 bytes or more.
    package init(secret: Secret) {
        self.secret = secret
    }

    /// The hash of a row.
    ///
    /// - Parameters:
    ///   - previous: the hash of the row before it; empty for a tenant's first row.
    ///   - sequence: the row's number within its tenant.
    ///   - bytes: the entry, encoded.
    package func hash(tenant: String, previous: [UInt8], sequence: Int64, bytes: [UInt8]) throws(CryptoError) -> Digest {
        try key(of: tenant).hash { add in
            previous.withUnsafeBytes(add)
            withUnsafeBytes(of: sequence.bigEndian, add)
            bytes.withUnsafeBytes(add)
        }
    }

    private func key(of tenant: String) throws(CryptoError) -> KeyedHash {
        if let key = keys[tenant] { return key }
        if keys.count >= Self.maxKeys { keys.removeAll() }
        let key = try KeyedHash(key: HKDF.sha256(secret: secret, info: Array("agentshield ledger chain 1 \(tenant)".utf8), count: 32))
        keys[tenant] = key
        return key
    }

    /// What a ledger keeps to know the secret again: nothing follows from it.
    package static func check(of secret: Secret) throws(CryptoError) -> Digest {
        try KeyedHash(key: HKDF.sha256(secret: secret, info: Array("agentshield ledger check 1".utf8), count: 32)).hash("agentshield")
    }
}
