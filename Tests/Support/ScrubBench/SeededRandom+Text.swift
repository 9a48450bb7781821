import SeededRandomness

extension SeededRandom {
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
