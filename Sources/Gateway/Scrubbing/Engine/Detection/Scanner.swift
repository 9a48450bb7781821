internal import CPrefilter

/// Finds entities in text, in one pass. Keeps its scratch memory: one scanner per thread, used again and again, allocates nothing while it
/// finds nothing.
public struct Scanner: Sendable {
    private let kinds: EntityKindSet
    private let minimumScore: Float
    /// Names whose placeholders are looked for in the text; empty in a scanner that was made for findings alone.
    private let literalNames: LiteralNames
    private let instructionSet: InstructionSet
    private var triggers: [agentshield_trigger]
    private var contextWords: [ContextView.Word]

    /// A scanner for `kinds` that leaves out findings below `minimumScore` (0 to 1). An instruction set that this machine does not have is
    /// replaced by the portable one.
    public init(
        kinds: EntityKindSet = EntityKindSet(EntityKind.builtIn), minimumScore: Float = 0.5, instructionSet: InstructionSet = .best
    ) {
        self.init(kinds: kinds, minimumScore: minimumScore, literalNames: [], instructionSet: instructionSet)
    }

    init(kinds: EntityKindSet, minimumScore: Float, literalNames: [[UInt8]], instructionSet: InstructionSet = .best) {
        self.kinds = kinds
        self.minimumScore = minimumScore
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
        guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return 0 }
        let looseFrom = max(0, bytes.count - (looseTail ?? (isFinal ? 0 : 64)))
        return triggers.withUnsafeMutableBufferPointer { triggers in
            contextWords.withUnsafeMutableBufferPointer { words in
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberPhrase.scratchSize) { scratch in
                    guard let triggers = triggers.baseAddress, let words = words.baseAddress, let scratch = scratch.baseAddress else {
                        return 0
                    }
                    var context = ContextView(words)
                    return withUnsafeMutablePointer(to: &context) { context in
                        var pass = Pass(
                            text: Text(base, count: bytes.count, context: context), isFinal: isFinal, kinds: kinds,
                            minimumScore: minimumScore, literalNames: literalNames, decided: decided, scratch: scratch)
                        if let covered { pass.resume(behind: covered, &findings) }
                        for from in stride(from: 0, to: bytes.count, by: Int(AGENTSHIELD_TILE)) {
                            let to = min(from + Int(AGENTSHIELD_TILE), bytes.count)
                            let count = agentshield_find_triggers(
                                instructionSet.set, base, bytes.count, from, to, looseFrom < bytes.count ? looseFrom : Int.max, triggers)
                            for index in 0..<count {
                                pass.look(at: from + Int(triggers[index].position), rules: UInt32(triggers[index].rules), &findings)
                            }
                        }
                        return isFinal ? bytes.count : min(pass.hold, pass.trailingTokenStart())
                    }
                }
            }
        }
    }
}
