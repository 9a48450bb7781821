/// Values that are assigned to the name of a credential: `password = "…"`, `"api_key": "…"`, `AccountKey=…;`.
enum Assignment {
    /// The value behind the `=` or `:` at `position`, and where it starts: the start that a stream holds.
    static func match(_ text: inout Text, at position: Int) -> (start: Int, finding: Finding?) {
        guard let strength = strength(text, before: position) else { return (position + 1, nil) }
        var index = position + 1
        if text.byte(index) == UInt8(ascii: ">") || text.byte(index) == UInt8(ascii: "=") { index += 1 }
        for _ in 0..<2 where text.byte(index) == UInt8(ascii: " ") { index += 1 }
        if text.byte(index) == UInt8(ascii: "\\") { index += 1 }
        let quote = text.byte(index)
        let isQuoted = quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") || quote == UInt8(ascii: "`")
        if isQuoted { index += 1 }
        let end = valueEnd(&text, from: index, quote: isQuoted ? quote : nil)
        let next = text.byte(end)
        let isCall = !isQuoted && (next == UInt8(ascii: "(") || next == UInt8(ascii: "["))
        guard !isCall, isSecretive(text, index..<end, strength: strength, isQuoted: isQuoted) else { return (index, nil) }
        return (index, Finding(kind: .password, range: index..<end, score: isQuoted ? 0.8 : 0.7))
    }

    private enum Strength {
        /// A password: short values count.
        case password
        /// A key or token: long values of high entropy.
        case key
    }

    private static let passwords = [
        "password", "passwd", "passphrase", "passwort", "pwd", "pass", "psw", "clave", "contraseña", "contrasena", "senha",
    ]
    .map { Array($0.utf8) }
    private static let keys = [
        "secret", "token", "auth", "credential", "credentials", "apikey", "accesskey", "secretkey", "privatekey", "authkey", "accountkey",
        "sharedaccesskey", "encryptionkey", "signingkey", "servicekey", "appkey", "consumerkey", "masterkey", "clientkey", "sharedkey",
    ].map { Array($0.utf8) }

    /// Reads the name before `position` backwards, without `_`, `-` and quotes.
    private static func strength(_ text: Text, before position: Int) -> Strength? {
        var end = position
        while end > 0, position - end < 3, isDecoration(text.base[end - 1]) { end -= 1 }
        guard end > 0 else { return nil }
        let last = text.base[end - 1].lowercased
        for name in passwords where name[name.count - 1] == last && ends(text, end, with: name) { return .password }
        for name in keys where name[name.count - 1] == last && ends(text, end, with: name) { return .key }
        return nil
    }

    private static func isDecoration(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\\")
            || byte == UInt8(ascii: "`")
    }

    private static func ends(_ text: Text, _ end: Int, with name: [UInt8]) -> Bool {
        var index = end
        for expected in name.reversed() {
            if index > 0, name.count >= 6, text.base[index - 1] == UInt8(ascii: "_") || text.base[index - 1] == UInt8(ascii: "-") {
                index -= 1
            }
            guard index > 0, text.base[index - 1].lowercased == expected else { return false }
            index -= 1
        }
        let first = text.base[index]
        let before = text.before(index)
        return !before.isLetter || (first != first.lowercased && before == before.lowercased)
    }

    private static func valueEnd(_ text: inout Text, from start: Int, quote: UInt8?) -> Int {
        var index = start
        while index - start < 256 {
            let byte = text.byte(index)
            if let quote {
                if byte == quote || byte == UInt8(ascii: "\n") || byte == 0 || byte == UInt8(ascii: "\\") { break }
            } else if byte <= 0x20 || isStop(byte) {
                break
            }
            index += 1
        }
        return index
    }

    private static func isStop(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"),
            UInt8(ascii: "<"),
            UInt8(ascii: ">"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"),
            UInt8(ascii: "}"),
            UInt8(ascii: "\\"):
            return true
        default: return false
        }
    }

    private static func isSecretive(_ text: Text, _ range: Range<Int>, strength: Strength, isQuoted: Bool) -> Bool {
        guard range.count >= (strength == .password ? 6 : 12), range.count < 256 else { return false }
        var classes = (lower: 0, upper: 0, digit: 0, sign: 0)
        for index in range {
            let byte = text.base[index]
            if byte.isDigit {
                classes.digit += 1
            } else if byte &- 0x61 < 26 {
                classes.lower += 1
            } else if byte &- 0x41 < 26 {
                classes.upper += 1
            } else {
                classes.sign += 1
            }
            // A mask, perhaps our own.
            if byte == UInt8(ascii: "*"), index + 1 < range.upperBound, text.base[index + 1] == byte { return false }
            if byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "{") || byte == UInt8(ascii: " ") {
                return false
            }
        }
        let first = text.base[range.lowerBound]
        // References to values elsewhere (`$VAR`, `%s`), masks, URLs and paths.
        if first == UInt8(ascii: "$") && !isQuoted || first == UInt8(ascii: "*") || first == UInt8(ascii: "/") { return false }
        if first == UInt8(ascii: "%"), range.count < 8 { return false }
        let kinds = (classes.lower > 0 ? 1 : 0) + (classes.upper > 0 ? 1 : 0) + (classes.digit > 0 ? 1 : 0) + (classes.sign > 0 ? 1 : 0)
        guard kinds >= 2, isQuoted || classes.digit > 0 || classes.sign > 1 else { return false }
        switch strength {
        case .password: return classes.digit > 0 || classes.sign > 0 || isQuoted && distinct(text, range) >= 6
        case .key: return classes.digit > 0 && distinct(text, range) >= 8
        }
    }

    /// How many different bytes there are: a floor for the entropy that costs one pass.
    private static func distinct(_ text: Text, _ range: Range<Int>) -> Int {
        var seen = SIMD4<UInt64>()
        for index in range { seen[Int(text.base[index] >> 6)] |= 1 << UInt64(text.base[index] & 63) }
        return (0..<4).reduce(0) { $0 + seen[$1].nonzeroBitCount }
    }
}

/// `user:password` in front of the `@` of a URL.
enum URLCredentials {
    static func match(_ text: inout Text, at position: Int) -> Finding? {
        var index = position
        var colon: Int?
        while index > 0, position - index < Limits.userInfo {
            let byte = text.base[index - 1]
            if byte == UInt8(ascii: "/") { break }
            guard byte > 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "<"), byte != UInt8(ascii: ">"), byte != UInt8(ascii: "@")
            else { return nil }
            if byte == UInt8(ascii: ":") { colon = index - 1 }
            index -= 1
        }
        guard let colon, index >= 4, text.base[index - 1] == UInt8(ascii: "/"), text.base[index - 2] == UInt8(ascii: "/"),
            text.base[index - 3] == UInt8(ascii: ":"), text.base[index - 4].isAlphanumeric, colon + 1 < position
        else { return nil }
        let host = text.byte(position + 1)
        guard host.isAlphanumeric || host == UInt8(ascii: "[") || host >= 0x80 || host == UInt8(ascii: "_") else { return nil }
        // `${USER}:${PASSWORD}` and `user:***` hold nothing.
        let first = text.base[colon + 1]
        guard first != UInt8(ascii: "$"), first != UInt8(ascii: "{"), first != UInt8(ascii: "*") else { return nil }
        return Finding(kind: .urlCredentials, range: index..<position, score: 0.95)
    }
}
