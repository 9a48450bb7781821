package import NIOCore

/// A string of a message: UTF-8 bytes, validated once, without a `String` around them.
///
/// A decoded text is a slice of the receive buffer and keeps it alive; code that stores a text beyond its request copies it
/// (``string``). A text that was made of a `String` keeps that, for it is there already and most go straight into a send buffer. Two texts
/// are equal if their bytes are: there is no Unicode normalisation.
package struct Text: Sendable {
    private enum Storage {
        /// Retains nothing: so a message of default values does not either.
        case empty
        /// At least one byte.
        case slice(ByteBuffer)
        /// Not empty.
        case string(String)
    }

    private var storage = Storage.empty

    package init() {}

    package init(_ string: some StringProtocol) {
        if !string.isEmpty { storage = .string(String(string)) }
    }

    /// The readable bytes of a buffer; `nil` if they are not UTF-8.
    package init?(validating buffer: ByteBuffer) {
        guard buffer.withUnsafeReadableBytes(isValidUTF8) else { return nil }
        if buffer.readableBytes > 0 { storage = .slice(buffer) }
    }

    /// Bytes that were validated, at least one.
    init(valid buffer: ByteBuffer) {
        storage = .slice(buffer)
    }

    package var isEmpty: Bool {
        if case .empty = storage { true } else { false }
    }

    /// Bytes, not characters.
    package var count: Int {
        switch storage {
        case .empty: 0
        case .slice(let bytes): bytes.readableBytes
        case .string(let string): string.utf8.count
        }
    }

    /// The bytes, as a slice where they were received.
    package var buffer: ByteBuffer {
        switch storage {
        case .empty: ByteBuffer()
        case .slice(let bytes): bytes
        case .string(let string): ByteBuffer(string: string)
        }
    }

    /// A copy as a Swift string.
    package var string: String {
        switch storage {
        case .empty: ""
        case .slice(let bytes): String(buffer: bytes)
        case .string(let string): string
        }
    }

    package func withUnsafeBytes<Answer>(_ body: (UnsafeRawBufferPointer) -> Answer) -> Answer {
        switch storage {
        case .empty: return body(UnsafeRawBufferPointer(start: nil, count: 0))
        case .slice(let bytes): return bytes.withUnsafeReadableBytes(body)
        case .string(var string): return string.withUTF8 { body(UnsafeRawBufferPointer($0)) }
        }
    }
}

extension Text: Hashable {
    package static func == (left: Text, right: Text) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { left.elementsEqual($0) } }
    }

    package func hash(into hasher: inout Hasher) {
        withUnsafeBytes { hasher.combine(bytes: $0) }
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
