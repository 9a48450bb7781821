import SeededRandomness

/// Makes JSON documents, and damages them, from a seed.
struct DocumentGenerator {
    var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// A valid document with every kind of value, white space, escapes and characters of all lengths. Keys of an object differ.
    mutating func document() -> [UInt8] {
        var text: [UInt8] = []
        space(into: &text)
        value(depth: 0, into: &text)
        space(into: &text)
        return text
    }

    /// `document` with one to three small damages. Often still valid.
    mutating func mutated(_ document: [UInt8]) -> [UInt8] {
        var bytes = document
        for _ in 0...random.below(3) {
            let position = random.below(bytes.count + 1)
            switch random.below(7) {
            case 0 where position < bytes.count: bytes[position] = random.textByte()
            case 1 where position < bytes.count: bytes[position] ^= 1 << UInt8(random.below(8))
            case 2 where position < bytes.count: bytes.remove(at: position)
            case 3: bytes.insert(random.textByte(), at: position)
            case 4: bytes.insert(contentsOf: Array(random.pick(Self.fragments).utf8), at: position)
            case 5: bytes.removeSubrange(position..<min(position + random.below(8), bytes.count))
            default:
                let start = random.below(bytes.count + 1)
                bytes.insert(contentsOf: bytes[start..<min(start + random.below(12), bytes.count)], at: position)
            }
        }
        return bytes
    }

    private static let fragments = [
        "\"", "\\", "\\u", "\\u00", "\\ud83d", "\\ude00", "\\u0022", "{", "}", "[", "]", ",", ":", "null", "true", "false", "-", "+", ".",
        "e", "0", "00",
        "1e5", "1e999", "-0.0", "0.1E-7", "9007199254740993", "\n", "\t", " ", "/**/", "NaN", "\"a\":", "\u{FEFF}", "\u{0}", "é", "😀", ",,",
        "[]", "{}",
    ]

    private mutating func space(into text: inout [UInt8]) {
        while random.chance(1, in: 5) { text.append(random.pick([0x20, 0x0A, 0x0D, 0x09])) }
    }

    private mutating func value(depth: Int, into text: inout [UInt8]) {
        switch random.below(depth > 5 ? 5 : 9) {
        case 0: text += Array("null".utf8)
        case 1: text += Array((random.chance(1, in: 2) ? "true" : "false").utf8)
        case 2: text += Array(number().utf8)
        case 3, 4: text += string()
        case 5, 6:
            list("[", "]", into: &text) { generator, _, text in generator.value(depth: depth + 1, into: &text) }
        default:
            list("{", "}", into: &text) { generator, position, text in
                // Distinct, whatever the characters before the number are.
                text += generator.string(suffix: "\(position)")
                generator.space(into: &text)
                text.append(UInt8(ascii: ":"))
                generator.space(into: &text)
                generator.value(depth: depth + 1, into: &text)
            }
        }
    }

    private mutating func list(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, into text: inout [UInt8], _ element: (inout Self, Int, inout [UInt8]) -> Void
    ) {
        text.append(UInt8(ascii: open))
        space(into: &text)
        for position in 0..<random.below(5) {
            if position > 0 {
                text.append(UInt8(ascii: ","))
                space(into: &text)
            }
            element(&self, position, &text)
            space(into: &text)
        }
        text.append(UInt8(ascii: close))
    }

    private mutating func number() -> String {
        switch random.below(6) {
        case 0: return String(Int64.random(in: .min ... .max, using: &random))
        case 1: return String(random.below(100))
        case 2: return String(Double.random(in: -1000...1000, using: &random))
        case 3: return "-0"
        case 4:
            let value = Double(bitPattern: random.next())
            return value.isFinite && abs(value) > 1e-300 ? value.description : "0.0"
        default:
            return "\(random.below(1000)).\(random.below(1000))\(random.pick(["e", "E"]))\(random.pick(["", "+", "-"]))\(random.below(250))"
        }
    }

    private mutating func string(suffix: String = "") -> [UInt8] {
        var text = [UInt8(ascii: "\"")]
        for _ in 0..<random.below(random.chance(1, in: 8) ? 40 : 6) { character(into: &text) }
        text += Array("\(suffix)\"".utf8)
        return text
    }

    private mutating func character(into text: inout [UInt8]) {
        switch random.below(10) {
        case 0: text += Array(random.pick(["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"]).utf8)
        case 1: text += escaped(random.below(0xD800))
        case 2: text += escaped(0xD800 + random.below(0x400)) + escaped(0xDC00 + random.below(0x400))
        case 3: text += Array(String(Character(scalar(in: 0x80...0x7FF))).utf8)
        case 4: text += Array(String(Character(scalar(in: 0x800...0xD7FF))).utf8)
        case 5: text += Array(String(Character(scalar(in: 0xE000...0x10FFFF))).utf8)
        default: text.append(random.pick(Array("abcdefghijklmnopqrstuvwxyz 0123456789@.:,[]{}/".utf8)))
        }
    }

    private mutating func scalar(in range: ClosedRange<UInt32>) -> Unicode.Scalar {
        Unicode.Scalar(UInt32.random(in: range, using: &random)) ?? "x"
    }

    private mutating func escaped(_ unit: Int) -> [UInt8] {
        let digits = String(unit, radix: 16, uppercase: random.chance(1, in: 2))
        return Array("\\u".utf8) + Array(repeating: UInt8(ascii: "0"), count: 4 - digits.count) + Array(digits.utf8)
    }
}
