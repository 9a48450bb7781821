/// A policy's custom patterns, compiled. Shared by all scanners of the policy and never changed.
final class PatternSet: Sendable {
    /// What is known of a pattern besides what it matches.
    struct Entry: Sendable {
        var kind: EntityKind
        var score: Float
        /// Without one of these to its left, a match has half the score.
        var context: PatternContext?
    }

    /// A few of the patterns, in one automaton.
    struct Group: Sendable {
        var automaton: PatternAutomaton
        /// Nil when it would be too large.
        var starts: StartFilter?
        /// By the number that the automaton knows the pattern by.
        var entries: [Entry]
    }

    /// The most automata of a policy: each reads the whole text.
    static let mostGroups = 4

    let groups: [Group]

    private static func relaxedFilter(_ nodes: [PatternNode]) -> StartFilter? {
        var program = PatternProgram()
        for (number, node) in nodes.enumerated() {
            guard (try? program.add(node.relaxed, number: number)) != nil else { return nil }
        }
        return StartFilter(program)
    }

    /// The first placeholder, label or hash in `texts` that one of the patterns matches, and the pattern's index.
    func firstMatch(in texts: [[UInt8]]) -> (kind: EntityKind, text: String)? {
        let kinds = EntityKindSet(groups.flatMap { $0.entries.map(\.kind) })
        for text in texts {
            var findings: [Finding] = []
            text.withUnsafeBytes {
                _ = collect($0, isFinal: true, decided: 0, kinds: kinds, filter: FindingFilter(minimumScore: 0), into: &findings)
            }
            if let finding = findings.first { return (finding.kind, String(decoding: text, as: UTF8.self)) }
        }
        return nil
    }

    /// - Throws: the pattern's index, and what is wrong with it. `nil` for all together.
    init(_ patterns: [(node: PatternNode, entry: Entry)]) throws(PatternSetError) {
        var work = PatternAutomaton.Work()
        var groups: [Group] = []
        var pending = patterns.isEmpty ? [] : [0..<patterns.count]
        while let range = pending.popLast() {
            var program = PatternProgram()
            for index in range {
                do {
                    try program.add(patterns[index].node, number: index - range.lowerBound)
                } catch {
                    if range.count == 1 { throw PatternSetError(index: index, error: error) }
                    break
                }
            }
            if program.starts.count == range.count, let automaton = PatternAutomaton(program, work: &work) {
                let starts = StartFilter(program) ?? Self.relaxedFilter(patterns[range].map(\.node))
                groups.append(Group(automaton: automaton, starts: starts, entries: patterns[range].map(\.entry)))
            } else if range.count == 1 {
                throw PatternSetError(
                    index: range.lowerBound,
                    error: PatternError(
                        "has too many states", "let its parts begin with different characters, and count less, above all `.` and `\\w`",
                        at: 0))
            } else {
                // The first half is the next to be looked at.
                let middle = range.lowerBound + range.count / 2
                pending.append(middle..<range.upperBound)
                pending.append(range.lowerBound..<middle)
            }
            guard groups.count + pending.count <= Self.mostGroups else {
                throw PatternSetError(
                    index: nil,
                    error: PatternError(
                        "need more than \(Self.mostGroups) automata together", "remove some, or make those with `.` and counts smaller",
                        at: 0))
            }
        }
        self.groups = groups
    }
}

extension PatternSet {
    /// Appends what matches from `decided` on and sorts all findings by their starts. Returns the hold, as ``Scanner`` does.
    func collect(
        _ bytes: UnsafeRawBufferPointer, isFinal: Bool, decided: Int, kinds: EntityKindSet, filter: FindingFilter,
        into findings: inout [Finding]
    ) -> Int {
        guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return 0 }
        let text = Text(base, count: bytes.count)
        let known = findings.count
        var hold = bytes.count
        search(text, isFinal: isFinal, kinds: kinds, filter: filter) { search, _ in
            hold = min(hold, search.run(decided..<text.count, into: &findings))
        }
        Self.sort(&findings, from: 0, known: known)
        return hold
    }

    /// Appends what matches from the bytes of `slice` on, in a text that is there as a whole, and sorts the findings from `sorting` on.
    ///
    /// `free`: as in ``ScanProgress``.
    func collect(
        _ bytes: UnsafeRawBufferPointer, _ slice: Range<Int>, free: inout [Int], kinds: EntityKindSet, filter: FindingFilter,
        sorting first: Int, into findings: inout [Finding]
    ) {
        guard let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress else { return }
        if free.isEmpty { free = [Int](repeating: 0, count: Limits.customPatterns) }
        let known = findings.count
        search(Text(base, count: bytes.count), isFinal: true, kinds: kinds, filter: filter) { search, group in
            for (number, entry) in group.entries.enumerated() { search.free[number] = free[entry.kind.customIndex ?? 0] }
            _ = search.run(slice, into: &findings)
            for (number, entry) in group.entries.enumerated() { free[entry.kind.customIndex ?? 0] = search.free[number] }
        }
        Self.sort(&findings, from: first, known: known)
    }

    /// Calls `body` with a search for each of the groups.
    private func search(
        _ text: Text, isFinal: Bool, kinds: EntityKindSet, filter: FindingFilter, _ body: (inout PatternSearch, Group) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: PatternSearch.traceCount) { trace in
            withUnsafeTemporaryAllocation(of: Int.self, capacity: PatternSearch.markCount) { marks in
                for group in groups {
                    var search = PatternSearch(
                        group, text: text, isFinal: isFinal, kinds: kinds, filter: filter, trace: trace, marks: marks)
                    body(&search, group)
                }
            }
        }
    }

    /// Those from `known` on are new. Two sorted runs and more: as good as linear.
    private static func sort(_ findings: inout [Finding], from first: Int, known: Int) {
        if findings.count > known { findings[first...].sort { $0.range.lowerBound < $1.range.lowerBound } }
    }
}

/// Why patterns are refused when they are compiled together.
struct PatternSetError: Error {
    /// Which one; `nil`: all of them together.
    var index: Int?
    var error: PatternError
}
