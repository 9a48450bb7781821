/// The gateway's own API keys: `ask_` + 32 base-62 characters + `_` + 6 base-62 characters, 43 in all.
///
/// The 32 characters are drawn evenly from `0-9A-Za-z` (190 bits). The last six are the CRC-32 (ISO-HDLC, as in zlib) of the 36 characters
/// before the second underscore, in base 62, padded with zeroes. The prefix lets scanners of leaked secrets find a key; the checksum
/// lets the gateway refuse junk and typing errors without hashing or looking anything up.
package enum APIKey {
    package static let prefix = "ask_"
    package static let randomCount = 32
    package static let checksumCount = 6
    package static let count = 43

    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// A new key. `random` returns as many random bytes as it is asked for; `secureRandom` in all but tests.
    package static func generate(random: (Int) throws(CryptoError) -> [UInt8]) throws(CryptoError) -> String {
        var key = Array(prefix.utf8)
        while key.count < prefix.utf8.count + randomCount {
            // 248 is the largest multiple of 62 in a byte: what is above would make the first characters likelier.
            for byte in try random(randomCount) where byte < 248 && key.count < prefix.utf8.count + randomCount {
                key.append(alphabet[Int(byte) % alphabet.count])
            }
        }
        let checksum = checksumDigits(of: key)
        key.append(UInt8(ascii: "_"))
        key.append(contentsOf: checksum)
        return String(decoding: key, as: UTF8.self)
    }

    /// Whether the bytes have the form of a key and its checksum fits. Says nothing about whether the key exists. Allocates nothing.
    package static func isWellFormed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count == count else { return false }
        for (index, byte) in prefix.utf8.enumerated() where bytes[index] != byte { return false }
        let bodyCount = prefix.utf8.count + randomCount
        for index in prefix.utf8.count..<bodyCount where !isBase62(bytes[index]) { return false }
        guard bytes[bodyCount] == UInt8(ascii: "_") else { return false }
        var rest = CRC32.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<bodyCount]))
        for index in (count - checksumCount..<count).reversed() {
            guard bytes[index] == alphabet[Int(rest % 62)] else { return false }
            rest /= 62
        }
        return true
    }

    package static func isWellFormed(_ key: [UInt8]) -> Bool { key.withUnsafeBytes { isWellFormed($0) } }

    package static func isWellFormed(_ key: String) -> Bool { isWellFormed(Array(key.utf8)) }

    /// What the gateway keeps of a key: HMAC-SHA256 of its bytes under the pepper that `pepper` was made from.
    package static func hash(_ key: String, pepper: KeyedHash) -> Digest { pepper.hash(key) }

    /// How a key's hash is written in the configuration file: `hmac-sha256:` and 64 hexadecimal digits.
    package static func text(of hash: Digest) -> String { hashPrefix + hash.hex }

    /// The hash that `text(of:)` wrote; `nil` for anything else.
    package static func hash(text: String) -> Digest? {
        guard text.hasPrefix(hashPrefix) else { return nil }
        return Digest(hex: text.dropFirst(hashPrefix.count))
    }

    private static let hashPrefix = "hmac-sha256:"

    private static func isBase62(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
        default: false
        }
    }

    private static func checksumDigits(of body: [UInt8]) -> [UInt8] {
        var rest = body.withUnsafeBytes { CRC32.checksum($0) }
        var digits = [UInt8](repeating: alphabet[0], count: checksumCount)
        for index in digits.indices.reversed() {
            digits[index] = alphabet[Int(rest % 62)]
            rest /= 62
        }
        return digits
    }
}

/// CRC-32 as zlib computes it: polynomial 0x04C11DB7 reflected, initial value and final mask all ones.
package enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    package static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            var value = UInt32.max
            for byte in bytes { value = value >> 8 ^ table[Int((value ^ UInt32(byte)) & 255)] }
            return ~value
        }
    }
}
