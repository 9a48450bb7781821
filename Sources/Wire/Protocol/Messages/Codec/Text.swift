package import NIOCore

/// A string of a message: UTF-8 bytes, validated once, without a `String` around them.
///
/// A decoded text is a slice of the receive buffer and keeps it alive; code that stores a text beyond its request copies it
/// (``string``). Two texts are equal if their bytes are: there is no Unicode normalisation.
package struct Text: Hashable, Sendable {
    /// `nil` when empty, so that a message of default values retains nothing.
    private var bytes: ByteBuffer?

    package init() {}

    package init(_ string: some StringProtocol) {
        bytes = string.isEmpty ? nil : ByteBuffer(string: String(string))
    }

    /// The readable bytes of a buffer; `nil` if they are not UTF-8.
    package init?(validating buffer: ByteBuffer) {
        guard buffer.withUnsafeReadableBytes(isValidUTF8) else { return nil }
        bytes = buffer.readableBytes == 0 ? nil : buffer
    }

    /// Bytes that were validated, at least one.
    init(valid buffer: ByteBuffer) {
        bytes = buffer
    }

    package var isEmpty: Bool { bytes == nil }

    /// Bytes, not characters.
    package var count: Int { bytes?.readableBytes ?? 0 }

    /// The bytes, as a slice.
    package var buffer: ByteBuffer { bytes ?? ByteBuffer() }

    /// A copy as a Swift string.
    package var string: String { bytes.map(String.init(buffer:)) ?? "" }

    package func withUnsafeBytes<Answer>(_ body: (UnsafeRawBufferPointer) -> Answer) -> Answer {
        guard let bytes else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return bytes.withUnsafeReadableBytes(body)
    }
}

extension Text: ExpressibleByStringLiteral {
    package init(stringLiteral value: StaticString) {
        self.init(value.description)
    }
}

extension Text: CustomStringConvertible {
    /// The length only: texts are payload, and a log line that interpolates one must not show it.
    package var description: String { "\(count) bytes" }
}
