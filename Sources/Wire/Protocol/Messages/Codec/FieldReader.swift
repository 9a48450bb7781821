import NIOCore

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
    /// Elements of repeated fields (floats excepted) in one message. An empty element takes two bytes on the wire and up to 80
    /// in memory; the limit keeps what a small message can grow to below 2 MiB.
    package static let defaultElementLimit = 16_384

    /// What the outermost message is decoded from, for slices, and its readable bytes. Going through the buffer for every byte
    /// would cost twice the time.
    private let buffer: ByteBuffer
    private let bytes: UnsafeRawBufferPointer
    /// The next byte, as an index of ``bytes``.
    private var position = 0
    private var elementsLeft: Int
    private var scope: Scope

    /// Where the reader is in one message.
    private struct Scope {
        /// One past the message's last byte, as an index of the bytes; never above their count.
        var end: Int
        var oneof: ClosedRange<UInt32>?
        /// The field whose tag was read last.
        var number: UInt32 = 0
        var wireType = WireType.varint
        /// One bit per field number of the singular fields that were read; the schema's known fields stay below 64.
        var seen: UInt64 = 0
        var hasOneofMember = false
    }

    /// - Parameter bytes: the readable bytes of `buffer`, which the reader must not outlive.
    init(_ bytes: UnsafeRawBufferPointer, of buffer: ByteBuffer, elementLimit: Int) {
        self.bytes = bytes
        self.buffer = buffer
        elementsLeft = elementLimit
        scope = Scope(end: bytes.count)
    }

    /// Reads every field of the message that the reader is in.
    mutating func readFields<M: WireMessage>(of message: inout M) throws(DecodingFault) {
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
    mutating func skip() throws(DecodingFault) {
        switch scope.wireType {
        case .varint: _ = try varint()
        case .fixed64: _ = try fixed(UInt64.self)
        case .fixed32: _ = try fixed(UInt32.self)
        case .lengthDelimited: _ = try advance(by: try length())
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
        let first = try byte()
        if first < 0x80 { return UInt64(first) }

        var value = UInt64(first & 0x7F)
        for shift in stride(from: UInt64(7), to: 64, by: 7) {
            let byte = try self.byte()
            // The tenth byte holds the 64th bit alone.
            guard shift < 63 || byte <= 1 else { throw DecodingFault(.varintOverflow) }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 {
                guard byte != 0 else { throw DecodingFault(.overlongVarint) }
                return value
            }
        }
        throw DecodingFault(.varintOverflow)
    }

    mutating func fixed<Value: FixedWidthInteger>(_ type: Value.Type) throws(DecodingFault) -> Value {
        let start = try advance(by: MemoryLayout<Value>.size)
        return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: type))
    }

    /// A length and that many bytes.
    mutating func slice() throws(DecodingFault) -> ByteBuffer {
        let count = try length()
        return try slice(at: try advance(by: count), count: count)
    }

    /// A length and that many bytes of UTF-8.
    mutating func text() throws(DecodingFault) -> Text {
        let count = try length()
        let start = try advance(by: count)
        guard isValidUTF8(UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])) else { throw DecodingFault(.invalidUTF8) }
        return count == 0 ? Text() : Text(valid: try slice(at: start, count: count))
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
        guard length <= UInt64(scope.end - position) else { throw DecodingFault(.truncated) }
        return Int(length)
    }

    // MARK: bytes

    private mutating func byte() throws(DecodingFault) -> UInt8 {
        bytes[try advance(by: 1)]
    }

    /// Passes over `count` bytes, which the message must have, and returns where they start. All access to ``bytes`` is by
    /// what this returns.
    private mutating func advance(by count: Int) throws(DecodingFault) -> Int {
        guard count <= scope.end - position else { throw DecodingFault(.truncated) }
        defer { position += count }
        return position
    }

    private func slice(at start: Int, count: Int) throws(DecodingFault) -> ByteBuffer {
        guard let slice = buffer.getSlice(at: buffer.readerIndex + start, length: count) else { throw DecodingFault(.truncated) }
        return slice
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
