import SeededRandomness

/// Makes messages of the schema from a seed: every field now and then, edge values often, in canonical encoding.
struct MessageGenerator {
    let schema: ProtoSchema
    var random: SeededRandom

    mutating func message(_ name: String) -> [TreeField] {
        let fields = schema.messages[name] ?? []
        let members = fields.filter(\.isInOneof)
        let chosen = random.chance(0.9) ? members.randomElement(using: &random)?.number : nil
        var tree: [TreeField] = []
        for field in fields {
            if field.isInOneof ? field.number != chosen : random.chance(0.35) { continue }
            if field.type == "float" {
                tree.append(TreeField(field.number, .bytes(floats())))
            } else {
                for _ in 0..<(field.isRepeated ? Int.random(in: 1...3, using: &random) : 1) {
                    tree += element(field)
                }
            }
        }
        return tree
    }

    /// One value of a field; none if it fell on the default of a field that leaves defaults out.
    mutating func element(_ field: ProtoSchema.Field) -> [TreeField] {
        let value = self.value(of: field.type)
        if !field.hasPresence && !field.isRepeated {
            switch value {
            case .varint(0), .fixed64(0): return []
            case .bytes(let bytes) where bytes.isEmpty: return []
            default: break
            }
        }
        return [TreeField(field.number, value)]
    }

    mutating func value(of type: String) -> TreeField.Value {
        switch type {
        case "uint32": .varint(UInt64(UInt32(truncatingIfNeeded: number())))
        case "uint64", "int64": .varint(number())
        case "bool": .varint(UInt64.random(in: 0...1, using: &random))
        case "double": .fixed64(double().bitPattern)
        case "string": .bytes(Array(string().utf8))
        case "bytes": .bytes(bytes())
        case _ where schema.enums.contains(type):
            .varint(
                random.chance(0.8) ? .random(in: 0...7, using: &random) : UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: number()))))
        default: .message(type, message(type))
        }
    }

    /// Any width, and the edges of each width.
    private mutating func number() -> UInt64 {
        let width = UInt64.random(in: 0...63, using: &random)
        return switch Int.random(in: 0..<4, using: &random) {
        case 0: 1 &<< width
        case 1: 1 &<< width &- 1
        case 2: .max
        default: UInt64.random(in: 0 ... .max, using: &random) &>> width
        }
    }

    private mutating func double() -> Double {
        [0, -0.0, 0.7, 1, 1e300, .leastNonzeroMagnitude, .infinity, -.infinity, .nan, Double.random(in: -10...10, using: &random)]
            .randomElement(using: &random) ?? 0
    }

    private mutating func floats() -> [UInt8] {
        (0..<Int.random(in: 1...5, using: &random)).flatMap { _ in
            withUnsafeBytes(of: Float(double()).bitPattern.littleEndian, Array.init)
        }
    }

    private mutating func string() -> String {
        let length = random.chance(0.1) ? Int.random(in: 100...200, using: &random) : Int.random(in: 0...6, using: &random)
        let scalars: [ClosedRange<UInt32>] = [0...0x7F, 0x20...0x7E, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x1_0000...0x10_FFFF]
        var text = String.UnicodeScalarView()
        for _ in 0..<length {
            guard let range = scalars.randomElement(using: &random) else { continue }
            if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) { text.append(scalar) }
        }
        return String(text)
    }

    private mutating func bytes() -> [UInt8] {
        (0..<Int.random(in: 0...8, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }
}

extension SeededRandom {
    mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &self) < probability
    }
}
