/// Patterns as one deterministic automaton: a table look-up per byte, whatever the patterns and the text are.
///
/// It is anchored: it tells what matches from one place on, for all of its patterns at once. That a pattern ends is told by the byte behind,
/// since `\b` depends on it: a state's patterns ended before the byte that led to the state.
struct PatternAutomaton: Sendable {
    /// How many states it may have, and its table at most 1 MiB.
    static let mostStates = 4096
    fileprivate static let mostTableEntries = 512 * 1024

    /// The state to start in behind a byte that is no word's.
    let start: UInt16
    /// … and behind one that is.
    let startInWord: UInt16
    /// Something can match that begins with this byte: `[byte]` behind a byte that is no word's, `[256 + byte]` behind one that is,
    /// `[512 + byte]` behind either.
    let canStart: [Bool]
    /// The class of each byte: bytes of a class lead to the same states.
    let classes: [UInt8]
    /// Entries per state: one per class, and one for the end of the text.
    let stride: Int
    /// `[state * stride + class]`. With ``special``, the state behind is dead or some patterns ended.
    let next: [UInt16]
    static let special: UInt16 = 0x8000
    /// Patterns, by number, that ended before the byte that led to the state.
    let accepted: [UInt64]
    let isDead: [Bool]

    /// The tables as they are read on the hot path, where each step counts.
    struct Tables {
        let start: UInt16
        let startInWord: UInt16
        let canStart: UnsafePointer<Bool>
        let classes: UnsafePointer<UInt8>
        let stride: Int
        let next: UnsafePointer<UInt16>
        let accepted: UnsafePointer<UInt64>
        let isDead: UnsafePointer<Bool>
    }

    /// Lends the tables; indexes into them come from the automaton itself and from bytes alone.
    func withTables<Result>(_ body: (Tables) -> Result) -> Result {
        canStart.withUnsafeBufferPointer { canStart in
            classes.withUnsafeBufferPointer { classes in
                next.withUnsafeBufferPointer { next in
                    accepted.withUnsafeBufferPointer { accepted in
                        isDead.withUnsafeBufferPointer { isDead in
                            guard let canStart = canStart.baseAddress, let classes = classes.baseAddress, let next = next.baseAddress,
                                let accepted = accepted.baseAddress, let isDead = isDead.baseAddress
                            else { preconditionFailure("an automaton has two states at least") }
                            return body(
                                Tables(
                                    start: start, startInWord: startInWord, canStart: canStart, classes: classes, stride: stride,
                                    next: next,
                                    accepted: accepted, isDead: isDead))
                        }
                    }
                }
            }
        }
    }

    /// What making automata may cost, in visits of a program's states; shared by all of a policy's patterns.
    struct Work {
        var left = 2_000_000
    }

    /// - Returns: nil when there are more states than an automaton may have, or no work is left.
    init?(_ program: PatternProgram, work: inout Work) {
        var builder = Builder(program)
        guard builder.build(&work) else { return nil }
        start = builder.start
        startInWord = builder.startInWord
        classes = builder.classes
        stride = builder.stride
        accepted = builder.keys.map(\.accepted)
        let isDead = builder.keys.map(\.states.isEmpty)
        let keys = builder.keys
        next = builder.next.map { keys[Int($0)].states.isEmpty || keys[Int($0)].accepted != 0 ? $0 | Self.special : $0 }
        self.isDead = isDead
        let (stride, classes, table) = (stride, classes, builder.next)
        let (outside, inside) = (start, startInWord)
        func starts(_ state: UInt16, _ byte: Int) -> Bool { !isDead[Int(table[Int(state) * stride + Int(classes[byte])])] }
        canStart =
            (0..<256).map { starts(outside, $0) } + (0..<256).map { starts(inside, $0) }
            + (0..<256).map { starts(outside, $0) || starts(inside, $0) }
    }
}

/// Makes the states, from the starts on, as sets of a program's states.
private struct Builder {
    struct Key: Hashable {
        /// States that wait for a byte; sorted. `\b` is not resolved yet, it depends on the byte.
        var states: [UInt16]
        var isInWord: Bool
        var accepted: UInt64
    }

    private let program: PatternProgram
    private let asksForWords: Bool
    private(set) var classes: [UInt8]
    private(set) var stride: Int
    private(set) var keys: [Key] = []
    private(set) var next: [UInt16] = []
    private(set) var start: UInt16 = 0
    private(set) var startInWord: UInt16 = 0
    private var numbers: [Key: UInt16] = [:]
    /// One byte of each class.
    private var examples: [UInt8]
    private var visited: [Bool]

    init(_ program: PatternProgram) {
        self.program = program
        asksForWords = program.asksForWords
        (classes, examples) = program.byteClasses(asksForWords: asksForWords)
        stride = examples.count + 1
        visited = [Bool](repeating: false, count: program.states.count)
    }

    mutating func build(_ work: inout PatternAutomaton.Work) -> Bool {
        let first = closure(of: program.starts, &work)
        guard let plain = number(Key(states: first, isInWord: false, accepted: 0)),
            let inWord = number(Key(states: first, isInWord: asksForWords, accepted: 0))
        else { return false }
        (start, startInWord) = (plain, inWord)
        var state = 0
        while state < keys.count {
            let key = keys[state]
            for byte in examples.map(Optional.some) + [nil] {
                guard work.left > 0, let target = number(step(from: key, byte, &work)) else { return false }
                next.append(target)
            }
            state += 1
        }
        return true
    }

    private mutating func number(_ key: Key) -> UInt16? {
        if let known = numbers[key] { return known }
        guard keys.count < PatternAutomaton.mostStates, (keys.count + 1) * stride <= PatternAutomaton.mostTableEntries else { return nil }
        let number = UInt16(truncatingIfNeeded: keys.count)
        keys.append(key)
        numbers[key] = number
        return number
    }

    /// What a byte leads to; `nil` is the end of the text.
    private mutating func step(from key: Key, _ byte: UInt8?, _ work: inout PatternAutomaton.Work) -> Key {
        if key.states.isEmpty { return Key(states: [], isInWord: false, accepted: 0) }
        let isWord = byte?.isWordByte ?? false
        var accepted: UInt64 = 0
        var targets: [Int] = []
        for state in resolved(key.states, atBoundary: key.isInWord != isWord, &work) {
            switch program.states[Int(state)] {
            case .accept(let pattern): accepted |= 1 << UInt64(pattern)
            case .bytes(let set, let next): if let byte, set.contains(byte) { targets.append(next) }
            case .split, .boundary: break
            }
        }
        let states = closure(of: targets, &work)
        return Key(states: states, isInWord: asksForWords && isWord && !states.isEmpty, accepted: accepted)
    }

    /// `states` and what is behind those that ask for a boundary, or for none.
    private mutating func resolved(_ states: [UInt16], atBoundary: Bool, _ work: inout PatternAutomaton.Work) -> [UInt16] {
        work.left -= states.count
        var all = states
        var index = 0
        while index < all.count {
            if case .boundary(let expected, let next) = program.states[Int(all[index])], expected == atBoundary {
                for state in closure(of: [next], &work) where !all.contains(state) { all.append(state) }
            }
            index += 1
        }
        return all
    }

    /// `states` with splits replaced by what they lead to; sorted.
    private mutating func closure(of states: [Int], _ work: inout PatternAutomaton.Work) -> [UInt16] {
        var seen: [Int] = []
        var found: [UInt16] = []
        var pending = states
        while let state = pending.popLast() {
            guard !visited[state] else { continue }
            visited[state] = true
            seen.append(state)
            if case .split(let one, let other) = program.states[state] {
                pending.append(one)
                pending.append(other)
            } else {
                found.append(UInt16(truncatingIfNeeded: state))
            }
        }
        for state in seen { visited[state] = false }
        work.left -= seen.count
        return found.sorted()
    }
}
