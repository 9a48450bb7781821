/// The placeholder form `<EMAIL_1>` and what models make of it.
///
/// Why this form. Angle brackets, upper case, an underscore and a number need no escape in JSON; a name with an underscore is no HTML or
/// Markdown tag (CommonMark 6.6: tag names have letters, digits and hyphens only), while `[EMAIL_1]` before `(`, `[` or `:` would be the
/// text of a Markdown link or its definition, `{{…}}` is taken for a template and `$…$` for mathematics. Models know `<NAME_1>` from
/// templates and training data as "a value goes here" and copy it; the name tells them what kind of value it is, which a random token
/// would not. It costs five or six tokens, and no letter of it depends on the value.
///
/// Accepted besides the exact form:
/// - any case and one space inside angle brackets; brackets escaped as `\<`, `\>`, `&lt;`, `&gt;`; the underscore as `\_`; one of the
///   two brackets lost: all of it is replaced;
/// - any case in square brackets: name and number are replaced, the brackets stay;
/// - upper case without brackets, as a word of its own: what stands around it (`**`, backticks, quotes) stays.
///
/// A user's own text with one of these forms was replaced by a placeholder of the kind `TEXT` (``Literal``), so what arrives here in such
/// a form is the model's.
enum Placeholder {
    enum Match {
        case none
        /// More bytes are needed to tell.
        case partial
        /// `length` bytes stand for this placeholder.
        case found(series: Int, number: Int, length: Int)
    }

    /// The longest text that can turn out to be a placeholder: `&lt; NAME\_1234567 &gt;` and the byte behind.
    static let longest = Limits.kindName + Limits.placeholderDigits + 13

    static func write(name: String, number: Int, into output: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Limits.kindName + 24) { memory in
            // From the end: `>`, the digits, lowest first, the name.
            var start = memory.count - 1
            memory[start] = UInt8(ascii: ">")
            var rest = number
            repeat {
                start -= 1
                memory[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            start -= 1
            memory[start] = UInt8(ascii: "_")
            var name = name
            name.withUTF8 { name in
                for byte in name.suffix(start - 1).reversed() {
                    start -= 1
                    memory[start] = byte
                }
            }
            start -= 1
            memory[start] = UInt8(ascii: "<")
            output.append(contentsOf: UnsafeBufferPointer(rebasing: memory[start...]))
        }
    }

    /// What stands at `start` of `text`. `previous` are the two bytes before it, the nearer one last (0 at the start of everything).
    static func match(_ text: inout Text, at start: Int, previous: (UInt8, UInt8), isFinal: Bool, map: PlaceholderMap) -> Match {
        text.reachedEnd = false
        let match = find(&text, at: start, previous: previous, map: map)
        return text.reachedEnd && !isFinal ? .partial : match
    }

    private static func find(_ text: inout Text, at start: Int, previous: (UInt8, UInt8), map: PlaceholderMap) -> Match {
        let first = text.byte(start)
        switch first {
        case UInt8(ascii: "<"), UInt8(ascii: "\\"), UInt8(ascii: "&"):
            return findBracketed(&text, at: start, first: first, map: map)
        default:
            guard first.isLetter, !previous.1.isWordByte else { return .none }
            let opening = previous.1 == UInt8(ascii: " ") ? previous.0 : previous.1
            if opening == UInt8(ascii: "["), case .found(let series, let number, let length) = findSquare(&text, at: start, map: map) {
                return .found(series: series, number: number, length: length)
            }
            if text.reachedEnd { return .none }
            return findBare(&text, at: start, map: map)
        }
    }

    private static func findBracketed(_ text: inout Text, at start: Int, first: UInt8, map: PlaceholderMap) -> Match {
        var index = start
        switch first {
        case UInt8(ascii: "<"): index += 1
        case UInt8(ascii: "\\"):
            guard text.byte(start + 1) == UInt8(ascii: "<") else { return .none }
            index += 2
        default:
            for expected in "&lt;".utf8 {
                guard text.byte(index) == expected else { return .none }
                index += 1
            }
        }
        if text.byte(index) == UInt8(ascii: " ") { index += 1 }
        guard let core = core(&text, at: index, map: map, uppercase: false) else { return .none }
        index = core.end
        if text.byte(index) == UInt8(ascii: " "), closingLength(&text, at: index + 1) > 0 { index += 1 }
        let closing = closingLength(&text, at: index)
        // A backslash before an exact placeholder is not ours: `C:\<EMAIL_1>`.
        if first == UInt8(ascii: "\\"), closing == 1, core.isExact { return .none }
        if closing == 0, text.byte(index).isWordByte { return .none }
        return .found(series: core.series, number: core.number, length: index + closing - start)
    }

    private static func findSquare(_ text: inout Text, at start: Int, map: PlaceholderMap) -> Match {
        guard let core = core(&text, at: start, map: map, uppercase: false) else { return .none }
        let end = text.byte(core.end) == UInt8(ascii: " ") ? core.end + 1 : core.end
        guard text.byte(end) == UInt8(ascii: "]") || text.byte(end) == UInt8(ascii: "\\") else { return .none }
        return .found(series: core.series, number: core.number, length: core.end - start)
    }

    private static func findBare(_ text: inout Text, at start: Int, map: PlaceholderMap) -> Match {
        guard let core = core(&text, at: start, map: map, uppercase: true), !text.byte(core.end).isWordByte else { return .none }
        let closing = closingLength(&text, at: core.end)
        return .found(series: core.series, number: core.number, length: core.end + closing - start)
    }

    private static func closingLength(_ text: inout Text, at index: Int) -> Int {
        switch text.byte(index) {
        case UInt8(ascii: ">"): return 1
        case UInt8(ascii: "\\"): return text.byte(index + 1) == UInt8(ascii: ">") ? 2 : 0
        case UInt8(ascii: "&"):
            for (offset, expected) in "&gt;".utf8.enumerated() where text.byte(index + offset) != expected { return 0 }
            return 4
        default: return 0
        }
    }

    private struct Core {
        var series: Int
        var number: Int
        var end: Int
        /// Upper case and a bare underscore: as it was issued.
        var isExact: Bool
    }

    /// An issued name and number at `start`: `NAME_1` or `NAME\_1`.
    private static func core(_ text: inout Text, at start: Int, map: PlaceholderMap, uppercase: Bool) -> Core? {
        for (index, series) in map.series.enumerated() {
            var position = start
            var isExact = true
            var matches = true
            for expected in series.name {
                let byte = text.byte(position)
                if byte != expected {
                    isExact = false
                    guard !uppercase, byte.uppercased == expected else {
                        matches = false
                        break
                    }
                }
                position += 1
            }
            guard matches else { continue }
            if text.byte(position) == UInt8(ascii: "\\") {
                isExact = false
                position += 1
            }
            guard text.byte(position) == UInt8(ascii: "_"), let (number, end) = number(&text, at: position + 1),
                map.isIssued(series: index, number: number)
            else { continue }
            return Core(series: index, number: number, end: end, isExact: isExact)
        }
        return nil
    }

    private static func number(_ text: inout Text, at start: Int) -> (Int, end: Int)? {
        var index = start
        var number = 0
        while index - start < Limits.placeholderDigits, text.byte(index).isDigit {
            number = number * 10 + text.byte(index).digitValue
            index += 1
        }
        guard index > start, text.base[start] != UInt8(ascii: "0"), !text.byte(index).isDigit else { return nil }
        return (number, index)
    }
}
