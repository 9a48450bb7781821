/// Turns a right message into one that may be wrong, in the ways in which two readers of it could differ.
struct MessageMutator {
    var generator: MessageGenerator

    /// The bytes of `tree`, a message of type `name`, with one to three mutations.
    mutating func mutated(_ tree: [TreeField], of name: String) -> [UInt8] {
        var tree = tree
        for _ in 0..<Int.random(in: 1...3, using: &generator.random) {
            if generator.random.chance(0.8) { mutate(&tree, of: name) }
        }
        var bytes = TreeField.encode(tree)
        if generator.random.chance(0.25) { mutate(&bytes) }
        return bytes
    }

    /// Mutates the fields of this message, or of one inside of it.
    private mutating func mutate(_ fields: inout [TreeField], of name: String) {
        guard let index = fields.indices.randomElement(using: &generator.random) else {
            insertUnknown(into: &fields)
            return
        }
        if case .message(let inner, var innerFields) = fields[index].value, generator.random.chance(0.6) {
            mutate(&innerFields, of: inner)
            fields[index].value = .message(inner, innerFields)
            return
        }
        switch Int.random(in: 0..<13, using: &generator.random) {
        case 0: fields.insert(fields[index], at: .random(in: index...fields.count, using: &generator.random))
        case 1: fields.shuffle(using: &generator.random)
        case 2: insertUnknown(into: &fields)
        case 3: insertKnown(into: &fields, of: name)
        case 4: fields[index].tagPadding = .random(in: 1...9, using: &generator.random)
        case 5: fields[index].lengthPadding = .random(in: 1...9, using: &generator.random)
        case 6: fields[index].valuePadding = .random(in: 1...9, using: &generator.random)
        case 7: fields[index].wireType = .random(in: 0...7, using: &generator.random)
        case 8: fields[index].number = number()
        case 9: split(&fields, at: index)
        case 10: unpack(&fields, at: index)
        case 11: spoilText(&fields[index])
        default: fields[index].value = outOfRange()
        }
    }

    private mutating func number() -> UInt64 {
        [0, .random(in: 1...30, using: &generator.random), 0x1FFF_FFFF, 0x2000_0000, 1 << 61 - 1]
            .randomElement(using: &generator.random) ?? 0
    }

    private mutating func insertUnknown(into fields: inout [TreeField]) {
        let number = UInt64.random(in: 21...70, using: &generator.random)
        let value: TreeField.Value =
            switch Int.random(in: 0..<5, using: &generator.random) {
            case 0: generator.value(of: "uint64")
            case 1: generator.value(of: "double")
            case 2: .fixed32(7)
            case 3: generator.value(of: "bytes")
            default: generator.random.chance(0.3) ? .group([TreeField(1, .varint(1))]) : generator.value(of: "string")
            }
        fields.insert(TreeField(number, value), at: .random(in: 0...fields.count, using: &generator.random))
    }

    /// One more value for any field: a repeated element, a second value, or another member of the oneof.
    private mutating func insertKnown(into fields: inout [TreeField], of name: String) {
        guard let field = generator.schema.messages[name]?.randomElement(using: &generator.random) else { return }
        let more = TreeField(field.number, generator.value(of: field.type))
        fields.insert(more, at: .random(in: 0...fields.count, using: &generator.random))
    }

    /// An inner message in two halves, which Protocol Buffers would merge.
    private mutating func split(_ fields: inout [TreeField], at index: Int) {
        guard case .message(let name, let inner) = fields[index].value else { return }
        let cut = Int.random(in: 0...inner.count, using: &generator.random)
        fields[index].value = .message(name, Array(inner[..<cut]))
        fields.append(TreeField(fields[index].number, .message(name, Array(inner[cut...]))))
    }

    /// Packed numbers as fields of their own.
    private func unpack(_ fields: inout [TreeField], at index: Int) {
        guard case .bytes(let bytes) = fields[index].value, bytes.count >= 4, bytes.count.isMultiple(of: 4) else { return }
        let numbers = stride(from: 0, to: bytes.count, by: 4).map { start in
            bytes[start..<start + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        let number = fields[index].number
        fields.replaceSubrange(index...index, with: numbers.map { TreeField(number, .fixed32($0)) })
    }

    private mutating func spoilText(_ field: inout TreeField) {
        guard case .bytes(var bytes) = field.value else { return }
        let invalid: [[UInt8]] = [
            [0xFF], [0x80], [0xC0, 0xAF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82],
        ]
        let at = Int.random(in: 0...bytes.count, using: &generator.random)
        bytes.insert(contentsOf: invalid.randomElement(using: &generator.random) ?? [], at: at)
        field.value = .bytes(bytes)
    }

    private mutating func outOfRange() -> TreeField.Value {
        .varint(
            [2, 1 << 31, 1 << 32, 1 << 40, .max, UInt64(bitPattern: Int64(Int32.min) - 1)].randomElement(using: &generator.random) ?? 2)
    }

    /// Mutates bytes without regard to fields.
    private mutating func mutate(_ bytes: inout [UInt8]) {
        guard let index = bytes.indices.randomElement(using: &generator.random) else { return }
        switch Int.random(in: 0..<5, using: &generator.random) {
        case 0: bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &generator.random)
        case 1: bytes.removeSubrange(index...)
        case 2: bytes.remove(at: index)
        case 3: bytes.insert(.random(in: 0...255, using: &generator.random), at: index)
        default: bytes += Array(repeating: 0xFF, count: .random(in: 1...11, using: &generator.random))
        }
    }
}
