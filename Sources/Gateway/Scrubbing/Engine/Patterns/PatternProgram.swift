/// A non-deterministic automaton over bytes: patterns as they are compiled, before they are made deterministic.
struct PatternProgram {
    enum State: Hashable {
        case bytes(ByteSet, next: Int)
        case split(Int, Int)
        case boundary(Bool, next: Int)
        /// Pattern number `n` ends here.
        case accept(Int)
    }

    private(set) var states: [State] = []
    /// Where each pattern starts.
    private(set) var starts: [Int] = []

    /// The most states of all patterns together.
    static let mostStates = 8192

    /// Adds a pattern; `number` is told where it is found.
    mutating func add(_ node: PatternNode, number: Int) throws(PatternError) {
        let accept = try append(.accept(number))
        starts.append(try compile(node, next: accept))
    }

    /// `\b` needs to know the byte before.
    var asksForWords: Bool {
        states.contains { if case .boundary = $0 { true } else { false } }
    }

    /// Bytes that no set tells apart have one class. Numbered by their first byte, which stands for the class in `examples`.
    func byteClasses(asksForWords: Bool) -> (classes: [UInt8], examples: [UInt8]) {
        var sets: Set<ByteSet> = asksForWords ? [ByteSet { $0.isWordByte }] : []
        for case .bytes(let set, _) in states { sets.insert(set) }
        var classes = [Int](repeating: 0, count: 256)
        for set in sets {
            var numbers: [Int: Int] = [:]
            for byte in 0..<256 {
                let split = classes[byte] * 2 + (set.contains(UInt8(truncatingIfNeeded: byte)) ? 1 : 0)
                let number = numbers[split] ?? numbers.count
                numbers[split] = number
                classes[byte] = number
            }
        }
        var examples: [UInt8] = []
        for byte in 0..<256 where classes[byte] == examples.count { examples.append(UInt8(truncatingIfNeeded: byte)) }
        return (classes.map { UInt8(truncatingIfNeeded: $0) }, examples)
    }

    /// The states that wait for a byte behind `starts`, boundaries taken for granted, and whether a pattern may end there.
    func closure(of starts: [Int]) -> (states: [Int], ends: Bool) {
        var seen: Set<Int> = []
        var found: [Int] = []
        var ends = false
        var pending = starts
        while let state = pending.popLast() {
            guard seen.insert(state).inserted else { continue }
            switch states[state] {
            case .bytes: found.append(state)
            case .accept: ends = true
            case .boundary(_, let next): pending.append(next)
            case .split(let one, let other): pending += [one, other]
            }
        }
        return (found, ends)
    }

    /// The states that `node` is, followed by `next`.
    private mutating func compile(_ node: PatternNode, next: Int) throws(PatternError) -> Int {
        switch node {
        case .empty: return next
        case .characters(let set): return try compile(set, next: next)
        case .sequence(let nodes):
            var next = next
            for node in nodes.reversed() { next = try compile(node, next: next) }
            return next
        case .choice(let nodes):
            var first: Int?
            for node in nodes.reversed() {
                let start = try compile(node, next: next)
                if let other = first { first = try append(.split(start, other)) } else { first = start }
            }
            return first ?? next
        case .wordBoundary(let expected): return try append(.boundary(expected, next: next))
        case .repeated(let node, let minimum, let maximum):
            var start = next
            if let maximum {
                for _ in minimum..<maximum { start = try append(.split(compile(node, next: start), next)) }
            } else {
                start = try append(.split(next, next))
                states[start] = .split(try compile(node, next: start), next)
            }
            for _ in 0..<minimum { start = try compile(node, next: start) }
            return start
        }
    }

    /// One character: sequences that end alike share their ends.
    private mutating func compile(_ set: ScalarSet, next: Int) throws(PatternError) -> Int {
        var shared: [State: Int] = [:]
        var firstBytes: [Int: ByteSet] = [:]
        for sequence in set.byteSequences {
            var target = next
            for range in sequence.dropFirst().reversed() {
                let state = State.bytes(ByteSet(range), next: target)
                if let known = shared[state] {
                    target = known
                } else {
                    target = try append(state)
                    shared[state] = target
                }
            }
            if let range = sequence.first { firstBytes[target, default: ByteSet()].formUnion(ByteSet(range)) }
        }
        var first: Int?
        for (target, bytes) in firstBytes.sorted(by: { $0.key < $1.key }) {
            let start = try append(.bytes(bytes, next: target))
            if let other = first { first = try append(.split(start, other)) } else { first = start }
        }
        return first ?? next
    }

    private mutating func append(_ state: State) throws(PatternError) -> Int {
        guard states.count < Self.mostStates else {
            throw PatternError("is too large: it has more than \(Self.mostStates) steps", "count less, or make two of it", at: 0)
        }
        states.append(state)
        return states.count - 1
    }
}
