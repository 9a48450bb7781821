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
    private var numbers: NumberRun
    /// Readings of one number are collected.
    private var isDeferring = false
    /// The one of them that ends last.
    private var deferredCover: Finding?
    /// The earliest start of a candidate that is not decided because the text goes on.
    var hold: Int

    init(
        text: Text, isFinal: Bool, kinds: EntityKindSet, filter: FindingFilter, literalNames: LiteralNames, decided: Int,
        scratch: UnsafeMutablePointer<UInt8>
    ) {
        numbers = NumberRun(scratch)
        self.text = text
        self.isFinal = isFinal
        self.kinds = kinds
        self.filter = filter
        self.literalNames = literalNames
        self.decided = decided
        hold = text.count
    }

    /// `rules` as in CPrefilter.h.
    mutating func look(at position: Int, rules: UInt32, _ findings: inout [Finding]) {
        var rules = rules
        // What starts at its trigger or before starts in text that was decided earlier, …
        if position < decided { rules &= Self.rulesThatLookAhead }
        // … and what starts there or behind is not decided before the hold has moved: one look at each trigger is enough then.
        if position >= hold { rules &= Self.rulesThatLookBack }
        if rules & UInt32(AGENTSHIELD_RULE_NUMBER | AGENTSHIELD_RULE_YEAR) != 0, !text.isInsideNumber(position) {
            if rules & UInt32(AGENTSHIELD_RULE_NUMBER) != 0, isWorthReading(position, rules), text.base[position] != UInt8(ascii: "$") {
                lookAtNumber(position, &findings)
            } else if rules & UInt32(AGENTSHIELD_RULE_YEAR) != 0 {
                lookAtYear(position, &findings)
            }
        }
        if rules & UInt32(AGENTSHIELD_RULE_CODE) != 0 { lookAtCode(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_TOKEN) != 0 { lookAtToken(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_AT) != 0 { lookAtAt(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_COLON) != 0 { lookAtColon(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_DASHES) != 0, kinds.contains(.privateKey) {
            let finding = PrivateKey.match(&text, at: position)
            keep(finding, start: position, &findings)
            if let end = finding?.range.upperBound { lookBehindKey(end, &findings) }
        }
        if rules & UInt32(AGENTSHIELD_RULE_ASSIGN) != 0, kinds.contains(.password) {
            let (start, finding) = Assignment.match(&text, at: position)
            keep(finding, start: start, &findings)
        }
        if rules & UInt32(AGENTSHIELD_RULE_WORD) != 0, kinds.contains(.password) {
            let (start, finding) = PasswordPhrase.match(&text, at: position)
            keep(finding, start: start, &findings)
        }
        if rules & UInt32(AGENTSHIELD_RULE_MARK) != 0 { lookAtMark(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_LITERAL) != 0, !literalNames.isEmpty {
            let (start, finding) = Literal.match(&text, at: position, names: literalNames)
            keep(finding, start: start, &findings)
        }
    }

    static func looksAhead(_ trigger: agentshield_trigger) -> Bool { UInt32(trigger.rules) & rulesThatLookAhead != 0 }

    /// The rules whose findings start behind their triggers.
    private static let rulesThatLookAhead = UInt32(AGENTSHIELD_RULE_ASSIGN | AGENTSHIELD_RULE_WORD | AGENTSHIELD_RULE_MARK)
    /// The rules whose findings may start before their triggers; of a number's, a date.
    private static let rulesThatLookBack = UInt32(
        AGENTSHIELD_RULE_AT | AGENTSHIELD_RULE_COLON | AGENTSHIELD_RULE_LITERAL | AGENTSHIELD_RULE_TOKEN | AGENTSHIELD_RULE_NUMBER
            | AGENTSHIELD_RULE_WEAK | AGENTSHIELD_RULE_VERSION | AGENTSHIELD_RULE_YEAR | AGENTSHIELD_RULE_MARK)

    /// Looks at what the prefilter finds in a range of the text. `found`: how many triggers of the first tile are in `triggers` already.
    mutating func look(
        _ range: Range<Int>, _ instructionSet: InstructionSet, _ triggers: UnsafeMutableBufferPointer<agentshield_trigger>,
        found: Int? = nil, _ findings: inout [Finding]
    ) {
        var from = range.lowerBound
        var known = found
        var word = max(from, decided, Self.looksAtEveryWord(kinds) ? 0 : hold - Limits.dateInWords)
        while from < range.upperBound {
            let to = min(from + Int(AGENTSHIELD_TILE), range.upperBound)
            let count = known ?? instructionSet.findTriggers(text, from..<to, goesOn: !isFinal, into: triggers)
            known = nil
            for index in 0..<count {
                let position = from + Int(triggers[index].position)
                if looksAtWords { lookAtWords(&word, upTo: position, &findings) }
                look(at: position, rules: UInt32(triggers[index].rules), &findings)
            }
            if looksAtWords { lookAtWords(&word, upTo: to, &findings) }
            from = to
        }
    }

    /// Goes on behind what an earlier pass found last.
    mutating func resume(behind finding: Finding, _ findings: inout [Finding]) {
        let end = finding.range.upperBound
        if finding.kind == .privateKey, end >= decided, end < text.count { lookBehindKey(end, &findings) }
    }

    /// A number that only a context word makes something has one, or counts without.
    @inline(__always)
    private func isWorthReading(_ position: Int, _ rules: UInt32) -> Bool {
        let isWeak = rules & UInt32(AGENTSHIELD_RULE_WEAK) != 0
        let isVersion = rules & UInt32(AGENTSHIELD_RULE_VERSION) != 0 && !IPAddress.startsFrequentNetwork(text, position)
        guard isWeak || isVersion else { return true }
        let (kind, words, bareScore) =
            isWeak ? (EntityKind.phone, ContextWords.phone, Phone.bareScore) : (.ipv4, .network, IPAddress.bareScore)
        return filter.minimumScore(of: kind) <= bareScore || words.isContext(of: kind, at: position, in: text)
    }

    private mutating func lookAtNumber(_ position: Int, _ findings: inout [Finding]) {
        guard position < hold else { return lookAtYear(position, &findings) }
        // What a number can be is judged in the same context, whichever of its readings is found first.
        isDeferring = true
        matchNumber(position, &findings)
        isDeferring = false
        if let finding = deferredCover {
            cover(finding)
            deferredCover = nil
        }
    }

    /// The end of a date in words.
    private mutating func lookAtYear(_ position: Int, _ findings: inout [Finding]) {
        guard kinds.contains(.dateOfBirth) else { return }
        let (start, finding) = BirthDate.matchWords(&text, at: position)
        keep(finding, start: start, &findings)
    }

    private mutating func matchNumber(_ position: Int, _ findings: inout [Finding]) {
        lookAtYear(position, &findings)
        let phrase = numbers.phrase(&text, at: position)
        noteReach(position)
        if phrase.isCutOff, phrase.groupCount == 1 {
            lookAtCodeOfDigits(position, &findings)
        } else if phrase.digitCount < 14 || phrase.size(ofGroup: 0) == 4 {
            // A code with letters, or a hardware address without.
            lookAtWideCode(position, &findings)
        }
        // A letter stands for the seventh digit.
        if phrase.digitCount == 6, kinds.contains(.nir) {
            let finding = NationalNumber.matchCorsican(&text, at: position)
            keep(finding, start: position, &findings)
        }
        guard phrase.digitCount >= 7 || phrase.groupCount >= 3 else { return }
        let continues = phrase.continues(text)
        guard !phrase.isInternational, !phrase.hasParenthesis else {
            if phrase.isInternational || !continues, kinds.contains(.phone), let finding = Phone.match(phrase, text) {
                keep(finding, start: position, &findings)
            }
            return
        }
        if kinds.contains(.card), Card.hasShape(phrase), let finding = Card.match(phrase, text) {
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.dni), SpanishIdentity.hasShape(phrase) {
            let finding = SpanishIdentity.matchDNI(phrase, &text)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.ipv4), IPAddress.hasShape(phrase) {
            let finding = IPAddress.matchIPv4(phrase, &text)
            keep(finding, start: position, &findings)
        }
        if !continues, kinds.contains(.phone), let finding = Phone.match(phrase, text) { keep(finding, start: position, &findings) }
        if kinds.contains(.dateOfBirth), BirthDate.hasShape(phrase), let finding = BirthDate.match(phrase, &text) {
            keep(finding, start: position, &findings)
        }
        if !continues { NationalNumber.match(phrase, text, kinds) { keep($0, start: position, &findings) } }
    }

    /// An opt-in kind is looked for, which the prefilter knows nothing of.
    static func looksAtEveryWord(_ kinds: EntityKindSet) -> Bool { kinds.contains(.person) || kinds.contains(.address) }

    private var looksAtWords: Bool { Self.looksAtEveryWord(kinds) || !isFinal && kinds.contains(.dateOfBirth) }

    /// Looks for names and addresses at each word that starts in `word..<end`, with a capital or a digit or as kinds of streets do; and in a
    /// text that goes on for dates that are not over, since a date in words is found at its year.
    private mutating func lookAtWords(_ word: inout Int, upTo end: Int, _ findings: inout [Finding]) {
        while word < end {
            let position = word
            word += 1
            let byte = text.base[position]
            guard position < hold, byte.isAlphanumeric || byte == 0xC3, !text.before(position).isWordByte else {
                continue
            }
            if !isFinal, kinds.contains(.dateOfBirth), BirthDate.mayStart(text, position), BirthDate.crosses(hold, &text, from: position),
                BirthDate.isInContext(position, text)
            {
                hold = position
            }
            guard text.before(position) & 0x80 == 0 else { continue }
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

    /// Codes with separators that start with a letter or a digit.
    @inline(__always)
    private mutating func lookAtWideCode(_ position: Int, _ findings: inout [Finding]) {
        if kinds.contains(.mac), mayBeWord(position, 4, before: UInt8(ascii: ".")) {
            let finding = IPAddress.matchDottedMAC(&text, at: position)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.cnpj), mayBeWord(position, 2, before: UInt8(ascii: ".")), text.byte(position + 6) == UInt8(ascii: ".") {
            let finding = IdentityCode.matchCNPJ(&text, at: position)
            keep(finding, start: position, &findings)
        }
        noteReach(position)
    }

    /// Codes that start with a digit.
    private mutating func lookAtCodeOfDigits(_ position: Int, _ findings: inout [Finding]) {
        lookAtWideCode(position, &findings)
        if kinds.contains(.cnpj) {
            let finding = IdentityCode.matchCNPJ(&text, at: position)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.passport) {
            let finding = IdentityCode.matchFrenchPassport(&text, at: position)
            keep(finding, start: position, &findings)
        }
    }

    /// So many letters and digits stand before a sign. When the text ends, it is worth waiting for that sign only behind letters and
    /// digits.
    @inline(__always)
    private mutating func mayBeWord(_ position: Int, _ count: Int, before sign: UInt8) -> Bool {
        let end = position + count
        if end < text.count, text.base[end] != sign { return false }
        for index in position..<min(end, text.count) where !text.base[index].isAlphanumeric { return false }
        return text.byte(end) == sign
    }

    private mutating func lookAtCode(_ position: Int, _ findings: inout [Finding]) {
        if text.base[position].isDigit { return lookAtCodeOfDigits(position, &findings) }
        lookAtWideCode(position, &findings)
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

    /// The dashes of a key's footer hide the start of a token right behind them.
    private mutating func lookBehindKey(_ position: Int, _ findings: inout [Finding]) {
        var end = position
        while end - position < Self.shortestToken, text.byte(end).isTokenByte { end += 1 }
        if end - position == Self.shortestToken || text.reachedEnd { lookAtToken(position, &findings) }
    }

    /// A shorter run of letters, digits, `_` and `-` is no trigger.
    private static let shortestToken = 16

    private mutating func lookAtToken(_ position: Int, _ findings: inout [Finding]) {
        // Credentials that are known by what stands before the run start there.
        let looksBack = ASCIISet.tokenLead.contains(text.before(position))
        guard position < hold || looksBack else { return }
        if position + Self.shortestToken <= text.count { matchToken(position, &findings) } else { text.reachedEnd = true }
        if text.reachedEnd { noteReach(looksBack ? text.tokenStart(before: position) : position) }
    }

    /// The run at `position` is long enough.
    private mutating func matchToken(_ position: Int, _ findings: inout [Finding]) {
        if kinds.contains(.privateKey), text.base[position] == UInt8(ascii: "P"), text.base[position + 1] == UInt8(ascii: "u") {
            keep(PrivateKey.matchPuTTY(&text, at: position), &findings)
        }
        if kinds.contains(.secret) { keep(Credential.match(&text, at: position), &findings) }
        if kinds.contains(.password) { keep(Assignment.matchBehindWord(&text, token: position), &findings) }
        if kinds.contains(.secret) { keep(Credential.matchBesideKeyID(&text, at: position), &findings) }
        if kinds.contains(.jwt) { keep(Credential.matchJWT(&text, at: position), &findings) }
        if kinds.contains(.mac), text.byte(position + 2) == UInt8(ascii: "-") {
            keep(IPAddress.matchMAC(&text, at: position), &findings)
        }
        keep(CryptoAddress.match(&text, at: position, kinds), &findings)
    }

    /// The `-` of a command's option, a `$` in a hash, or what else stands before a password and is no name of one.
    private mutating func lookAtMark(_ position: Int, _ findings: inout [Finding]) {
        switch text.base[position] {
        case UInt8(ascii: "$"):
            guard kinds.contains(.password), let (start, finding) = PasswordHash.match(&text, at: position) else { return }
            keep(finding, start: start, &findings)
        case UInt8(ascii: "-"):
            let finding = CommandOption.match(&text, at: position)
            keep(finding, start: position, &findings)
        default:
            guard kinds.contains(.password) else { return }
            let finding = WrittenPassword.match(&text, at: position)
            keep(finding, start: position, &findings)
        }
    }

    private mutating func lookAtAt(_ position: Int, _ findings: inout [Finding]) {
        if kinds.contains(.urlCredentials) {
            let finding = URLCredentials.match(&text, at: position)
            keep(finding, start: text.reachedEnd ? text.tokenStart(before: position) : position, &findings)
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
    @inline(__always)
    private mutating func keep(_ finding: Finding?, start: Int, _ findings: inout [Finding]) {
        noteReach(start)
        keep(finding, &findings)
    }

    @inline(__always)
    private mutating func keep(_ finding: Finding?, _ findings: inout [Finding]) {
        if let finding { add(finding, &findings) }
    }

    private mutating func add(_ finding: Finding, _ findings: inout [Finding]) {
        guard finding.range.lowerBound >= decided else { return }
        if finding.kind != .literal {
            guard kinds.contains(finding.kind), filter.admits(finding, text) else { return }
        }
        if isDeferring {
            if finding.range.upperBound >= deferredCover?.range.upperBound ?? 0 { deferredCover = finding }
        } else {
            cover(finding)
        }
        findings.append(finding)
    }

    /// What is not decided covers nothing: it may turn out to be another thing, and a date that starts before it would lose its context.
    @inline(__always)
    private mutating func cover(_ finding: Finding) {
        if finding.range.lowerBound < hold { text.cover(finding) }
    }

    private mutating func noteReach(_ start: Int) {
        guard text.reachedEnd else { return }
        text.reachedEnd = false
        if !isFinal { hold = min(hold, start) }
    }
}
