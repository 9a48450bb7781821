/// One value (or key) of an indexed document: a cursor, cheap to copy, with no memory of its own.
///
/// Valid only inside the closure or scope in which it was made; see ``JSONIndex/root(of:)``.
package struct JSONValue {
    let nodes: UnsafePointer<JSONNode>
    let bytes: UnsafeRawPointer
    let node: Int

    var record: JSONNode { nodes[node] }

    /// The value's place in its index: what ``value(at:)`` takes, when the document is read again.
    package var place: Int { node }

    /// The place behind this value and everything in it.
    package var endPlace: Int { Int(record.next) }

    /// The value or key at a place inside of this value, itself included; `nil` for any other place.
    package func value(at place: Int) -> JSONValue? {
        place >= node && place < endPlace ? JSONValue(nodes: nodes, bytes: bytes, node: place) : nil
    }

    package var kind: JSONKind { record.kind }

    /// Where the value stands in the document, a string with its quotes, a container with its brackets.
    package var range: Range<Int> {
        let record = record
        return Range(uncheckedBounds: (Int(record.start), Int(record.end)))
    }

    /// The value's bytes as they stand in the document.
    package var rawBytes: UnsafeRawBufferPointer {
        let record = record
        return UnsafeRawBufferPointer(start: bytes + Int(record.start), count: Int(record.end &- record.start))
    }

    package var isObject: Bool { kind == .object }
    package var isArray: Bool { kind == .array }
    package var isString: Bool { kind == .string }
    package var isNumber: Bool { kind == .number }
    package var isNull: Bool { kind == .null }

    /// `nil` for anything but `true` and `false`.
    package var bool: Bool? {
        let record = record
        return record.kind == .boolean ? record.flags.contains(.isTrue) : nil
    }

    /// A number written without fraction and exponent that fits 64 bits; `nil` for anything else, `1.0` and `1e3` included.
    package var int: Int64? {
        let record = record
        guard record.kind == .number, record.flags.contains(.isInteger) else { return nil }
        return JSONNumber.integer(rawBytes)
    }

    /// A number's value, rounded to the nearest Double, always finite; `nil` for anything but a number.
    package var double: Double? { isNumber ? JSONNumber.double(rawBytes) : nil }
}
