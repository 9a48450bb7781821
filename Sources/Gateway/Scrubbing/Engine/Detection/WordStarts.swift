/// Where context words may start among eight bytes: at a letter behind what is none, and at a capital behind a small letter (`homePhone`);
/// bytes from U+0080 on are letters, and those from U+00C0 on start one. `>` and `*`, which may end what stands for a finding, count too.
///
/// Eight bytes at a time in one word: of each byte, the highest bit is the answer.
struct WordStarts {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs = ones << 7
    private static let lows = ~highs

    /// Letters of the last eight bytes.
    private var letters: UInt64 = 0
    private var smallLetters: UInt64 = 0

    /// `last` stands before the first eight bytes.
    init(behind last: UInt8) {
        _ = next(UInt64(last) << 56)
    }

    /// The starts in the next eight bytes, the first of which is the lowest.
    @inline(__always)
    mutating func next(_ bytes: UInt64) -> UInt64 {
        let folded = bytes & Self.lows | Self.ones &* 0x20
        let ascii = Self.isAtLeast(folded, "a") & ~Self.isAtLeast(folded, "{") & ~bytes & Self.highs
        let starting = Self.isAtLeast(bytes & Self.lows, "C") & bytes & Self.highs
        let all = ascii | bytes & Self.highs
        let small = ascii & (bytes << 2)
        let signs = Self.isEqual(bytes, ">") | Self.isEqual(bytes, "*")
        let before = all << 8 | letters >> 56
        let smallBefore = small << 8 | smallLetters >> 56
        letters = all
        smallLetters = small
        return (ascii | starting) & ~before | ascii & ~small & smallBefore | signs
    }

    /// Of bytes below 128, those that are at least `least`.
    @inline(__always)
    private static func isAtLeast(_ bytes: UInt64, _ least: Unicode.Scalar) -> UInt64 {
        bytes &+ ones &* UInt64(0x80 &- UInt8(ascii: least))
    }

    @inline(__always)
    private static func isEqual(_ bytes: UInt64, _ byte: Unicode.Scalar) -> UInt64 {
        let differences = bytes ^ ones &* UInt64(UInt8(ascii: byte))
        return ~((differences & lows) &+ lows | differences) & highs
    }
}
