import NIOCore

// One overload for each type of the schema: a message's `read(_:from:)` hands over the property, whose type says how the field
// is read.

extension FieldReader {
    mutating func read(_ value: inout UInt64) throws(DecodingFault) {
        try expectSingular(.varint)
        value = try varint()
    }

    mutating func read(_ value: inout UInt32) throws(DecodingFault) {
        try expectSingular(.varint)
        guard let number = UInt32(exactly: try varint()) else { throw DecodingFault(.valueOutOfRange) }
        value = number
    }

    mutating func read(_ value: inout UInt32?) throws(DecodingFault) {
        var number: UInt32 = 0
        try read(&number)
        value = number
    }

    mutating func read(_ value: inout Int64?) throws(DecodingFault) {
        try expectSingular(.varint)
        value = Int64(bitPattern: try varint())
    }

    mutating func read(_ value: inout Bool) throws(DecodingFault) {
        try expectSingular(.varint)
        let number = try varint()
        guard number <= 1 else { throw DecodingFault(.valueOutOfRange) }
        value = number == 1
    }

    mutating func read(_ value: inout Bool?) throws(DecodingFault) {
        var flag = false
        try read(&flag)
        value = flag
    }

    mutating func read(_ value: inout Double) throws(DecodingFault) {
        try expectSingular(.fixed64)
        value = Double(bitPattern: try fixed(UInt64.self))
    }

    mutating func read(_ value: inout Double?) throws(DecodingFault) {
        var number = 0.0
        try read(&number)
        value = number
    }

    mutating func read<E: OpenEnum>(_ value: inout E) throws(DecodingFault) {
        try expectSingular(.varint)
        guard let number = Int32(exactly: Int64(bitPattern: try varint())) else { throw DecodingFault(.valueOutOfRange) }
        value = E(rawValue: number)
    }

    mutating func read(_ value: inout ErrorCode) throws(DecodingFault) {
        try read(&value.rawValue)
    }

    mutating func read(_ value: inout Text) throws(DecodingFault) {
        try expectSingular(.lengthDelimited)
        value = try text()
    }

    mutating func read(_ value: inout ByteBuffer) throws(DecodingFault) {
        try expectSingular(.lengthDelimited)
        value = try slice()
    }

    mutating func read<M: WireMessage>(_ value: inout M?) throws(DecodingFault) {
        try expectSingular(.lengthDelimited)
        value = try inner(M.self)
    }

    // MARK: repeated fields

    mutating func read(_ values: inout [Text]) throws(DecodingFault) {
        try expectElement()
        values.append(try text())
    }

    mutating func read<M: WireMessage>(_ values: inout [M]) throws(DecodingFault) {
        try expectElement()
        values.append(try inner(M.self))
    }

    /// Packed, unpacked, or some of each.
    mutating func read(_ values: inout [Float]) throws(DecodingFault) {
        guard try expectPacked(or: .fixed32) else {
            values.append(Float(bitPattern: try fixed(UInt32.self)))
            return
        }
        let length = try length()
        guard length.isMultiple(of: MemoryLayout<Float>.size) else { throw DecodingFault(.truncated) }
        let count = length / MemoryLayout<Float>.size
        if values.isEmpty { values.reserveCapacity(count) }
        for _ in 0..<count {
            values.append(Float(bitPattern: try fixed(UInt32.self)))
        }
    }

    // MARK: members of a oneof, which is an optional enum: `member` is the enum's case

    mutating func read<Choice>(_ choice: inout Choice?, as member: (Text) -> Choice) throws(DecodingFault) {
        try expectSingular(.lengthDelimited)
        choice = member(try text())
    }

    mutating func read<Choice>(_ choice: inout Choice?, as member: (ByteBuffer) -> Choice) throws(DecodingFault) {
        try expectSingular(.lengthDelimited)
        choice = member(try slice())
    }

    mutating func read<Choice, M: WireMessage>(_ choice: inout Choice?, as member: (M) -> Choice) throws(DecodingFault) {
        try expectSingular(.lengthDelimited)
        choice = member(try inner(M.self))
    }
}
