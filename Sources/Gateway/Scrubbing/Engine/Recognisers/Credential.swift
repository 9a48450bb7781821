/// Credentials that are one token: known prefixes, and forms that are known by more than their start.
enum Credential {
    /// A credential that starts with the token at `start`.
    static func match(_ text: inout Text, at start: Int) -> Finding? {
        for rule in CredentialRule.byFirstByte[Int(text.byte(start))] {
            if let finding = match(rule, &text, at: start) { return finding }
        }
        return matchTelegram(&text, at: start) ?? matchSendGrid(&text, at: start) ?? matchSlackWebhook(&text, at: start)
            ?? matchDiscord(&text, at: start)
    }

    private static func match(_ rule: CredentialRule, _ text: inout Text, at start: Int) -> Finding? {
        for (offset, expected) in rule.prefix.enumerated() {
            guard text.byte(start + offset) == expected else { return nil }
        }
        var index = start + rule.prefix.count
        var digits = 0
        var letters = 0
        while index - start < Limits.token {
            let byte = text.byte(index)
            guard rule.allows(byte) else { break }
            if byte.isDigit { digits += 1 } else if byte.isLetter { letters += 1 }
            index += 1
        }
        guard index - start >= rule.prefix.count + rule.minimum, !rule.isMixed || digits > 0 && letters > 0 else { return nil }
        // Something of another alphabet goes on: the prefix was a coincidence.
        guard index - start >= Limits.token || !text.byte(index).isTokenByte else { return nil }
        return Finding(kind: .secret, range: start..<index, score: 0.95)
    }

    /// The end of the token at `start`, at most `limit` bytes.
    private static func tokenEnd(_ text: inout Text, from start: Int, limit: Int) -> Int {
        var index = start
        while index - start < limit, text.byte(index).isTokenByte { index += 1 }
        return index
    }

    /// `123456789:AA…`: the token behind the colon is 35 bytes.
    private static func matchTelegram(_ text: inout Text, at start: Int) -> Finding? {
        guard text.byte(start) == UInt8(ascii: "A"), text.byte(start + 1) == UInt8(ascii: "A"), text.before(start) == UInt8(ascii: ":")
        else { return nil }
        var first = start - 1
        while first > 0, start - first < 12, text.base[first - 1].isDigit { first -= 1 }
        guard (8...10).contains(start - 1 - first), !text.before(first).isWordByte, tokenEnd(&text, from: start, limit: 36) == start + 35
        else { return nil }
        return Finding(kind: .secret, range: first..<start + 35, score: 0.95)
    }

    /// `SG.` and tokens of 22 and 43 bytes.
    private static func matchSendGrid(_ text: inout Text, at start: Int) -> Finding? {
        guard start >= 3, text.base[start - 1] == UInt8(ascii: "."), text.base[start - 2] == UInt8(ascii: "G"),
            text.base[start - 3] == UInt8(ascii: "S"), tokenEnd(&text, from: start, limit: 23) == start + 22,
            text.byte(start + 22) == UInt8(ascii: "."), tokenEnd(&text, from: start + 23, limit: 44) == start + 66
        else { return nil }
        return Finding(kind: .secret, range: start - 3..<start + 66, score: 0.95)
    }

    /// The last part of `hooks.slack.com/services/T…/B…/…`.
    private static func matchSlackWebhook(_ text: inout Text, at start: Int) -> Finding? {
        guard text.before(start) == UInt8(ascii: "/") else { return nil }
        var index = start - 1
        for initial in [UInt8(ascii: "B"), UInt8(ascii: "T")] {
            let end = index
            while index > 0, end - index < 16, text.base[index - 1].isAlphanumeric { index -= 1 }
            guard index < end, text.base[index] == initial, text.before(index) == UInt8(ascii: "/") else { return nil }
            index -= 1
        }
        for (offset, expected) in "hooks.slack.com/services".utf8.reversed().enumerated() {
            guard index > offset, text.base[index - 1 - offset] == expected else { return nil }
        }
        let end = tokenEnd(&text, from: start, limit: 48)
        return end - start >= 16 ? Finding(kind: .secret, range: start..<end, score: 0.95) : nil
    }

    /// A bot's token: an identifier in base 64 (24 to 28 bytes, starting with M, N or O), a time stamp (6 or 7), a code (27 to 40).
    private static func matchDiscord(_ text: inout Text, at start: Int) -> Finding? {
        let first = text.byte(start)
        guard first == UInt8(ascii: "M") || first == UInt8(ascii: "N") || first == UInt8(ascii: "O") else { return nil }
        let identifier = tokenEnd(&text, from: start, limit: 29)
        guard (24...28).contains(identifier - start), text.byte(identifier) == UInt8(ascii: ".") else { return nil }
        let time = tokenEnd(&text, from: identifier + 1, limit: 8)
        guard (6...7).contains(time - identifier - 1), text.byte(time) == UInt8(ascii: ".") else { return nil }
        let end = tokenEnd(&text, from: time + 1, limit: 41)
        guard (27...40).contains(end - time - 1) else { return nil }
        return Finding(kind: .secret, range: start..<end, score: 0.95)
    }

    /// A JSON web token: header and payload, whose base 64 starts with `eyJ`, and perhaps a signature; or five parts, where the
    /// second is an encrypted key.
    static func matchJWT(_ text: inout Text, at start: Int) -> Finding? {
        guard isObject(&text, at: start) else { return nil }
        let header = tokenEnd(&text, from: start, limit: Limits.token)
        guard header - start >= 10, text.byte(header) == UInt8(ascii: ".") else { return nil }
        let isSigned = isObject(&text, at: header + 1)
        var end = header
        var parts = 1
        while parts < 5, text.byte(end) == UInt8(ascii: "."), end - start < Limits.token {
            let part = tokenEnd(&text, from: end + 1, limit: Limits.token - (end - start))
            if part == end + 1, parts < 2 { return nil }
            if part == end + 1, text.byte(part) != UInt8(ascii: ".") {
                // An unsigned token ends with a dot; a full stop behind a signature is punctuation.
                break
            }
            end = part
            parts += 1
        }
        guard isSigned ? parts >= 2 : parts == 5 && end - start >= 80 else { return nil }
        return Finding(kind: .jwt, range: start..<end, score: 0.95)
    }

    private static func isObject(_ text: inout Text, at index: Int) -> Bool {
        text.byte(index) == UInt8(ascii: "e") && text.byte(index + 1) == UInt8(ascii: "y")
            && (text.byte(index + 2) == UInt8(ascii: "J") || text.byte(index + 2) == UInt8(ascii: "A"))
    }
}
