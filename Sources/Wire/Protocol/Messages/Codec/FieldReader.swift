package import NIOCore

/// How a field's value is delimited: the low three bits of a tag.
enum WireType: UInt8 {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
    case fixed32 = 5
}

/// Reads the fields of a message, in the strict reading of the Protocol Buffers wire format: see ``DecodingFault/Rule``.
///
/// One reader goes through a message and its inner messages, over one buffer; what it returns are slices of that buffer. Work
/// is linear in the number of bytes, and depth is the schema's, as no message of it contains itself.
package struct FieldReader {
    /// Elements of repeated fields (floats excepted) in one message. An empty element takes two bytes on the wire and up to 120
    /// in memory; the limit keeps that below 2 MiB for a message.
    package static let defaultElementLimit = 16_384

    let buffer: ByteBuffer
    /// The next byte, as an index of ``buffer``.
    private(set) var position: Int
    private var elementsLeft: Int
    private var scope: Scope

    /// Where the reader is in one message.
    private struct Scope {
        /// One past the message's last byte, as an index of the buffer; never past the readable bytes.
        var end: Int
        var oneof: ClosedRange<UInt32>?
        /// The field whose tag was read last.
        var number: UInt32 = 0
        var wireType = WireType.varint
        /// One bit per field number of the singular fields that were read; the schema's known fields stay below 64.
        var seen: UInt64 = 0
        var hasOneofMember = false
    }

    package init(_ buffer: ByteBuffer, elementLimit: Int) {
        self.buffer = buffer
        position = buffer.readerIndex
        elementsLeft = elementLimit
        scope = Scope(end: buffer.writerIndex)
    }

    /// Reads every field of the message that the reader is in.
    package mutating func readFields<M: WireMessage>(of message: inout M) throws(DecodingFault) {
        scope.oneof = M.oneof
        while position < scope.end {
            try readTag()
            do {
                try message.read(scope.number, from: &self)
            } catch {
                throw error.inside(scope.number)
            }
        }
    }

    /// Passes over the value of a field that is not known.
    package mutating func skip() throws(DecodingFault) {
        switch scope.wireType {
        case .varint: _ = try varint()
        case .fixed64: _ = try fixed(UInt64.self)
        case .fixed32: _ = try fixed(UInt32.self)
        case .lengthDelimited: position += try length()
        }
    }

    // MARK: what a known field must be before its value is read

    /// The field must have wire type `expected`, and must not have come before.
    mutating func expectSingular(_ expected: WireType) throws(DecodingFault) {
        guard scope.wireType == expected else { throw DecodingFault(.wrongWireType) }
        let bit: UInt64 = 1 << scope.number
        guard scope.seen & bit == 0 else { throw DecodingFault(.repeatedField) }
        scope.seen |= bit
        if let oneof = scope.oneof, oneof.contains(scope.number) {
            guard !scope.hasOneofMember else { throw DecodingFault(.repeatedOneof) }
            scope.hasOneofMember = true
        }
    }

    /// The field is one more element of a repeated string or message.
    mutating func expectElement() throws(DecodingFault) {
        guard scope.wireType == .lengthDelimited else { throw DecodingFault(.wrongWireType) }
        guard elementsLeft > 0 else { throw DecodingFault(.tooManyElements) }
        elementsLeft -= 1
    }

    /// Whether a repeated number comes packed, several of them in one length-delimited field, or as one `element`.
    func expectPacked(or element: WireType) throws(DecodingFault) -> Bool {
        if scope.wireType == .lengthDelimited { return true }
        guard scope.wireType == element else { throw DecodingFault(.wrongWireType) }
        return false
    }

    // MARK: values

    mutating func varint() throws(DecodingFault) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte = try self.byte()
            // The tenth byte holds the 64th bit alone.
            guard shift < 63 || byte <= 1 else { throw DecodingFault(.varintOverflow) }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 {
                guard byte != 0 || shift == 0 else { throw DecodingFault(.overlongVarint) }
                return value
            }
        }
        throw DecodingFault(.varintOverflow)
    }

    mutating func fixed<Value: FixedWidthInteger>(_ type: Value.Type) throws(DecodingFault) -> Value {
        let size = MemoryLayout<Value>.size
        guard size <= scope.end - position,
            let value = buffer.getInteger(at: position, endianness: .little, as: type)
        else { throw DecodingFault(.truncated) }
        position += size
        return value
    }

    /// A length and that many bytes.
    mutating func slice() throws(DecodingFault) -> ByteBuffer {
        let count = try length()
        guard let slice = buffer.getSlice(at: position, length: count) else { throw DecodingFault(.truncated) }
        position += count
        return slice
    }

    /// A length and a message of that many bytes.
    mutating func inner<M: WireMessage>(_: M.Type) throws(DecodingFault) -> M {
        let count = try length()
        let outer = scope
        defer { scope = outer }
        scope = Scope(end: position + count)
        var message = M()
        try readFields(of: &message)
        return message
    }

    /// A length that the message has room for.
    mutating func length() throws(DecodingFault) -> Int {
        let length = try varint()
        guard let length = Int(exactly: length), length <= scope.end - position else { throw DecodingFault(.truncated) }
        return length
    }

    private mutating func byte() throws(DecodingFault) -> UInt8 {
        guard position < scope.end, let byte = buffer.getInteger(at: position, as: UInt8.self) else {
            throw DecodingFault(.truncated)
        }
        position += 1
        return byte
    }

    private mutating func readTag() throws(DecodingFault) {
        let tag = try varint()
        guard let number = UInt32(exactly: tag >> 3), (1...0x1FFF_FFFF).contains(number) else {
            throw DecodingFault(.invalidFieldNumber)
        }
        guard let wireType = WireType(rawValue: UInt8(truncatingIfNeeded: tag & 7)) else { throw DecodingFault(.invalidWireType) }
        scope.number = number
        scope.wireType = wireType
    }
}
