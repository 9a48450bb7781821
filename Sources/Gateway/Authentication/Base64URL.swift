/// Base64 for URLs without padding, as tokens have it (RFC 7515, section 2).
///
/// Strict: each value has exactly one text. Padding, white space, foreign characters, and bits that stand for nothing are refused.
package enum Base64URL {
    /// - Returns: false for anything that is not such a text; `bytes` is then empty. An empty text stands for no bytes.
    package static func decode(_ text: UnsafeRawBufferPointer, into bytes: inout [UInt8]) -> Bool {
        bytes.removeAll(keepingCapacity: true)
        guard text.count % 4 != 1 else { return false }
        bytes.reserveCapacity(text.count / 4 * 3 + 2)
        var (bits, held): (UInt32, UInt32) = (0, 0)
        for character in text {
            guard let value = value(of: character) else {
                bytes.removeAll(keepingCapacity: true)
                return false
            }
            bits = bits << 6 | value
            held += 6
            if held >= 8 {
                held -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> held))
            }
        }
        guard bits & ((1 << held) - 1) == 0 else {
            bytes.removeAll(keepingCapacity: true)
            return false
        }
        return true
    }

    package static func decode(_ text: String) -> [UInt8]? {
        var text = text
        var bytes: [UInt8] = []
        return text.withUTF8 { decode(UnsafeRawBufferPointer($0), into: &bytes) } ? bytes : nil
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character) + 4
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
