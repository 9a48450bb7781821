/// Hashes of passwords as crypt(3), htpasswd and frameworks write them: `$6$…`, `$2y$10$…`, `$apr1$…`, `pbkdf2_sha256$260000$…`.
enum PasswordHash {
    /// The hash around the `$` at `position`, and where it starts; nil if no scheme stands before it.
    static func match(_ text: inout Text, at position: Int) -> (start: Int, finding: Finding?)? {
        guard let start = schemeStart(text, before: position) else { return nil }
        var end = position
        var part = position
        while end - start < longest {
            let byte = text.byte(end)
            if byte == UInt8(ascii: "$") { part = end + 1 } else if !ASCIISet.base64.contains(byte) && !isJoint(byte) { break }
            end += 1
        }
        while end > part, text.base[end - 1] == UInt8(ascii: ",") { end -= 1 }
        guard end - part >= shortestCode, end - start < longest else { return (start, nil) }
        return (start, Finding(kind: .password, range: start..<end, score: 0.8))
    }

    private static let longest = 256
    /// In MD5's 22 bytes there are that many; what other schemes write is longer.
    private static let shortestCode = 22

    private static func isJoint(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    private static let schemes: [StaticString] = [
        "1", "5", "6", "7", "8", "9", "y", "2a", "2b", "2x", "2y", "apr1", "argon2i", "argon2d", "argon2id", "pbkdf2", "pbkdf2-sha1",
        "pbkdf2-sha256", "pbkdf2-sha512", "scrypt", "sha1", "bcrypt-sha256",
    ]

    /// Without a `$` before them.
    private static let bareSchemes: [StaticString] = ["pbkdf2_sha1", "pbkdf2_sha256", "bcrypt_sha256", "argon2"]

    /// Where the scheme starts that ends at `position` or one part, such as a number of rounds, before it.
    private static func schemeStart(_ text: Text, before position: Int) -> Int? {
        var end = position
        for _ in 0..<2 {
            var start = end
            while start > 0, end - start < 14, text.base[start - 1].isTokenByte || text.base[start - 1] == UInt8(ascii: "=") { start -= 1 }
            guard start < end else { return nil }
            let isLed = start > 0 && text.base[start - 1] == UInt8(ascii: "$")
            if isLed, schemes.contains(where: { isWord($0, text, start..<end) }) { return start - 1 }
            if !isLed, bareSchemes.contains(where: { isWord($0, text, start..<end) }) { return start }
            guard isLed else { return nil }
            end = start - 1
        }
        return nil
    }

    private static func isWord(_ word: StaticString, _ text: Text, _ range: Range<Int>) -> Bool {
        word.utf8CodeUnitCount == range.count && range.allSatisfy { text.base[$0] == word.utf8Start[$0 - range.lowerBound] }
    }
}
