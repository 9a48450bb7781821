/// Credentials that are one token: known prefixes, and forms that are known by more than their start.
enum Credential {
    /// A credential whose first run of 16 or more letters, digits, `_` and `-` starts at `start`.
    static func match(_ text: inout Text, at start: Int) -> Finding? {
        let before = text.before(start)
        if before == UInt8(ascii: "/"), let finding = matchWebhook(&text, at: start) { return finding }
        if CredentialRule.mayStart(text.byte(start), text.byte(start + 1), text.byte(start + 2)) {
            let rules = CredentialRule.byFirstByte[text.byte(start)]
            for index in rules.indices where hasPrefix(rules[index].prefix, &text, at: start) {
                if let finding = match(rules[index], &text, at: start) { return finding }
            }
        }
        switch before {
        case UInt8(ascii: "."), UInt8(ascii: "~"):
            if let finding = matchLed(&text, at: start) { return finding }
            if let finding = matchAzure(&text, at: start) ?? matchTerraform(&text, at: start) ?? matchParts(&text, at: start) {
                return finding
            }
        case UInt8(ascii: "/"):
            if let finding = matchLed(&text, at: start) { return finding }
        case UInt8(ascii: "|"):
            if let finding = matchFacebook(&text, at: start) { return finding }
        case UInt8(ascii: ":"):
            if let finding = matchTelegram(&text, at: start) ?? matchFirebase(&text, at: start) ?? matchLed(&text, at: start) {
                return finding
            }
        case UInt8(ascii: "$"):
            if let finding = matchBraintree(&text, at: start) { return finding }
        default: break
        }
        let first = text.byte(start)
        if first == UInt8(ascii: "M") || first == UInt8(ascii: "N") || first == UInt8(ascii: "O"),
            let finding = matchDiscord(&text, at: start)
        {
            return finding
        }
        if first.isHexDigit, start + 32 >= text.count || text.base[start + 32] == UInt8(ascii: "-"),
            let finding = matchMailchimp(&text, at: start)
        {
            return finding
        }
        if text.byte(start + 6) == UInt8(ascii: "_"), let finding = matchMaxMind(&text, at: start) { return finding }
        return matchSigned(&text, at: start)
    }

    /// A credential by a rule whose lead ends at `start`.
    private static func matchLed(_ text: inout Text, at start: Int) -> Finding? {
        let rules = CredentialRule.byLead[text.before(start - 1)]
        for index in rules.indices where hasPrefix(rules[index].prefix, &text, at: start) {
            if let finding = match(rules[index], &text, at: start) { return finding }
        }
        return nil
    }

    private static func hasPrefix(_ prefix: StaticString, _ text: inout Text, at start: Int) -> Bool {
        for offset in 0..<prefix.utf8CodeUnitCount {
            guard text.byte(start + offset) == prefix.utf8Start[offset] else { return false }
        }
        return true
    }

    /// A credential by a rule whose prefix stands at `start`.
    private static func match(_ rule: CredentialRule, _ text: inout Text, at start: Int) -> Finding? {
        guard let first = leadStart(rule, text, before: start) else { return nil }
        let body = start + rule.prefix.utf8CodeUnitCount
        var index = body
        while index - start < Limits.token, rule.alphabet.contains(text.byte(index)) { index += 1 }
        while index > body, text.base[index - 1] == UInt8(ascii: ".") || text.base[index - 1] == UInt8(ascii: "/") { index -= 1 }
        guard rule.length.contains(index - body), isAbove(rule.floor, text, body..<index) else { return nil }
        guard let tailEnd = tailEnd(rule.tail, &text, from: index), let end = Self.tailEnd(rule.secondTail, &text, from: tailEnd) else {
            return nil
        }
        index = end
        // Something of another alphabet goes on: the prefix was a coincidence.
        guard index - start >= Limits.token || !text.byte(index).isTokenByte else { return nil }
        return Finding(kind: .secret, range: first..<index, score: 0.95)
    }

    private static func leadStart(_ rule: CredentialRule, _ text: Text, before start: Int) -> Int? {
        let lead = rule.lead
        guard lead.utf8CodeUnitCount > 0 else { return start }
        let first = start - lead.utf8CodeUnitCount
        guard first >= text.coveredEnd else { return nil }
        for offset in 0..<lead.utf8CodeUnitCount where text.base[first + offset] != lead.utf8Start[offset] { return nil }
        return text.before(first).isWordByte ? nil : first
    }

    /// Where the tail at `start` ends: `start` itself if there need be none.
    private static func tailEnd(_ tail: CredentialRule.Tail?, _ text: inout Text, from start: Int) -> Int? {
        guard let tail else { return start }
        var index = start
        if text.byte(start) == tail.separator {
            index += 1
            while index - start <= 256, tail.alphabet.contains(text.byte(index)) { index += 1 }
        }
        if index - start - 1 >= tail.minimum { return index }
        return tail.isOptional ? start : nil
    }

    static func isAbove(_ floor: CredentialRule.Floor, _ text: Text, _ range: Range<Int>) -> Bool {
        let bytes = UnsafeBufferPointer(start: text.base + range.lowerBound, count: range.count)
        switch floor {
        case .none: return true
        // Words have fewer capitals, and names in capitals fewer small letters.
        case .mixed:
            let (digits, letters, capitals) = classes(of: bytes)
            return letters > 0 && (digits > 0 || letters >= 16 && capitals * 10 >= letters * 3 && capitals * 10 <= letters * 7)
        case .random:
            let (digits, letters, capitals) = classes(of: bytes)
            return digits > 0 && capitals > 0 && letters > capitals
        case .varied: return distinctCount(bytes) >= 10
        case .uuid: return isUUID(bytes)
        case .unhyphenated:
            let (digits, letters, _) = classes(of: bytes)
            return digits > 0 && letters > 0 && hasRun(16, bytes)
        }
    }

    /// `8-4-4-4-12` hexadecimal digits.
    private static func isUUID(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        bytes.count == 36
            && bytes.indices.allSatisfy {
                $0 == 8 || $0 == 13 || $0 == 18 || $0 == 23 ? bytes[$0] == UInt8(ascii: "-") : bytes[$0].isHexDigit
            }
    }

    /// How many bytes are of each class; a loop that becomes vectors.
    private static func classes(of bytes: UnsafeBufferPointer<UInt8>) -> (digits: Int, letters: Int, capitals: Int) {
        var (digits, letters, capitals) = (0, 0, 0)
        for byte in bytes {
            digits &+= byte.isDigit ? 1 : 0
            letters &+= byte.isLetter ? 1 : 0
            capitals &+= byte &- 0x41 < 26 ? 1 : 0
        }
        return (digits, letters, capitals)
    }

    /// How many different bytes there are, all of them ASCII.
    private static func distinctCount(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var (low, high): (UInt64, UInt64) = (0, 0)
        for byte in bytes {
            let bit = 1 &<< UInt64(byte & 63)
            if byte < 64 { low |= bit } else { high |= bit }
        }
        return low.nonzeroBitCount + high.nonzeroBitCount
    }

    /// So many bytes stand in a row without a hyphen.
    private static func hasRun(_ count: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var run = 0
        for byte in bytes where run < count { run = byte == UInt8(ascii: "-") ? 0 : run &+ 1 }
        return run == count
    }

    /// The 40 bytes of an AWS secret at most 24 bytes behind the identifier of its key, without a name of its own: `AKIA…,…`.
    static func matchBesideKeyID(_ text: inout Text, at position: Int) -> Finding? {
        var start = position
        while position - start < 40, start > 0, ASCIISet.base64.contains(text.base[start - 1]), text.base[start - 1] != UInt8(ascii: "=") {
            start -= 1
        }
        var index = start
        while index > 0, start - index < 24, !text.base[index - 1].isAlphanumeric { index -= 1 }
        guard index < start, index >= 20, text.base[index - 1] &- 0x41 < 26 || text.base[index - 1].isDigit else { return nil }
        let identifier = text.base + (index - 20)
        let isIdentifier = identifier[0] == UInt8(ascii: "A") && identifier[2] == UInt8(ascii: "I") && identifier[3] == UInt8(ascii: "A")
        guard isIdentifier, identifier[1] == UInt8(ascii: "K") || identifier[1] == UInt8(ascii: "S"),
            (4..<20).allSatisfy({ ASCIISet.upper.contains(identifier[$0]) })
        else { return nil }
        var end = position
        while end - start < 41, ASCIISet.base64.contains(text.byte(end)), text.base[end] != UInt8(ascii: "=") { end += 1 }
        guard end - start == 40, isAbove(.mixed, text, start..<end) else { return nil }
        return Finding(kind: .secret, range: start..<end, score: 0.8, raisedByContext: true)
    }

    /// The end of the token at `start`, at most `limit` bytes.
    static func tokenEnd(_ text: inout Text, from start: Int, limit: Int) -> Int {
        var index = start
        while index - start < limit, ASCIISet.token.contains(text.byte(index)) { index += 1 }
        return index
    }

    /// `123456789:AA…`: the token behind the colon is 34 or 35 bytes and starts with A.
    private static func matchTelegram(_ text: inout Text, at start: Int) -> Finding? {
        guard text.byte(start) == UInt8(ascii: "A") else { return nil }
        var first = start - 1
        while first > 0, start - first < 18, text.base[first - 1].isDigit { first -= 1 }
        let isBot = first >= 3 && (0..<3).allSatisfy { text.base[first - 3 + $0] == ("bot" as StaticString).utf8Start[$0] }
        guard (5...16).contains(start - 1 - first), isBot || !text.before(first).isWordByte,
            (34...35).contains(tokenEnd(&text, from: start, limit: 36) - start)
        else { return nil }
        return Finding(kind: .secret, range: first..<tokenEnd(&text, from: start, limit: 36), score: 0.95)
    }

    /// `https://hooks.slack.com/services/T…/B…/…` and `https://discord.com/api/webhooks/…/…`: from the scheme to the last part.
    private static func matchWebhook(_ text: inout Text, at start: Int) -> Finding? {
        if let finding = matchTeams(&text, at: start) { return finding }
        guard let first = urlStart(text, before: start) else { return nil }
        for (host, least) in webhooks {
            guard start - first > host.count else { continue }
            var offset = 0
            while offset < host.count, text.base[first + offset] == host[offset] { offset += 1 }
            guard offset == host.count else { continue }
            let end = tokenEnd(&text, from: start, limit: 128)
            return end - start >= least ? Finding(kind: .secret, range: schemeStart(text, first)..<end, score: 0.95) : nil
        }
        return nil
    }

    /// From the start of a hook's host to its last parts: a stream holds a token as far back.
    private static let longestHook = 110

    private static let webhooks: [(host: [UInt8], least: Int)] = [
        (Array("hooks.slack.com/services/T".utf8), 16), (Array("hooks.slack.com/workflows/".utf8), 16),
        (Array("hooks.slack.com/triggers/".utf8), 16),
        (Array("discord.com/api/webhooks/".utf8), 60), (Array("discordapp.com/api/webhooks/".utf8), 60),
        (Array("hooks.zapier.com/hooks/catch/".utf8), 6),
    ]

    /// The address of a Teams channel, behind a host of its own: identifiers with `@` and slashes between them.
    private static func matchTeams(_ text: inout Text, at start: Int) -> Finding? {
        let path: StaticString = ".webhook.office.com/webhookb2/"
        let host = start - path.utf8CodeUnitCount
        guard host > text.coveredEnd, (0..<path.utf8CodeUnitCount).allSatisfy({ text.base[host + $0] == path.utf8Start[$0] }),
            let first = urlStart(text, before: host), start - first <= Self.longestHook
        else { return nil }
        var end = start
        while end - start < 256, text.byte(end).isTokenByte || text.byte(end) == UInt8(ascii: "@") || text.byte(end) == UInt8(ascii: "/") {
            end += 1
        }
        return end - start >= 64 ? Finding(kind: .secret, range: schemeStart(text, first)..<end, score: 0.95) : nil
    }

    /// `123456789012345|…`: an application's number of 15 or 16 digits, and its secret.
    private static func matchFacebook(_ text: inout Text, at start: Int) -> Finding? {
        var first = start - 1
        while first > 0, start - first < 18, text.base[first - 1].isDigit { first -= 1 }
        let end = tokenEnd(&text, from: start, limit: 41)
        guard (15...16).contains(start - 1 - first), !text.before(first).isWordByte, first >= text.coveredEnd,
            (27...40).contains(end - start)
        else { return nil }
        return Finding(kind: .secret, range: first..<end, score: 0.95)
    }

    /// The start of the host in the URL that goes on at `start`, at most 100 bytes before.
    private static func urlStart(_ text: Text, before start: Int) -> Int? {
        var index = start
        while index > 0, start - index < 100 {
            let byte = text.base[index - 1]
            if byte == UInt8(ascii: "/"), index > 1, text.base[index - 2] == byte { return index }
            guard byte.isTokenByte || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "/") else { return index }
            index -= 1
        }
        return index == 0 ? 0 : nil
    }

    private static func schemeStart(_ text: Text, _ host: Int) -> Int {
        let scheme: StaticString = "https://"
        let first = host - 8
        guard first >= 0, (0..<8).allSatisfy({ text.base[first + $0] == scheme.utf8Start[$0] }) else { return host }
        return first
    }

    /// A bot's token: an identifier in base 64 (24 to 28 bytes, starting with M, N or O), a time stamp (6 or 7), a code (27 to 40).
    private static func matchDiscord(_ text: inout Text, at start: Int) -> Finding? {
        let identifier = tokenEnd(&text, from: start, limit: 29)
        guard (24...28).contains(identifier - start), text.byte(identifier) == UInt8(ascii: ".") else { return nil }
        let time = tokenEnd(&text, from: identifier + 1, limit: 8)
        guard (6...7).contains(time - identifier - 1), text.byte(time) == UInt8(ascii: ".") else { return nil }
        let end = tokenEnd(&text, from: time + 1, limit: 41)
        guard (27...40).contains(end - time - 1) else { return nil }
        return Finding(kind: .secret, range: start..<end, score: 0.95)
    }

    /// 32 hexadecimal digits, `-us` and the number of a data centre.
    private static func matchMailchimp(_ text: inout Text, at start: Int) -> Finding? {
        var index = start
        while index - start < 33, text.byte(index).isHexDigit { index += 1 }
        guard index - start == 32, text.byte(index) == UInt8(ascii: "-"), text.byte(index + 1) == UInt8(ascii: "u"),
            text.byte(index + 2) == UInt8(ascii: "s"), text.byte(index + 3).isDigit
        else { return nil }
        index += text.byte(index + 4).isDigit ? 5 : 4
        return text.byte(index).isTokenByte ? nil : Finding(kind: .secret, range: start..<index, score: 0.95)
    }

    /// Six letters and digits, `_`, 29 of them, `_mmk`.
    private static func matchMaxMind(_ text: inout Text, at start: Int) -> Finding? {
        guard text.byte(start + 36) == UInt8(ascii: "_"), text.byte(start + 37) == UInt8(ascii: "m"),
            text.byte(start + 38) == UInt8(ascii: "m"), text.byte(start + 39) == UInt8(ascii: "k"), !text.byte(start + 40).isTokenByte
        else { return nil }
        return Finding(kind: .secret, range: start..<start + 40, score: 0.95)
    }

    /// An Entra client secret: three bytes, a digit, `Q~` and 31 to 34 bytes; the run of 16 is somewhere behind the `~`.
    private static func matchAzure(_ text: inout Text, at start: Int) -> Finding? {
        var tilde = start
        while start - tilde < 24 {
            let byte = text.before(tilde)
            if byte == UInt8(ascii: "~"), text.before(tilde - 1) == UInt8(ascii: "Q"), text.before(tilde - 2).isDigit { break }
            guard ASCIISet.dotted.contains(byte) else { return nil }
            tilde -= 1
        }
        let first = tilde - 6
        guard first >= text.coveredEnd, text.before(tilde) == UInt8(ascii: "~"), text.before(tilde - 1) == UInt8(ascii: "Q"),
            (first..<first + 3).allSatisfy({ ASCIISet.dotted.contains(text.base[$0]) }), !text.before(first).isWordByte
        else { return nil }
        var end = tilde
        while end - tilde < 35, ASCIISet.dotted.contains(text.byte(end)) { end += 1 }
        while end > tilde, text.base[end - 1] == UInt8(ascii: ".") { end -= 1 }
        guard (31...34).contains(end - tilde) else { return nil }
        return Finding(kind: .secret, range: first..<end, score: 0.95)
    }

    /// Fourteen letters and digits, `.atlasv1.`, 60 bytes or more.
    private static func matchTerraform(_ text: inout Text, at start: Int) -> Finding? {
        let middle: StaticString = ".atlasv1."
        let first = start - 9 - 14
        guard first >= text.coveredEnd, (0..<9).allSatisfy({ text.base[start - 9 + $0] == middle.utf8Start[$0] }),
            (first..<first + 14).allSatisfy({ text.base[$0].isAlphanumeric }), !text.before(first).isWordByte
        else { return nil }
        var end = start
        while end - start < 128, text.byte(end).isTokenByte || text.byte(end) == UInt8(ascii: "=") { end += 1 }
        return end - start >= 60 ? Finding(kind: .secret, range: first..<end, score: 0.95) : nil
    }

    /// A JSON web token: header and payload, whose base 64 starts with `eyJ`, and perhaps a signature; or five parts, where the
    /// second is an encrypted key.
    @inline(__always)
    static func matchJWT(_ text: inout Text, at start: Int) -> Finding? {
        isObject(&text, at: start) ? matchJWTParts(&text, at: start) : nil
    }

    private static func matchJWTParts(_ text: inout Text, at start: Int) -> Finding? {
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

    @inline(__always)
    private static func isObject(_ text: inout Text, at index: Int) -> Bool {
        text.byte(index) == UInt8(ascii: "e") && text.byte(index + 1) == UInt8(ascii: "y")
            && (text.byte(index + 2) == UInt8(ascii: "J") || text.byte(index + 2) == UInt8(ascii: "A"))
    }
}
