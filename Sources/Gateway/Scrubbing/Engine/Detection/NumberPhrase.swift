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
    /// … and is closed.
    private(set) var isClosed = false
    let digits: UnsafeMutablePointer<UInt8>
    private(set) var digitCount = 0
    private(set) var groupCount = 0
    /// Digits in each group.
    let groups: UnsafeMutablePointer<UInt8>
    /// `separators[g]` stands behind group `g`, when another group follows.
    let separators: UnsafeMutablePointer<UInt8>
    /// Where group `g` ends, from `start`.
    private let ends: UnsafeMutablePointer<UInt8>
    /// Digits before group `g`, and before the end at `groupCount`.
    private let counts: UnsafeMutablePointer<UInt8>
    /// An extension follows the last group; where they end, from `start`. 0 when they do not.
    private(set) var extensionEnd = 0
    /// A letter, an underscore or a digit beyond the limits follows the last group: the last group is part of something longer.
    private(set) var isCutOff = false

    /// The bytes that `scratch` needs. A phrase is valid until the next one is parsed into the same scratch memory.
    static let scratchSize = 128

    init(_ text: inout Text, at start: Int, scratch: UnsafeMutablePointer<UInt8>) {
        self.start = start
        digits = scratch
        groups = scratch + 32
        separators = scratch + 48
        ends = scratch + 64
        counts = scratch + 80
        counts[0] = 0
        var index = start
        if text.byte(index) == UInt8(ascii: "+") {
            isInternational = true
            index += 1
        }
        if text.byte(index) == UInt8(ascii: "(") {
            hasParenthesis = true
            index += 1
            if !isInternational, text.byte(index) == UInt8(ascii: "+") {
                isInternational = true
                index += 1
            }
        }
        // One digit behind a sign or a parenthesis is arithmetic or an argument, but for `+1 ` and `+7 `.
        if index > start, !text.byte(index + 1).isDigit {
            guard isInternational, text.byte(index) == UInt8(ascii: "1") || text.byte(index) == UInt8(ascii: "7") else { return }
        }
        while groupCount < 16 {
            let groupStart = index
            // What may be read, and what may be taken: no byte past either is looked at.
            let end = min(start + Limits.numberPhrase, index + 32 - digitCount, text.count)
            while index < end {
                let value = text.base[index] &- 0x30
                guard value < 10 else { break }
                digits[digitCount] = value
                digitCount &+= 1
                index &+= 1
            }
            guard index > groupStart else {
                if index >= text.count { text.reachedEnd = true }
                break
            }
            groups[groupCount] = UInt8(truncatingIfNeeded: index &- groupStart)
            ends[groupCount] = UInt8(truncatingIfNeeded: index &- start)
            groupCount &+= 1
            counts[groupCount] = UInt8(truncatingIfNeeded: digitCount)
            let next = text.byte(index)
            if next == UInt8(ascii: " ") || next == UInt8(ascii: "-") || next == UInt8(ascii: ".") || next == UInt8(ascii: "/"),
                text.byte(index + 1).isDigit
            {
                separators[groupCount &- 1] = next
                index &+= 1
                continue
            }
            isCutOff = next.isWordByte
            if isCutOff {
                findExtension(&text, at: index)
                break
            }
            let length = separatorLength(&text, at: index)
            guard length > 0 else {
                if next == UInt8(ascii: " ") { findExtension(&text, at: index) }
                break
            }
            separators[groupCount &- 1] = length == 1 ? next : Self.compoundSeparator
            index &+= length
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
        Int(counts[group])
    }

    /// Groups `0..<count` end where a word may end.
    func endsCleanly(afterGroups count: Int) -> Bool {
        count < groupCount || !isCutOff
    }

    /// The groups `0..<count` are separated by one byte, always the same; false for a single group.
    func hasUniformSeparators(groups count: Int) -> Bool {
        guard count > 1, separators[0] != Self.compoundSeparator else { return false }
        var group = 1
        while group < count - 1 {
            if separators[group] != separators[0] { return false }
            group += 1
        }
        return true
    }

    /// The sizes of the groups `0..<count` as hexadecimal digits, the first one leading: 0x324 for `123-45-6789`. 0 where a group has more
    /// than 15 digits.
    func shape(groups count: Int) -> UInt64 {
        var shape: UInt64 = 0
        for group in 0..<count {
            if groups[group] > 15 { return 0 }
            shape = shape << 4 | UInt64(groups[group])
        }
        return shape
    }

    /// A digit and the separator of this number stand before it: it is the rest of a longer one. Before a number without separators, a
    /// space does not make it longer.
    func continues(_ text: Text) -> Bool {
        let before = text.before(start)
        guard before == UInt8(ascii: "-") || before == UInt8(ascii: ".") || before == UInt8(ascii: "/") || before == UInt8(ascii: " "),
            text.before(start - 1).isDigit
        else { return false }
        return groupCount > 1 && separators[0] == before || before != UInt8(ascii: " ") && before != UInt8(ascii: "/")
    }

    /// The value of `digits[range]`; at most 18 digits.
    func value(_ range: Range<Int>) -> Int {
        var value = 0
        for index in range { value = value &* 10 &+ Int(digits[index]) }
        return value
    }

    /// `555-123-4567x89`, `… ext. 89`, ` x 89`: an extension of up to six digits. Only numbers that look like a telephone's.
    private mutating func findExtension(_ text: inout Text, at position: Int) {
        guard digitCount >= 7, groupCount > 1 || isInternational else { return }
        var index = position
        if text.byte(index) == UInt8(ascii: " ") { index += 1 }
        if text.byte(index).lowercased == UInt8(ascii: "e") {
            guard text.byte(index + 1).lowercased == UInt8(ascii: "x"), text.byte(index + 2).lowercased == UInt8(ascii: "t") else { return }
            index += 3
            if text.byte(index) == UInt8(ascii: ".") { index += 1 }
        } else {
            guard text.byte(index).lowercased == UInt8(ascii: "x") else { return }
            index += 1
        }
        if text.byte(index) == UInt8(ascii: " ") { index += 1 }
        let first = index
        while index - first <= 6, text.byte(index).isDigit { index += 1 }
        if index > first, index - first <= 6, !text.byte(index).isWordByte { extensionEnd = index - start }
    }

    /// `) `, `)-`, `)`, ` (`, `-(`: separators apart from the single signs that stand between two groups nearly always. 0 when no digit
    /// follows.
    ///
    /// Parentheses only in numbers that start with `+`, `(` or `1`.
    private mutating func separatorLength(_ text: inout Text, at index: Int) -> Int {
        let first = text.byte(index)
        switch first {
        case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"):
            let second = text.byte(index + 1)
            if second == UInt8(ascii: "("), text.byte(index + 2).isDigit, mayHaveParenthesis {
                hasParenthesis = true
                return 2
            }
            return 0
        case UInt8(ascii: "("):
            guard mayHaveParenthesis, text.byte(index + 1).isDigit else { return 0 }
            hasParenthesis = true
            return 1
        case UInt8(ascii: ")"):
            guard hasParenthesis, !isClosed, groupCount <= 2 else { return 0 }
            let second = text.byte(index + 1)
            let isSeparator = second == UInt8(ascii: " ") || second == UInt8(ascii: "-") || second == UInt8(ascii: ".")
            let length = second.isDigit ? 1 : isSeparator && text.byte(index + 2).isDigit ? 2 : 0
            isClosed = length > 0
            return length
        default:
            return 0
        }
    }

    /// Behind `+34`, and behind the `1` of `1 (555) …`.
    private var mayHaveParenthesis: Bool {
        groupCount == 1 && !hasParenthesis && (isInternational || digitCount == 1 && digits[0] == 1)
    }
}
