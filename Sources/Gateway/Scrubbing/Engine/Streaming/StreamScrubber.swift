/// What became of a piece of a stream.
public enum StreamOutcome: Hashable, Sendable {
    /// What is decided was appended to the output.
    case passed
    /// The policy blocks these kinds; from here on the stream puts out nothing.
    case blocked([EntityKind])
}

/// Scrubs a provider's answer as it arrives. Exact: the output's bytes, all together, are the same for every chunking, single bytes
/// included. In answers findings are never numbered: where the policy says `placeholder`, the value is redacted. A document of any length is
/// numbered within a bound: ``init(policy:numbering:)``.
///
/// Feed it decoded text, one scrubber per choice and tool call: escapes of JSON would hide entities.
public struct StreamScrubber: Sendable {
    private let policy: ScrubPolicy
    private var scanner: Scanner
    private var candidates: [Finding] = []
    private var findings: [Finding] = []
    /// Left context, then undecided text.
    private var buffer: [UInt8] = []
    /// Where undecided text starts in `buffer`.
    private var decided = 0
    /// Where the unbroken token at the end of `buffer` starts, as far as it is in there.
    private var token = 0
    /// How much of `buffer` the last scan saw.
    private var scanned = 0
    private var blockedKinds: [EntityKind] = []
    /// The values that have numbers, in a document; nil in an answer.
    private var placeholders: PlaceholderMap?
    private var numberedValues = 0
    /// Bytes of the text that were dropped from `buffer`.
    private var forgotten = 0
    private var reported: [Finding] = []
    /// Whether findings are kept until ``takeFindings()`` is asked for them.
    public var reportsFindings = false
    /// Values that were redacted because so many had a number already.
    public private(set) var unnumberedValues = 0
    /// Findings by kind so far.
    public private(set) var counts = EntityCounts()

    /// The last candidate that was decided, in `buffer`: a pass over the whole text would have this one in mind here.
    private var covered: Finding?

    /// Bytes of memory for text that ``reset()`` keeps.
    private static let mostKept = 65_536

    /// A scrubber for answers under `policy`: nothing is numbered, and text that looks like a placeholder is left alone.
    public init(policy: ScrubPolicy) {
        self.init(policy: policy, instructionSet: .best)
    }

    package init(policy: ScrubPolicy, instructionSet: InstructionSet) {
        self.policy = policy
        scanner = policy.answerScanner(instructionSet)
    }

    /// A scrubber for a document that somebody sends: where the policy says `placeholder`, values are numbered as ``RequestScrubber`` does, and
    /// text that looks like a placeholder is made one.
    ///
    /// - Parameter numbering: how many values, and at most 16 MiB of them, are remembered. Further values are redacted; those that have a number
    ///   keep it.
    public init(policy: ScrubPolicy, numbering: Int) {
        self.policy = policy
        scanner = policy.requestScanner()
        placeholders = PlaceholderMap()
        numberedValues = numbering
    }

    /// The findings that were decided since this was asked last, by their bytes in the whole text; empty unless ``reportsFindings``.
    public mutating func takeFindings() -> [Finding] {
        defer { reported.removeAll(keepingCapacity: true) }
        return reported
    }

    /// How many bytes are held back.
    public var heldBack: Int { buffer.count - decided }

    /// Takes a chunk; appends to `output` what no further chunk can change.
    public mutating func feed(_ chunk: UnsafeRawBufferPointer, into output: inout [UInt8]) -> StreamOutcome {
        guard blockedKinds.isEmpty else { return .blocked(blockedKinds) }
        let end = buffer.count
        buffer.append(contentsOf: chunk.assumingMemoryBound(to: UInt8.self))
        if let blank = chunk.lastIndex(where: { $0 <= 0x20 }) { token = end + blank + 1 }
        // Only one unbroken token is held back and goes on: it stays held.
        if token <= decided, heldBack < Limits.userInfo { return .passed }
        guard buffer.count - scanned >= Self.patience(heldBack) else { return .passed }
        return process(isFinal: false, into: &output)
    }

    /// How many bytes must have come before what is held back is looked at again: else a long token or key, fed byte by byte, would cost the
    /// square of its length, and a row of numbers many times what it costs at once. A few words in prose are looked at with every chunk.
    private static func patience(_ heldBack: Int) -> Int {
        heldBack < 32 ? 0 : max(min(heldBack / 4, 160), heldBack / 8)
    }

    /// Ends the text: decides and appends the rest. The scrubber is then ready for another text, with its counts kept.
    public mutating func finish(into output: inout [UInt8]) -> StreamOutcome {
        guard blockedKinds.isEmpty else { return .blocked(blockedKinds) }
        let outcome = process(isFinal: true, into: &output)
        forgetText()
        return outcome
    }

    /// Makes this ready for another text of the same policy, in the same memory, wherever the last one stopped: nothing is counted, and no value
    /// has a number.
    public mutating func reset() {
        forgetText()
        if buffer.capacity > Self.mostKept { buffer = [] }
        counts = EntityCounts()
        if !blockedKinds.isEmpty { blockedKinds = [] }
        if placeholders != nil { placeholders = PlaceholderMap() }
        if !reported.isEmpty { reported = [] }
        unnumberedValues = 0
    }

    private mutating func forgetText() {
        buffer.removeAll(keepingCapacity: true)
        decided = 0
        covered = nil
        token = 0
        scanned = 0
        forgotten = 0
    }

    private mutating func process(isFinal: Bool, into output: inout [UInt8]) -> StreamOutcome {
        let origin = max(0, decided - scanner.lookBehind)
        if !candidates.isEmpty { candidates.removeAll(keepingCapacity: true) }
        var hold = buffer.withUnsafeBytes {
            origin
                + scanner.collect(
                    UnsafeRawBufferPointer(rebasing: $0[origin...]), isFinal: isFinal, decided: decided - origin,
                    covered: covered?.moved(by: -origin), into: &candidates)
        }
        scanned = buffer.count
        guard !candidates.isEmpty else {
            passOn(upTo: characterStart(hold), into: &output)
            return .passed
        }
        findings.removeAll(keepingCapacity: true)
        findings.append(contentsOf: candidates)
        Finding.resolveOverlaps(&findings)
        hold = holdPoint(hold, origin: origin)
        guard hold > decided else { return .passed }
        for finding in findings where origin + finding.range.lowerBound < hold && finding.kind != .literal {
            counts.add(finding.kind)
            if reportsFindings { reported.append(finding.moved(by: origin + forgotten)) }
            if policy.action(for: finding.kind) == .block {
                blockedKinds = [finding.kind]
                write(upTo: origin + finding.range.lowerBound, origin: origin, into: &output)
                return .blocked(blockedKinds)
            }
        }
        write(upTo: hold, origin: origin, into: &output)
        for candidate in candidates where candidate.kind.customIndex == nil && origin + candidate.range.lowerBound < hold {
            let moved = candidate.moved(by: origin)
            if moved.range.upperBound >= covered?.range.upperBound ?? 0 { covered = moved }
        }
        forget()
        return .passed
    }

    /// Puts out text in which nothing was found.
    private mutating func passOn(upTo hold: Int, into output: inout [UInt8]) {
        guard hold > decided else { return }
        buffer.withUnsafeBufferPointer { output.append(contentsOf: UnsafeBufferPointer(rebasing: $0[decided..<hold])) }
        decided = hold
        forget()
    }

    /// The hold, off the inside of a UTF-8 sequence.
    private func characterStart(_ hold: Int) -> Int {
        var boundary = hold
        while boundary > decided, boundary < buffer.count, hold - boundary < 3, buffer[boundary] & 0xC0 == 0x80 { boundary -= 1 }
        return boundary
    }

    /// The hold, moved before a finding that crosses it, since what follows may join it.
    private func holdPoint(_ hold: Int, origin: Int) -> Int {
        var boundary = characterStart(hold)
        for finding in findings where origin + finding.range.lowerBound < boundary && origin + finding.range.upperBound > boundary {
            boundary = origin + finding.range.lowerBound
        }
        return boundary
    }

    private mutating func write(upTo hold: Int, origin: Int, into output: inout [UInt8]) {
        var (decided, placeholders) = (self.decided, self.placeholders)
        self.placeholders = nil
        defer { (self.decided, self.placeholders) = (decided, placeholders) }
        buffer.withUnsafeBytes { bytes in
            for finding in findings where origin + finding.range.lowerBound < hold {
                let start = origin + finding.range.lowerBound
                output.append(contentsOf: bytes[decided..<start])
                decided = origin + finding.range.upperBound
                let value = UnsafeRawBufferPointer(rebasing: bytes[start..<decided])
                switch policy.action(for: finding.kind) {
                case .placeholder: number(value, finding.kind, &placeholders, &output)
                case .redact: Replacement.redact(policy.name(of: finding.kind), into: &output)
                case .hash: Replacement.hash(value, policy.name(of: finding.kind), policy.digest, into: &output)
                case .mask(let keepLast): Replacement.mask(value, keepLast: keepLast, into: &output)
                case .block, .logOnly, .ignore: output.append(contentsOf: value)
                }
            }
            output.append(contentsOf: bytes[decided..<hold])
            decided = hold
        }
    }

    private mutating func number(
        _ value: UnsafeRawBufferPointer, _ kind: EntityKind, _ placeholders: inout PlaceholderMap?, _ output: inout [UInt8]
    ) {
        let name = policy.name(of: kind)
        guard let number = placeholders?.number(for: value, kind: kind, name: name, mostValues: numberedValues) else {
            if placeholders != nil { unnumberedValues += 1 }
            return Replacement.redact(name, into: &output)
        }
        Placeholder.write(name: name, number: number, into: &output)
    }

    /// Drops decided text that no look-behind reaches.
    private mutating func forget() {
        guard decided >= 4 * scanner.lookBehind else { return }
        let dropped = decided - scanner.lookBehind
        buffer.removeFirst(dropped)
        forgotten += dropped
        decided -= dropped
        covered = covered?.moved(by: -dropped)
        scanned -= dropped
        token = max(0, token - dropped)
    }
}
