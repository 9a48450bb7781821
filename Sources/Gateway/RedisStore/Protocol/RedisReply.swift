package import NIOCore

/// One whole answer of Redis (RESP2), flat: the values in the order in which they came, an array before its elements.
///
/// Copies share memory. The reader uses that memory again for the next reply unless somebody still holds this one.
package struct RedisReply: Sendable, Equatable {
    /// One value, without its bytes and elements.
    struct Node: Sendable, Equatable {
        enum Kind: UInt8, Sendable {
            case null, integer, status, error, string, array
        }

        var kind: Kind
        /// The integer itself; where the bytes begin; for arrays how many nodes the array takes with everything in it, its own included.
        var value: Int64
        /// Count of bytes or of elements.
        var count: Int32
    }

    var nodes: [Node] = []
    var bytes = ByteBuffer()

    /// The reply's outermost value.
    package var value: RedisValue {
        RedisValue(reply: self, index: 0)
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.nodes == right.nodes && left.bytes == right.bytes
    }
}

/// A value somewhere in a reply. Whoever asks it for a kind that it is not gets `nil`.
package struct RedisValue: Sendable {
    let reply: RedisReply
    let index: Int

    private var node: RedisReply.Node? {
        reply.nodes.indices.contains(index) ? reply.nodes[index] : nil
    }

    package var isNull: Bool { node?.kind == .null }

    package var integer: Int64? {
        guard let node, node.kind == .integer else { return nil }
        return node.value
    }

    /// The bytes of a bulk string or of a status such as `OK`.
    package var bytes: ByteBuffer? {
        guard let node, node.kind == .string || node.kind == .status else { return nil }
        return reply.bytes.getSlice(at: Int(node.value), length: Int(node.count))
    }

    package var string: String? {
        bytes.map { String(buffer: $0) }
    }

    /// Whether this is the status that most commands answer with.
    package var isOK: Bool {
        guard let node, node.kind == .status else { return false }
        return reply.bytes.getSlice(at: Int(node.value), length: Int(node.count))?.readableBytesView.elementsEqual("OK".utf8) ?? false
    }

    /// What went wrong, if Redis answered with an error.
    package var error: RedisServerError? {
        guard let node, node.kind == .error else { return nil }
        return RedisServerError(reply.bytes.getSlice(at: Int(node.value), length: Int(node.count)) ?? ByteBuffer())
    }

    /// The elements of an array; `nil` for any other value.
    package var elements: Elements? {
        guard let node, node.kind == .array else { return nil }
        return Elements(reply: reply, position: index + 1, left: Int(node.count))
    }

    package struct Elements: Sequence, IteratorProtocol, Sendable {
        let reply: RedisReply
        private var position: Int
        /// How many elements are still to come.
        package private(set) var left: Int

        init(reply: RedisReply, position: Int, left: Int) {
            self.reply = reply
            self.position = position
            self.left = left
        }

        package var underestimatedCount: Int { left }

        package mutating func next() -> RedisValue? {
            guard left > 0, reply.nodes.indices.contains(position) else { return nil }
            left -= 1
            let node = reply.nodes[position]
            defer { position += node.kind == .array ? Int(node.value) : 1 }
            return RedisValue(reply: reply, index: position)
        }
    }
}
