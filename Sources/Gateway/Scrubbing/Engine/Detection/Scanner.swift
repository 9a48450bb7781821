internal import CPrefilter

/// Finds entities in text, in one pass. Keeps its scratch memory: one scanner per thread, used again and again, allocates nothing while it
/// finds nothing.
public struct Scanner: Sendable {
    private let kinds: EntityKindSet
    private let minimumScore: Float
    /// Names whose placeholders are looked for in the text; empty in a scanner that was made for findings alone.
    private let literalNames: [[UInt8]]
    private var triggers: [agentshield_trigger]

    /// A scanner for `kinds` that leaves out findings below `minimumScore` (0 to 1).
    public init(kinds: EntityKindSet = EntityKindSet(EntityKind.builtIn), minimumScore: Float = 0.5) {
        self.init(kinds: kinds, minimumScore: minimumScore, literalNames: [])
    }

    init(kinds: EntityKindSet, minimumScore: Float, literalNames: [[UInt8]]) {
        self.kinds = kinds
        self.minimumScore = minimumScore
        self.literalNames = literalNames
        triggers = [agentshield_trigger](repeating: agentshield_trigger(), count: Int(AGENTSHIELD_TILE))
    }

    /// Replaces the contents of `findings` by the entities in `bytes`: in order, disjoint, at least `minimumScore`.
    public mutating func scan(_ bytes: UnsafeRawBufferPointer, into findings: inout [Finding]) {
        findings.removeAll(keepingCapacity: true)
        _ = collect(bytes, isFinal: true, into: &findings)
        Finding.resolveOverlaps(&findings)
    }

    /// Appends candidates, unresolved and nearly sorted by start. Returns the hold: all candidates that start before it are there and
    /// will stay as they are whatever follows `bytes`. The hold of a final text is its end.
    mutating func collect(_ bytes: UnsafeRawBufferPointer, isFinal: Bool, into findings: inout [Finding]) -> Int {
        guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return 0 }
        var pass = Pass(
            text: Text(base, count: bytes.count), isFinal: isFinal, kinds: kinds, minimumScore: minimumScore, literalNames: literalNames)
        var from = 0
        while from < bytes.count {
            let to = min(from + Int(AGENTSHIELD_TILE), bytes.count)
            triggers.withUnsafeMutableBufferPointer { triggers in
                let count = agentshield_find_triggers(base, bytes.count, from, to, triggers.baseAddress)
                for trigger in triggers[..<count] {
                    pass.look(at: from + Int(trigger.position), rules: UInt32(trigger.rules), &findings)
                }
            }
            from = to
        }
        return isFinal ? bytes.count : min(pass.hold, pass.trailingTokenStart())
    }
}

/// One pass over one text: sends triggers to the recognisers and keeps what they find.
private struct Pass {
    var text: Text
    let isFinal: Bool
    let kinds: EntityKindSet
    let minimumScore: Float
    let literalNames: [[UInt8]]
    /// The earliest start of a candidate that is not decided because the text ended.
    var hold: Int

    init(text: Text, isFinal: Bool, kinds: EntityKindSet, minimumScore: Float, literalNames: [[UInt8]]) {
        self.text = text
        self.isFinal = isFinal
        self.kinds = kinds
        self.minimumScore = minimumScore
        self.literalNames = literalNames
        hold = text.count
    }

    /// `rules` as in CPrefilter.h.
    mutating func look(at position: Int, rules: UInt32, _ findings: inout [Finding]) {
        if rules & UInt32(AGENTSHIELD_RULE_NUMBER) != 0 { lookAtNumber(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_CODE) != 0 { lookAtCode(position, &findings) }
        if rules & UInt32(AGENTSHIELD_RULE_TOKEN) != 0, kinds.contains(.secret) {
            let finding = Credential.match(&text, at: position)
            keep(finding, start: position, &findings)
        }
        if rules & UInt32(AGENTSHIELD_RULE_AT) != 0, kinds.contains(.email) {
            let (start, finding) = Email.match(&text, at: position)
            keep(finding, start: start, &findings)
        }
        if rules & UInt32(AGENTSHIELD_RULE_LITERAL) != 0, !literalNames.isEmpty {
            let (start, finding) = Literal.match(&text, at: position, names: literalNames)
            keep(finding, start: start, &findings)
        }
    }

    private mutating func lookAtNumber(_ position: Int, _ findings: inout [Finding]) {
        let phrase = NumberPhrase(&text, at: position)
        if kinds.contains(.card) { keep(Card.match(phrase, text), start: position, &findings) }
        if kinds.contains(.dni) {
            let finding = SpanishIdentity.matchDNI(phrase, &text)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.ipv4) {
            let finding = IPAddress.matchIPv4(&text, at: position)
            keep(finding, start: position, &findings)
        }
    }

    private mutating func lookAtCode(_ position: Int, _ findings: inout [Finding]) {
        if kinds.contains(.iban) {
            let finding = IBAN.match(&text, at: position)
            keep(finding, start: position, &findings)
        }
        if kinds.contains(.nie) {
            let finding = SpanishIdentity.matchNIE(&text, at: position)
            keep(finding, start: position, &findings)
        }
    }

    /// Takes a recogniser's answer; `start` is where a finding would start that it could not decide.
    private mutating func keep(_ finding: Finding?, start: Int, _ findings: inout [Finding]) {
        if text.reachedEnd {
            text.reachedEnd = false
            hold = min(hold, start)
        }
        if let finding, finding.score >= minimumScore || finding.kind == .literal { findings.append(finding) }
    }

    /// The start of the unbroken token at the end, as far back as an `@` behind it could make it a local part.
    func trailingTokenStart() -> Int {
        let limit = max(0, text.count - Limits.emailLocalPart)
        var index = text.count
        while index > limit, text.base[index - 1] > 0x20 { index -= 1 }
        return index
    }
}
