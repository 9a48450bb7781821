import SeededRandomness

extension SeededRandom {
    mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self) < percent
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &self)
    }

    /// Mostly small, sometimes up to the whole range.
    mutating func size(upTo limit: Int) -> Int {
        let scale = number(0...3)
        return number(0...max(1, limit >> (scale * 4)))
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[number(0...elements.count - 1)]
    }
}
