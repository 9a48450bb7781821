/// Tells where in a text some pattern may start, by reading the text backwards: one table look-up per byte. Without it, a text that begins like
/// a match at every byte and never ends like one would cost a run of the automaton at every byte.
///
/// A superset: `\b` is taken for granted, and what lies beyond the bytes that are looked at is taken for whatever fits.
struct StartFilter: Sendable {
    private static let mostStates = 2048
    /// What making a filter may cost, in looks at a program's states: some milliseconds. A pattern set without one is searched all the same.
    private static let mostWork = 4_000_000
    /// With this, a pattern may start at the byte that led to the state.
    private static let mark: UInt16 = 0x8000

    private let classes: [UInt8]
    private let stride: Int
    private let next: [UInt16]
    /// The state behind the last byte, when the text goes on.
    private let open: UInt16
    /// … and when it does not.
    private let closed: UInt16

    /// - Returns: nil when it would be too large.
    init?(_ program: PatternProgram) {
        var builder = Builder(program)
        guard builder.build(mostStates: Self.mostStates, work: Self.mostWork) else { return nil }
        (classes, stride, next) = (builder.classes, builder.examples.count, builder.next)
        (open, closed) = (builder.open, builder.closed)
    }

    /// Sets bit `i` of `marks` where a pattern may start at `start + i`, for every byte of `bytes[start..<end]`; looks as far as `edge`.
    func mark(
        _ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int, edge: Int, goesOn: Bool, into marks: UnsafeMutableBufferPointer<UInt64>
    ) {
        marks.update(repeating: 0)
        classes.withUnsafeBufferPointer { classes in
            next.withUnsafeBufferPointer { next in
                var state = Int((goesOn ? open : closed) & ~Self.mark)
                var position = edge
                while position > end {
                    position -= 1
                    state = Int(next[state &* stride &+ Int(classes[Int(bytes[position])])] & ~Self.mark)
                }
                while position > start {
                    position -= 1
                    let target = next[state &* stride &+ Int(classes[Int(bytes[position])])]
                    marks[(position &- start) >> 6] |= UInt64(target >> 15) << UInt64((position &- start) & 63)
                    state = Int(target & ~Self.mark)
                }
            }
        }
    }

    private struct Builder {
        let program: PatternProgram
        let classes: [UInt8]
        let examples: [UInt8]
        private(set) var next: [UInt16] = []
        private(set) var open: UInt16 = 0
        private(set) var closed: UInt16 = 0
        /// States that wait for a byte, and what is behind each: the numbers of such states, and whether a pattern may end there.
        private var waiting: [(set: ByteSet, behind: [Int], ends: Bool)] = []
        private var starts: [Int] = []
        /// For each state, whether each of `waiting` can reach an end from here.
        private var keys: [[Bool]] = []
        private var numbers: [[Bool]: UInt16] = [:]

        init(_ program: PatternProgram) {
            self.program = program
            (classes, examples) = program.byteClasses(asksForWords: false)
            let all = program.states.indices.filter { if case .bytes = program.states[$0] { true } else { false } }
            let places = Dictionary(uniqueKeysWithValues: all.enumerated().map { ($0.element, $0.offset) })
            for index in all {
                guard case .bytes(let set, let next) = program.states[index] else { continue }
                let (behind, ends) = program.closure(of: [next])
                waiting.append((set, behind.compactMap { places[$0] }, ends))
            }
            starts = program.closure(of: program.starts).states.compactMap { places[$0] }
        }

        mutating func build(mostStates: Int, work: Int) -> Bool {
            var work = work
            closed = number([Bool](repeating: false, count: waiting.count))
            open = number([Bool](repeating: true, count: waiting.count))
            var state = 0
            while state < keys.count {
                for byte in examples {
                    let key = keys[state]
                    var target = [Bool](repeating: false, count: waiting.count)
                    for (index, entry) in waiting.enumerated() where entry.set.contains(byte) {
                        target[index] = entry.ends || entry.behind.contains { key[$0] }
                        work -= entry.behind.count
                    }
                    work -= waiting.count
                    guard work > 0, keys.count < mostStates else { return false }
                    let marks = starts.contains { target[$0] }
                    next.append(number(target) | (marks ? StartFilter.mark : 0))
                }
                state += 1
            }
            return true
        }

        private mutating func number(_ key: [Bool]) -> UInt16 {
            if let known = numbers[key] { return known }
            let number = UInt16(truncatingIfNeeded: keys.count)
            keys.append(key)
            numbers[key] = number
            return number
        }
    }
}

extension PatternNode {
    /// A pattern that matches more, and is smaller: where it counts far, it does not count.
    var relaxed: PatternNode {
        switch self {
        case .empty, .characters, .wordBoundary: self
        case .sequence(let nodes): .sequence(nodes.map(\.relaxed))
        case .choice(let nodes): .choice(nodes.map(\.relaxed))
        case .repeated(let node, let minimum, let maximum):
            max(minimum, maximum ?? 0) > 8
                ? .repeated(node.relaxed, minimum: min(minimum, 1), maximum: nil)
                : .repeated(node.relaxed, minimum: minimum, maximum: maximum)
        }
    }
}
