/// Text that the user typed and that the ``Restorer`` could take for a placeholder of ours: `<EMAIL_1>`, `EMAIL_1`, `[email_1]`.
enum Literal {
    /// The name and number around the `_` at `position`, without brackets, and where a stream would hold.
    static func match(_ text: inout Text, at position: Int, names: [[UInt8]]) -> (start: Int, finding: Finding?) {
        let nameEnd = text.before(position) == UInt8(ascii: "\\") ? position - 1 : position
        guard let length = longestName(text, endingAt: nameEnd, names: names) else { return (position, nil) }
        let start = nameEnd - length
        var end = position + 1
        while end - position <= Limits.placeholderDigits, text.byte(end).isDigit { end += 1 }
        let isWord = !text.before(start).isWordByte && !text.byte(end).isWordByte
        guard isWord, isUppercase(text, start..<nameEnd) || isBracketed(text, start) else { return (start, nil) }
        return (start, Finding(kind: .literal, range: start..<end, score: 0.1))
    }

    private static func longestName(_ text: Text, endingAt end: Int, names: [[UInt8]]) -> Int? {
        var longest: Int?
        for name in names where name.count <= end && name.count > longest ?? 0 {
            let start = end - name.count
            if name.indices.allSatisfy({ text.base[start + $0].uppercased == name[$0] }) { longest = name.count }
        }
        return longest
    }

    private static func isUppercase(_ text: Text, _ range: Range<Int>) -> Bool {
        range.allSatisfy { text.base[$0] == text.base[$0].uppercased }
    }

    /// A bracket stands before the name, perhaps with a space between, or a semicolon: the end of `&lt;`.
    private static func isBracketed(_ text: Text, _ start: Int) -> Bool {
        let before = text.before(start) == UInt8(ascii: " ") ? text.before(start - 1) : text.before(start)
        return before == UInt8(ascii: "<") || before == UInt8(ascii: "[") || before == UInt8(ascii: ";")
    }
}
