/// One entity in a text.
public struct Finding: Hashable, Sendable {
    /// What was found.
    public var kind: EntityKind
    /// Bytes of the text that was scanned.
    public var range: Range<Int>
    /// How sure the engine is, from 0 to 1: about 0.4 for a shape alone, 0.6 and more with a checksum or a context word.
    public var score: Float
    /// A context word to the left of the value (`tel`, `iban`, `DNI`) raised the score.
    public var raisedByContext: Bool

    /// A finding as somebody else made it, such as a test.
    public init(kind: EntityKind, range: Range<Int>, score: Float, raisedByContext: Bool = false) {
        self.kind = kind
        self.range = range
        self.score = score
        self.raisedByContext = raisedByContext
    }
}

extension Finding {
    /// Sorts candidates by start and makes disjoint findings of them, in place and without allocating.
    ///
    /// The rule: candidates that overlap, directly or through others, become one finding that covers all of them, so that no byte of any
    /// of them is left over. Its kind, score and context are those of the best: the higher score, then the longer range, then the
    /// earlier start, then the lower kind. A join never grows beyond ``Limits/joinedSpan``: the candidate that would make it so is cut to
    /// what lies behind the join.
    static func resolveOverlaps(_ findings: inout [Finding]) {
        guard findings.count > 1 else { return }
        sortByStart(&findings)
        var last = 0
        var best = findings[0]
        for index in 1..<findings.count {
            var candidate = findings[index]
            let joined = findings[last].range
            if candidate.range.lowerBound < joined.upperBound {
                let end = max(joined.upperBound, candidate.range.upperBound)
                if end == joined.upperBound || end - joined.lowerBound <= Limits.joinedSpan {
                    if candidate.isBetter(than: best) { best = candidate }
                    findings[last] = best
                    findings[last].range = joined.lowerBound..<end
                    continue
                }
                candidate.range = joined.upperBound..<candidate.range.upperBound
            }
            last += 1
            findings[last] = candidate
            best = candidate
        }
        findings.removeLast(findings.count - last - 1)
    }

    /// The finding in a text that starts elsewhere; what lies before that text's start is cut off.
    func moved(by offset: Int) -> Finding {
        var moved = self
        moved.range = max(0, range.lowerBound + offset)..<max(0, range.upperBound + offset)
        return moved
    }

    private func isBetter(than other: Finding) -> Bool {
        if score != other.score { return score > other.score }
        if range.count != other.range.count { return range.count > other.range.count }
        if range.lowerBound != other.range.lowerBound { return range.lowerBound < other.range.lowerBound }
        return kind < other.kind
    }

    /// Insertion sort: triggers come in order, so candidates are at most one bounded look-behind out of place.
    private static func sortByStart(_ findings: inout [Finding]) {
        for index in 1..<findings.count {
            let moved = findings[index]
            var slot = index
            while slot > 0, moved.range.lowerBound < findings[slot - 1].range.lowerBound {
                findings[slot] = findings[slot - 1]
                slot -= 1
            }
            if slot != index { findings[slot] = moved }
        }
    }
}
