/// A second reading of a text, in which tricks with Unicode are undone: signs without a width are left out, full-width and other forms of
/// letters, digits and spaces are the ASCII ones, and so are Cyrillic and Greek letters that look like Latin ones. Findings in it are
/// mapped back to the text, which is not changed.
///
/// Bytes that are no UTF-8 stay as they are and fold nothing. A text in which nothing folds costs one look for its first byte beyond
/// ASCII and no memory.
struct FoldedText {
    /// What is scanned.
    private(set) var bytes: [UInt8] = []
    /// Where a byte of `bytes` at `folded`, and those behind it up to the next entry, come from.
    private var origins: [(folded: Int, original: Int)] = []

    /// At most this many signs without a width in a row are left out; the rest stays, as a boundary.
    private static let mostInvisible = 8
    /// The most bytes that one byte of a reading comes from, with the signs without a width before it.
    static let longestScalar = 4 + 4 * mostInvisible

    /// How much of the text has been read, up to where it has been copied, and how many signs without a width were left out right before.
    private var index = 0
    private var copied = 0
    private var invisible = 0

    /// Reads `text`; false when nothing folds: the text is its own second reading then.
    mutating func read(_ text: UnsafeRawBufferPointer) -> Bool {
        begin()
        return readOn(text, count: text.count) == true
    }

    /// Forgets what was read.
    mutating func begin() {
        bytes.removeAll(keepingCapacity: true)
        origins.removeAll(keepingCapacity: true)
        (index, copied, invisible) = (0, 0, 0)
    }

    /// Reads `count` bytes more of `text`, and to the end of the last one's scalar; nil before the text's end, and then as ``read(_:)``.
    mutating func readOn(_ text: UnsafeRawBufferPointer, count: Int) -> Bool? {
        let end = min(text.count, index + count)
        while index < end {
            if text[index] < 0x80 {
                index = Self.asciiEnd(text, from: index, to: end)
                invisible = 0
                continue
            }
            // Letters with accents: U+00C0 to U+033F fold nothing.
            if text[index] &- 0xC3 < 10, index + 1 < text.count, text[index + 1] & 0xC0 == 0x80 {
                index += 2
                invisible = 0
                continue
            }
            let (scalar, length) = Self.scalar(text, at: index)
            guard length > 1, let folded = Lookalikes.ascii(scalar), folded != 0 || invisible < Self.mostInvisible else {
                index += length
                invisible = 0
                continue
            }
            append(text, copied..<index)
            if folded != 0 {
                origins.append((bytes.count, index))
                bytes.append(folded)
                invisible = 0
            } else {
                invisible += 1
            }
            index += length
            copied = index
        }
        guard index >= text.count else { return nil }
        guard copied > 0 else { return false }
        append(text, copied..<text.count)
        return true
    }

    /// Where ASCII that starts at `index` ends, as far as whole words of 32 and 8 bytes tell, or one byte on.
    @inline(__always)
    private static func asciiEnd(_ text: UnsafeRawBufferPointer, from index: Int, to end: Int) -> Int {
        let high: UInt64 = 0x8080_8080_8080_8080
        var index = index
        while index &+ 32 <= end {
            let words = text.loadUnaligned(fromByteOffset: index, as: SIMD4<UInt64>.self)
            guard (words[0] | words[1] | words[2] | words[3]) & high == 0 else { break }
            index &+= 32
        }
        while index &+ 8 <= end {
            let word = UInt64(littleEndian: text.loadUnaligned(fromByteOffset: index, as: UInt64.self)) & high
            guard word == 0 else { return index &+ word.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < end, text[index] < 0x80 { index &+= 1 }
        return index
    }

    /// The bytes of the text that `range`, which is not empty, was read from: signs without a width inside of it count, those at its ends
    /// do not.
    func original(_ range: Range<Int>, _ text: UnsafeRawBufferPointer) -> Range<Int> {
        let last = origin(range.upperBound - 1)
        return origin(range.lowerBound)..<last
            + (text[last] < 0x80 ? 1 : bytes[range.upperBound - 1] < 0x80 ? Self.scalar(text, at: last).length : 1)
    }

    /// The first byte of the reading that comes from `original` or behind it.
    func index(of original: Int) -> Int {
        var low = 0
        var high = origins.count
        while low < high {
            let middle = (low + high) / 2
            if origins[middle].original < original { low = middle + 1 } else { high = middle }
        }
        let next = low < origins.count ? origins[low].folded : bytes.count
        guard low > 0 else { return next }
        return min(next, origins[low - 1].folded + original - origins[low - 1].original)
    }

    /// Where the byte at `index` of the reading starts in the text, or `end` behind the last one.
    func original(_ index: Int, end: Int) -> Int {
        index < bytes.count ? origin(index) : end
    }

    /// The end of the last whole scalar: more of the one behind it may come.
    static func wholeEnd(_ text: UnsafeRawBufferPointer) -> Int {
        var start = text.count
        while start > 0, text.count - start < 3 {
            start -= 1
            if text[start] & 0xC0 != 0x80 { break }
        }
        guard start < text.count else { return text.count }
        let lead = text[start]
        let length = lead < 0xC2 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 1
        return start + length > text.count ? start : text.count
    }

    private mutating func append(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        origins.append((bytes.count, range.lowerBound))
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[range]))
    }

    private func origin(_ folded: Int) -> Int {
        var low = 0
        var high = origins.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if origins[middle].folded <= folded { low = middle } else { high = middle }
        }
        return origins[low].original + folded - origins[low].folded
    }

    /// The scalar at `index` and its length; (0, 1) where there is none.
    private static func scalar(_ text: UnsafeRawBufferPointer, at index: Int) -> (UInt32, length: Int) {
        let lead = text[index]
        let length = lead < 0xC2 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 1
        guard length > 1, index + length <= text.count else { return (0, 1) }
        var scalar = UInt32(lead) & (0x7F >> UInt32(length))
        for offset in 1..<length {
            guard text[index + offset] & 0xC0 == 0x80 else { return (0, 1) }
            scalar = scalar << 6 | UInt32(text[index + offset] & 0x3F)
        }
        return (scalar, length)
    }
}
