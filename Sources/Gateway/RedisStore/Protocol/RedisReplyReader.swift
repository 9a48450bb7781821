import CHiredis
import NIOCore

/// What a reply may be at most. A reply beyond it ends the connection: whatever sent it is not what we asked.
package struct RedisReplyLimits: Sendable, Equatable {
    /// Bytes of one whole reply on the wire.
    package var maxBytes: Int
    /// Values in one reply, arrays counted too.
    package var maxValues: Int

    package init(maxBytes: Int = 16 << 20, maxValues: Int = 65_536) {
        self.maxBytes = maxBytes
        self.maxValues = maxValues
    }
}

/// Why bytes are not a reply. There is no way on from here: where the next reply begins is not known.
enum RedisProtocolError: Error, Equatable {
    /// Not RESP2, or nested deeper than seven arrays.
    case malformed
    /// More bytes or values than the limits allow.
    case tooLarge
}

/// hiredis' reader with reply objects of our own: each value goes straight from its buffer into a `RedisReply`.
///
/// What hiredis takes for a pointer to an object is a number that says "made"; objects live in `reply`.
final class RedisReplyReader {
    private let reader: UnsafeMutablePointer<redisReader>
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let limits: RedisReplyLimits
    /// What is read so far of the reply under way.
    private var reply = RedisReply()
    /// Arrays that lack elements: where they are and how many are missing.
    private var open: [(index: Int, missing: Int32)] = []
    private var failure: RedisProtocolError?

    /// `nil`: no memory.
    init?(limits: RedisReplyLimits) {
        functions = .allocate(capacity: 1)
        functions.initialize(
            to: redisReplyObjectFunctions(
                createString: { task, bytes, count in
                    RedisReplyReader.of(task)?.appendBytes(type: task?.pointee.type ?? 0, bytes, count)
                },
                createArray: { task, count in RedisReplyReader.of(task)?.appendArray(count) },
                createInteger: { task, value in
                    RedisReplyReader.of(task)?.append(RedisReply.Node(kind: .integer, value: Int64(value), count: 0))
                },
                createNil: { task in RedisReplyReader.of(task)?.append(RedisReply.Node(kind: .null, value: 0, count: 0)) },
                // Nothing to free: `reply` owns everything.
                freeObject: { _ in }))
        guard let reader = redisReaderCreateWithFunctions(functions) else {
            functions.deallocate()
            return nil
        }
        self.reader = reader
        self.limits = limits
        reader.pointee.privdata = Unmanaged.passUnretained(self).toOpaque()
    }

    deinit {
        redisReaderFree(reader)
        functions.deallocate()
    }

    /// Takes bytes of the peer; replies are then read with `next`.
    func feed(_ bytes: ByteBuffer) throws(RedisProtocolError) {
        if let failure { throw failure }
        // hiredis copies; what it holds already belongs to the reply under way.
        let status = bytes.withUnsafeReadableBytes { bytes in
            redisReaderFeed(reader, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard status == REDIS_OK else { throw fail(.malformed) }
    }

    /// The next whole reply; `nil`: more bytes are needed.
    func next() throws(RedisProtocolError) -> RedisReply? {
        if let failure { throw failure }
        if reader.pointee.ridx < 0 {
            startReply()
        }
        var object: UnsafeMutableRawPointer?
        let status = redisReaderGetReply(reader, &object)
        guard status == REDIS_OK, failure == nil else { throw fail(failure ?? .malformed) }
        guard object != nil else {
            guard unread + reply.bytes.readableBytes <= limits.maxBytes else { throw fail(.tooLarge) }
            return nil
        }
        return reply
    }

    /// Bytes that hiredis holds and has not made values of.
    private var unread: Int {
        Int(clamping: reader.pointee.len) - Int(clamping: reader.pointee.pos)
    }

    private func startReply() {
        reply.nodes.removeAll(keepingCapacity: true)
        reply.bytes.clear()
        open.removeAll(keepingCapacity: true)
    }

    private func fail(_ error: RedisProtocolError) -> RedisProtocolError {
        failure = error
        return error
    }

    // MARK: From hiredis

    private static let maxNesting = 7

    /// Any pointer but `NULL`, which would mean "out of memory".
    private static var made: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 1) }

    private static func of(_ task: UnsafePointer<redisReadTask>?) -> RedisReplyReader? {
        guard let pointer = task?.pointee.privdata else { return nil }
        return Unmanaged<RedisReplyReader>.fromOpaque(pointer).takeUnretainedValue()
    }

    private func appendBytes(type: Int32, _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> UnsafeMutableRawPointer? {
        guard let bytes, count <= limits.maxBytes - reply.bytes.readableBytes, let length = Int32(exactly: count) else {
            failure = .tooLarge
            return nil
        }
        let kind: RedisReply.Node.Kind =
            switch type {
            case REDIS_REPLY_STATUS: .status
            case REDIS_REPLY_ERROR: .error
            default: .string
            }
        let start = reply.bytes.writerIndex
        reply.bytes.writeBytes(UnsafeRawBufferPointer(start: bytes, count: count))
        return append(RedisReply.Node(kind: kind, value: Int64(start), count: length))
    }

    private func appendArray(_ count: Int32) -> UnsafeMutableRawPointer? {
        guard count >= 0, Int(count) < limits.maxValues - reply.nodes.count else {
            failure = .tooLarge
            return nil
        }
        // hiredis' own stack has room for one more; nothing that we ask for is nested more than three deep.
        guard open.count < Self.maxNesting else {
            failure = .malformed
            return nil
        }
        let index = reply.nodes.count
        guard append(RedisReply.Node(kind: .array, value: 1, count: count)) != nil else { return nil }
        if count > 0 {
            open.append((index, count))
        }
        return Self.made
    }

    private func append(_ node: RedisReply.Node) -> UnsafeMutableRawPointer? {
        guard reply.nodes.count < limits.maxValues else {
            failure = .tooLarge
            return nil
        }
        if let last = open.indices.last {
            open[last].missing -= 1
        }
        reply.nodes.append(node)
        // An array that is to have elements is whole when they are.
        if node.kind != .array || node.count == 0 {
            while let last = open.last, last.missing == 0 {
                reply.nodes[last.index].value = Int64(reply.nodes.count - last.index)
                open.removeLast()
            }
        }
        return Self.made
    }
}
