/// Bytes inside JSON strings: which may stand as they are, which are UTF-8, and what escapes mean.
enum JSONText {
    static let quote = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080

    /// Offset of the first byte in `from..<end` that is not plain: a quote, a backslash, a control character or part of a non-ASCII
    /// character; `end` if there is none. Eight bytes at a time.
    @inline(__always)
    static func plainRunEnd(_ bytes: UnsafeRawPointer, from: Int, to end: Int) -> Int {
        var position = from
        while end &- position >= 8 {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            // A byte's high bit is set in each term when the byte is what the term looks for. A borrow can set it wrongly only
            // above a byte that is rightly found, and the lowest one is taken.
            let quotes = (word ^ (ones &* UInt64(quote))) &- ones
            let backslashes = (word ^ (ones &* UInt64(backslash))) &- ones
            let controls = word &- (ones &* 0x20)
            let found = (quotes | backslashes | controls | word) & highs
            if found != 0 { return position &+ (found.trailingZeroBitCount &>> 3) }
            position &+= 8
        }
        while position < end {
            let byte = bytes.load(fromByteOffset: position, as: UInt8.self)
            if byte < 0x20 || byte >= 0x80 || byte == quote || byte == backslash { break }
            position &+= 1
        }
        return position
    }

    @inline(__always)
    static func areEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
        guard one.count == other.count else { return false }
        var position = 0
        while one.count &- position >= 8 {
            let word = one.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            guard word == other.loadUnaligned(fromByteOffset: position, as: UInt64.self) else { return false }
            position &+= 8
        }
        while position < one.count {
            guard one[position] == other[position] else { return false }
            position &+= 1
        }
        return true
    }

    /// Length of the well-formed UTF-8 sequence of two to four bytes at `position` (Unicode's table 3-7); 0 if there is none.
    @inline(__always)
    static func multibyteLength(_ bytes: UnsafeRawPointer, at position: Int, to end: Int) -> Int {
        let available = end &- position
        let lead = bytes.load(fromByteOffset: position, as: UInt8.self)
        guard available >= 2, lead >= 0xC2 else { return 0 }
        let second = bytes.load(fromByteOffset: position &+ 1, as: UInt8.self)
        if lead < 0xE0 { return second & 0xC0 == 0x80 ? 2 : 0 }
        guard available >= 3, bytes.load(fromByteOffset: position &+ 2, as: UInt8.self) & 0xC0 == 0x80 else { return 0 }
        if lead < 0xF0 {
            let lowest: UInt8 = lead == 0xE0 ? 0xA0 : 0x80
            let highest: UInt8 = lead == 0xED ? 0x9F : 0xBF
            return second >= lowest && second <= highest ? 3 : 0
        }
        guard available >= 4, lead <= 0xF4, bytes.load(fromByteOffset: position &+ 3, as: UInt8.self) & 0xC0 == 0x80 else { return 0 }
        let lowest: UInt8 = lead == 0xF0 ? 0x90 : 0x80
        let highest: UInt8 = lead == 0xF4 ? 0x8F : 0xBF
        return second >= lowest && second <= highest ? 4 : 0
    }

    /// The value of four hexadecimal digits at `position`; `nil` when they are not that. The caller has checked that four bytes are there.
    @inline(__always)
    static func hexadecimal4(_ bytes: UnsafeRawPointer, at position: Int) -> UInt32? {
        var value: UInt32 = 0
        for offset in 0..<4 {
            guard let digit = hexadecimalDigit(bytes.load(fromByteOffset: position &+ offset, as: UInt8.self)) else { return nil }
            value = value &<< 4 | digit
        }
        return value
    }

    @inline(__always)
    private static func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte &- UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte &- UInt8(ascii: "a") &+ 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte &- UInt8(ascii: "A") &+ 10)
        default: nil
        }
    }

    /// Hands the text of a string's content (without quotes, validated by a scan) to `emit`, piece by piece. A piece that stood escaped is one
    /// character; all the pieces together are never longer than the content. `emit` returns false to stop.
    @inline(__always)
    static func decode(_ content: UnsafeRawBufferPointer, emit: (UnsafeRawBufferPointer) -> Bool) {
        guard let bytes = content.baseAddress else { return }
        let end = content.count
        var position = 0
        while position < end {
            var runEnd = position
            while runEnd < end, bytes.load(fromByteOffset: runEnd, as: UInt8.self) != backslash { runEnd &+= 1 }
            if runEnd > position, !emit(UnsafeRawBufferPointer(start: bytes + position, count: runEnd &- position)) { return }
            guard runEnd < end else { return }
            let (scalar, length) = escape(bytes, at: runEnd, to: end)
            if !withUTF8(of: scalar, emit) { return }
            position = runEnd &+ length
        }
    }

    /// The character that the escape at `position` (its backslash) stands for, and the escape's length, a surrogate pair's two as one.
    /// Total, though only validated content comes here: what is no escape reads as U+FFFD.
    private static func escape(_ bytes: UnsafeRawPointer, at position: Int, to end: Int) -> (UInt32, length: Int) {
        guard position &+ 1 < end else { return (0xFFFD, 1) }
        let letter = bytes.load(fromByteOffset: position &+ 1, as: UInt8.self)
        switch letter {
        case UInt8(ascii: "b"): return (0x08, 2)
        case UInt8(ascii: "f"): return (0x0C, 2)
        case UInt8(ascii: "n"): return (0x0A, 2)
        case UInt8(ascii: "r"): return (0x0D, 2)
        case UInt8(ascii: "t"): return (0x09, 2)
        case UInt8(ascii: "u"): break
        default: return (UInt32(letter), 2)
        }
        guard position &+ 6 <= end, let unit = hexadecimal4(bytes, at: position &+ 2) else { return (0xFFFD, 2) }
        guard unit & 0xF800 == 0xD800 else { return (unit, 6) }
        guard position &+ 12 <= end, let low = hexadecimal4(bytes, at: position &+ 8), low & 0xFC00 == 0xDC00 else { return (0xFFFD, 6) }
        return (0x10000 &+ (unit & 0x3FF) &<< 10 &+ low & 0x3FF, 12)
    }

    @inline(__always)
    private static func withUTF8(of scalar: UInt32, _ emit: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        var encoded: UInt32
        let count: Int
        switch scalar {
        case 0..<0x80: (encoded, count) = (scalar, 1)
        case 0..<0x800: (encoded, count) = (0x80C0 | scalar &>> 6 | (scalar & 0x3F) &<< 8, 2)
        case 0..<0x10000: (encoded, count) = (0x80_80E0 | scalar &>> 12 | (scalar &>> 6 & 0x3F) &<< 8 | (scalar & 0x3F) &<< 16, 3)
        default:
            encoded = 0x8080_80F0 | scalar &>> 18 | (scalar &>> 12 & 0x3F) &<< 8
            encoded |= (scalar &>> 6 & 0x3F) &<< 16 | (scalar & 0x3F) &<< 24
            count = 4
        }
        encoded = encoded.littleEndian
        return withUnsafeBytes(of: &encoded) { emit(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
}
