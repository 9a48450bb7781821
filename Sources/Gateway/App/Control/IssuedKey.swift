import GatewayCore
import GatewayCrypto

/// A new key: the text to hand to its user, once, and the hash to keep.
struct IssuedKey {
    let text: String
    let hash: KeyHash

    static func make(pepper: Secret, pepperID: String) throws -> IssuedKey {
        let text = try APIKey.generate(random: secureRandom)
        let hash = APIKey.hash(text, pepper: try KeyedHash(key: pepper))
        guard let digest = hash.withUnsafeBytes({ CredentialDigest($0) }) else { throw CryptoError.libraryFailure(operation: "HMAC") }
        return IssuedKey(text: text, hash: KeyHash(pepperID: pepperID, digest: digest))
    }
}
