package import NIOCore

/// A message of `protocol/agentshield.proto`.
///
/// A conforming type names its fields twice: by number in ``read(_:from:)``, and in ascending order in ``write(to:)``. The rules
/// of the encoding are ``FieldReader``'s and ``FieldWriter``'s.
package protocol WireMessage: Equatable, Sendable {
    /// The message with every field at its default.
    init()

    /// The numbers of the fields of which at most one may be present; `nil` where the message has no oneof.
    static var oneof: ClosedRange<UInt32>? { get }

    /// Reads the value of field `number`, or calls ``FieldReader/skip()`` if this build does not know the field.
    mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault)

    /// Writes the fields that are not at their default, in ascending order of their numbers.
    func write(to writer: inout FieldWriter)
}

extension WireMessage {
    package static var oneof: ClosedRange<UInt32>? { nil }

    /// The message that the readable bytes of `buffer` are, all of them. Strings and bytes of it are slices of `buffer`.
    ///
    /// - Parameter elementLimit: how many elements of repeated fields the message may have, its inner messages included.
    ///   Floats do not count: they take no more room in memory than on the wire.
    package static func decode(
        from buffer: ByteBuffer, elementLimit: Int = FieldReader.defaultElementLimit
    ) throws(DecodingFault) -> Self {
        try buffer.withUnsafeReadableBytes { bytes throws(DecodingFault) in
            var reader = FieldReader(bytes, of: buffer, elementLimit: elementLimit)
            var message = Self()
            try reader.readFields(of: &message)
            return message
        }
    }

    /// Appends the message to `buffer`.
    package func encode(into buffer: inout ByteBuffer) {
        FieldWriter.append(self, to: &buffer)
    }

    /// How many bytes ``encode(into:)`` appends.
    package var encodedLength: Int {
        var writer = FieldWriter()
        write(to: &writer)
        return writer.length
    }
}
