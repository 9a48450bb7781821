/// Passwords in forms of their own, without a name of a credential and a sign of an assignment: `IDENTIFIED BY '…'`, `masterauth …`,
/// `define('AUTH_KEY', '…')`, `host:5432:database:user:…` in a `.pgpass` file, `echo user:… | chpasswd`.
enum WrittenPassword {
    /// The value behind the word or the sign at `position`.
    static func match(_ text: inout Text, at position: Int) -> Finding? {
        switch text.base[position].lowercased {
        case UInt8(ascii: "i"): matchStatement(&text, at: position)
        case UInt8(ascii: "m"): matchDirective(&text, at: position)
        case UInt8(ascii: "_"): matchConstant(&text, at: position)
        case UInt8(ascii: ":"): matchFields(&text, at: position) ?? matchPiped(&text, at: position)
        default: nil
        }
    }

    /// `CREATE USER ana IDENTIFIED BY '…'`; without quotes only in such a statement.
    private static func matchStatement(_ text: inout Text, at position: Int) -> Finding? {
        guard let end = wordsEnd("identified by", &text, at: position), text.byte(end) == UInt8(ascii: " ") else { return nil }
        let value = Assignment.Value(&text, from: end + 1)
        guard value.range.lowerBound - position <= Limits.triggerLead else { return nil }
        let isWhole = value.isQuoted ? text.byte(value.end) == text.base[value.range.lowerBound - 1] : isStatement(text, before: position)
        guard isWhole, value.isPlain(text, isField: true), !value.isName(text) else { return nil }
        return Finding(kind: .password, range: value.range, score: value.isQuoted ? 0.8 : 0.6, raisedByContext: true)
    }

    /// A statement about a user begins on the left, at most 128 bytes before, with nothing between that ends it.
    static func isStatement(_ text: Text, before position: Int) -> Bool {
        var index = position
        while index > 0, position - index < 128 {
            index -= 1
            if text.base[index] == UInt8(ascii: ";") { return false }
            guard !text.before(index).isWordByte, isVerb(text, at: index) else { continue }
            return true
        }
        return false
    }

    private static func isVerb(_ text: Text, at start: Int) -> Bool {
        for verb in ["create user", "create role", "alter user", "alter role", "create login", "alter login", "grant "] as [StaticString] {
            let count = verb.utf8CodeUnitCount
            guard start + count <= text.count else { continue }
            if (0..<count).allSatisfy({ text.base[start + $0].lowercased == verb.utf8Start[$0] }) { return true }
        }
        return false
    }

    /// `masterauth …` in a Redis configuration.
    private static func matchDirective(_ text: inout Text, at position: Int) -> Finding? {
        guard let end = wordsEnd("masterauth", &text, at: position), text.byte(end) == UInt8(ascii: " ") else { return nil }
        let value = Assignment.Value(&text, from: end + 1)
        guard value.isPlain(text), !value.isName(text) else { return nil }
        let next = text.byte(value.isQuoted ? value.end + 1 : value.end)
        guard next == 0 || next == UInt8(ascii: "\n") || next == UInt8(ascii: "\r") else { return nil }
        return Finding(kind: .password, range: value.range, score: 0.6, raisedByContext: true)
    }

    /// A key or a salt as the argument behind its name: what looks random, with spaces and signs or without.
    private static func matchConstant(_ text: inout Text, at position: Int) -> Finding? {
        let isKey = text.byte(position + 1) == UInt8(ascii: "K")
        let name: StaticString = isKey ? "KEY" : "SALT"
        for offset in 0..<name.utf8CodeUnitCount where text.byte(position + 1 + offset) != name.utf8Start[offset] { return nil }
        let end = position + (isKey ? 4 : 5)
        let quote = text.byte(end)
        guard quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""), text.byte(end + 1) == UInt8(ascii: ",") else { return nil }
        var start = end + 2
        while start - position < Limits.triggerLead - 1, text.byte(start) == UInt8(ascii: " ") { start += 1 }
        let open = text.byte(start)
        guard open == UInt8(ascii: "'") || open == UInt8(ascii: "\"") else { return nil }
        let value = Assignment.Value(&text, from: start)
        guard text.byte(value.end) == open, value.isSalt else { return nil }
        return Finding(kind: .password, range: value.range, score: 0.7, raisedByContext: true)
    }

    /// The fifth field of a line, behind a host, the port at `position`, a database and a user.
    private static func matchFields(_ text: inout Text, at position: Int) -> Finding? {
        var first = position
        while position - first < 64, isFieldByte(text.before(first)) { first -= 1 }
        guard first < position, text.before(first) == 0 || text.before(first) == UInt8(ascii: "\n") else { return nil }
        var index = position
        for field in 0..<3 {
            index += 1
            let start = index
            while index - start < 32, isFieldByte(text.byte(index)) { index += 1 }
            guard index > start, text.byte(index) == UInt8(ascii: ":"), field > 0 || isPort(text, start..<index) else { return nil }
            // `nobody:*:-2:-2:…`: a line of another file.
            if field == 1, !(start..<index).contains(where: { text.base[$0].isLetter || text.base[$0] == UInt8(ascii: "*") }) { return nil }
        }
        let start = index + 1
        index = start
        while index - start < 64, text.byte(index) > 0x20, text.base[index] != UInt8(ascii: ":") { index += 1 }
        let next = text.byte(index)
        guard index - start >= 4, next == 0 || next == UInt8(ascii: "\n") || next == UInt8(ascii: "\r"), !isStandIn(text.base[start]) else {
            return nil
        }
        return Finding(kind: .password, range: start..<index, score: 0.7)
    }

    /// What is piped into `chpasswd` behind a user's name and the colon at `position`.
    private static func matchPiped(_ text: inout Text, at position: Int) -> Finding? {
        var name = position
        while position - name < 32, text.before(name).isTokenByte || text.before(name) == UInt8(ascii: ".") { name -= 1 }
        guard name < position else { return nil }
        let quote = text.before(name)
        let isQuoted = quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"")
        guard endsWithEcho(text, isQuoted ? name - 1 : name) else { return nil }
        let start = position + 1
        var end = start
        while end - start < 64, text.byte(end) > 0x20, text.byte(end) != UInt8(ascii: "|"), !isQuoted || text.byte(end) != quote {
            end += 1
        }
        guard end - start >= 4, !isStandIn(text.base[start]) else { return nil }
        var index = isQuoted ? end + 1 : end
        for sign in [UInt8(ascii: " "), UInt8(ascii: "|"), UInt8(ascii: " ")] where text.byte(index) == sign { index += 1 }
        guard text.byte(index - 1) == UInt8(ascii: "|") || text.byte(index - 2) == UInt8(ascii: "|") else { return nil }
        for prefix in ["sudo ", "/usr/sbin/"] as [StaticString] { index = wordsEnd(prefix, &text, at: index) ?? index }
        guard wordsEnd("chpasswd", &text, at: index) != nil else { return nil }
        return Finding(kind: .password, range: start..<end, score: 0.8, raisedByContext: true)
    }

    /// `echo `, `echo -e `
    private static func endsWithEcho(_ text: Text, _ end: Int) -> Bool {
        for command in ["echo ", "echo -e ", "echo -n "] as [StaticString] {
            let start = end - command.utf8CodeUnitCount
            if start >= 0, !text.before(start).isWordByte, (start..<end).allSatisfy({ text.base[$0] == command.utf8Start[$0 - start] }) {
                return true
            }
        }
        return false
    }

    /// A port that PostgreSQL, what pools its connections or what speaks its protocol listens at, and no line of a file; or any.
    private static func isPort(_ text: Text, _ range: Range<Int>) -> Bool {
        if range.count == 1, text.base[range.lowerBound] == UInt8(ascii: "*") { return true }
        guard range.count == 4, range.allSatisfy({ text.base[$0].isDigit }) else { return false }
        let port = range.reduce(0) { $0 * 10 + text.base[$1].digitValue }
        return (5430...5439).contains(port) || (6430...6439).contains(port) || port == 6543
    }

    /// A reference, a placeholder or a mask begins so.
    private static func isStandIn(_ first: UInt8) -> Bool {
        first == UInt8(ascii: "$") || first == UInt8(ascii: "<") || first == UInt8(ascii: "*") || first == UInt8(ascii: "{")
    }

    private static func isFieldByte(_ byte: UInt8) -> Bool {
        byte.isTokenByte || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "*")
    }

    /// The end of the words at `start`, in any case, where a word starts.
    private static func wordsEnd(_ words: StaticString, _ text: inout Text, at start: Int) -> Int? {
        guard !text.before(start).isWordByte else { return nil }
        let count = words.utf8CodeUnitCount
        for offset in 0..<count where text.byte(start + offset).lowercased != words.utf8Start[offset] { return nil }
        return start + count
    }
}
