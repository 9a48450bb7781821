/// API keys and other credentials that are one token.
enum Credential {
    /// A key that starts with the token at `start`.
    static func match(_ text: inout Text, at start: Int) -> Finding? {
        guard text.byte(start) == UInt8(ascii: "s"), text.byte(start + 1) == UInt8(ascii: "k"), text.byte(start + 2) == UInt8(ascii: "-")
        else { return nil }
        var index = start + 3
        var digits = 0
        var letters = 0
        while index - start < Limits.token, text.byte(index).isTokenByte {
            if text.base[index].isDigit { digits += 1 } else if text.base[index].isLetter { letters += 1 }
            index += 1
        }
        guard index - start >= 23, digits > 0, letters > 0 else { return nil }
        return Finding(kind: .secret, range: start..<index, score: 0.9)
    }
}
