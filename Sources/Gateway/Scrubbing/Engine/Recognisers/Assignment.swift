/// Values that are assigned to the name of a credential: `password = "…"`, `"api_key": "…"`, `AccountKey=…;`, `<secret>…</secret>`,
/// `Authorization: Bearer …`; and tokens behind a word that says what they are: `--token …`.
enum Assignment {
    /// The value behind the `=`, `:` or `>` at `position`, and where it starts: the start that a stream holds.
    static func match(_ text: inout Text, at position: Int) -> (start: Int, finding: Finding?) {
        let isClosing = text.base[position] == UInt8(ascii: ">")
        let hadReachedEnd = text.reachedEnd
        var value = Value(&text, from: position + 1, inElement: isClosing)
        let start = value.start
        // Before the name: a text without spaces is full of values that are too long.
        guard value.range.count < Limits.assignedValue else { return (start, nil) }
        let ownName = CredentialName.match(text, before: position)
        guard let name = ownName ?? CredentialName.matchBesideValue(text, before: position, inElement: isClosing) else {
            text.reachedEnd = hadReachedEnd
            return (start, nil)
        }
        if isClosing {
            var end = value.end
            for _ in 0..<12 where text.byte(end).isSpace { end += 1 }
            let isClosed = text.byte(end) == UInt8(ascii: "<") && text.byte(end + 1) == UInt8(ascii: "/")
            guard isClosed, ownName == nil || isElement(text, name, position) else { return (start, nil) }
        }
        if !value.isQuoted, let typed = value.behindType(&text) { value = typed }
        return (start, finding(&text, value, name))
    }

    /// A long token behind a word that says what it is: `Bearer …`, `--token …`, `my API key is …`.
    static func matchBehindWord(_ text: inout Text, token position: Int) -> Finding? {
        let start = signsStart(&text, before: position)
        var end = start
        let before = text.before(end)
        if before == UInt8(ascii: "}") { return matchDirectoryHash(&text, from: start) }
        let isQuoted = before == UInt8(ascii: "\"") || before == UInt8(ascii: "'")
        if isQuoted { end -= 1 }
        guard text.before(end) == UInt8(ascii: " ") else { return nil }
        end -= 1
        // `setProperty("API_TOKEN", "…")`
        let isArgument = isQuoted && text.before(end) == UInt8(ascii: ",")
        if isArgument { end -= 1 }
        if let verb = PasswordPhrase.verbStart(text, before: end) { end = verb }
        let isScheme = endsWithScheme(text, end)
        let name = isScheme ? CredentialName.Match(start: end, strength: .key) : CredentialName.match(text, before: end)
        guard let name, name.strength != .anyKey, name.strength != .session, isScheme || isArgument || isFreeName(text, name.start) else {
            return nil
        }
        let value = Value(&text, from: start)
        guard value.isSecretive(text, strength: .key), value.isRandom(text), text.byte(value.end) != UInt8(ascii: "(") else { return nil }
        return Finding(kind: .password, range: value.range, score: 0.7, raisedByContext: true)
    }

    /// `{SHA}…`, `{SSHA}…`: a hash as directories and htpasswd write it.
    private static func matchDirectoryHash(_ text: inout Text, from start: Int) -> Finding? {
        for scheme in ["{SHA}", "{SSHA}", "{SMD5}", "{MD5}", "{SHA256}", "{SSHA256}", "{SHA512}", "{SSHA512}"] as [StaticString] {
            let first = start - scheme.utf8CodeUnitCount
            guard first >= text.coveredEnd, (0..<scheme.utf8CodeUnitCount).allSatisfy({ text.base[first + $0] == scheme.utf8Start[$0] })
            else { continue }
            var end = start
            while end - start < 128, ASCIISet.base64.contains(text.byte(end)) { end += 1 }
            return end - start >= 22 ? Finding(kind: .password, range: first..<end, score: 0.8) : nil
        }
        return nil
    }

    /// Where the signs of a token before `position` start, at most 64 bytes before it. Of a chain of tokens, each byte is looked at once.
    private static func signsStart(_ text: inout Text, before position: Int) -> Int {
        let limit = max(0, position - 64)
        let known = text.tokenSigns
        var start = position
        while start > limit {
            if start == known.upperBound, !known.isEmpty {
                start = max(limit, known.lowerBound, text.coveredEnd <= start ? text.coveredEnd : 0)
                if start == limit { break }
            }
            guard ASCIISet.tokenSign.contains(text.before(start)) else { break }
            start -= 1
        }
        text.tokenSigns = start..<position
        return start
    }

    private static func finding(_ text: inout Text, _ value: Value, _ name: CredentialName.Match) -> Finding? {
        if name.strength == .authorization { return authorization(&text, value) }
        if !value.isQuoted {
            let next = text.byte(value.end)
            if next == UInt8(ascii: "(") || next == UInt8(ascii: "[") { return nil }
        }
        let isField = name.strength != .session && isField(text, name.start)
        if !isField, value.isName(text) { return nil }
        let takesAny = isField || name.strength == .password && PasswordPhrase.isFlag(text, name.start) && value.isPlain(text)
        if takesAny ? value.isPlain(text, isField: true) : value.isSecretive(text, strength: name.strength) {
            return Finding(kind: .password, range: value.range, score: value.isQuoted ? 0.8 : 0.7)
        }
        // `password = "letmein"`, `PASSWORD=letmein` at the end of a line.
        if name.strength == .password, value.isPlain(text), isBareAssignment(&text, value) {
            return Finding(kind: .password, range: value.range, score: 0.5)
        }
        // The name of a user stands before: `login: ana, password: root`.
        if name.strength == .password, value.isPlain(text), ContextWords.user.precede(name.start, in: text) {
            return Finding(kind: .password, range: value.range, score: 0.6, raisedByContext: true)
        }
        return nil
    }

    /// `Bearer …`, `Basic …`, `token …`; all of it may stand in quotes.
    private static func authorization(_ text: inout Text, _ value: Value) -> Finding? {
        let scheme = value.isQuoted ? Value(&text, from: value.range.lowerBound) : value
        guard text.byte(scheme.end) == UInt8(ascii: " "), scheme.isScheme(text) else {
            return value.isSecretive(text, strength: .key) ? Finding(kind: .password, range: value.range, score: 0.8) : nil
        }
        let token = Value(&text, from: scheme.end + 1)
        guard token.range.count >= 8, token.isVaried(text) else { return nil }
        return Finding(kind: .password, range: token.range, score: 0.85)
    }

    /// A word in quotes behind any sign, or right behind `=` up to the end of the line.
    private static func isBareAssignment(_ text: inout Text, _ value: Value) -> Bool {
        if value.isQuoted { return value.range.count >= 6 }
        guard value.range.lowerBound == value.start, text.base[value.start - 1] == UInt8(ascii: "=") else { return false }
        let next = text.byte(value.end)
        return value.range.count >= 6 && (next == 0 || next == UInt8(ascii: "\n") || next == UInt8(ascii: "\r"))
    }

    /// A field of a connection string or of a URL's query.
    private static func isField(_ text: Text, _ start: Int) -> Bool {
        let before = text.before(start)
        return before == UInt8(ascii: ";") || before == UInt8(ascii: "&") || before == UInt8(ascii: "?")
    }

    /// The name and the `>` are an XML element's start: `<db:password>`, `<entry key="password">`.
    private static func isElement(_ text: Text, _ name: CredentialName.Match, _ position: Int) -> Bool {
        var index = name.start
        if text.base[position - 1] == UInt8(ascii: "\"") {
            while index > 0, name.start - index < 40, text.base[index - 1].isTokenByte || text.base[index - 1] == UInt8(ascii: ".") {
                index -= 1
            }
            let attribute: StaticString = "key=\""
            let start = index - attribute.utf8CodeUnitCount
            return start > 0 && (start..<index).allSatisfy { text.base[$0] == attribute.utf8Start[$0 - start] }
        }
        while index > 0, name.start - index < 40, text.base[index - 1].isTokenByte || text.base[index - 1] == UInt8(ascii: ":") {
            index -= 1
        }
        return text.before(index) == UInt8(ascii: "<") && text.base[position - 1].isWordByte
    }

    /// A word of its own, a flag or the end of a name of several words: `token`, `--api-key`, `aws_secret_access_key`; not the end of another word.
    private static func isFreeName(_ text: Text, _ start: Int) -> Bool {
        var start = start
        if text.before(start) == UInt8(ascii: "_") {
            let name = start
            while name - start < 24, text.before(start).isTokenByte { start -= 1 }
        }
        let before = text.before(start)
        return before <= 0x20 || before == UInt8(ascii: "-") || before == UInt8(ascii: "\"") || before == UInt8(ascii: "'")
            || before == UInt8(ascii: "(")
    }

    private static func endsWithScheme(_ text: Text, _ end: Int) -> Bool {
        let scheme: StaticString = "bearer"
        guard end >= 6, !text.before(end - 6).isWordByte else { return false }
        return (0..<6).allSatisfy { text.base[end - 6 + $0].lowercased == scheme.utf8Start[$0] }
    }
}
