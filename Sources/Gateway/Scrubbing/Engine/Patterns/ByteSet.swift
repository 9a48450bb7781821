/// A set of bytes.
struct ByteSet: Hashable {
    private var bits = Bits256()

    init() {}

    init(_ range: ClosedRange<UInt8>) {
        for byte in range { insert(byte) }
    }

    init(where isMember: (UInt8) -> Bool) {
        for byte in UInt8.min...UInt8.max where isMember(byte) { insert(byte) }
    }

    func contains(_ byte: UInt8) -> Bool {
        bits[byte]
    }

    mutating func insert(_ byte: UInt8) {
        bits[byte] = true
    }

    mutating func formUnion(_ other: ByteSet) {
        bits.formUnion(other.bits)
    }
}
