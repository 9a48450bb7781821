import SeededRandomness

extension SeededRandom {
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    mutating func chance(_ one: Int, in all: Int) -> Bool { below(all) < one }

    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }

    /// A byte that is likely to matter to UTF-8 and to JSON strings.
    mutating func textByte() -> UInt8 {
        switch below(4) {
        case 0: UInt8.random(in: .min ... .max, using: &self)
        case 1: pick([0x22, 0x5C, 0x00, 0x1F, 0x7F, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF])
        default: UInt8.random(in: 0x20...0x7E, using: &self)
        }
    }
}
