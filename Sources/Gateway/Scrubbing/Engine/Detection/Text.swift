/// The bytes that recognisers look at. Reading past the end gives 0, which ends every pattern, and is noted: a stream then knows that the
/// recogniser's answer may change when more bytes come.
struct Text {
    let base: UnsafePointer<UInt8>
    let count: Int
    /// A byte beyond the end was asked for since this was last cleared.
    var reachedEnd = false
    /// Where the findings so far end. What they cover will be replaced, so it reads as a boundary to what follows: a second look at the
    /// scrubbed text comes to the same answers.
    var coveredEnd = 0
    /// The kind of the last finding, if a context word raised it: its context goes on to a neighbour of the same kind.
    var raisedKind: EntityKind?
    /// Where the last bare value that was assigned was found to have no end.
    var withoutStops = 0..<0
    /// The signs of tokens that were looked at last.
    var tokenSigns = 0..<0
    /// The context words so far; nil where no recogniser asks for them.
    var context: UnsafeMutablePointer<ContextView>?

    init(_ base: UnsafePointer<UInt8>, count: Int) {
        self.base = base
        self.count = count
    }

    /// The byte at `index` (not negative), or 0 past the end.
    @inline(__always)
    mutating func byte(_ index: Int) -> UInt8 {
        if index < count { return base[index] }
        reachedEnd = true
        return 0
    }

    /// Notes a finding.
    mutating func cover(_ finding: Finding) {
        guard finding.range.upperBound >= coveredEnd else { return }
        coveredEnd = finding.range.upperBound
        raisedKind = finding.raisedByContext ? finding.kind : nil
    }

    /// The eight bytes from `index` on, the first one lowest, with zeros beyond the end.
    @inline(__always)
    func eightBytes(_ index: Int) -> UInt64 {
        if index + 8 <= count { return UInt64(littleEndian: UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self)) }
        var bytes: UInt64 = 0
        for place in index..<max(index, count) { bytes |= UInt64(base[place]) << UInt64(8 * (place - index)) }
        return bytes
    }

    /// One of the sixteen bytes from `index` on is no figure and no sign as they stand between figures, or the text ends before.
    @inline(__always)
    func mayHaveLetters(_ index: Int) -> Bool {
        index + 16 > count || (eightBytes(index) | eightBytes(index + 8)) & 0xC0C0_C0C0_C0C0_C0C0 != 0
    }

    /// Nothing starts at the group of digits at `index`, in the middle of others, and a look would cost as much as at the first of them.
    @inline(__always)
    func isInsideNumber(_ index: Int) -> Bool {
        let separator = before(index)
        guard separator.isNumberSeparator, before(index - 1).isDigit else { return false }
        return isAmongSingleDigits(index, separator) || isMiddleGroup(index, separator)
    }

    /// Two single digits stand before, as in `1 2 3 4`.
    @inline(__always)
    private func isAmongSingleDigits(_ index: Int, _ separator: UInt8) -> Bool {
        before(index - 2) == separator && before(index - 3).isDigit && !before(index - 4).isDigit
    }

    /// Up to three digits with the same sign before and behind them, with no letter near or no date from here: too short for a card, and the
    /// rest of any other number.
    @inline(__always)
    private func isMiddleGroup(_ index: Int, _ separator: UInt8) -> Bool {
        guard index + 16 <= count, base[index].isDigit else { return false }
        let end = endOfDigits(index, most: 3)
        guard base[end] == separator, base[end + 1].isDigit else { return false }
        if separator == UInt8(ascii: " ") { return !mayHaveLetters(index) }
        return end - index == 3 || !isRestOfDate(end + 1, separator)
    }

    /// A day or a month, and a year of two or four digits.
    @inline(__always)
    private func isRestOfDate(_ index: Int, _ separator: UInt8) -> Bool {
        let end = endOfDigits(index, most: 3)
        guard end - index < 3, base[end] == separator else { return false }
        let size = endOfDigits(end + 1, most: 5) - end - 1
        return size == 2 || size == 4
    }

    /// Where the digits from `index` on end; the text goes on.
    @inline(__always)
    private func endOfDigits(_ index: Int, most: Int) -> Int {
        var end = index
        while end - index < most, base[end].isDigit { end += 1 }
        return end
    }

    /// The byte before `index`, or 0 at the start of the text and right behind a finding.
    @inline(__always)
    func before(_ index: Int) -> UInt8 {
        index > 0 && index != coveredEnd ? base[index - 1] : 0
    }

    /// The start of the unbroken token before `end`, as far back as something behind it could make it part of an entity: of an address, of a
    /// URL's user.
    func tokenStart(before end: Int) -> Int {
        let limit = max(0, end - Limits.userInfo)
        var index = end
        while index > limit, base[index - 1] > 0x20 { index -= 1 }
        return index
    }
}

extension UInt8 {
    @inline(__always) var isDigit: Bool { self &- 0x30 < 10 }
    @inline(__always) var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }
    @inline(__always) var isAlphanumeric: Bool { isDigit || isLetter }
    @inline(__always) var isHexDigit: Bool { isDigit || (self | 0x20) &- 0x61 < 6 }
    /// Letters, digits, `_` and `-`.
    @inline(__always) var isTokenByte: Bool { isAlphanumeric || self == UInt8(ascii: "_") || self == UInt8(ascii: "-") }
    @inline(__always) var isWordByte: Bool { isAlphanumeric || self == UInt8(ascii: "_") }
    /// One of the signs that stand between two groups of a number.
    @inline(__always) var isNumberSeparator: Bool {
        self == UInt8(ascii: " ") || self &- UInt8(ascii: "-") < 3
    }
    /// A digit's value; the byte must be a digit.
    @inline(__always) var digitValue: Int { Int(self &- 0x30) }
    /// Upper case of an ASCII letter; other bytes as they are.
    @inline(__always) var uppercased: UInt8 { self &- 0x61 < 26 ? self & 0xDF : self }
    @inline(__always) var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
    @inline(__always) var isSpace: Bool { self == 0x20 || self &- 9 < 5 }
}
