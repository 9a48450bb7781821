/// Looks for the end of the line at the start of some bytes, and for control characters on the way. A comment (a line that starts with a
/// colon) may hold what it likes.
struct LineScan {
    /// Where the first CR or LF is.
    private(set) var lineEnd: Int?
    /// Where the first control character before it is.
    private(set) var controlCharacter: Int?

    /// - Parameter start: bytes before it were looked at earlier.
    init(bytes: UnsafeRawBufferPointer, from start: Int) {
        let isComment = bytes.first == UInt8(ascii: ":")
        var index = start
        while index < bytes.count {
            if index + 8 <= bytes.count, !Self.mayHoldControl(bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) {
                index += 8
                continue
            }
            // At most eight bytes one by one: the word holds a control character, or it is the last.
            for position in index..<min(index + 8, bytes.count) where bytes[position] < 0x20 {
                switch bytes[position] {
                case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                    lineEnd = position
                    return
                case UInt8(ascii: "\t"):
                    continue
                default:
                    if !isComment {
                        controlCharacter = position
                        return
                    }
                }
            }
            index += 8
        }
    }

    /// Whether one of eight bytes is below 0x20; may also say so of a byte that follows one which is.
    private static func mayHoldControl(_ word: UInt64) -> Bool {
        (word &- 0x2020_2020_2020_2020) & ~word & 0x8080_8080_8080_8080 != 0
    }
}
