import NIOCore

/// Writes the fields of a message: shortest varints, nothing for a field at its default.
///
/// The same calls first measure and then write: a writer without a destination only counts. So every length is known before its
/// message, and the bytes go straight into the send buffer.
package struct FieldWriter {
    /// The bytes written, or measured, so far.
    package private(set) var length = 0
    private let destination: UnsafeMutableRawBufferPointer?

    /// A writer that measures.
    package init() {
        destination = nil
    }

    private init(destination: UnsafeMutableRawBufferPointer) {
        self.destination = destination
    }

    /// Appends `message` to `buffer`.
    static func append(_ message: some WireMessage, to buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: message.encodedLength) { destination in
            var writer = FieldWriter(destination: destination)
            message.write(to: &writer)
            return writer.length
        }
    }

    // MARK: fields that are absent at their default

    mutating func write(_ number: UInt32, _ value: UInt64) {
        if value != 0 { writeVarint(number, value) }
    }

    mutating func write(_ number: UInt32, _ value: UInt32) {
        if value != 0 { writeVarint(number, UInt64(value)) }
    }

    mutating func write(_ number: UInt32, _ value: Bool) {
        if value { writeVarint(number, 1) }
    }

    /// Negative zero is not the default.
    mutating func write(_ number: UInt32, _ value: Double) {
        if value.bitPattern != 0 { writeDouble(number, value) }
    }

    mutating func write(_ number: UInt32, _ value: some OpenEnum) {
        if value.rawValue != 0 { writeVarint(number, UInt64(bitPattern: Int64(value.rawValue))) }
    }

    mutating func write(_ number: UInt32, _ value: Text) {
        if !value.isEmpty { writeMember(number, value) }
    }

    mutating func write(_ number: UInt32, _ value: ByteBuffer) {
        if value.readableBytes > 0 { writeMember(number, value) }
    }

    // MARK: optional fields

    mutating func write(_ number: UInt32, _ value: UInt32?) {
        if let value { writeVarint(number, UInt64(value)) }
    }

    mutating func write(_ number: UInt32, _ value: Int64?) {
        if let value { writeVarint(number, UInt64(bitPattern: value)) }
    }

    mutating func write(_ number: UInt32, _ value: Bool?) {
        if let value { writeVarint(number, value ? 1 : 0) }
    }

    mutating func write(_ number: UInt32, _ value: Double?) {
        if let value { writeDouble(number, value) }
    }

    mutating func write(_ number: UInt32, _ value: (some WireMessage)?) {
        if let value { writeMember(number, value) }
    }

    // MARK: repeated fields

    mutating func write(_ number: UInt32, _ values: [Text]) {
        for index in values.indices { writeMember(number, values[index]) }
    }

    mutating func write(_ number: UInt32, _ values: [some WireMessage]) {
        for index in values.indices { writeMember(number, values[index]) }
    }

    /// Packed.
    mutating func write(_ number: UInt32, _ values: [Float]) {
        guard !values.isEmpty else { return }
        tag(number, .lengthDelimited)
        let size = values.count * MemoryLayout<Float>.size
        varint(UInt64(size))
        guard destination != nil else {
            length += size
            return
        }
        for value in values { fixed(value.bitPattern) }
    }

    // MARK: members of a oneof, written whatever their value is

    mutating func writeMember(_ number: UInt32, _ value: Text) {
        tag(number, .lengthDelimited)
        varint(UInt64(value.count))
        value.withUnsafeBytes { append($0) }
    }

    mutating func writeMember(_ number: UInt32, _ value: ByteBuffer) {
        tag(number, .lengthDelimited)
        varint(UInt64(value.readableBytes))
        value.withUnsafeReadableBytes { append($0) }
    }

    mutating func writeMember(_ number: UInt32, _ value: some WireMessage) {
        let size = value.encodedLength
        tag(number, .lengthDelimited)
        varint(UInt64(size))
        if destination == nil {
            length += size
        } else {
            value.write(to: &self)
        }
    }

    // MARK: values behind their tag

    private mutating func writeVarint(_ number: UInt32, _ value: UInt64) {
        tag(number, .varint)
        varint(value)
    }

    private mutating func writeDouble(_ number: UInt32, _ value: Double) {
        tag(number, .fixed64)
        fixed(value.bitPattern)
    }

    // MARK: bytes

    private mutating func tag(_ number: UInt32, _ wireType: WireType) {
        varint(UInt64(number) << 3 | UInt64(wireType.rawValue))
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func fixed(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }

    private mutating func append(_ byte: UInt8) {
        if let destination {
            precondition(length < destination.count, "a message grew while it was written")
            destination[length] = byte
        }
        length += 1
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if let destination, let base = destination.baseAddress, let source = bytes.baseAddress {
            precondition(bytes.count <= destination.count - length, "a message grew while it was written")
            (base + length).copyMemory(from: source, byteCount: bytes.count)
        }
        length += bytes.count
    }
}
