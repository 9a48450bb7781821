/// What a node of the index stands for. An object's keys are nodes of their own, each right before its value.
package enum JSONKind: UInt8, Sendable, Equatable {
    case object
    case array
    case key
    case string
    case number
    case boolean
    case null
}

/// One value or key of a document: 16 bytes, in document order, so that a container's content follows it directly.
struct JSONNode {
    struct Flags: OptionSet {
        let rawValue: UInt8

        /// A string or key with at least one backslash: its bytes are not yet its text.
        static let hasEscapes = Flags(rawValue: 1)
        /// A number without fraction and exponent.
        static let isInteger = Flags(rawValue: 2)
        /// A number whose mantissa has eight digits or more: long enough for a telephone or card number.
        static let hasEightDigits = Flags(rawValue: 4)
        static let isTrue = Flags(rawValue: 8)
    }

    /// Offset of the first byte, a string's opening quote included.
    var start: UInt32
    /// Offset after the last byte, a string's closing quote included.
    var end: UInt32
    /// Index of the node that follows this one and everything inside it. While the scan is inside a container: the container around it.
    var next: UInt32
    var kind: JSONKind
    var flags: Flags
}

/// The memory that nodes are written to. Whoever holds it frees it.
struct JSONTape {
    private(set) var nodes: UnsafeMutablePointer<JSONNode>
    private(set) var capacity: Int

    /// Room for the nodes of an ordinary request: 8 KiB.
    static let initialCapacity = 512
    /// What is kept from one document to the next: 256 KiB. One large document must not make its index's owner large for good.
    static let retainedCapacity = 16_384

    init(capacity: Int) {
        self.nodes = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    /// Doubles the room, at most to `limit` nodes; false when it is there already.
    mutating func grow(used: Int, limit: Int) -> Bool {
        let larger = min(capacity * 2, limit)
        guard larger > capacity else { return false }
        let moved = UnsafeMutablePointer<JSONNode>.allocate(capacity: larger)
        moved.moveInitialize(from: nodes, count: used)
        nodes.deallocate()
        nodes = moved
        capacity = larger
        return true
    }

    func deallocate() { nodes.deallocate() }
}
