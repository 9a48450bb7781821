import COpenSSL
package import GatewayCrypto

/// An issuer's private key, made for a test by libcrypto: signs tokens, and shows its public half.
///
/// `@unchecked Sendable`: the key is never changed after the initialiser.
package final class SigningKey: @unchecked Sendable {
    package struct Failed: Error {}

    package let algorithm: SignatureAlgorithm
    private let key: OpaquePointer?
    private let secret: [UInt8]

    /// - Parameter bits: of an RSA key.
    package init(_ algorithm: SignatureAlgorithm, bits: Int32 = 2048) throws {
        self.algorithm = algorithm
        switch algorithm {
        case .hs256:
            secret = try secureRandom(32).flatMap { Array(String($0, radix: 16).utf8) } + Array(repeating: UInt8(ascii: "x"), count: 32)
            key = nil
        case .es256:
            secret = []
            guard let made = copenssl_p256_generate() else { throw Failed() }
            key = made
        case .rs256:
            secret = []
            var made: OpaquePointer?
            let context = EVP_PKEY_CTX_new_from_name(nil, "RSA", nil)
            defer { EVP_PKEY_CTX_free(context) }
            guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits) == 1,
                EVP_PKEY_generate(context, &made) == 1, let made
            else { throw Failed() }
            key = made
        }
    }

    /// HS256 with a secret of one's own.
    package init(secret: [UInt8]) {
        algorithm = .hs256
        self.secret = secret
        key = nil
    }

    deinit { EVP_PKEY_free(key) }

    /// Of HS256, as the vault gives it.
    package var sharedSecret: Secret { Secret(secret) }
    package var secretText: String { String(decoding: secret, as: UTF8.self) }

    // MARK: the public half

    package var publicPEM: String {
        get throws {
            let bio = BIO_new(BIO_s_mem())
            defer { BIO_free(bio) }
            var bytes: UnsafeMutablePointer<CChar>?
            guard PEM_write_bio_PUBKEY(bio, key) == 1, case let count = copenssl_bio_bytes(bio, &bytes), let bytes else { throw Failed() }
            return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
        }
    }

    /// A JSON Web Key.
    package func jwk(id: String?, extra: String = #","use":"sig""#) throws -> String {
        let kid = id.map { #","kid":"\#($0)""# } ?? ""
        switch algorithm {
        case .hs256: return #"{"kty":"oct","k":"\#(base64url(secret))"\#(kid)\#(extra)}"#
        case .rs256:
            return #"{"kty":"RSA","n":"\#(base64url(try number("n")))","e":"\#(base64url(try number("e")))"\#(kid)\#(extra)}"#
        case .es256:
            let x = try number("qx", count: 32)
            let y = try number("qy", count: 32)
            return #"{"kty":"EC","crv":"P-256","x":"\#(base64url(x))","y":"\#(base64url(y))"\#(kid)\#(extra)}"#
        }
    }

    /// A big-endian number of the key's: `n`, `e`, `qx`, `qy`.
    package func number(_ name: String, count: Int? = nil) throws -> [UInt8] {
        var number: OpaquePointer?
        guard EVP_PKEY_get_bn_param(key, name, &number) == 1, let number else { throw Failed() }
        defer { BN_free(number) }
        let count = count ?? Int(BN_num_bits(number) + 7) / 8
        var bytes = [UInt8](repeating: 0, count: count)
        guard BN_bn2binpad(number, &bytes, Int32(count)) == Int32(count) else { throw Failed() }
        return bytes
    }

    // MARK: tokens

    /// A token with this header and payload, whatever they say.
    package func token(header: String, payload: String) throws -> String {
        let signed = base64url(Array(header.utf8)) + "." + base64url(Array(payload.utf8))
        return signed + "." + base64url(try signature(of: Array(signed.utf8)))
    }

    /// A token as an issuer makes it.
    package func token(id: String?, payload: String) throws -> String {
        let kid = id.map { #","kid":"\#($0)""# } ?? ""
        return try token(header: #"{"alg":"\#(algorithm.rawValue)","typ":"JWT"\#(kid)}"#, payload: payload)
    }

    /// In the form of RFC 7518.
    package func signature(of message: [UInt8]) throws -> [UInt8] {
        switch algorithm {
        case .hs256: try KeyedHash(key: Secret(secret)).hash(message).bytes
        case .rs256: try rawSignature(of: message)
        case .es256: try Self.joined(rawSignature(of: message))
        }
    }

    /// As libcrypto makes it: of ES256, in DER.
    package func rawSignature(of message: [UInt8]) throws -> [UInt8] {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var count = 0
        guard EVP_DigestSignInit_ex(context, nil, "SHA256", nil, nil, key, nil) == 1,
            EVP_DigestSign(context, nil, &count, message, message.count) == 1
        else { throw Failed() }
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSign(context, &signature, &count, message, message.count) == 1 else { throw Failed() }
        return Array(signature[..<count])
    }

    private static func joined(_ der: [UInt8]) throws -> [UInt8] {
        var start: UnsafePointer<UInt8>?
        return try der.withUnsafeBufferPointer { der in
            start = der.baseAddress
            guard let parts = d2i_ECDSA_SIG(nil, &start, der.count) else { throw Failed() }
            defer { ECDSA_SIG_free(parts) }
            var bytes = [UInt8](repeating: 0, count: 64)
            let written = bytes.withUnsafeMutableBufferPointer { out in
                BN_bn2binpad(ECDSA_SIG_get0_r(parts), out.baseAddress, 32)
                    + BN_bn2binpad(ECDSA_SIG_get0_s(parts), out.baseAddress.map { $0 + 32 }, 32)
            }
            guard written == 64 else { throw Failed() }
            return bytes
        }
    }
}

/// Base64 for URLs, without padding (RFC 4648, section 5).
package func base64url(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    var text: [UInt8] = []
    var (bits, held) = (0, 0)
    for byte in bytes {
        bits = bits << 8 | Int(byte)
        held += 8
        while held >= 6 {
            held -= 6
            text.append(alphabet[bits >> held & 63])
        }
        bits &= (1 << held) - 1
    }
    if held > 0 { text.append(alphabet[bits << (6 - held) & 63]) }
    return String(decoding: text, as: UTF8.self)
}
