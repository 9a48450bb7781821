import NIOCore

/// A request's header fields in the form in which they go on the wire, checked as they are added.
///
/// Made once per endpoint and credential and copied per request for nothing; adding to a copy duplicates the bytes.
package struct UpstreamHeaders: Sendable {
    /// `name: value CRLF` for each field.
    private(set) var wireForm: ByteBuffer

    package init() {
        wireForm = ByteBuffer()
    }

    /// - Throws: when the name is not a token or is one that the pool writes itself, or when the value holds a control byte. The error never
    ///   repeats the value.
    package mutating func add(_ name: String, _ value: String) throws(UpstreamHeaderError) {
        guard !name.isEmpty, name.utf8.allSatisfy(Self.isTokenByte) else {
            throw UpstreamHeaderError(reason: "a header field's name is not a token")
        }
        let lowercased = name.lowercased()
        guard !Self.framingNames.contains(lowercased) else {
            throw UpstreamHeaderError(reason: "the header field \(lowercased) is the connection's own")
        }
        guard value.utf8.allSatisfy({ ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }) else {
            throw UpstreamHeaderError(reason: "the value of the header field \(lowercased) holds a control character")
        }
        wireForm.writeString(lowercased)
        wireForm.writeStaticString(": ")
        wireForm.writeString(value)
        wireForm.writeStaticString("\r\n")
    }

    /// Fields that decide where a message ends or that belong to one connection (RFC 9112 section 6, RFC 9110 section 7.6.1).
    private static let framingNames: Set<String> = [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect",
    ]

    /// RFC 9110 section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}

/// Printing and reflection show how many bytes there are, and no value: one of them is the provider's key.
extension UpstreamHeaders: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<\(wireForm.readableBytes) bytes, redacted>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a header field was refused.
package struct UpstreamHeaderError: Error, Sendable, Equatable, CustomStringConvertible {
    package let reason: String

    package var description: String { reason }
}
