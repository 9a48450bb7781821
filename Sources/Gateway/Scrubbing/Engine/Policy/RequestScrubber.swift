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
    /// Whether text that only looks like a placeholder stays as it is; otherwise it is replaced, so that it comes back as it was. For text that its
    /// provider wrote with placeholders in it, and that must go back unchanged.
    public var keepsLiterals = false
    /// Where the next text, a piece of JSON, has numbers, in order: one in which something is replaced is written as a string, for what stands there then
    /// is no number.
    package var numbers: [Range<Int>] = []
    /// Findings by kind over all texts, those that were only logged or blocked included.
    public private(set) var counts = EntityCounts()

    /// A scrubber for requests under `policy`. Making one allocates some 100 KiB: keep it, and ``reset()`` it between requests.
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
        keepsLiterals = false
        numbers.removeAll(keepingCapacity: true)
    }

    /// Appends the scrubbed text to `output`, or nothing when the outcome is not `changed`.
    public mutating func scrub(_ text: UnsafeRawBufferPointer, into output: inout [UInt8]) -> ScrubOutcome {
        scanner.scan(text, into: &findings)
        return replaceFindings(in: text, into: &output)
    }

    /// Does the same in slices of ``ScanProgress/slice`` bytes, so that one long text does not hold up everything else on its event loop:
    /// call it with the same text, progress and output until the answer is not nil. Another text must not come between.
    public mutating func scrubSlice(
        _ text: UnsafeRawBufferPointer, _ progress: inout ScanProgress, into output: inout [UInt8]
    ) -> ScrubOutcome? {
        if case .replacing = progress.stage {
            guard replaceOn(in: text, &progress, most: ScanProgress.replacements, into: &output) else { return nil }
            progress = ScanProgress()
            return .changed
        }
        guard scanner.scanSlice(text, &progress, into: &findings) else { return nil }
        if findings.count <= ScanProgress.replacements { return replaceFindings(in: text, into: &output) }
        if let outcome = judge() { return outcome }
        progress.stage = .replacing
        return nil
    }

    private mutating func replaceFindings(in text: UnsafeRawBufferPointer, into output: inout [UInt8]) -> ScrubOutcome {
        guard !findings.isEmpty else { return .unchanged }
        if let outcome = judge() { return outcome }
        output.reserveCapacity(output.count + text.count + 16 * findings.count)
        placeholders.reserve(values: findings.count, bytes: findings.reduce(0) { $0 + $1.range.count })
        var progress = ScanProgress()
        _ = replaceOn(in: text, &progress, most: findings.count, into: &output)
        return .changed
    }

    /// Counts the findings; nil when something is to be replaced.
    private mutating func judge() -> ScrubOutcome? {
        let blocked = count()
        guard blocked.isEmpty else { return .blocked(blocked) }
        return findings.contains { policy.action(for: $0.kind) != .logOnly && !isKept($0) } ? nil : .unchanged
    }

    private func isKept(_ finding: Finding) -> Bool { keepsLiterals && finding.kind == .literal }

    /// Replaces the next `most` findings; true when the text is at its end.
    private mutating func replaceOn(
        in text: UnsafeRawBufferPointer, _ progress: inout ScanProgress, most: Int, into output: inout [UInt8]
    ) -> Bool {
        let end = min(findings.count, progress.replaced + most)
        for index in progress.replaced..<end {
            let finding = findings[index]
            let action = policy.action(for: finding.kind)
            if action == .logOnly || isKept(finding) { continue }
            let number = numbers.isEmpty ? nil : number(around: finding.range)
            if let number, number.lowerBound >= progress.copied { open(number, text, &progress.copied, &output) }
            output.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[progress.copied..<finding.range.lowerBound]))
            replace(finding, UnsafeRawBufferPointer(rebasing: text[finding.range]), by: action, into: &output)
            progress.copied = finding.range.upperBound
            if let number, !goesOn(number, behind: index) { close(number, text, &progress.copied, &output) }
        }
        progress.replaced = end
        guard end == findings.count else { return false }
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[progress.copied...]))
        return true
    }

    // MARK: numbers

    /// The number in which a finding stands. One that goes beyond it is of no number.
    private func number(around finding: Range<Int>) -> Range<Int>? {
        var (low, high) = (0, numbers.count)
        while low < high {
            let middle = (low + high) / 2
            if numbers[middle].upperBound < finding.upperBound { low = middle + 1 } else { high = middle }
        }
        return low < numbers.count && numbers[low].lowerBound <= finding.lowerBound ? numbers[low] : nil
    }

    private func open(_ number: Range<Int>, _ text: UnsafeRawBufferPointer, _ copied: inout Int, _ output: inout [UInt8]) {
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[copied..<number.lowerBound]))
        output.append(UInt8(ascii: "\""))
        copied = number.lowerBound
    }

    private func close(_ number: Range<Int>, _ text: UnsafeRawBufferPointer, _ copied: inout Int, _ output: inout [UInt8]) {
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[copied..<number.upperBound]))
        output.append(UInt8(ascii: "\""))
        copied = number.upperBound
    }

    /// Whether something else of the same number is replaced.
    private func goesOn(_ number: Range<Int>, behind index: Int) -> Bool {
        findings[(index + 1)...].prefix { $0.range.lowerBound < number.upperBound }
            .contains { policy.action(for: $0.kind) != .logOnly && !isKept($0) && $0.range.upperBound <= number.upperBound }
    }

    /// Looks at the key of a JSON object, which is not changed whatever is found. Returns the kinds for which the policy refuses the request.
    public mutating func inspect(key: UnsafeRawBufferPointer) -> [EntityKind] {
        guard key.count >= Self.shortestFinding else { return [] }
        scanner.scan(key, into: &findings)
        return judgeKey()
    }

    /// Does the same in slices, as ``scrubSlice(_:_:into:)``.
    public mutating func inspectSlice(key: UnsafeRawBufferPointer, _ progress: inout ScanProgress) -> [EntityKind]? {
        scanner.scanSlice(key, &progress, into: &findings) ? judgeKey() : nil
    }

    private mutating func judgeKey() -> [EntityKind] {
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
            Placeholder.write(name: name, number: number, into: &output)
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
