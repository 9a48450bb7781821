/// Digits in groups, as people write numbers: up to 32 digits in up to 16 groups within ``Limits/numberPhrase`` bytes. Parsed once per
/// start and judged by every recogniser of numbers.
struct NumberPhrase {
    /// Stands for a separator of more than one byte, such as `) ` or ` (`.
    static let compoundSeparator: UInt8 = 1

    /// The first byte: a digit, `+` or `(`.
    let start: Int
    /// Starts with `+`.
    private(set) var isInternational = false
    /// A parenthesis stands before the first or the second group.
    private(set) var hasParenthesis = false
    private(set) var digits = SIMD32<UInt8>()
    private(set) var digitCount = 0
    private(set) var groupCount = 0
    /// Digits in each group.
    private(set) var groups = SIMD16<UInt8>()
    /// `separators[g]` stands behind group `g`, when another group follows.
    private(set) var separators = SIMD16<UInt8>()
    /// Where group `g` ends, from `start`.
    private var ends = SIMD16<UInt8>()
    /// A letter, an underscore or a digit beyond the limits follows the last group: the last group is part of something longer.
    private(set) var isCutOff = false

    init(_ text: inout Text, at start: Int) {
        self.start = start
        var index = start
        if text.byte(index) == UInt8(ascii: "+") {
            isInternational = true
            index += 1
        }
        if text.byte(index) == UInt8(ascii: "(") {
            hasParenthesis = true
            index += 1
        }
        while groupCount < 16 {
            let groupStart = index
            while index - start < Limits.numberPhrase, digitCount < 32, text.byte(index).isDigit {
                digits[digitCount] = text.byte(index) &- 0x30
                digitCount += 1
                index += 1
            }
            guard index > groupStart else { break }
            groups[groupCount] = UInt8(truncatingIfNeeded: index - groupStart)
            ends[groupCount] = UInt8(truncatingIfNeeded: index - start)
            groupCount += 1
            let next = text.byte(index)
            isCutOff = next.isWordByte
            if isCutOff { break }
            let length = separatorLength(&text, at: index)
            guard length > 0 else { break }
            separators[groupCount - 1] = length == 1 ? next : Self.compoundSeparator
            index += length
        }
    }

    /// The end of group `group` in the text.
    func end(ofGroup group: Int) -> Int {
        start + Int(ends[group])
    }

    func digit(_ index: Int) -> Int {
        Int(digits[index])
    }

    /// How many digits stand in groups before `group`.
    func digitCount(beforeGroup group: Int) -> Int {
        (0..<group).reduce(0) { $0 + Int(groups[$1]) }
    }

    /// Groups `0..<count` end where a word may end.
    func endsCleanly(afterGroups count: Int) -> Bool {
        count < groupCount || !isCutOff
    }

    /// The groups `0..<count` are separated by one byte, always the same; false for a single group.
    func hasUniformSeparators(groups count: Int) -> Bool {
        guard count > 1, separators[0] != Self.compoundSeparator else { return false }
        return (1..<max(1, count - 1)).allSatisfy { separators[$0] == separators[0] }
    }

    /// The value of `digits[range]`; at most 18 digits.
    func value(_ range: Range<Int>) -> Int {
        range.reduce(0) { $0 &* 10 &+ Int(digits[$1]) }
    }

    /// One space, `-`, `.` or `/`; `) `, `)-`, `)`, ` (`, `-(`, ` - `, ` / `. 0 when no digit follows.
    private mutating func separatorLength(_ text: inout Text, at index: Int) -> Int {
        let first = text.byte(index)
        switch first {
        case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"):
            let second = text.byte(index + 1)
            if second.isDigit { return 1 }
            if second == UInt8(ascii: "("), text.byte(index + 2).isDigit, groupCount == 1 {
                hasParenthesis = true
                return 2
            }
            let isDash = second == UInt8(ascii: "-") || second == UInt8(ascii: "/")
            if first == UInt8(ascii: " "), isDash, text.byte(index + 2) == UInt8(ascii: " "), text.byte(index + 3).isDigit { return 3 }
            return 0
        case UInt8(ascii: "("):
            guard groupCount == 1, text.byte(index + 1).isDigit else { return 0 }
            hasParenthesis = true
            return 1
        case UInt8(ascii: ")"):
            guard hasParenthesis, groupCount <= 2 else { return 0 }
            let second = text.byte(index + 1)
            if second.isDigit { return 1 }
            let isSeparator = second == UInt8(ascii: " ") || second == UInt8(ascii: "-") || second == UInt8(ascii: ".")
            return isSeparator && text.byte(index + 2).isDigit ? 2 : 0
        default:
            return 0
        }
    }
}
