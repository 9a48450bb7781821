/// Looks for a group of patterns in a text: from each byte on, the longest match of each pattern; a pattern's matches do not overlap.
///
/// Linear. A run of the automaton takes a step per byte, and stops where it meets the run before it in the same state, since all further on is
/// known. Once runs have taken more than four steps a byte, ``StartFilter`` tells where they can be of use, at one step a byte. Only where the
/// filter had to be made larger than the pattern, a byte may still cost as many steps as the pattern counts (`{m,n}`), and never more than
/// ``Limits/customMatch``.
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
    /// Room for ``Limits/customPatterns`` numbers each, in ``markCount`` words. Where each pattern ended last in the run, if `found` has it.
    private let ends: UnsafeMutableBufferPointer<Int>
    private var found: UInt64 = 0
    /// From where on each pattern may match again.
    let free: UnsafeMutableBufferPointer<Int>
    /// Steps so far; tests hold them against the text's length.
    private(set) var steps = 0

    /// Where matches may start in the present block, a bit for each byte.
    private let starts: UnsafeMutableBufferPointer<UInt64>

    static let traceCount = 2 * Limits.customMatch
    private static let blockCount = 2048
    /// How many words the search needs besides its trace.
    static let markCount = 2 * Limits.customPatterns + blockCount / 64

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
        let words = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: marks[(2 * Limits.customPatterns)...]))
        starts = words.bindMemory(to: UInt64.self)
    }

    /// Appends matches that start in `range`. Returns the first start that is not decided because the text ended, or the range's end.
    mutating func run(_ range: Range<Int>, into findings: inout [Finding]) -> Int {
        group.automaton.withTables { tables in
            var start = range.lowerBound
            var (blockStart, blockEnd) = (start, start)
            var isFiltered = false
            while start < range.upperBound {
                // Most texts begin like a match so rarely that reading them backwards costs more than it saves.
                if !isFiltered, steps > 4 * (start - range.lowerBound) + 4096 {
                    isFiltered = group.starts != nil
                    blockEnd = start
                }
                if isFiltered {
                    if start >= blockEnd {
                        (blockStart, blockEnd) = (start, min(range.upperBound, start + Self.blockCount))
                        markStarts(blockStart, blockEnd)
                    }
                    start = nextStart(start, blockStart, blockEnd)
                    guard start < blockEnd else { continue }
                }
                let byte = Int(text.base[start])
                guard tables.canStart[512 + byte] else {
                    start += 1
                    continue
                }
                let isInWord = start > 0 && text.base[start - 1].isWordByte
                guard tables.canStart[byte + (isInWord ? 256 : 0)] else {
                    start += 1
                    continue
                }
                guard follow(from: start, isInWord ? tables.startInWord : tables.start, tables) else { return start }
                start = found == 0 ? start + 1 : keep(from: start, &findings)
            }
            return range.upperBound
        }
    }

    /// Reads a block backwards, from as far behind it as a match can reach.
    private mutating func markStarts(_ start: Int, _ end: Int) {
        let edge = min(text.count, end + Limits.customMatch)
        let goesOn = edge < text.count || !isFinal
        group.starts?.mark(text.base, start, end, edge: edge, goesOn: goesOn, into: starts)
        steps += edge - start
    }

    /// The first place from `start` on where a match may start, or the block's end.
    private func nextStart(_ start: Int, _ blockStart: Int, _ blockEnd: Int) -> Int {
        var offset = start - blockStart
        while offset < blockEnd - blockStart {
            let bits = starts[offset >> 6] >> UInt64(offset & 63)
            if bits != 0 { return min(blockEnd, blockStart + offset + bits.trailingZeroBitCount) }
            offset = (offset | 63) + 1
        }
        return blockEnd
    }

    /// Follows the automaton from `start`. False when more text could change what it finds.
    private mutating func follow(from start: Int, _ first: UInt16, _ tables: PatternAutomaton.Tables) -> Bool {
        let limit = start + Limits.customMatch
        let (lastStart, lastEnd, lastFound) = (traceStart, traceEnd, found)
        let (base, count, mask) = (text.base, text.count, Self.traceCount - 1)
        var state = first
        var position = start
        var isOver = false
        var mayMerge = true
        var taken = 0
        found = 0
        defer { steps += taken }
        while true {
            if mayMerge, position > lastStart, position <= lastEnd, position > start, trace[position & mask] == state {
                mayMerge = false
                found |= merged(lastFound, behind: position)
                position = lastEnd
                if traceIsOver {
                    isOver = true
                    break
                }
                state = trace[position & mask]
            }
            trace[position & mask] = state
            taken &+= 1
            if position == count, !isFinal { return false }
            let symbol = position == count ? tables.stride &- 1 : Int(tables.classes[Int(base[position])])
            let target = tables.next[Int(state) &* tables.stride &+ symbol]
            if target & PatternAutomaton.special != 0 {
                let number = Int(target & ~PatternAutomaton.special)
                note(tables.accepted[number], end: position)
                if tables.isDead[number] {
                    isOver = true
                    break
                }
            }
            if position == limit { break }
            state = target & ~PatternAutomaton.special
            position &+= 1
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
