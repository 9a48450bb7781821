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
    let context: UnsafeMutablePointer<ContextView>?

    init(_ base: UnsafePointer<UInt8>, count: Int, context: UnsafeMutablePointer<ContextView>? = nil) {
        self.base = base
        self.count = count
        self.context = context
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

    /// The byte before `index`, or 0 at the start of the text and right behind a finding.
    @inline(__always)
    func before(_ index: Int) -> UInt8 {
        index > 0 && index != coveredEnd ? base[index - 1] : 0
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
    /// A digit's value; the byte must be a digit.
    @inline(__always) var digitValue: Int { Int(self &- 0x30) }
    /// Upper case of an ASCII letter; other bytes as they are.
    @inline(__always) var uppercased: UInt8 { self &- 0x61 < 26 ? self & 0xDF : self }
    @inline(__always) var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }
    @inline(__always) var isSpace: Bool { self == 0x20 || self &- 9 < 5 }
}
