/// Digits in groups and what stands between them, read once for all numbers that start in them: each later group starts a
/// ``NumberPhrase`` too.
struct NumberRun {
    /// A group that starts farther on is left to the next reading.
    private static let mostBytes = 192
    private static let digitsSize = 256
    /// The bytes that a run needs.
    static let scratchSize = digitsSize + GroupTable.size

    private let digits: UnsafeMutablePointer<UInt8>
    /// Its origin is where the run starts: at a digit, `+` or `(`.
    private var table: GroupTable
    private var groupCount = 0
    private var isInternational = false
    private var hasParenthesis = false
    /// How many groups stand before a closing parenthesis; 0 without one.
    private var groupsBeforeClosing = 0
    /// The first group that may start another phrase: no parenthesis follows.
    private var firstOther = 0
    /// Where the extension behind the last group ends; 0 without one.
    private var extensionEnd = 0
    private var isCutOff = false
    /// More groups may follow than were read.
    private var isOpen = false
    private var reachedEnd = false
    /// The first and the last group of the latest phrase.
    private var first = 0
    private var last = 0

    /// `memory` has room for ``scratchSize`` bytes.
    init(_ memory: UnsafeMutablePointer<UInt8>) {
        digits = memory
        table = GroupTable(memory + Self.digitsSize)
        table.counts[0] = 0
    }

    /// The phrase that starts at `position`. It is valid until the next one is asked for.
    mutating func phrase(_ text: inout Text, at position: Int) -> NumberPhrase {
        if !moveOn(to: position) { read(&text, at: position) }
        findLast(position)
        if isOpen, last &+ 1 == groupCount {
            read(&text, at: position)
            findLast(position)
        }
        let firstDigit = Int(table.counts[first])
        var phrase = NumberPhrase(start: position, digits: digits + firstDigit, table: table.from(first))
        if position == table.origin {
            phrase.isInternational = isInternational
            phrase.hasParenthesis = hasParenthesis
        }
        let isWhole = last &+ 1 >= groupCount
        if groupCount > 0 {
            phrase.groupCount = last &+ 1 &- first
            phrase.digitCount = Int(table.counts[last &+ 1]) &- firstDigit
            phrase.isCutOff =
                phrase.digitCount > NumberPhrase.mostDigits || phrase.end(ofGroup: last &- first) > position &+ Limits.numberPhrase
            if isWhole, !phrase.isCutOff {
                phrase.isCutOff = isCutOff
                if phrase.digitCount >= 7, phrase.groupCount > 1 || phrase.isInternational { phrase.extensionEnd = extensionEnd }
            }
        }
        if position == table.origin, groupsBeforeClosing > 0 {
            phrase.isClosed = groupsBeforeClosing <= phrase.groupCount && phrase.endsCleanly(afterGroups: groupsBeforeClosing)
        }
        if isWhole, reachedEnd { text.reachedEnd = true }
        return phrase
    }

    /// Makes the group at `position` the first one; false if the phrase there has to be read by itself.
    @inline(__always)
    private mutating func moveOn(to position: Int) -> Bool {
        let offset = position &- table.origin
        guard offset > 0, offset <= Self.mostBytes else { return false }
        var group = first
        while group < groupCount, Int(table.starts[group]) < offset { group &+= 1 }
        // Behind a last group, a parenthesis might follow for it alone.
        guard group >= firstOther, group &+ 1 < groupCount, Int(table.starts[group]) == offset else { return false }
        first = group
        last = max(last, first)
        return true
    }

    /// Moves on to the last group that starts within the limits of a phrase.
    private mutating func findLast(_ position: Int) {
        let end = position &- table.origin &+ Limits.numberPhrase
        let digits = Int(table.counts[first]) &+ NumberPhrase.mostDigits
        while last &+ 1 < groupCount, last &+ 1 &- first < NumberPhrase.mostGroups, Int(table.starts[last &+ 1]) < end,
            Int(table.counts[last &+ 1]) < digits
        {
            last &+= 1
        }
    }
}

extension NumberRun {
    private mutating func read(_ text: inout Text, at position: Int) {
        self = NumberRun(digits)
        table.origin = position
        let hadReachedEnd = text.reachedEnd
        text.reachedEnd = false
        if let start = startOfDigits(&text, position) { readGroups(&text, from: start) }
        reachedEnd = text.reachedEnd
        text.reachedEnd = hadReachedEnd
    }

    /// Behind the signs that a number may start with; nil if it is none.
    private mutating func startOfDigits(_ text: inout Text, _ position: Int) -> Int? {
        var index = position
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
        if index > position, !text.byte(index + 1).isDigit {
            guard isInternational, text.byte(index) == UInt8(ascii: "1") || text.byte(index) == UInt8(ascii: "7") else { return nil }
        }
        return text.byte(index).isDigit ? index : nil
    }

    private mutating func readGroups(_ text: inout Text, from start: Int) {
        var index = start
        while true {
            index = readUniformly(&text, from: index)
            guard !isOpen, !isCutOff else { return }
            let next = text.byte(index)
            isCutOff = next.isWordByte
            let length = isCutOff ? 0 : separatorLength(&text, at: index)
            guard length > 0 else {
                if isCutOff || next == UInt8(ascii: " ") { findExtension(&text, at: index) }
                return
            }
            table.separators[groupCount &- 1] = length == 1 ? next : NumberPhrase.compoundSeparator
            firstOther = groupCount
            index &+= length
        }
    }

    /// Reads groups as long as single signs stand between them, and returns their end.
    private mutating func readUniformly(_ text: inout Text, from start: Int) -> Int {
        let (origin, table, digits, base) = (table.origin, table, digits, text.base)
        var index = start
        var group = groupCount
        var count = Int(table.counts[group])
        defer { groupCount = group }
        while true {
            let groupStart = index
            // One digit more than a phrase may have.
            let end = min(groupStart &+ NumberPhrase.mostDigits &+ 1, text.count)
            while index < end {
                let value = base[index] &- 0x30
                guard value < 10 else { break }
                digits[count] = value
                count &+= 1
                index &+= 1
            }
            let size = index &- groupStart
            table.sizes[group] = UInt8(truncatingIfNeeded: size)
            table.starts[group] = UInt8(truncatingIfNeeded: groupStart &- origin)
            group &+= 1
            table.counts[group] = UInt8(truncatingIfNeeded: count)
            if size > NumberPhrase.mostDigits {
                isCutOff = true
                return index
            }
            let next = text.byte(index)
            guard next.isNumberSeparator, text.byte(index &+ 1).isDigit else { return index }
            table.separators[group &- 1] = next
            index &+= 1
            if group == GroupTable.mostGroups || index &- origin > Self.mostBytes {
                isOpen = true
                return index
            }
        }
    }

    /// `555-123-4567x89`, `… ext. 89`, ` x 89`: an extension of up to six digits. Only numbers that look like a telephone's.
    private mutating func findExtension(_ text: inout Text, at position: Int) {
        guard table.counts[groupCount] >= 7, groupCount > 1 || isInternational else { return }
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
        if index > first, index - first <= 6, !text.byte(index).isWordByte { extensionEnd = index }
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
            guard hasParenthesis, groupsBeforeClosing == 0, groupCount <= 2 else { return 0 }
            let second = text.byte(index + 1)
            let isSeparator = second == UInt8(ascii: " ") || second == UInt8(ascii: "-") || second == UInt8(ascii: ".")
            let length = second.isDigit ? 1 : isSeparator && text.byte(index + 2).isDigit ? 2 : 0
            if length > 0 { groupsBeforeClosing = groupCount }
            return length
        default:
            return 0
        }
    }

    /// Behind `+34`, and behind the `1` of `1 (555) …`.
    private var mayHaveParenthesis: Bool {
        groupCount == 1 && !hasParenthesis && (isInternational || table.sizes[0] == 1 && digits[0] == 1)
    }
}
