/// A message as its fields on the wire, right or wrong: what tests generate, mutate and encode.
struct TreeField {
    indirect enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        case bytes([UInt8])
        /// The name of the message's type in the schema, and its fields.
        case message(String, [TreeField])
        /// Fields between the tags of a group.
        case group([TreeField])
    }

    var number: UInt64
    var value: Value
    /// Instead of the one that belongs to `value`.
    var wireType: UInt64?
    /// Superfluous bytes in the varints of the tag, of the length and of the value.
    var tagPadding = 0
    var lengthPadding = 0
    var valuePadding = 0

    init(_ number: UInt64, _ value: Value) {
        self.number = number
        self.value = value
    }
}

extension TreeField {
    static func encode(_ fields: [TreeField]) -> [UInt8] {
        fields.flatMap(\.encoded)
    }

    private var encoded: [UInt8] {
        switch value {
        case .varint(let value): tag(0) + Self.varint(value, padding: valuePadding)
        case .fixed64(let value): tag(1) + withUnsafeBytes(of: value.littleEndian, Array.init)
        case .fixed32(let value): tag(5) + withUnsafeBytes(of: value.littleEndian, Array.init)
        case .bytes(let bytes): tag(2) + Self.varint(UInt64(bytes.count), padding: lengthPadding) + bytes
        case .message(_, let fields):
            {
                let bytes = Self.encode(fields)
                return tag(2) + Self.varint(UInt64(bytes.count), padding: lengthPadding) + bytes
            }()
        case .group(let fields): tag(3) + Self.encode(fields) + tag(4)
        }
    }

    private func tag(_ natural: UInt64) -> [UInt8] {
        Self.varint(number &<< 3 | (wireType ?? natural), padding: tagPadding)
    }

    /// A varint with `padding` bytes more than it needs.
    static func varint(_ value: UInt64, padding: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        repeat {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        } while rest > 0
        bytes += Array(repeating: 0x80, count: padding)
        bytes[bytes.count - 1] &= 0x7F
        return bytes
    }
}
