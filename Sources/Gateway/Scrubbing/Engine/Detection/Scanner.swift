internal import CPrefilter

/// Finds entities in text, in one pass. Keeps its scratch memory: one scanner per thread, used again and again, allocates nothing while it
/// finds nothing.
public struct Scanner: Sendable {
    private let kinds: EntityKindSet
    private let filter: FindingFilter
    private let patterns: PatternSet?
    /// Names whose placeholders are looked for in the text; empty in a scanner that was made for findings alone.
    private let literalNames: LiteralNames
    private let instructionSet: InstructionSet
    /// Scans the ``FoldedText`` in place of the text.
    private let foldsLookalikes: Bool
    private var reading = FoldedText()
    private var triggers: [agentshield_trigger]
    private var contextWords: [ContextView.Word]

    /// A scanner for `kinds` that leaves out findings below `minimumScore` (0 to 1). An instruction set that this machine does not have is
    /// replaced by the portable one.
    ///
    /// `foldsLookalikes`: sees through tricks with Unicode. Signs without a width are passed over, and full-width letters, digits of other
    /// scripts, special spaces and hyphens, and Cyrillic and Greek letters that look like Latin ones count as the ASCII ones. Ranges are
    /// those of the bytes as they are. It costs memory as large as the text, once, where something folds.
    public init(
        kinds: EntityKindSet = EntityKindSet(EntityKind.standard), minimumScore: Float = 0.5, foldsLookalikes: Bool = false,
        instructionSet: InstructionSet = .best
    ) {
        self.init(
            kinds: kinds, filter: FindingFilter(minimumScore: minimumScore), patterns: nil, literalNames: [],
            foldsLookalikes: foldsLookalikes, instructionSet: instructionSet)
    }

    init(
        kinds: EntityKindSet, filter: FindingFilter, patterns: PatternSet?, literalNames: [[UInt8]], foldsLookalikes: Bool = false,
        instructionSet: InstructionSet = .best
    ) {
        self.foldsLookalikes = foldsLookalikes
        self.kinds = kinds
        self.filter = filter
        self.patterns = patterns
        self.literalNames = LiteralNames(literalNames)
        self.instructionSet = instructionSet.isAvailable ? instructionSet : .portable
        triggers = [agentshield_trigger](repeating: agentshield_trigger(), count: Int(AGENTSHIELD_TILE))
        contextWords = [ContextView.Word](repeating: ContextView.Word(), count: ContextView.capacity)
    }

    /// Replaces the contents of `findings` by the entities in `bytes`: in order, disjoint, at least `minimumScore`.
    public mutating func scan(_ bytes: UnsafeRawBufferPointer, into findings: inout [Finding]) {
        findings.removeAll(keepingCapacity: true)
        _ = collect(bytes, isFinal: true, into: &findings)
        Finding.resolveOverlaps(&findings)
    }

    /// Does the same in slices of ``ScanProgress/slice`` bytes, so that its caller can do other things between: call it with the same bytes
    /// and the same `findings` until it returns true. They are the entities then, and not of use before.
    public mutating func scanSlice(
        _ bytes: UnsafeRawBufferPointer, _ progress: inout ScanProgress, into findings: inout [Finding]
    ) -> Bool {
        if foldsLookalikes {
            // A reading is made whole.
            scan(bytes, into: &findings)
            return true
        }
        if progress.scanned == 0 { findings.removeAll(keepingCapacity: true) }
        let end = min(progress.scanned + ScanProgress.slice, bytes.count)
        let instructionSet = instructionSet
        run(bytes, isFinal: true, decided: 0, coveredEnd: progress.coveredEnd, raisedKind: progress.raisedKind) { pass, triggers in
            Self.look(progress.scanned..<end, looseFrom: .max, instructionSet, &pass, triggers, &findings)
            progress.coveredEnd = pass.text.coveredEnd
            progress.raisedKind = pass.text.raisedKind
        }
        progress.scanned = end
        guard end == bytes.count else { return false }
        _ = patterns?.collect(bytes, isFinal: true, decided: 0, kinds: kinds, filter: filter, into: &findings)
        Finding.resolveOverlaps(&findings)
        progress = ScanProgress()
        return true
    }

    /// Appends candidates that start at `decided` or later, unresolved and nearly sorted by start. `decided` is where an earlier answer
    /// ends, and `covered` the last finding before it.
    ///
    /// Returns the hold: all candidates that start before it are there and will stay as they are whatever follows `bytes`. The hold of a
    /// final text is its end.
    ///
    /// `looseTail`: how many bytes at the end are looked at without the prefilter's plausibility rules. Results do not depend on it, as
    /// long as it is at least 64 in a text that is not final.
    mutating func collect(
        _ bytes: UnsafeRawBufferPointer, isFinal: Bool, decided: Int = 0, covered: Finding? = nil, looseTail: Int? = nil,
        into findings: inout [Finding]
    ) -> Int {
        guard foldsLookalikes else {
            return collectPlain(bytes, isFinal: isFinal, decided: decided, covered: covered, looseTail: looseTail, into: &findings)
        }
        let end = isFinal ? bytes.count : FoldedText.wholeEnd(bytes)
        let text = UnsafeRawBufferPointer(rebasing: bytes[..<end])
        guard reading.read(text) else {
            return collectPlain(text, isFinal: isFinal, decided: decided, covered: covered, looseTail: looseTail, into: &findings)
        }
        var reading = FoldedText()
        swap(&reading, &self.reading)
        let first = findings.count
        let folded = covered.map {
            Finding(
                kind: $0.kind, range: reading.index(of: $0.range.lowerBound)..<reading.index(of: $0.range.upperBound), score: $0.score,
                raisedByContext: $0.raisedByContext)
        }
        let hold = reading.bytes.withUnsafeBytes {
            collectPlain(
                $0, isFinal: isFinal, decided: reading.index(of: decided), covered: folded, looseTail: looseTail, into: &findings)
        }
        for index in first..<findings.count { findings[index].range = reading.original(findings[index].range, text) }
        swap(&reading, &self.reading)
        return self.reading.original(hold, end: end)
    }

    /// How much text before what is undecided a stream must keep.
    var lookBehind: Int {
        foldsLookalikes ? FoldedText.longestScalar * Limits.lookBehind : Limits.lookBehind
    }

    private mutating func collectPlain(
        _ bytes: UnsafeRawBufferPointer, isFinal: Bool, decided: Int, covered: Finding?, looseTail: Int?, into findings: inout [Finding]
    ) -> Int {
        var hold = bytes.count
        let instructionSet = instructionSet
        run(bytes, isFinal: isFinal, decided: decided, coveredEnd: 0, raisedKind: nil) { pass, triggers in
            if let covered { pass.resume(behind: covered, &findings) }
            let looseFrom = max(0, bytes.count - (looseTail ?? (isFinal ? 0 : 64)))
            Self.look(
                max(0, decided - Limits.triggerLead)..<bytes.count, looseFrom: looseFrom < bytes.count ? looseFrom : .max, instructionSet,
                &pass, triggers, &findings)
            if !isFinal { hold = min(pass.hold, pass.trailingTokenStart()) }
        }
        guard let patterns else { return hold }
        return min(hold, patterns.collect(bytes, isFinal: isFinal, decided: decided, kinds: kinds, filter: filter, into: &findings))
    }

    /// Makes a pass over `bytes` with this scanner's memory; its triggers are written where the second argument says.
    @inline(__always)
    private mutating func run(
        _ bytes: UnsafeRawBufferPointer, isFinal: Bool, decided: Int, coveredEnd: Int, raisedKind: EntityKind?,
        _ body: (inout Pass, UnsafeMutablePointer<agentshield_trigger>) -> Void
    ) {
        guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return }
        triggers.withUnsafeMutableBufferPointer { triggers in
            contextWords.withUnsafeMutableBufferPointer { words in
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberRun.scratchSize) { scratch in
                    guard let triggers = triggers.baseAddress, let words = words.baseAddress, let scratch = scratch.baseAddress else {
                        return
                    }
                    var context = ContextView(words)
                    withUnsafeMutablePointer(to: &context) { context in
                        var text = Text(base, count: bytes.count, context: context)
                        text.coveredEnd = coveredEnd
                        text.raisedKind = raisedKind
                        var pass = Pass(
                            text: text, isFinal: isFinal, kinds: kinds, filter: filter, literalNames: literalNames,
                            decided: decided, scratch: scratch)
                        body(&pass, triggers)
                    }
                }
            }
        }
    }

    /// Shows the pass what the prefilter finds in a range of its text.
    private static func look(
        _ range: Range<Int>, looseFrom: Int, _ instructionSet: InstructionSet, _ pass: inout Pass,
        _ triggers: UnsafeMutablePointer<agentshield_trigger>, _ findings: inout [Finding]
    ) {
        var from = range.lowerBound
        while from < range.upperBound {
            let to = min(from + Int(AGENTSHIELD_TILE), range.upperBound)
            let count = agentshield_find_triggers(
                instructionSet.set, pass.text.base, pass.text.count, from, to, looseFrom, triggers)
            var word = from
            for index in 0..<count {
                let position = from + Int(triggers[index].position)
                if pass.looksAtWords { pass.lookAtWords(&word, upTo: position, &findings) }
                pass.look(at: position, rules: UInt32(triggers[index].rules), &findings)
            }
            if pass.looksAtWords { pass.lookAtWords(&word, upTo: to, &findings) }
            from = to
        }
    }
}
