/// A bit for each byte.
///
/// Not a vector of four words: those are aligned to 32 bytes, more than the frames of async functions are, so that a scanner in one would
/// overwrite memory.
struct Bits256: Hashable, Sendable {
    private var first: UInt64 = 0
    private var second: UInt64 = 0
    private var third: UInt64 = 0
    private var fourth: UInt64 = 0

    @inline(__always)
    subscript(byte: UInt8) -> Bool {
        get {
            let word = byte < 128 ? (byte < 64 ? first : second) : (byte < 192 ? third : fourth)
            return word &>> UInt64(byte & 63) & 1 != 0
        }
        set {
            let bit: UInt64 = 1 &<< UInt64(byte & 63)
            switch byte >> 6 {
            case 0: first = newValue ? first | bit : first & ~bit
            case 1: second = newValue ? second | bit : second & ~bit
            case 2: third = newValue ? third | bit : third & ~bit
            default: fourth = newValue ? fourth | bit : fourth & ~bit
            }
        }
    }

    var isEmpty: Bool { first | second | third | fourth == 0 }

    mutating func formUnion(_ other: Self) {
        first |= other.first
        second |= other.second
        third |= other.third
        fourth |= other.fourth
    }
}
