/// A kind of a policy's own: what it looks like, what it is called and what is done with it.
///
/// The dialect: literal characters; `.` (any character but a line feed); classes `[a-z0-9_]`, `[^,;]`; `\d`, `\w`, `\s` and their opposites
/// `\D`, `\W`, `\S` (digits, words and spaces as in ASCII, and the no-break space); `\t`, `\n`, `\r`, `\xHH`, `\uHHHH`; groups `(…)` and
/// `(?:…)`; `|`; `?`, `*`, `+`, `{3}`, `{2,5}`, `{2,}`; `\b` and `\B`; `(?i)` at the start. A backslash makes a character of any sign.
/// The longest match counts, up to 256 bytes; matches of one pattern do not overlap, and the leftmost wins.
///
/// There is no backtracking: a pattern becomes an automaton with at most 4,096 states, or is refused when the policy is made. Back-references,
/// look-around, `^`, `$`, lazy and possessive quantifiers are refused, each by name, and so is what matches the empty text.
public struct CustomPattern: Hashable, Sendable {
    /// As it stands in placeholders and reports: a capital letter, then capitals, digits and `_`, at most 32; no `_` with a number at the end,
    /// which is what placeholders have. Not the name of a built-in kind.
    public var name: String
    /// In the dialect above; at most 512 characters.
    public var pattern: String
    /// Case makes no difference to Latin, Greek and Cyrillic letters.
    public var isCaseInsensitive: Bool
    /// How sure a match is, from 0 to 1. Without its context words it has half of that.
    public var score: Float
    /// Words, one of which is expected in the 64 bytes before a match; empty: no context is asked for. At most 32, of at most 32 bytes.
    public var contextWords: [String]
    /// What is done with a match.
    public var action: ScrubAction

    /// A pattern. It is checked when a policy takes it: ``ScrubPolicy/setCustomPatterns(_:)``.
    public init(
        name: String, pattern: String, isCaseInsensitive: Bool = false, score: Float = 0.9, contextWords: [String] = [],
        action: ScrubAction = .placeholder
    ) {
        self.name = name
        self.pattern = pattern
        self.isCaseInsensitive = isCaseInsensitive
        self.score = score
        self.contextWords = contextWords
        self.action = action
    }

    /// Reads the pattern alone, as a check of its form; whether it is too complex shows when a policy takes it.
    public func check() throws(PatternError) {
        _ = try PatternParser.parse(pattern, ignoringCase: isCaseInsensitive)
    }
}

extension CustomPattern {
    var hasGoodName: Bool {
        let bytes = Array(name.utf8)
        guard (1...Limits.kindName).contains(bytes.count), let first = bytes.first, first &- 0x41 < 26 else { return false }
        guard bytes.allSatisfy({ $0 &- 0x41 < 26 || $0.isDigit || $0 == UInt8(ascii: "_") }) else { return false }
        let tail = bytes.reversed().prefix { $0.isDigit }.count
        return tail == 0 || bytes[bytes.count - tail - 1] != UInt8(ascii: "_")
    }

    var hasGoodContext: Bool {
        contextWords.count <= PatternContext.mostWords
            && contextWords.allSatisfy { !$0.isEmpty && $0.utf8.count <= PatternContext.longestWord }
    }
}
