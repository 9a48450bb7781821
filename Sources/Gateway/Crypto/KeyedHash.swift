internal import COpenSSL

/// HMAC-SHA256 (RFC 2104) with its key prepared once, for hashes on the hot path.
///
/// One per event loop: not `Sendable`, and one message at a time. A hash of a key's 43 bytes looks
/// nothing up and costs 0.3 µs and two allocations of libcrypto's; preparing the key each time costs 2.2 µs and thirteen.
package final class KeyedHash {
    private let algorithm: OpaquePointer
    private let context: OpaquePointer

    /// - Parameter key: at least one byte; keys of 32 bytes or more are full strength.
    package init(key: Secret) throws(CryptoError) {
        guard !key.isEmpty else { throw .lengthOutOfRange("HMAC key: at least 1 byte") }
        guard let algorithm = EVP_MAC_fetch(nil, "HMAC", nil) else { throw .libraryFailure(operation: "EVP_MAC_fetch HMAC") }
        guard let context = EVP_MAC_CTX_new(algorithm) else {
            EVP_MAC_free(algorithm)
            throw .libraryFailure(operation: "EVP_MAC_CTX_new")
        }
        self.algorithm = algorithm
        self.context = context
        let initialised = key.withUnsafeBytes {
            copenssl_hmac_sha256_init(context, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
        }
        guard initialised == 1 else { throw .libraryFailure(operation: "EVP_MAC_init") }
    }

    deinit {
        EVP_MAC_CTX_free(context)
        EVP_MAC_free(algorithm)
    }

    /// The keyed hash of one whole message.
    package func hash(_ bytes: UnsafeRawBufferPointer) -> Digest {
        Digest { out in
            guard copenssl_hmac_sha256(context, bytes.baseAddress, bytes.count, out.baseAddress?.assumingMemoryBound(to: UInt8.self)) == 1
            else { fatalError("libcrypto cannot compute HMAC-SHA256") }
        }
    }

    package func hash(_ bytes: [UInt8]) -> Digest { bytes.withUnsafeBytes { hash($0) } }

    package func hash(_ text: String) -> Digest {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }

    /// The keyed hash of a message that comes in parts: `body` hands each part to the function it is given, and must not hash
    /// anything else with this object meanwhile.
    package func hash(parts body: ((UnsafeRawBufferPointer) -> Void) -> Void) -> Digest {
        guard EVP_MAC_init(context, nil, 0, nil) == 1 else { fatalError("libcrypto cannot compute HMAC-SHA256") }
        body { part in
            guard EVP_MAC_update(context, part.baseAddress?.assumingMemoryBound(to: UInt8.self), part.count) == 1
            else { fatalError("libcrypto cannot compute HMAC-SHA256") }
        }
        return Digest { out in
            var written = 0
            guard EVP_MAC_final(context, out.baseAddress?.assumingMemoryBound(to: UInt8.self), &written, out.count) == 1,
                written == out.count
            else { fatalError("libcrypto cannot compute HMAC-SHA256") }
        }
    }
}

/// Keys derived from a key: HKDF with SHA-256 (RFC 5869).
package enum HKDF {
    /// - Parameters:
    ///   - info: says what the derived key is for; another purpose, another key.
    ///   - count: 1 to 8,160 bytes.
    package static func sha256(secret: Secret, salt: [UInt8] = [], info: [UInt8], count: Int) throws(CryptoError) -> Secret {
        guard (1...255 * 32).contains(count) else { throw .lengthOutOfRange("HKDF output: 1 to 8160 bytes") }
        guard !secret.isEmpty else { throw .lengthOutOfRange("HKDF secret: at least 1 byte") }
        return try Secret(count: count) { out throws(CryptoError) in
            let derived = secret.withUnsafeBytes { secret in
                copenssl_hkdf_sha256(
                    secret.baseAddress, secret.count, salt, salt.count, info, info.count,
                    out.baseAddress?.assumingMemoryBound(to: UInt8.self), out.count)
            }
            guard derived == 1 else { throw .libraryFailure(operation: "EVP_KDF_derive HKDF") }
        }
    }
}
