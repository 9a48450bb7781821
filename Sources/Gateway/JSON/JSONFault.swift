/// Why a document was refused, and where. Never holds any of the document's bytes.
package struct JSONFault: Error, Sendable, Equatable {
    /// The rule that was broken. Raw values are stable: metrics and logs may use them.
    package enum Reason: String, Sendable, CaseIterable {
        /// The document stops in the middle of a value.
        case unexpectedEnd = "unexpected_end"
        /// A byte that RFC 8259's grammar does not allow there.
        case unexpectedByte = "unexpected_byte"
        /// Something other than white space follows the document's value.
        case trailingBytes = "trailing_bytes"
        /// The document starts with a byte order mark, which RFC 8259 forbids to send.
        case byteOrderMark = "byte_order_mark"
        /// A string holds bytes that are not UTF-8 (overlong forms and encoded surrogates included).
        case invalidUTF8 = "invalid_utf8"
        /// A control character below U+0020 stands unescaped in a string.
        case controlCharacter = "control_character"
        /// A backslash is followed by something that is no escape.
        case invalidEscape = "invalid_escape"
        /// A `\u` escape is half of a surrogate pair without the other half.
        case loneSurrogate = "lone_surrogate"
        /// A number with a leading zero, or without digits where some are due.
        case invalidNumber = "invalid_number"
        /// A number too large for a Double.
        case numberOutOfRange = "number_out_of_range"
        /// Nested deeper than ``JSONLimits/maxDepth``.
        case depthExceeded = "depth_exceeded"
        /// More values and keys than ``JSONLimits/maxNodes``, or a document of 4 GiB and more.
        case tooManyValues = "too_many_values"
        /// An object has the same key twice. Not found by the scan: by looking the key up, or by asking for it.
        case duplicateKey = "duplicate_key"
    }

    package var reason: Reason
    /// Offset in bytes from the document's first byte.
    package var offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }
}

extension JSONFault {
    /// Half a sentence for a person, such as `a number is malformed at byte 17`.
    package var message: String { "\(reason.phrase) at byte \(offset)" }
}

extension JSONFault.Reason {
    /// What went wrong, for a person, without its place.
    package var phrase: String {
        switch self {
        case .unexpectedEnd: "the document is incomplete"
        case .unexpectedByte: "unexpected character"
        case .trailingBytes: "something follows the end of the document"
        case .byteOrderMark: "a byte order mark is not allowed"
        case .invalidUTF8: "a string is not valid UTF-8"
        case .controlCharacter: "a control character is not escaped"
        case .invalidEscape: "a string has an invalid escape"
        case .loneSurrogate: "a string has half of a surrogate pair"
        case .invalidNumber: "a number is malformed"
        case .numberOutOfRange: "a number is too large"
        case .depthExceeded: "values are nested too deep"
        case .tooManyValues: "the document has too many values"
        case .duplicateKey: "an object has the same key twice"
        }
    }
}
