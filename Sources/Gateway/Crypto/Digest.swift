internal import COpenSSL

/// 32 bytes that came out of SHA-256 or HMAC-SHA256.
///
/// Kept in four words, so that it is copied, compared and used as a dictionary key without a heap allocation.
package struct Digest: Sendable {
    package static let count = 32

    // The words hold the bytes in memory order.
    private var words: (UInt64, UInt64, UInt64, UInt64)

    /// All zero; filled through `init(filling:)`.
    private init() { words = (0, 0, 0, 0) }

    /// A digest whose 32 bytes `body` writes.
    init(filling body: (UnsafeMutableRawBufferPointer) -> Void) {
        self.init()
        withUnsafeMutableBytes(of: &words, body)
    }

    /// The digest of exactly these 32 bytes; `nil` for any other count.
    package init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.count else { return nil }
        self.init { $0.copyMemory(from: bytes) }
    }

    package init?(bytes: [UInt8]) {
        guard let digest = bytes.withUnsafeBytes({ Digest(bytes: $0) }) else { return nil }
        self = digest
    }

    /// The digest written as 64 hexadecimal digits, of either case; `nil` for anything else.
    package init?(hex: some StringProtocol) {
        let digits = Array(hex.utf8)
        guard digits.count == 2 * Self.count else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.count)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.value(ofHexDigit: digits[index]), let low = Self.value(ofHexDigit: digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        self.init(bytes: bytes)
    }

    private static func value(ofHexDigit digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try Swift.withUnsafeBytes(of: words) { try body($0) }
    }

    /// 64 hexadecimal digits, lower case.
    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return withUnsafeBytes { bytes in
            String(unsafeUninitializedCapacity: 2 * Self.count) { text in
                for (index, byte) in bytes.enumerated() {
                    text[2 * index] = digits[Int(byte >> 4)]
                    text[2 * index + 1] = digits[Int(byte & 15)]
                }
                return 2 * Self.count
            }
        }
    }

    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// SHA-256 in one call. It looks the algorithm up every time; a hot path keeps a `DigestContext`.
    package static func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest {
        Digest { out in
            guard
                SHA256(
                    bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count,
                    out.baseAddress?.assumingMemoryBound(to: UInt8.self)) != nil
            else { fatalError("libcrypto cannot compute SHA-256") }
        }
    }

    package static func sha256(_ bytes: [UInt8]) -> Digest { bytes.withUnsafeBytes { sha256($0) } }
}

extension Digest: Hashable {
    /// Not constant in time: digests are compared where the hashed value is secret or keyed, so that a prefix teaches nothing.
    package static func == (left: Digest, right: Digest) -> Bool {
        left.words == right.words
    }

    /// The first word alone: every bit of a digest is as good as any other, and `Hasher` is seeded.
    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

extension Digest: CustomStringConvertible {
    package var description: String { hex }
}

/// SHA-256 with its algorithm looked up once and its state reused. One per event loop: not `Sendable`, and one message at a time.
package final class DigestContext {
    private let algorithm: OpaquePointer
    private let context: OpaquePointer

    package init() throws(CryptoError) {
        guard let algorithm = EVP_MD_fetch(nil, "SHA256", nil) else { throw .libraryFailure(operation: "EVP_MD_fetch SHA256") }
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex2(context, algorithm, nil) == 1 else {
            EVP_MD_free(algorithm)
            throw .libraryFailure(operation: "EVP_DigestInit_ex2")
        }
        self.algorithm = algorithm
        self.context = context
    }

    deinit {
        EVP_MD_CTX_free(context)
        EVP_MD_free(algorithm)
    }

    /// Adds `bytes` to the message under way.
    package func update(_ bytes: UnsafeRawBufferPointer) {
        guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else { fatalError("libcrypto cannot compute SHA-256") }
    }

    package func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The digest of the message, after which a new, empty message is under way.
    package func finish() -> Digest {
        Digest { out in
            guard EVP_DigestFinal_ex(context, out.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1,
                EVP_DigestInit_ex2(context, nil, nil) == 1
            else { fatalError("libcrypto cannot compute SHA-256") }
        }
    }
}
