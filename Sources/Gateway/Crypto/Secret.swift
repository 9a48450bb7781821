internal import COpenSSL

/// Bytes that must not be seen: a credential, a pepper, a key. They are wiped when the last reference goes, and neither printing nor
/// reflection shows them.
///
/// `@unchecked Sendable`: the bytes are written in the initialiser and never again before `deinit`.
package final class Secret: @unchecked Sendable {
    private let storage: UnsafeMutableRawBufferPointer

    /// Takes a copy.
    package init(_ bytes: UnsafeRawBufferPointer) {
        storage = .allocate(byteCount: bytes.count, alignment: 16)
        storage.copyMemory(from: bytes)
    }

    package init(_ bytes: [UInt8]) {
        storage = .allocate(byteCount: bytes.count, alignment: 16)
        storage.copyBytes(from: bytes)
    }

    package convenience init(_ text: String) {
        self.init(Array(text.utf8))
    }

    /// `count` bytes that `body` writes.
    init(count: Int, filling body: (UnsafeMutableRawBufferPointer) throws(CryptoError) -> Void) throws(CryptoError) {
        storage = .allocate(byteCount: count, alignment: 16)
        try body(storage)
    }

    deinit {
        OPENSSL_cleanse(storage.baseAddress, storage.count)
        storage.deallocate()
    }

    package var count: Int { storage.count }
    package var isEmpty: Bool { storage.isEmpty }

    /// The bytes, for the time of `body` only.
    package func withUnsafeBytes<Result, Failure: Error>(_ body: (UnsafeRawBufferPointer) throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        try body(UnsafeRawBufferPointer(storage))
    }
}

extension Secret: Equatable {
    /// Constant in time for secrets of equal length.
    package static func == (left: Secret, right: Secret) -> Bool {
        constantTimeEqual(UnsafeRawBufferPointer(left.storage), UnsafeRawBufferPointer(right.storage))
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Overwrites bytes that were part of a secret, in a way that no optimiser leaves out, and forgets them. Copies that others hold stay as they are.
package func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
    bytes.removeAll()
}

/// Whether the bytes are equal, in a time that depends on their counts only.
package func constantTimeEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    guard let leftBase = left.baseAddress, let rightBase = right.baseAddress else { return true }
    return CRYPTO_memcmp(leftBase, rightBase, left.count) == 0
}

package func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.withUnsafeBytes { left in right.withUnsafeBytes { right in constantTimeEqual(left, right) } }
}

/// Whether two digests are equal, in constant time.
package func constantTimeEqual(_ left: Digest, _ right: Digest) -> Bool {
    left.withUnsafeBytes { left in right.withUnsafeBytes { right in constantTimeEqual(left, right) } }
}

/// `count` bytes of libcrypto's random generator for secrets.
package func secureRandom(_ count: Int) throws(CryptoError) -> [UInt8] {
    guard count >= 0, count <= Int(Int32.max) else { throw .lengthOutOfRange("random bytes: 0 to 2147483647") }
    var bytes = [UInt8](repeating: 0, count: count)
    guard RAND_priv_bytes(&bytes, Int32(count)) == 1 else { throw .libraryFailure(operation: "RAND_priv_bytes") }
    return bytes
}
