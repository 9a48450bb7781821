/// What scrubbing one text came to.
public enum ScrubOutcome: Hashable, Sendable {
    /// Nothing to replace; nothing was written and the text can go on as it is.
    case unchanged
    /// The output has the text with replacements.
    case changed
    /// The policy blocks these kinds, in the kinds' order; nothing was written.
    case blocked([EntityKind])
}

/// Scrubs the texts of one request. Give it the texts in canonical order (tools, system, messages): placeholders are numbered by first
/// occurrence, so a conversation that grows keeps its numbers, and the provider's prompt cache stays good.
public struct RequestScrubber: Sendable {
    private let policy: ScrubPolicy
    private var scanner: Scanner
    private var findings: [Finding] = []
    /// The values that were replaced, for ``Restorer``.
    public private(set) var placeholders = PlaceholderMap()
    /// Findings by kind over all texts, those that were only logged or blocked included.
    public private(set) var counts = EntityCounts()

    public init(policy: ScrubPolicy) {
        self.init(policy: policy, instructionSet: .best)
    }

    package init(policy: ScrubPolicy, instructionSet: InstructionSet) {
        self.policy = policy
        scanner = policy.requestScanner(instructionSet)
    }

    /// Makes the scrubber ready for another request and keeps its memory.
    public mutating func reset() {
        placeholders = PlaceholderMap()
        counts = EntityCounts()
    }

    /// Appends the scrubbed text to `output`, or nothing when the outcome is not `changed`.
    public mutating func scrub(_ text: UnsafeRawBufferPointer, into output: inout [UInt8]) -> ScrubOutcome {
        scanner.scan(text, into: &findings)
        return replaceFindings(in: text, into: &output)
    }

    /// Does the same in slices of ``ScanProgress/slice`` bytes, so that one long text does not hold up everything else on its event loop:
    /// call it with the same text and progress until the answer is not nil. Another text must not come between.
    public mutating func scrubSlice(
        _ text: UnsafeRawBufferPointer, _ progress: inout ScanProgress, into output: inout [UInt8]
    ) -> ScrubOutcome? {
        scanner.scanSlice(text, &progress, into: &findings) ? replaceFindings(in: text, into: &output) : nil
    }

    private mutating func replaceFindings(in text: UnsafeRawBufferPointer, into output: inout [UInt8]) -> ScrubOutcome {
        guard !findings.isEmpty else { return .unchanged }
        let blocked = count()
        guard blocked.isEmpty else { return .blocked(blocked) }
        guard findings.contains(where: { policy.action(for: $0.kind) != .logOnly }) else { return .unchanged }
        output.reserveCapacity(output.count + text.count + 16 * findings.count)
        var copied = 0
        for finding in findings {
            let action = policy.action(for: finding.kind)
            if action == .logOnly { continue }
            output.append(contentsOf: text[copied..<finding.range.lowerBound])
            replace(finding, UnsafeRawBufferPointer(rebasing: text[finding.range]), by: action, into: &output)
            copied = finding.range.upperBound
        }
        output.append(contentsOf: text[copied...])
        return .changed
    }

    /// Looks at the key of a JSON object, which is not changed whatever is found. Returns the kinds for which the policy refuses the request.
    public mutating func inspect(key: UnsafeRawBufferPointer) -> [EntityKind] {
        guard key.count >= Self.shortestFinding else { return [] }
        scanner.scan(key, into: &findings)
        guard !findings.isEmpty else { return [] }
        let blocked = count()
        guard policy.keys == .block else { return blocked }
        let found = findings.map(\.kind).filter { $0 != .literal && policy.action(for: $0) != .logOnly }
        return Array(Set(found)).sorted()
    }

    /// No built-in kind is shorter, and keys are many.
    private static let shortestFinding = 3

    /// The name of a kind that was found: see ``ScrubPolicy/name(of:)``.
    public func name(of kind: EntityKind) -> String {
        policy.name(of: kind)
    }

    /// Counts the findings and returns the kinds that the policy blocks.
    private mutating func count() -> [EntityKind] {
        var blocked: [EntityKind] = []
        for finding in findings where finding.kind != .literal {
            counts.add(finding.kind)
            if policy.action(for: finding.kind) == .block, !blocked.contains(finding.kind) { blocked.append(finding.kind) }
        }
        return blocked.sorted()
    }

    private mutating func replace(
        _ finding: Finding, _ value: UnsafeRawBufferPointer, by action: ScrubAction, into output: inout [UInt8]
    ) {
        switch action {
        case .placeholder:
            let name = policy.name(of: finding.kind)
            let number = placeholders.number(for: value, kind: finding.kind, name: name)
            Placeholder.write(name: name.utf8, number: number, into: &output)
        case .redact:
            Replacement.redact(policy.name(of: finding.kind), into: &output)
        case .hash:
            Replacement.hash(value, policy.name(of: finding.kind), policy.digest, into: &output)
        case .mask(let keepLast):
            Replacement.mask(value, keepLast: keepLast, into: &output)
        case .block, .logOnly, .ignore:
            output.append(contentsOf: value)
        }
    }
}
