/// Text that the user typed and that the ``Restorer`` could take for a placeholder of ours: `<EMAIL_1>`, `EMAIL_1`, `[email_1]`.
enum Literal {
    /// The name and number around the `_` at `position`, without brackets, and where a stream would hold.
    static func match(_ text: inout Text, at position: Int, names: LiteralNames) -> (start: Int, finding: Finding?) {
        let nameEnd = text.before(position) == UInt8(ascii: "\\") ? position - 1 : position
        guard let length = names.longest(text, endingAt: nameEnd) else { return (position, nil) }
        let start = nameEnd - length
        var end = position + 1
        while end - position <= Limits.placeholderDigits, text.byte(end).isDigit { end += 1 }
        // At a stream's end the prefilter does not ask for a digit.
        guard end > position + 1 else { return (start, nil) }
        let isWord = !text.before(start).isWordByte && !text.byte(end).isWordByte
        guard isWord, isUppercase(text, start..<nameEnd) || isBracketed(text, start) else { return (start, nil) }
        return (start, Finding(kind: .literal, range: start..<end, score: 0.1))
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

/// The names whose placeholders a user may have typed.
struct LiteralNames: Sendable {
    private let names: [[UInt8]]
    /// A bit for each last byte of a name, by its lower six bits, and for each one before: most underscores stand behind something else.
    private let lastBytes: UInt64
    private let bytesBefore: UInt64

    /// In upper case.
    init(_ names: [[UInt8]]) {
        self.names = names
        lastBytes = names.reduce(0) { $0 | 1 << UInt64(($1.last ?? 0) & 63) }
        bytesBefore = names.reduce(0) { $0 | ($1.count > 1 ? 1 << UInt64($1[$1.count - 2] & 63) : .max) }
    }

    var isEmpty: Bool { names.isEmpty }

    /// The length of the longest name that ends at `end`, in any case.
    func longest(_ text: Text, endingAt end: Int) -> Int? {
        guard end > 0 else { return nil }
        let last = text.base[end - 1].uppercased
        guard lastBytes >> UInt64(last & 63) & 1 != 0 else { return nil }
        guard end == 1 || bytesBefore >> UInt64(text.base[end - 2].uppercased & 63) & 1 != 0 else { return nil }
        var longest: Int?
        for name in names where name[name.count - 1] == last && name.count <= end && name.count > longest ?? 0 {
            let start = end - name.count
            if name.indices.allSatisfy({ text.base[start + $0].uppercased == name[$0] }) { longest = name.count }
        }
        return longest
    }
}
