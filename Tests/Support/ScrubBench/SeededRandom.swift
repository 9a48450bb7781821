/// SplitMix64: the same numbers for the same seed on every machine.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &self)
    }

    mutating func pick(_ choices: [String]) -> String {
        choices[number(0...choices.count - 1)]
    }

    mutating func chance(_ percent: Int) -> Bool {
        number(1...100) <= percent
    }

    /// `count` characters of `alphabet`.
    mutating func text(_ count: Int, of alphabet: String) -> String {
        let characters = Array(alphabet)
        return String((0..<count).map { _ in characters[number(0...characters.count - 1)] })
    }

    mutating func digits(_ count: Int) -> String { text(count, of: "0123456789") }
    mutating func hex(_ count: Int) -> String { text(count, of: "0123456789abcdef") }
}
