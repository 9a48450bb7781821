internal import COpenSSL

/// The name-constrained CA behind `DevelopmentCertificate`, alive for as long as it issues.
final class DevelopmentAuthority {
    /// The CA's own certificate in PEM.
    let certificate: [UInt8]

    private let key: Owned
    private let issuer: Owned
    private let now: Int64

    /// Addresses are not constrained: BoringSSL, which our own SDK verifies with, knows constraints on names alone and refuses every
    /// certificate with an address under a CA that constrains addresses.
    private static let nameConstraints = ["permitted;DNS:localhost"]

    init(now: Int64) throws(CryptoError) {
        let key = try Owned(copenssl_p256_generate(), free: EVP_PKEY_free, madeBy: "EVP_PKEY_Q_keygen P-256")
        let issuer = try CertificateDraft(subjectKey: key, commonName: "AgentShield development CA (localhost only)", now: now).signed(
            issuer: nil, key: key,
            extensions: [
                (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
                (NID_key_usage, "critical,keyCertSign"),
                (NID_ext_key_usage, "serverAuth"),
                (NID_name_constraints, "critical," + Self.nameConstraints.joined(separator: ",")),
                (NID_subject_key_identifier, "hash"),
            ])
        certificate = try PEM.write { PEM_write_bio_X509($0, issuer.pointer) }
        self.key = key
        self.issuer = issuer
        self.now = now
    }

    /// A server certificate with a new key. The names are not compared with the constraints: whoever verifies does that.
    func issue(commonName: String, subjectAlternativeNames: String) throws(CryptoError) -> (certificate: [UInt8], privateKey: Secret) {
        let leafKey = try Owned(copenssl_p256_generate(), free: EVP_PKEY_free, madeBy: "EVP_PKEY_Q_keygen P-256")
        let leaf = try CertificateDraft(subjectKey: leafKey, commonName: commonName, now: now).signed(
            issuer: issuer, key: key,
            extensions: [
                (NID_basic_constraints, "critical,CA:FALSE"),
                (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, "serverAuth"),
                (NID_subject_alt_name, subjectAlternativeNames),
                (NID_subject_key_identifier, "hash"),
                (NID_authority_key_identifier, "keyid:always"),
            ])
        let certificate = try PEM.write { PEM_write_bio_X509($0, leaf.pointer) }
        let privateKey = try PEM.writeSecret { PEM_write_bio_PKCS8PrivateKey($0, leafKey.pointer, nil, nil, 0, nil, nil) }
        return (certificate, privateKey)
    }
}

/// An object of libcrypto's, freed with the last reference to it.
private final class Owned {
    let pointer: OpaquePointer
    private let free: (OpaquePointer?) -> Void

    init(_ pointer: OpaquePointer?, free: @escaping (OpaquePointer?) -> Void, madeBy operation: String) throws(CryptoError) {
        guard let pointer else { throw .libraryFailure(operation: operation) }
        self.pointer = pointer
        self.free = free
    }

    deinit { free(pointer) }
}

/// What differs between the certificates; `signed` adds what they have in common.
private struct CertificateDraft {
    let subjectKey: Owned
    let commonName: String
    let now: Int64

    /// The signed certificate. `issuer` nil: signed by itself.
    func signed(issuer: Owned?, key: Owned, extensions: [(nid: Int32, value: String)]) throws(CryptoError) -> Owned {
        let certificate = try Owned(X509_new(), free: X509_free, madeBy: "X509_new")
        try fill(certificate.pointer, issuer: (issuer ?? certificate).pointer)
        try add(extensions, to: certificate.pointer, issuer: (issuer ?? certificate).pointer)
        guard X509_sign(certificate.pointer, key.pointer, EVP_sha256()) > 0 else { throw .libraryFailure(operation: "X509_sign") }
        return certificate
    }

    private func fill(_ certificate: OpaquePointer, issuer: OpaquePointer) throws(CryptoError) {
        let hour = 3600
        let day = 24 * hour
        let subject = X509_get_subject_name(certificate)
        guard X509_set_version(certificate, 2) == 1,  // 2 means v3
            ASN1_TIME_set(X509_getm_notBefore(certificate), time_t(now) - hour) != nil,
            ASN1_TIME_set(X509_getm_notAfter(certificate), time_t(now) + DevelopmentCertificate.validityDays * day) != nil,
            X509_set_pubkey(certificate, subjectKey.pointer) == 1,
            X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, commonName, -1, -1, 0) == 1,
            X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1
        else { throw .libraryFailure(operation: "X509 fields") }
        // RFC 5280, 4.1.2.2: positive and at most 20 octets; random, so that two runs' certificates are never taken for each other.
        var serial = try secureRandom(16)
        serial[0] = serial[0] & 0x7F | 0x40
        let number = BN_bin2bn(serial, Int32(serial.count), nil)
        defer { BN_free(number) }
        guard number != nil, BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil else {
            throw .libraryFailure(operation: "X509 serial number")
        }
    }

    private func add(_ extensions: [(nid: Int32, value: String)], to certificate: OpaquePointer, issuer: OpaquePointer) throws(CryptoError)
    {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer, certificate, nil, nil, 0)
        for (nid, value) in extensions {
            guard let entry = X509V3_EXT_conf_nid(nil, &context, nid, value) else {
                throw .libraryFailure(operation: "certificate extension \(String(cString: OBJ_nid2sn(nid)))")
            }
            defer { X509_EXTENSION_free(entry) }
            guard X509_add_ext(certificate, entry, -1) == 1 else { throw .libraryFailure(operation: "X509_add_ext") }
        }
    }
}

/// PEM text out of libcrypto's memory BIOs.
private enum PEM {
    static func write(_ body: (OpaquePointer) -> Int32) throws(CryptoError) -> [UInt8] {
        try read(BIO_new(BIO_s_mem()), after: body) { Array($0) }
    }

    /// Through a secure BIO, which wipes what it frees.
    static func writeSecret(_ body: (OpaquePointer) -> Int32) throws(CryptoError) -> Secret {
        try read(BIO_new(BIO_s_secmem()), after: body) { Secret($0) }
    }

    private static func read<Result>(
        _ bio: OpaquePointer?, after body: (OpaquePointer) -> Int32, as convert: (UnsafeRawBufferPointer) -> Result
    ) throws(CryptoError) -> Result {
        guard let bio else { throw .libraryFailure(operation: "BIO_new") }
        defer { BIO_free(bio) }
        var bytes: UnsafeMutablePointer<CChar>?
        guard body(bio) == 1, case let count = copenssl_bio_bytes(bio, &bytes), count > 0, let bytes else {
            throw .libraryFailure(operation: "PEM_write_bio")
        }
        return convert(UnsafeRawBufferPointer(start: bytes, count: count))
    }
}
