/// Looks for a group of patterns in a text: from each byte on, the longest match of each pattern; a pattern's matches do not overlap.
///
/// Linear: a run from one byte stops where it meets the run before it in the same state, since all further on is known. So every byte costs
/// at most as many steps as a pattern counts (`{m,n}`) before it forgets where it began, and never more than ``Limits/customMatch``.
struct PatternSearch {
    private let group: PatternSet.Group
    private let text: Text
    private let isFinal: Bool
    private let kinds: EntityKindSet
    private let filter: FindingFilter
    /// The states of the last run, by position modulo the count: twice ``Limits/customMatch``, a power of two.
    private let trace: UnsafeMutableBufferPointer<UInt16>
    /// The trace has states for the positions behind `traceStart`, up to `traceEnd`.
    private var traceStart = 0
    private var traceEnd = 0
    /// No pattern goes on behind `traceEnd`.
    private var traceIsOver = false
    /// Room for ``Limits/customPatterns`` numbers each. Where each pattern ended last in the run, if `found` has it.
    private let ends: UnsafeMutableBufferPointer<Int>
    private var found: UInt64 = 0
    /// From where on each pattern may match again.
    private let free: UnsafeMutableBufferPointer<Int>
    /// Steps so far; tests hold them against the text's length.
    private(set) var steps = 0

    static let traceCount = 2 * Limits.customMatch

    init(
        _ group: PatternSet.Group, text: Text, isFinal: Bool, kinds: EntityKindSet, filter: FindingFilter,
        trace: UnsafeMutableBufferPointer<UInt16>, marks: UnsafeMutableBufferPointer<Int>
    ) {
        self.group = group
        self.text = text
        self.isFinal = isFinal
        self.kinds = kinds
        self.filter = filter
        self.trace = trace
        ends = UnsafeMutableBufferPointer(rebasing: marks[..<group.entries.count])
        free = UnsafeMutableBufferPointer(rebasing: marks[Limits.customPatterns..<Limits.customPatterns + group.entries.count])
        free.initialize(repeating: 0)
    }

    /// Appends matches that start at `decided` or later. Returns the first start that is not decided because the text ended, or its end.
    mutating func run(from decided: Int, into findings: inout [Finding]) -> Int {
        let automaton = group.automaton
        return automaton.canStart.withUnsafeBufferPointer { canStart in
            automaton.next.withUnsafeBufferPointer { next in
                automaton.classes.withUnsafeBufferPointer { classes in
                    var start = decided
                    while start < text.count {
                        let isInWord = start > 0 && text.base[start - 1].isWordByte
                        guard canStart[Int(text.base[start]) + (isInWord ? 256 : 0)] else {
                            start += 1
                            continue
                        }
                        let state = isInWord ? automaton.startInWord : automaton.start
                        guard follow(from: start, state, automaton, next, classes) else { return start }
                        start = found == 0 ? start + 1 : keep(from: start, &findings)
                    }
                    return text.count
                }
            }
        }
    }

    /// Follows the automaton from `start`. False when more text could change what it finds.
    @inline(__always)
    private mutating func follow(
        from start: Int, _ first: UInt16, _ automaton: PatternAutomaton, _ next: UnsafeBufferPointer<UInt16>,
        _ classes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let limit = start + Limits.customMatch
        let (lastStart, lastEnd, lastFound) = (traceStart, traceEnd, found)
        var state = first
        var position = start
        var isOver = false
        var mayMerge = true
        found = 0
        while true {
            if mayMerge, position > lastStart, position <= lastEnd, position > start, trace[position & (Self.traceCount - 1)] == state {
                mayMerge = false
                found |= merged(lastFound, behind: position)
                if traceIsOver {
                    position = lastEnd
                    isOver = true
                    break
                }
                position = lastEnd
                state = trace[position & (Self.traceCount - 1)]
            }
            trace[position & (Self.traceCount - 1)] = state
            steps += 1
            if position == text.count, !isFinal { return false }
            let symbol = position == text.count ? automaton.stride - 1 : Int(classes[Int(text.base[position])])
            let target = next[Int(state) * automaton.stride + symbol]
            if target & PatternAutomaton.special != 0 {
                let number = Int(target & ~PatternAutomaton.special)
                note(automaton.accepted[number], end: position)
                if automaton.isDead[number] {
                    isOver = true
                    break
                }
            }
            if position == limit { break }
            state = target & ~PatternAutomaton.special
            position += 1
        }
        (traceStart, traceEnd, traceIsOver) = (start, position, isOver)
        return true
    }

    private mutating func note(_ patterns: UInt64, end: Int) {
        var rest = patterns
        while rest != 0 {
            ends[rest.trailingZeroBitCount] = end
            rest &= rest - 1
        }
        found |= patterns
    }

    /// Those patterns of the last run that ended at `position` or behind it: they end there from here, too.
    private func merged(_ patterns: UInt64, behind position: Int) -> UInt64 {
        var merged: UInt64 = 0
        var rest = patterns
        while rest != 0 {
            let pattern = rest.trailingZeroBitCount
            if ends[pattern] >= position { merged |= 1 << UInt64(pattern) }
            rest &= rest - 1
        }
        return merged
    }

    /// Keeps what was found from `start`; returns where to look next.
    private mutating func keep(from start: Int, _ findings: inout [Finding]) -> Int {
        var rest = found
        while rest != 0 {
            let pattern = rest.trailingZeroBitCount
            rest &= rest - 1
            guard start >= free[pattern], let finding = finding(pattern, start..<ends[pattern]) else { continue }
            findings.append(finding)
            free[pattern] = finding.range.upperBound
        }
        return max(start + 1, free.min() ?? 0)
    }

    private func finding(_ pattern: Int, _ range: Range<Int>) -> Finding? {
        let entry = group.entries[pattern]
        guard kinds.contains(entry.kind) else { return nil }
        var finding = Finding(kind: entry.kind, range: range, score: entry.score)
        if let context = entry.context {
            finding.raisedByContext = context.precedes(range.lowerBound, in: text)
            if !finding.raisedByContext { finding.score /= 2 }
        }
        return filter.admits(finding, text) ? finding : nil
    }
}
