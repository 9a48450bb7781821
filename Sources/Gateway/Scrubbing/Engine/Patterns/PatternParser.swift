/// Reads the regular dialect of custom patterns; see ``CustomPattern`` for what there is. What other dialects have besides is refused by
/// name, so that nothing means something else here than where the pattern came from.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private var ignoresCase: Bool

    /// The longest pattern, in Unicode scalars.
    static let longestPattern = 512
    /// How deep groups may be nested.
    private static let deepestGroup = 32

    static func parse(_ text: String, ignoringCase: Bool) throws(PatternError) -> PatternNode {
        var parser = PatternParser(scalars: Array(text.unicodeScalars.prefix(longestPattern + 1)), ignoresCase: ignoringCase)
        guard parser.scalars.count <= longestPattern else {
            throw PatternError("is longer than \(longestPattern) characters", "shorten it, or make two of it", at: longestPattern)
        }
        if parser.take("(?i)") { parser.ignoresCase = true }
        let node = try parser.choice()
        guard parser.peek == nil else { throw PatternError("has a `)` without `(`", "write `\\)` for the character", at: parser.index) }
        guard node.minimumLength > 0 else {
            throw PatternError("matches the empty text", "make a part of it required: `+` in place of `*`, no `?`", at: 0)
        }
        guard node.minimumLength <= Limits.customMatch else {
            throw PatternError("matches only what is longer than \(Limits.customMatch) bytes", "match less: its start is enough", at: 0)
        }
        return node
    }

    private init(scalars: [Unicode.Scalar], ignoresCase: Bool) {
        self.scalars = scalars
        self.ignoresCase = ignoresCase
    }

    private var peek: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func take(_ text: String) -> Bool {
        let expected = Array(text.unicodeScalars)
        guard scalars[index...].starts(with: expected) else { return false }
        index += expected.count
        return true
    }

    private mutating func choice() throws(PatternError) -> PatternNode {
        var nodes = [try sequence()]
        while take("|") { nodes.append(try sequence()) }
        return nodes.count == 1 ? nodes[0] : .choice(nodes)
    }

    private mutating func sequence() throws(PatternError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let next = peek, next != "|", next != ")" {
            let start = index
            let item = try item()
            nodes.append(try quantified(item, from: start))
        }
        return nodes.isEmpty ? .empty : nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func item() throws(PatternError) -> PatternNode {
        let start = index
        guard let scalar = peek else { return .empty }
        index += 1
        switch scalar {
        case "(": return try group(from: start)
        case "[": return .characters(try characterClass(from: start))
        case ".": return .characters(ScalarSet([0x0A...0x0A]).inverted)
        case "\\": return try escape(from: start)
        case "*", "+", "?":
            throw PatternError("has a `\(scalar)` with nothing before it", "write `\\\(scalar)` for the character", at: start)
        case "{", "}", "]":
            throw PatternError("has a `\(scalar)` that closes or counts nothing", "write `\\\(scalar)` for the character", at: start)
        case "^", "$":
            throw PatternError(
                "has the anchor `\(scalar)`", "texts come in pieces, without lines: use `\\b`, or `\\\(scalar)` for the character",
                at: start)
        default: return .characters(folded(ScalarSet(scalar)))
        }
    }

    private func folded(_ set: ScalarSet) -> ScalarSet { ignoresCase ? set.ignoringCase : set }

    // MARK: - Groups

    private mutating func group(from start: Int) throws(PatternError) -> PatternNode {
        if take("?"), !take(":") { throw Self.unknownGroup(scalars[index...].prefix(2), at: start) }
        depth += 1
        guard depth <= Self.deepestGroup else {
            throw PatternError("has groups nested deeper than \(Self.deepestGroup)", "write it flatter", at: start)
        }
        let node = try choice()
        depth -= 1
        guard take(")") else { throw PatternError("has a `(` without `)`", "close it, or write `\\(` for the character", at: start) }
        return node
    }

    private static func unknownGroup(_ next: ArraySlice<Unicode.Scalar>, at position: Int) -> PatternError {
        switch next.first {
        case "=", "!": PatternError("looks ahead", "match what follows too, or use `\\b`", at: position)
        case "<" where next.dropFirst().first == "=" || next.dropFirst().first == "!":
            PatternError("looks behind", "give context words instead, or use `\\b`", at: position)
        case "<", "P", "'": PatternError("has a named group", "write `(`: nothing is captured", at: position)
        case ">": PatternError("has an atomic group", "write `(?:`: there is no backtracking", at: position)
        case "i": PatternError("sets a flag inside", "put `(?i)` at the very start, or use `case_insensitive`", at: position)
        default: PatternError("has a kind of group that there is not", "`(…)` and `(?:…)` are what there is", at: position)
        }
    }

    // MARK: - Quantifiers

    private mutating func quantified(_ node: PatternNode, from start: Int) throws(PatternError) -> PatternNode {
        let position = index
        guard let (minimum, maximum) = try quantifier() else { return node }
        if case .wordBoundary = node { throw PatternError("repeats `\\b`", "remove the `\(scalars[position])`", at: position) }
        if node.matchesNothingElse { throw PatternError("repeats nothing", "remove the `\(scalars[position])`", at: position) }
        switch peek {
        case "?": throw PatternError("has a lazy quantifier", "remove the `?`: the longest match is always taken", at: index)
        case "+": throw PatternError("has a possessive quantifier", "remove the second `+`: there is no backtracking", at: index)
        case "*", "{": throw PatternError("repeats a repetition", "put a group around the first", at: index)
        default: break
        }
        if maximum == 0 { throw PatternError("repeats something zero times", "remove it", at: position) }
        return .repeated(node, minimum: minimum, maximum: maximum)
    }

    private mutating func quantifier() throws(PatternError) -> (Int, Int?)? {
        let start = index
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        guard take("{") else { return nil }
        let minimum = count()
        var maximum = minimum
        if take(",") {
            maximum = peek == "}" ? nil : count()
            guard maximum != nil || peek == "}" else { throw Self.badCount(at: start) }
        }
        guard let minimum, take("}") else { throw Self.badCount(at: start) }
        guard minimum <= maximum ?? minimum else { throw PatternError("counts from more to less", "write {least,most}", at: start) }
        guard max(minimum, maximum ?? 0) <= Limits.customMatch else {
            throw PatternError("counts beyond \(Limits.customMatch), the longest match in bytes", "count less", at: start)
        }
        return (minimum, maximum)
    }

    private static func badCount(at position: Int) -> PatternError {
        PatternError("has a `{` that is no count", "write {3}, {2,5} or {2,}, or `\\{` for the character", at: position)
    }

    private mutating func count() -> Int? {
        let start = index
        var value = 0
        while let scalar = peek, scalar.value &- 0x30 < 10, index - start < 4 {
            value = value * 10 + Int(scalar.value - 0x30)
            index += 1
        }
        return index > start ? value : nil
    }
}

// MARK: - Characters

extension PatternParser {
    private mutating func escape(from start: Int) throws(PatternError) -> PatternNode {
        switch peek {
        case "b":
            index += 1
            return .wordBoundary(true)
        case "B":
            index += 1
            return .wordBoundary(false)
        case "A", "z", "Z", "G":
            throw PatternError("has an anchor to the text's start or end", "texts come in pieces: use `\\b`", at: start)
        case let scalar? where scalar.value &- 0x31 < 9:
            throw PatternError("has a back-reference", "write the group again", at: start)
        case "k", "g": throw PatternError("has a back-reference", "write the group again", at: start)
        default: return .characters(try escapedCharacters(from: start))
        }
    }

    /// What stands behind a backslash, inside and outside of brackets.
    private mutating func escapedCharacters(from start: Int) throws(PatternError) -> ScalarSet {
        guard let scalar = peek else { throw PatternError("ends in a backslash", "write `\\\\` for the character", at: start) }
        index += 1
        switch scalar {
        case "d": return .digits
        case "D": return ScalarSet.digits.inverted
        case "w": return .wordCharacters
        case "W": return ScalarSet.wordCharacters.inverted
        case "s": return .spaces
        case "S": return ScalarSet.spaces.inverted
        case "t": return ScalarSet("\t")
        case "n": return ScalarSet("\n")
        case "r": return ScalarSet("\r")
        case "x": return folded(ScalarSet(try hexadecimal(digits: 2, from: start)))
        case "u": return folded(ScalarSet(try hexadecimal(digits: 4, from: start)))
        case "p", "P": throw PatternError("asks for a Unicode property", "list the characters: `[a-záéíóúñ]`", at: start)
        default:
            let isNamed = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.value &- 0x30 < 10)
            guard !isNamed else { throw PatternError("has the unknown escape `\\\(scalar)`", "remove the backslash", at: start) }
            return ScalarSet(scalar)
        }
    }

    private mutating func hexadecimal(digits: Int, from start: Int) throws(PatternError) -> Unicode.Scalar {
        let text = String(String.UnicodeScalarView(scalars[index...].prefix(digits)))
        guard text.count == digits, let value = UInt32(text, radix: 16), text.first != "+", let scalar = Unicode.Scalar(value) else {
            throw PatternError("has an escape without its \(digits) hexadecimal digits", "write \\x41 or \\u00F1", at: start)
        }
        index += digits
        return scalar
    }

    private mutating func characterClass(from start: Int) throws(PatternError) -> ScalarSet {
        let isInverted = take("^")
        var set = ScalarSet([])
        var isFirst = true
        while true {
            guard let scalar = peek else { throw PatternError("has a `[` without `]`", "close it", at: start) }
            if scalar == "]", !isFirst { break }
            isFirst = false
            let position = index
            let first = try classItem()
            guard peek == "-", index + 1 < scalars.count, scalars[index + 1] != "]" else {
                set = set.union(first)
                continue
            }
            index += 1
            let last = try classItem()
            guard let low = first.only, let high = last.only, low <= high else {
                throw PatternError("has a range that is none", "write a-z, or `\\-` for the character", at: position)
            }
            set = set.union(ScalarSet(ScalarSet([low...high]).inverted.inverted.ranges))
        }
        index += 1
        set = folded(set)
        if isInverted { set = set.inverted }
        guard !set.ranges.isEmpty else { throw PatternError("has a class that no character is in", "remove it", at: start) }
        return set
    }

    private mutating func classItem() throws(PatternError) -> ScalarSet {
        let start = index
        guard let scalar = peek else { throw PatternError("has a `[` without `]`", "close it", at: start) }
        index += 1
        switch scalar {
        case "\\":
            if peek == "b" || peek == "B" { throw PatternError("has `\\b` in brackets", "put it outside", at: start) }
            return try escapedCharacters(from: start)
        case "[": throw PatternError("has a `[` in brackets", "write `\\[` for the character; there are no classes in classes", at: start)
        case "&" where peek == "&": throw PatternError("intersects classes", "list the characters", at: start)
        default: return ScalarSet(scalar)
        }
    }
}

extension ScalarSet {
    /// The one scalar in it.
    fileprivate var only: UInt32? {
        guard ranges.count == 1, let range = ranges.first, range.count == 1 else { return nil }
        return range.lowerBound
    }
}
