internal import COpenSSL

/// Whether a certificate and a private key belong together, before a listener is opened with them.
package enum CertificateCheck: Sendable, Equatable {
    case matching
    case certificateUnreadable
    case privateKeyUnreadable
    /// Each can be read, but the key is not the first certificate's.
    case different

    /// - Parameters:
    ///   - certificateChain: PEM; the first certificate counts.
    ///   - privateKey: PEM, not encrypted.
    package static func check(certificateChain: [UInt8], privateKey: Secret) -> CertificateCheck {
        defer { ERR_clear_error() }
        let certificate = certificateChain.withUnsafeBytes { read($0) { PEM_read_bio_X509($0, nil, nil, nil) } }
        guard let certificate else { return .certificateUnreadable }
        defer { X509_free(certificate) }
        // The callback answers that there is no passphrase; without it libcrypto would ask the terminal.
        let key = privateKey.withUnsafeBytes { read($0) { PEM_read_bio_PrivateKey($0, nil, { _, _, _, _ in -1 }, nil) } }
        guard let key else { return .privateKeyUnreadable }
        defer { EVP_PKEY_free(key) }
        return X509_check_private_key(certificate, key) == 1 ? .matching : .different
    }

    /// Whether the first certificate is its own issuer; `false` also for what cannot be read.
    package static func isSelfSigned(_ certificateChain: [UInt8]) -> Bool {
        defer { ERR_clear_error() }
        let certificate = certificateChain.withUnsafeBytes { read($0) { PEM_read_bio_X509($0, nil, nil, nil) } }
        guard let certificate else { return false }
        defer { X509_free(certificate) }
        return X509_check_issued(certificate, certificate) == X509_V_OK
    }

    private static func read(_ bytes: UnsafeRawBufferPointer, _ body: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
        guard let count = Int32(exactly: bytes.count), let bio = BIO_new_mem_buf(bytes.baseAddress, count) else { return nil }
        defer { BIO_free(bio) }
        return body(bio)
    }
}
