/// Passwords that stand behind the word and no assignment's sign: `my password is …`, `--password …`, `setPassword("…")`,
/// `getenv("DB_PASS", "…")`, `login … password …` in a netrc file, `requirepass …`.
enum PasswordPhrase {
    /// The value behind the word around `position`, which is the first `s` of `pass` or the second byte of `ñ`, and the start that a stream
    /// holds.
    static func match(_ text: inout Text, at position: Int) -> (start: Int, finding: Finding?) {
        guard var end = wordEnd(&text, at: position) else { return (position + 1, nil) }
        for _ in 0..<4 where text.byte(end).isDigit { end += 1 }
        // `pass` alone is a verb, and the name of much else.
        let isShort = end == position + 2 && text.base[position] != 0xB1
        guard text.byte(end) == UInt8(ascii: " ") else {
            return (end, isShort && text.byte(end) == UInt8(ascii: "(") ? nil : matchArgument(&text, behind: end))
        }
        if isShort, !isPart(text, position - 2) { return (position + 1, nil) }
        guard let name = CredentialName.match(text, before: end), name.strength == .password else { return (position + 1, nil) }
        let verb = verbEnd(&text, from: end + 1)
        var value = Assignment.Value(&text, from: verb ?? typeEnd(&text, from: end + 1) ?? end + 1, inPhrase: true)
        if value.isPhrased(text, hasVerb: verb != nil) {
            return (end, Finding(kind: .password, range: value.range, score: verb != nil ? 0.7 : 0.6, raisedByContext: true))
        }
        // What takes one value takes any: quoted behind a verb, a flag's, a configuration's line.
        let isQuoted = verb != nil && value.isQuoted && text.byte(value.end) == text.base[value.range.lowerBound - 1]
        guard
            isQuoted
                || verb == nil
                    && (isFlag(text, name.start) || isDirective(text, name.start..<end) || isLogin(text, name.start)
                        || value.isQuoted && WrittenPassword.isStatement(text, before: name.start))
        else { return (end, nil) }
        if !value.isQuoted { value = Assignment.Value(&text, from: end + 1) }
        guard value.isPlain(text), !value.isName(text) else { return (end, nil) }
        return (end, Finding(kind: .password, range: value.range, score: 0.6, raisedByContext: true))
    }

    /// `setPassword("…")`, `define('DB_PASSWORD', '…')`: the argument of what a name that ends at `end` calls, or the argument behind it.
    private static func matchArgument(_ text: inout Text, behind end: Int) -> Finding? {
        var index = end + 1
        if isQuote(text.byte(end)) {
            guard text.byte(index) == UInt8(ascii: ",") else { return nil }
            index += text.byte(index + 1) == UInt8(ascii: " ") ? 2 : 1
        } else if text.byte(end) != UInt8(ascii: "(") {
            return nil
        }
        let quote = text.byte(index)
        guard isQuote(quote), let name = CredentialName.match(text, before: end), name.strength == .password else { return nil }
        let value = Assignment.Value(&text, from: index)
        guard text.byte(value.end) == quote, value.isSecretive(text, strength: .password), !value.isName(text) else {
            return nil
        }
        return Finding(kind: .password, range: value.range, score: 0.7)
    }

    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

    /// What stands behind `pass` in a word for passwords.
    private static let tails: [StaticString] = ["word", "words", "wd", "wort", "phrase", "code"]

    /// The end of a word with `pass` in it, or of `contraseña`.
    private static func wordEnd(_ text: inout Text, at position: Int) -> Int? {
        if text.base[position] == 0xB1 {
            return text.before(position) == 0xC3 && text.byte(position + 1).lowercased == UInt8(ascii: "a") ? position + 2 : nil
        }
        let start = position + 2
        guard text.byte(position + 1).lowercased == UInt8(ascii: "s") else { return nil }
        var end = start
        while end - start < 7, text.byte(end).isLetter { end += 1 }
        if end == start { return end }
        let isKnown = tails.contains { tail in
            tail.utf8CodeUnitCount == end - start && (start..<end).allSatisfy { text.base[$0].lowercased == tail.utf8Start[$0 - start] }
        }
        return isKnown ? end : nil
    }

    private static let verbs: [StaticString] = ["is ", "es ", "ist ", "era ", "was ", "to ", "BY "]

    private static func verbEnd(_ text: inout Text, from start: Int) -> Int? {
        for verb in verbs {
            var count = 0
            while count < verb.utf8CodeUnitCount, text.byte(start + count) == verb.utf8Start[count] { count += 1 }
            if count == verb.utf8CodeUnitCount { return start + count }
        }
        return nil
    }

    /// Where the space before a verb that ends at `end` stands.
    static func verbStart(_ text: Text, before end: Int) -> Int? {
        for verb in verbs {
            let length = verb.utf8CodeUnitCount - 1
            guard end > length, text.before(end - length) == UInt8(ascii: " ") else { continue }
            if (0..<length).allSatisfy({ text.base[end - length + $0] == verb.utf8Start[$0] }) { return end - length - 1 }
        }
        return nil
    }

    /// `password 7 …`: a network device says how it wrote the password down.
    private static func typeEnd(_ text: inout Text, from start: Int) -> Int? {
        text.byte(start).isDigit && text.byte(start + 1) == UInt8(ascii: " ") && text.byte(start + 2).isHexDigit ? start + 2 : nil
    }

    /// The name is the end of a command's option: `--proxy-password`, `-storepass`.
    static func isFlag(_ text: Text, _ start: Int) -> Bool {
        var index = start
        while start - index < 24, text.before(index).isTokenByte { index -= 1 }
        return index < start && text.base[index] == UInt8(ascii: "-") && !text.before(index).isAlphanumeric
    }

    /// Something of the name stands before `start`: `DB_PASS`, `requirepass`.
    private static func isPart(_ text: Text, _ start: Int) -> Bool {
        let before = text.before(start)
        return before.isLetter || before == UInt8(ascii: "_")
    }

    /// `requirepass …` in a Redis configuration.
    private static func isDirective(_ text: Text, _ name: Range<Int>) -> Bool {
        let word: StaticString = "requirepass"
        guard name.count == word.utf8CodeUnitCount, !text.before(name.lowerBound).isWordByte else { return false }
        return name.allSatisfy { text.base[$0].lowercased == word.utf8Start[$0 - name.lowerBound] }
    }

    /// The name of a user stands before the one at `start`: on the line above, or behind `machine …` or `default` as well.
    private static func isLogin(_ text: Text, _ start: Int) -> Bool {
        var index = start
        let limit = max(0, start - 176)
        guard let user = wordStart(text, before: &index, limit), let login = wordStart(text, before: &index, limit) else { return false }
        let words: [StaticString] = ["login", "username", "user"]
        guard words.contains(where: { isWord($0, text, at: login) }) else { return false }
        if (user..<start).contains(where: { text.base[$0] == UInt8(ascii: "\n") }) { return true }
        guard let before = wordStart(text, before: &index, limit) else { return false }
        if isWord("default", text, at: before) { return true }
        guard let machine = wordStart(text, before: &index, limit) else { return false }
        return isWord("machine", text, at: machine)
    }

    /// The start of the word that white space and `index` follow. A user's name may be a finding of its own, and is one word afterwards too.
    private static func wordStart(_ text: Text, before index: inout Int, _ limit: Int) -> Int? {
        var start = index
        while start > limit, text.base[start - 1].isSpace { start -= 1 }
        guard start < index else { return nil }
        let end = start
        while start > limit, !text.base[start - 1].isSpace { start -= 1 }
        guard start < end else { return nil }
        index = start
        return start
    }

    private static func isWord(_ word: StaticString, _ text: Text, at start: Int) -> Bool {
        let count = word.utf8CodeUnitCount
        guard start + count < text.count, text.base[start + count].isSpace else { return false }
        return (0..<count).allSatisfy { text.base[start + $0].lowercased == word.utf8Start[$0] }
    }
}
