internal import COpenSSL

/// AES-256-GCM with its key schedule computed once. One per event loop: not `Sendable`.
///
/// The caller chooses the nonces and must never use one twice with the same key; a value opens only with the nonce and associated data
/// it was sealed with.
package final class AEADKey {
    package static let keyCount = 32
    package static let nonceCount = 12
    /// What a sealed value is longer than its plaintext.
    package static let tagCount = 16

    private let algorithm: OpaquePointer
    private let sealing: OpaquePointer
    private let opening: OpaquePointer

    /// - Parameter key: exactly 32 bytes.
    package init(_ key: Secret) throws(CryptoError) {
        guard key.count == Self.keyCount else { throw .lengthOutOfRange("AES-256-GCM key: 32 bytes") }
        guard let algorithm = EVP_CIPHER_fetch(nil, "AES-256-GCM", nil) else {
            throw .libraryFailure(operation: "EVP_CIPHER_fetch AES-256-GCM")
        }
        guard let sealing = EVP_CIPHER_CTX_new(), let opening = EVP_CIPHER_CTX_new() else {
            EVP_CIPHER_free(algorithm)
            throw .libraryFailure(operation: "EVP_CIPHER_CTX_new")
        }
        self.algorithm = algorithm
        self.sealing = sealing
        self.opening = opening
        let initialised = key.withUnsafeBytes { key in
            let key = key.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return EVP_EncryptInit_ex2(sealing, algorithm, key, nil, nil) == 1
                && EVP_DecryptInit_ex2(opening, algorithm, key, nil, nil) == 1
        }
        guard initialised else { throw .libraryFailure(operation: "EVP_EncryptInit_ex2") }
    }

    deinit {
        EVP_CIPHER_CTX_free(sealing)
        EVP_CIPHER_CTX_free(opening)
        EVP_CIPHER_free(algorithm)
    }

    /// Writes the ciphertext followed by the 16-byte tag.
    ///
    /// - Parameters:
    ///   - nonce: 12 bytes, never used before with this key.
    ///   - out: memory of exactly that many bytes.
    package func seal(
        _ plaintext: UnsafeRawBufferPointer, nonce: [UInt8], associatedData: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer
    ) throws(CryptoError) {
        try Self.check(nonce: nonce, associatedData: associatedData)
        guard let plaintextCount = Int32(exactly: plaintext.count), plaintext.count <= Int(Int32.max) - Self.tagCount else {
            throw .lengthOutOfRange("AES-256-GCM plaintext: under 2 GiB")
        }
        guard out.count == plaintext.count + Self.tagCount, let base = out.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            throw .lengthOutOfRange("AES-256-GCM output: the plaintext's length and \(Self.tagCount) bytes")
        }
        var written: Int32 = 0
        var last: Int32 = 0
        guard EVP_EncryptInit_ex2(sealing, nil, nil, nonce, nil) == 1, Self.feed(associatedData, to: sealing, with: EVP_EncryptUpdate),
            plaintextCount == 0
                || EVP_EncryptUpdate(sealing, base, &written, plaintext.baseAddress?.assumingMemoryBound(to: UInt8.self), plaintextCount)
                    == 1,
            EVP_EncryptFinal_ex(sealing, base + Int(written), &last) == 1, written + last == plaintextCount,
            EVP_CIPHER_CTX_ctrl(sealing, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagCount), base + plaintext.count) == 1
        else { throw .libraryFailure(operation: "AES-256-GCM seal") }
    }

    /// The plaintext of what `seal` returned. Nothing of a value that does not open is handed out.
    package func open(_ sealed: UnsafeRawBufferPointer, nonce: [UInt8], associatedData: UnsafeRawBufferPointer) throws(CryptoError)
        -> [UInt8]
    {
        try Self.check(nonce: nonce, associatedData: associatedData)
        guard sealed.count >= Self.tagCount, let ciphertextCount = Int32(exactly: sealed.count - Self.tagCount) else {
            throw .authenticationFailed
        }
        var tag = [UInt8](sealed.suffix(Self.tagCount))
        var succeeded = false
        let plaintext = [UInt8](unsafeUninitializedCapacity: max(1, Int(ciphertextCount))) { out, initialisedCount in
            var written: Int32 = 0
            var last: Int32 = 0
            guard let base = out.baseAddress, EVP_DecryptInit_ex2(opening, nil, nil, nonce, nil) == 1,
                Self.feed(associatedData, to: opening, with: EVP_DecryptUpdate),
                ciphertextCount == 0
                    || EVP_DecryptUpdate(opening, base, &written, sealed.baseAddress?.assumingMemoryBound(to: UInt8.self), ciphertextCount)
                        == 1,
                EVP_CIPHER_CTX_ctrl(opening, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagCount), &tag) == 1,
                EVP_DecryptFinal_ex(opening, base + Int(written), &last) == 1, written + last == ciphertextCount
            else {
                OPENSSL_cleanse(out.baseAddress, out.count)
                return
            }
            initialisedCount = Int(ciphertextCount)
            succeeded = true
        }
        guard succeeded else {
            ERR_clear_error()
            throw .authenticationFailed
        }
        return plaintext
    }

    package func seal(_ plaintext: [UInt8], nonce: [UInt8], associatedData: [UInt8]) throws(CryptoError) -> [UInt8] {
        try Self.withBytes(plaintext, associatedData) { plaintext, associatedData throws(CryptoError) in
            var sealed = [UInt8](repeating: 0, count: plaintext.count + Self.tagCount)
            let result: Result<Void, CryptoError> = sealed.withUnsafeMutableBytes { out in
                Result { () throws(CryptoError) in try seal(plaintext, nonce: nonce, associatedData: associatedData, into: out) }
            }
            try result.get()
            return sealed
        }
    }

    package func open(_ sealed: [UInt8], nonce: [UInt8], associatedData: [UInt8]) throws(CryptoError) -> [UInt8] {
        try Self.withBytes(sealed, associatedData) { sealed, associatedData throws(CryptoError) in
            try open(sealed, nonce: nonce, associatedData: associatedData)
        }
    }

    private static func withBytes(
        _ first: [UInt8], _ second: [UInt8],
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(CryptoError) -> [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        let result: Result<[UInt8], CryptoError> = first.withUnsafeBytes { first in
            second.withUnsafeBytes { second in
                Result { () throws(CryptoError) in try body(first, second) }
            }
        }
        return try result.get()
    }

    private static func check(nonce: [UInt8], associatedData: UnsafeRawBufferPointer) throws(CryptoError) {
        guard nonce.count == nonceCount else { throw .lengthOutOfRange("AES-256-GCM nonce: 12 bytes") }
        guard associatedData.count <= Int(Int32.max) else { throw .lengthOutOfRange("AES-256-GCM associated data: under 2 GiB") }
    }

    private typealias Update = (
        OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int32>?, UnsafePointer<UInt8>?, Int32
    ) -> Int32

    private static func feed(_ associatedData: UnsafeRawBufferPointer, to context: OpaquePointer, with update: Update) -> Bool {
        if associatedData.isEmpty { return true }
        var taken: Int32 = 0
        return update(context, nil, &taken, associatedData.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(associatedData.count))
            == 1
    }
}
