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
    /// and the same `findings` until it returns true. They are the entities then, and not of use before. Another text must not come between.
    public mutating func scanSlice(
        _ bytes: UnsafeRawBufferPointer, _ progress: inout ScanProgress, into findings: inout [Finding]
    ) -> Bool {
        if case .new = progress.stage {
            findings.removeAll(keepingCapacity: true)
            progress.stage = foldsLookalikes ? .reading : .scanning(folds: false)
            if foldsLookalikes { reading.begin() }
        }
        if case .reading = progress.stage {
            guard let folds = reading.readOn(bytes, count: ScanProgress.slice) else { return false }
            progress.stage = .scanning(folds: folds)
        }
        guard case .scanning(folds: true) = progress.stage else {
            guard look(bytes, &progress, &findings) else { return false }
            Finding.resolveOverlaps(&findings)
            return true
        }
        // Out of `self`, which a scan changes.
        var reading = FoldedText()
        swap(&reading, &self.reading)
        defer { swap(&reading, &self.reading) }
        guard reading.bytes.withUnsafeBytes({ look($0, &progress, &findings) }) else { return false }
        for index in findings.indices { findings[index].range = reading.original(findings[index].range, bytes) }
        // The longer one of two is so in the text, not in its reading.
        Finding.resolveOverlaps(&findings)
        return true
    }

    /// Looks at the next slice of what is scanned; true behind the last one. Overlaps are left as they are.
    private mutating func look(_ bytes: UnsafeRawBufferPointer, _ progress: inout ScanProgress, _ findings: inout [Finding]) -> Bool {
        let slice = progress.scanned..<min(progress.scanned + ScanProgress.slice, bytes.count)
        let known = findings.count
        if let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress {
            var text = Text(base, count: bytes.count)
            (text.coveredEnd, text.raisedKind) = (progress.coveredEnd, progress.raisedKind)
            let instructionSet = instructionSet
            run(text, isFinal: true, decided: 0) { pass, triggers in
                pass.look(slice, instructionSet, triggers, &findings)
                (progress.coveredEnd, progress.raisedKind) = (pass.text.coveredEnd, pass.text.raisedKind)
            }
        }
        patterns?.collect(bytes, slice, free: &progress.free, kinds: kinds, filter: filter, sorting: known, into: &findings)
        progress.scanned = slice.upperBound
        guard slice.upperBound == bytes.count else { return false }
        progress = ScanProgress()
        return true
    }

    /// Appends candidates that start at `decided` or later, unresolved and nearly sorted by start. `decided` is where an earlier answer
    /// ends, and `covered` the last finding before it.
    ///
    /// Returns the hold: all candidates that start before it are there and will stay as they are whatever follows `bytes`. The hold of a
    /// final text is its end.
    mutating func collect(
        _ bytes: UnsafeRawBufferPointer, isFinal: Bool, decided: Int = 0, covered: Finding? = nil,
        into findings: inout [Finding]
    ) -> Int {
        guard foldsLookalikes else {
            return collectPlain(bytes, isFinal: isFinal, decided: decided, covered: covered, into: &findings)
        }
        let end = isFinal ? bytes.count : FoldedText.wholeEnd(bytes)
        let text = UnsafeRawBufferPointer(rebasing: bytes[..<end])
        guard reading.read(text) else {
            return collectPlain(text, isFinal: isFinal, decided: decided, covered: covered, into: &findings)
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
                $0, isFinal: isFinal, decided: reading.index(of: decided), covered: folded, into: &findings)
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
        _ bytes: UnsafeRawBufferPointer, isFinal: Bool, decided: Int, covered: Finding?, into findings: inout [Finding]
    ) -> Int {
        guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return 0 }
        var text = Text(base, count: bytes.count)
        if let covered { text.cover(covered) }
        let start = max(0, decided - Limits.triggerLead)
        var hold = text.count
        if isFinal {
            let instructionSet = instructionSet
            run(text, isFinal: true, decided: decided) { pass, triggers in
                if let covered { pass.resume(behind: covered, &findings) }
                pass.look(start..<pass.text.count, instructionSet, triggers, &findings)
            }
        } else {
            hold = collectOpen(text, from: start, decided: decided, covered: covered, into: &findings)
        }
        guard let patterns else { return hold }
        return min(hold, patterns.collect(bytes, isFinal: isFinal, decided: decided, kinds: kinds, filter: filter, into: &findings))
    }

    /// In a text that goes on. Most of the time, in prose, nothing has begun that could become something, but for the token at the end: then
    /// there is nothing to look at.
    private mutating func collectOpen(
        _ text: Text, from start: Int, decided: Int, covered: Finding?, into findings: inout [Finding]
    ) -> Int {
        var hold = text.tokenStart(before: text.count)
        // What a trigger in the token at the end finds does not start before that token, unless it is longer than rules look back.
        let end = text.count - hold < Limits.userInfo ? hold : text.count
        let tile = min(start, end)..<min(start + Int(AGENTSHIELD_TILE), end)
        let instructionSet = instructionSet
        let count = triggers.withUnsafeMutableBufferPointer { triggers in
            let count = instructionSet.findTriggers(text, tile, goesOn: true, into: triggers)
            // Before what is undecided, most of them find nothing any more.
            return triggers[..<count].contains { start + Int($0.position) >= decided || Pass.looksAhead($0) } ? count : 0
        }
        let isWhole = tile.upperBound == end && covered?.kind != .privateKey
        if count == 0, isWhole, !Pass.looksAtEveryWord(kinds) {
            // What comes to light behind a date's start only would be behind the hold then.
            let dates = max(decided, hold - Limits.dateInWords)..<hold
            if !kinds.contains(.dateOfBirth) || !hasOpenDate(text, dates) { return hold }
        }
        run(text, isFinal: false, decided: decided) { pass, triggers in
            pass.hold = hold
            if let covered { pass.resume(behind: covered, &findings) }
            pass.look(tile.lowerBound..<end, instructionSet, triggers, found: count, &findings)
            hold = pass.hold
        }
        return hold
    }

    /// A date in words that starts in the range crosses its end, or may do so.
    private func hasOpenDate(_ text: Text, _ range: Range<Int>) -> Bool {
        var text = text
        var isInWord = text.before(range.lowerBound).isWordByte
        var position = range.lowerBound
        while position < range.upperBound {
            let isWord = text.base[position].isWordByte
            if isWord, !isInWord, BirthDate.mayStart(text, position), BirthDate.crosses(range.upperBound, &text, from: position) {
                return true
            }
            isInWord = isWord
            position &+= 1
        }
        return false
    }

    /// Makes a pass over `text` with this scanner's memory; its triggers are written where the second argument says.
    @inline(__always)
    private mutating func run(
        _ text: Text, isFinal: Bool, decided: Int, _ body: (inout Pass, UnsafeMutableBufferPointer<agentshield_trigger>) -> Void
    ) {
        triggers.withUnsafeMutableBufferPointer { triggers in
            contextWords.withUnsafeMutableBufferPointer { words in
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberRun.scratchSize) { scratch in
                    guard let words = words.baseAddress, let scratch = scratch.baseAddress else { return }
                    var context = ContextView(words, instructionSet)
                    withUnsafeMutablePointer(to: &context) { context in
                        var text = text
                        text.context = context
                        var pass = Pass(
                            text: text, isFinal: isFinal, kinds: kinds, filter: filter, literalNames: literalNames,
                            decided: decided, scratch: scratch)
                        body(&pass, triggers)
                    }
                }
            }
        }
    }
}
