/// Writes the fields of an entry one after another: numbers as LEB128, texts behind their length.
struct RecordWriter {
    private(set) var bytes: [UInt8] = []

    /// - Parameter capacity: bytes that the entry hardly has more of.
    init(capacity: Int = 480) {
        bytes.reserveCapacity(capacity)
    }

    mutating func append(byte: UInt8) { bytes.append(byte) }

    mutating func append(_ flag: Bool) { bytes.append(flag ? 1 : 0) }

    mutating func append(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func append(_ number: UInt64?) {
        append(number != nil)
        if let number { append(number) }
    }

    /// Small negative numbers are as short as small positive ones.
    mutating func append(signed number: Int64) {
        append(UInt64(bitPattern: number << 1 ^ number >> 63))
    }

    mutating func append(contentsOf other: UnsafeRawBufferPointer) { bytes.append(contentsOf: other) }

    mutating func append(_ usage: TokenUsage) {
        append(usage.input)
        append(usage.cacheRead)
        append(usage.cacheWrite)
        append(usage.output)
        append(usage.reasoning)
    }

    mutating func append(_ text: String) {
        append(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func append(_ text: String?) {
        append(text != nil)
        if let text { append(text) }
    }

    mutating func append(_ id: RequestID) {
        id.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
}

/// Reads what ``RecordWriter`` wrote, and nothing else: each value has one form.
struct RecordReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() throws(LedgerEntryFault) -> UInt8 {
        guard let byte = rest.popFirst() else { throw .cutShort }
        return byte
    }

    mutating func flag() throws(LedgerEntryFault) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        default: throw .malformed
        }
    }

    mutating func number() throws(LedgerEntryFault) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, through: 63, by: 7) {
            let byte = try byte()
            let part = UInt64(byte & 0x7F)
            // The tenth byte has room for one bit, and a last byte of zero has a shorter form.
            guard shift < 63 || part <= 1, shift == 0 || byte != 0 else { throw .malformed }
            value |= part << UInt64(shift)
            if byte < 0x80 { return value }
        }
        throw .malformed
    }

    mutating func optionalNumber() throws(LedgerEntryFault) -> UInt64? {
        try flag() ? try number() : nil
    }

    mutating func signed() throws(LedgerEntryFault) -> Int64 {
        let value = try number()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A number of things that each take a byte or more.
    mutating func count() throws(LedgerEntryFault) -> Int {
        let value = try number()
        guard value <= UInt64(rest.count) else { throw .cutShort }
        return Int(value)
    }

    mutating func text() throws(LedgerEntryFault) -> String {
        let count = try count()
        guard let text = String(validating: rest.prefix(count), as: UTF8.self) else { throw .malformed }
        rest = rest.dropFirst(count)
        return text
    }

    mutating func bytes(_ count: Int) throws(LedgerEntryFault) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw .cutShort }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func optionalText() throws(LedgerEntryFault) -> String? {
        try flag() ? try text() : nil
    }

    mutating func id() throws(LedgerEntryFault) -> RequestID {
        guard let id = RequestID(bytes: rest.prefix(16)) else { throw .cutShort }
        rest = rest.dropFirst(16)
        return id
    }
}
