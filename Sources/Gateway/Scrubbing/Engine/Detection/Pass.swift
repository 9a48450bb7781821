internal import CPrefilter

/// One pass over one text: sends triggers to the recognisers and keeps what they find.
struct Pass {
    var text: Text
    let isFinal: Bool
    let kinds: EntityKindSet
    let filter: FindingFilter
    let literalNames: LiteralNames
    /// Candidates that start before this were judged earlier.
    let decided: Int
    /// ``NumberPhrase/scratchSize`` bytes.
    let scratch: UnsafeMutablePointer<UInt8>
    /// While readings of one number are collected: the one that ends last.
    private var deferredCover: Finding?
    /// The earliest start of a candidate that is not decided because the text ended.
    var hold: Int

    init(
        text: Text, isFinal: Bool, kinds: EntityKindSet, filter: FindingFilter, literalNames: LiteralNames, decided: Int,
        scratch: UnsafeMutablePointer<UInt8>
    ) {
        self.text = text
        self.isFinal = isFinal
        self.kinds = kinds
        self.filter = filter
        self.literalNames = literalNames
        self.decided = decided
        self.scratch = scratch
        hold = text.count
    }

    /// `rules` as in CPrefilter.h.
    mutating func look(at position: Int, rules: UInt32, _ findings: inout [Finding]) {
        // What starts at its trigger starts in text that was decided earlier.
        let rules = position < decided ? rules & Self.rulesThatLookBack : rules
        if rules & UInt32(AGENTSHIELD_RULE_NUMBER) != 0 { lookAtNumber(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_CODE) != 0 { lookAtCode(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_TOKEN) != 0 { lookAtToken(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_AT) != 0 { lookAtAt(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_COLON) != 0 { lookAtColon(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_DASHES) != 0, kinds.contains(.privateKey) {
            let finding = PrivateKey.match(&text, at: position)
            keep(finding, start: position, &findings)
            // The footer's dashes hide the start of a token right behind them.
            if let end = finding?.range.upperBound { lookAtToken(end, &findings) }
        }
        if rules & UInt32(AGENTSHIELD_RULE_ASSIGN) != 0, kinds.contains(.password) {
            let (start, finding) = Assignment.match(&text, at: position)
            keep(finding, start: start, &findings)
        }
        if rules & UInt32(AGENTSHIELD_RULE_WORD) != 0, kinds.contains(.password) {
            let (start, finding) = Assignment.matchPhrase(&text, at: position)
            keep(finding, start: start, &findings)
        }
        if rules & UInt32(AGENTSHIELD_RULE_LITERAL) != 0, !literalNames.isEmpty {
            let (start, finding) = Literal.match(&text, at: position, names: literalNames)
            keep(finding, start: start, &findings)
        }
    }

    private static let rulesThatLookBack = UInt32(
        AGENTSHIELD_RULE_AT | AGENTSHIELD_RULE_COLON | AGENTSHIELD_RULE_ASSIGN | AGENTSHIELD_RULE_LITERAL
            | AGENTSHIELD_RULE_WORD)

    /// Starts with what an earlier pass found last.
    mutating func resume(behind finding: Finding, _ findings: inout [Finding]) {
        text.cover(finding)
        let end = finding.range.upperBound
        if finding.kind == .privateKey, end >= decided, end < text.count { lookAtToken(end, &findings) }
    }

    private mutating func lookAtNumber(_ position: Int, _ findings: inout [Finding]) {
        guard !isAmongSingleDigits(position) else { return }
        // What a number can be is judged in the same context, whichever of its readings is found first.
        deferredCover = Finding(kind: .literal, range: position..<position, score: 0)
        matchNumber(position, &findings)
        if let deferredCover, !deferredCover.range.isEmpty { text.cover(deferredCover) }
        deferredCover = nil
    }

    private mutating func matchNumber(_ position: Int, _ findings: inout [Finding]) {
        if kinds.contains(.dateOfBirth) {
            let (start, finding) = BirthDate.matchWords(&text, at: position, isLoose: !isFinal)
            keep(finding, start: start, &findings)
        }
        if kinds.contains(.nir) {
            let finding = NationalNumber.matchCorsican(&text, at: position)
            keep(finding, start: position, &findings)
        }
        lookAtWideCode(position, &findings)
        let phrase = NumberPhrase(&text, at: position, scratch: scratch)
        noteReach(position)
        if phrase.isCutOff, phrase.groupCount == 1, kinds.contains(.cnpj) {
            let finding = IdentityCode.matchCNPJ(&text, at: position)
            keep(finding, start: position, &findings)
        }
        guard phrase.digitCount >= 7 || phrase.groupCount >= 3 else { return }
        if kinds.contains(.card), let finding = Card.match(phrase, text) { keep(finding, start: position, &findings) }
        if kinds.contains(.dni) {
            let finding = SpanishIdentity.matchDNI(phrase, &text)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.ipv4), phrase.groupCount >= 4 {
            let finding = IPAddress.matchIPv4(&text, at: position)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.phone), let finding = Phone.match(phrase, text) { keep(finding, start: position, &findings) }
        if kinds.contains(.dateOfBirth), let finding = BirthDate.match(phrase, text) { keep(finding, start: position, &findings) }
        guard !phrase.isInternational, !phrase.hasParenthesis, !phrase.continues(text) else { return }
        for groups in 1...max(1, min(7, phrase.groupCount)) where phrase.endsCleanly(afterGroups: groups) {
            let shape = phrase.shape(groups: groups)
            guard shape != 0 else { return }
            NationalNumber.match(phrase, groups: groups, shape: shape, text, kinds) { keep($0, start: position, &findings) }
        }
    }

    /// An opt-in kind is looked for, which the prefilter knows nothing of.
    var looksAtWords: Bool { kinds.contains(.person) || kinds.contains(.address) }

    /// Looks for names and addresses at each word that starts in `word..<end`, with a capital or a digit or as kinds of streets do.
    mutating func lookAtWords(_ word: inout Int, upTo end: Int, _ findings: inout [Finding]) {
        while word < end {
            let position = word
            word += 1
            let byte = text.base[position]
            guard position >= decided, byte.isAlphanumeric || byte == 0xC3, !text.before(position).isWordByte,
                text.before(position) & 0x80 == 0
            else { continue }
            let isCapital = byte &- 0x41 < 26 || byte == 0xC3
            if kinds.contains(.person), isCapital {
                let finding = PersonName.match(&text, at: position)
                keep(finding, start: position, &findings)
            }
            if kinds.contains(.address), byte != 0xC3 {
                let finding = StreetAddress.match(&text, at: position)
                keep(finding, start: position, &findings)
            }
        }
    }

    /// Two single digits stand before, as in `1 2 3 4`: nothing starts in the middle of such a row, and each look would cost as much as
    /// the first.
    private func isAmongSingleDigits(_ position: Int) -> Bool {
        let separator = text.before(position)
        guard
            separator == UInt8(ascii: " ") || separator == UInt8(ascii: "-") || separator == UInt8(ascii: ".")
                || separator == UInt8(ascii: "/")
        else { return false }
        return text.before(position - 1).isDigit && text.before(position - 2) == separator && text.before(position - 3).isDigit
            && !text.before(position - 4).isDigit
    }

    /// Codes with separators that start with a letter or a digit.
    private mutating func lookAtWideCode(_ position: Int, _ findings: inout [Finding]) {
        if mayBe(UInt8(ascii: "."), behind: 4, at: position), kinds.contains(.mac), text.byte(position + 4) == UInt8(ascii: ".") {
            let finding = IPAddress.matchDottedMAC(&text, at: position)
            keep(finding, start: position, &findings)
        }
        if mayBe(UInt8(ascii: "."), behind: 2, at: position), kinds.contains(.cnpj), text.byte(position + 2) == UInt8(ascii: "."),
            text.byte(position + 6) == UInt8(ascii: ".")
        {
            let finding = IdentityCode.matchCNPJ(&text, at: position)
            keep(finding, start: position, &findings)
        }
        noteReach(position)
    }

    /// Whether so many letters and digits and then `sign` stand at `position`, as far as they have come: only then is it worth waiting for
    /// what follows them.
    private func mayBe(_ sign: UInt8, behind count: Int, at position: Int) -> Bool {
        guard position + count >= text.count || text.base[position + count] == sign else { return false }
        for index in position..<min(position + count, text.count) where !text.base[index].isAlphanumeric { return false }
        return true
    }

    private mutating func lookAtCode(_ position: Int, _ findings: inout [Finding]) {
        lookAtWideCode(position, &findings)
        if !isFinal, kinds.contains(.dateOfBirth) {
            let (start, finding) = BirthDate.matchWords(&text, at: position, isLoose: true)
            keep(finding, start: start, &findings)
        }
        if kinds.contains(.iban) {
            let finding = IBAN.match(&text, at: position)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.nie) {
            let finding = SpanishIdentity.matchNIE(&text, at: position)
            keep(finding, start: position, &findings)
        }
        var code = text
        IdentityCode.match(&code, at: position, kinds) { keep($0, start: position, &findings) }
        text.reachedEnd = code.reachedEnd
        noteReach(position)
    }

    private mutating func lookAtToken(_ position: Int, _ findings: inout [Finding]) {
        var end = position
        while end - position < 16, text.byte(end).isTokenByte { end += 1 }
        noteReach(position)
        guard end - position == 16 else { return }
        if kinds.contains(.privateKey), text.base[position] == UInt8(ascii: "P"), text.base[position + 1] == UInt8(ascii: "u") {
            let finding = PrivateKey.matchPuTTY(&text, at: position)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.secret) {
            let finding = Credential.match(&text, at: position)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.password) {
            let finding = Assignment.matchBehindWord(&text, token: position)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.jwt) {
            let finding = Credential.matchJWT(&text, at: position)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.mac), text.byte(position + 2) == UInt8(ascii: "-") {
            let finding = IPAddress.matchMAC(&text, at: position)
            keep(finding, start: position, &findings)
        }
        let address = CryptoAddress.match(&text, at: position, kinds)
        keep(address, start: position, &findings)
    }

    private mutating func lookAtAt(_ position: Int, _ findings: inout [Finding]) {
        if kinds.contains(.urlCredentials) {
            let finding = URLCredentials.match(&text, at: position)
            keep(finding, start: text.reachedEnd ? tokenStart(before: position) : position, &findings)
            if finding != nil { return }
        }
        if kinds.contains(.email) {
            let (start, finding) = Email.match(&text, at: position)
            keep(finding, start: start, &findings)
        }
    }

    private mutating func lookAtColon(_ position: Int, _ findings: inout [Finding]) {
        guard let start = IPAddress.hexStart(text, before: position) else { return }
        if kinds.contains(.ipv6) {
            let finding = IPAddress.matchIPv6(&text, at: start)
            keep(finding, start: start, &findings)
        }
        if kinds.contains(.mac), position - start == 2 {
            let finding = IPAddress.matchMAC(&text, at: start)
            keep(finding, start: start, &findings)
        }
    }

    /// Takes a recogniser's answer; `start` is where a finding would start that it could not decide.
    private mutating func keep(_ finding: Finding?, start: Int, _ findings: inout [Finding]) {
        noteReach(start)
        guard let finding, finding.range.lowerBound >= decided else { return }
        if finding.kind != .literal {
            guard kinds.contains(finding.kind), filter.admits(finding, text) else { return }
        }
        if let deferred = deferredCover {
            if finding.range.upperBound >= deferred.range.upperBound { deferredCover = finding }
        } else {
            text.cover(finding)
        }
        findings.append(finding)
    }

    private mutating func noteReach(_ start: Int) {
        guard text.reachedEnd else { return }
        text.reachedEnd = false
        hold = min(hold, start)
    }

    /// The start of the unbroken token at the end, as far back as an `@` behind it could make it part of an address or of a URL's user.
    func trailingTokenStart() -> Int {
        tokenStart(before: text.count)
    }

    private func tokenStart(before end: Int) -> Int {
        let limit = max(0, end - Limits.userInfo)
        var index = end
        while index > limit, text.base[index - 1] > 0x20 { index -= 1 }
        return index
    }
}
