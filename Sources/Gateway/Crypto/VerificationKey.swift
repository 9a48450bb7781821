internal import COpenSSL

/// The signature algorithms of RFC 7518 that tokens may have here. There is no `none`.
package enum SignatureAlgorithm: String, Sendable, CaseIterable {
    /// HMAC-SHA256 with a shared secret.
    case hs256 = "HS256"
    /// RSA with PKCS#1 v1.5 and SHA-256.
    case rs256 = "RS256"
    /// ECDSA on P-256 with SHA-256.
    case es256 = "ES256"
}

/// Why something is no key for an algorithm. Holds nothing of the key.
package enum VerificationKeyProblem: Error, Sendable, Equatable {
    case unreadable
    /// Readable, and of another kind than the algorithm's, or of parameters that no honest key has.
    case unsuitable
    case tooShort
    case tooLong
}

/// A key that verifies signatures of one algorithm, and no other: what a token says of itself never chooses how it is verified.
///
/// `@unchecked Sendable`: libcrypto's key is never changed after the initialiser, and counts its references atomically.
package final class VerificationKey: @unchecked Sendable {
    package let algorithm: SignatureAlgorithm
    /// The same for the same algorithm and key; says nothing of a shared secret.
    package let thumbprint: Digest
    /// About what one verification takes of a core, in microseconds: what budgets count with.
    package let verificationMicroseconds: Int

    private enum Material {
        case shared(Secret)
        case published(OpaquePointer)
    }

    private let material: Material

    /// Modulus of an RSA key, in bits. A verification's time grows with its square: 4,096 bits take four times what 2,048 do.
    package static let rsaBits: ClosedRange<Int32> = 2048...4096
    /// Of a shared secret: at least the hash's own length (RFC 7518, 3.2).
    package static let minimumSharedBytes = 32

    /// HS256.
    package init(shared secret: Secret) throws(VerificationKeyProblem) {
        guard secret.count >= Self.minimumSharedBytes else { throw .tooShort }
        guard let hash = try? KeyedHash(key: secret) else { throw .unreadable }
        algorithm = .hs256
        material = .shared(secret)
        verificationMicroseconds = 2
        thumbprint = hash.hash("agentshield thumbprint of a shared key 1")
    }

    /// RS256, from big-endian numbers.
    package convenience init(modulus: [UInt8], exponent: [UInt8]) throws(VerificationKeyProblem) {
        guard modulus.count <= Int(Self.rsaBits.upperBound) / 8 + 1, exponent.count <= 8 else { throw .tooLong }
        try self.init(owning: copenssl_rsa_public_key(modulus, modulus.count, exponent, exponent.count), for: .rs256)
    }

    /// ES256, from the point's coordinates, 32 bytes each.
    package convenience init(x: [UInt8], y: [UInt8]) throws(VerificationKeyProblem) {
        guard x.count == 32, y.count == 32 else { throw .unsuitable }
        try self.init(owning: copenssl_p256_public_key([4] + x + y, 65), for: .es256)
    }

    /// RS256 or ES256, from a public key or a certificate in PEM; the first one in the file counts.
    package convenience init(pem: [UInt8], algorithm: SignatureAlgorithm) throws(VerificationKeyProblem) {
        guard algorithm != .hs256 else { throw .unsuitable }
        let key = pem.withUnsafeBytes { bytes -> OpaquePointer? in
            guard let count = Int32(exactly: bytes.count), let bio = BIO_new_mem_buf(bytes.baseAddress, count) else { return nil }
            defer { BIO_free(bio) }
            if let key = PEM_read_bio_PUBKEY(bio, nil, nil, nil) { return key }
            guard BIO_ctrl(bio, BIO_CTRL_RESET, 0, nil) >= 0, let certificate = PEM_read_bio_X509(bio, nil, nil, nil) else { return nil }
            defer { X509_free(certificate) }
            return X509_get_pubkey(certificate)
        }
        try self.init(owning: key, for: algorithm)
    }

    private init(owning key: OpaquePointer?, for algorithm: SignatureAlgorithm) throws(VerificationKeyProblem) {
        defer { ERR_clear_error() }
        guard let key else { throw .unreadable }
        if let problem = Self.problem(of: key, for: algorithm) {
            EVP_PKEY_free(key)
            throw problem
        }
        var encoded: UnsafeMutablePointer<UInt8>?
        let count = i2d_PUBKEY(key, &encoded)
        guard count > 0, let encoded else {
            EVP_PKEY_free(key)
            throw .unreadable
        }
        defer { CRYPTO_free(encoded, #file, #line) }
        self.algorithm = algorithm
        material = .published(key)
        verificationMicroseconds = Self.microseconds(of: key, for: algorithm)
        thumbprint = Digest.sha256(UnsafeRawBufferPointer(start: encoded, count: Int(count)))
    }

    private static func problem(of key: OpaquePointer, for algorithm: SignatureAlgorithm) -> VerificationKeyProblem? {
        switch algorithm {
        case .hs256: return .unsuitable
        case .rs256:
            guard EVP_PKEY_is_a(key, "RSA") == 1 else { return .unsuitable }
            let bits = EVP_PKEY_get_bits(key)
            if bits < rsaBits.lowerBound { return .tooShort }
            if bits > rsaBits.upperBound { return .tooLong }
            // An exponent of 1 makes every message its own signature; a long one makes verification slow.
            return (2...33).contains(copenssl_rsa_exponent_bits(key)) ? nil : .unsuitable
        case .es256: return copenssl_is_p256(key) == 1 ? nil : .unsuitable
        }
    }

    private static func microseconds(of key: OpaquePointer, for algorithm: SignatureAlgorithm) -> Int {
        guard algorithm == .rs256 else { return 105 }
        let bits = Int(EVP_PKEY_get_bits(key))
        return 35 * bits * bits / (2048 * 2048)
    }

    deinit {
        if case .published(let key) = material { EVP_PKEY_free(key) }
    }

    /// Whether `signature`, in the form of RFC 7518, is this key's signature of `message`.
    package func verify(_ signature: UnsafeRawBufferPointer, of message: UnsafeRawBufferPointer) -> Bool {
        guard let signatureBase = signature.baseAddress?.assumingMemoryBound(to: UInt8.self),
            let messageBase = message.baseAddress?.assumingMemoryBound(to: UInt8.self)
        else { return false }
        switch (algorithm, material) {
        case (.hs256, .shared(let secret)):
            guard let digest = try? KeyedHash(key: secret).hash(message) else { return false }
            return digest.withUnsafeBytes { constantTimeEqual($0, signature) }
        case (.rs256, .published(let key)):
            guard signature.count == Int(EVP_PKEY_get_size(key)) else { return false }
            defer { ERR_clear_error() }
            return copenssl_verify_sha256(key, signatureBase, signature.count, messageBase, message.count) == 1
        case (.es256, .published(let key)):
            guard signature.count == 64 else { return false }
            defer { ERR_clear_error() }
            return copenssl_verify_es256(key, signatureBase, messageBase, message.count) == 1
        case (.hs256, .published), (.rs256, .shared), (.es256, .shared): return false
        }
    }

    package func verify(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        signature.withUnsafeBytes { signature in message.withUnsafeBytes { message in verify(signature, of: message) } }
    }
}
