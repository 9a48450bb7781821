/// Why bytes are not a message: which rule they break, and in which field.
///
/// Holds numbers only, never a value of the message, so that it can be logged and sent to the peer.
package struct DecodingFault: Error, Hashable, Sendable {
    /// The rules of a message body. The raw values are stable: vectors and error messages name them.
    package enum Rule: String, CaseIterable, Sendable {
        /// The bytes end inside a tag or a value, or a length passes the end of the message that it is in.
        case truncated
        /// A varint is longer than its value needs; also in tags and lengths.
        case overlongVarint = "overlong_varint"
        /// A varint has more than 64 bits.
        case varintOverflow = "varint_overflow"
        /// A field number is 0 or above 2^29 - 1.
        case invalidFieldNumber = "invalid_field_number"
        /// A tag has wire type 3, 4 (groups), 6 or 7.
        case invalidWireType = "invalid_wire_type"
        /// A known field has another wire type than its declared type.
        case wrongWireType = "wrong_wire_type"
        /// A field that is not `repeated` comes a second time.
        case repeatedField = "repeated_field"
        /// A second member of a oneof comes after the first.
        case repeatedOneof = "repeated_oneof"
        /// A string is not valid UTF-8.
        case invalidUTF8 = "invalid_utf8"
        /// A uint32 above 2^32 - 1, an enum outside of int32, or a bool above 1.
        case valueOutOfRange = "value_out_of_range"
        /// The message has more elements of repeated fields than the receiver's limit.
        case tooManyElements = "too_many_elements"
    }

    package var rule: Rule

    /// Field numbers from the outermost message inwards. The last is the field at fault, or, when a tag cannot be read, the
    /// field that holds the message with that tag (none: the outermost message itself).
    package private(set) var path: [UInt32]

    package init(_ rule: Rule, path: [UInt32] = []) {
        self.rule = rule
        self.path = path
    }

    /// The same fault, seen from the message that has it in field `number`.
    func inside(_ number: UInt32) -> DecodingFault {
        DecodingFault(rule, path: [number] + path)
    }
}

extension DecodingFault: CustomStringConvertible {
    /// Such as `invalid_utf8 at 16.2.3`.
    package var description: String {
        path.isEmpty ? rule.rawValue : "\(rule.rawValue) at \(path.map(String.init).joined(separator: "."))"
    }
}
