import NIOCore

/// The stream in which the records of a bucket's tenants are durable until a mover has brought them into the ledger.
///
/// Each bucket has one, so that a tenant's stream shares a slot with its limits and one script settles both. Nothing in it is dropped: entries leave it
/// when the ledger has them.
package struct LedgerStream: Sendable, Equatable {
    /// The consumer group of all movers.
    package static let group = "movers"
    /// The one field of an entry: the record, encoded.
    package static let field = "r"

    package let bucket: UInt8
    package let key: RedisKey

    package init(bucket: UInt8) {
        self.bucket = bucket
        key = .ledger(bucket: bucket)
    }

    /// An entry of the stream.
    package struct Entry: Sendable, Equatable {
        /// As Redis numbers it.
        package var id: String
        /// The record, encoded; empty where the entry has another form. `nil`: it has been deleted and is only not acknowledged.
        package var bytes: [UInt8]?

        package init(id: String, bytes: [UInt8]?) {
            self.id = id
            self.bytes = bytes
        }
    }

    // MARK: commands

    /// Makes the group, and the stream if it is not there.
    package var creation: RedisCommand {
        var command = RedisCommand("XGROUP", "CREATE")
        command.append(key)
        for word in [Self.group, "0", "MKSTREAM"] { command.append(word) }
        return command
    }

    package var length: RedisCommand { RedisCommand("XLEN", key: key) }

    /// Charges the bucket's holds that have ended, appends their rows, and asks how long the stream is.
    package func expiry(count: Int, now microseconds: Int64? = nil) -> RedisCommand {
        var command = RedisCommand(RedisLimitScripts.expire, keyCount: 4)
        for key in [.holds(bucket: bucket), .held(bucket: bucket), .late(bucket: bucket), key] { command.append(key) }
        command.append(microseconds ?? 0)
        command.append(Int64(count))
        return command
    }

    package func append(_ bytes: [UInt8]) -> RedisCommand {
        var command = RedisCommand("XADD", key: key, "*", Self.field)
        command.append(ByteBuffer(bytes: bytes))
        return command
    }

    /// Entries that no mover has been given.
    ///
    /// - Parameter again: behind this id, in place of new ones, those that this consumer has been given and has not acknowledged.
    package func read(_ consumer: String, count: Int, again: String? = nil) -> RedisCommand {
        var command = RedisCommand(["XREADGROUP", "GROUP", Self.group, consumer, "COUNT", "\(count)", "STREAMS"])
        command.append(key)
        command.append(again ?? ">")
        return command
    }

    /// Takes over what a mover was given that has not been heard of for a while.
    package func claim(_ consumer: String, idleMilliseconds: Int, count: Int) -> RedisCommand {
        RedisCommand("XAUTOCLAIM", key: key, Self.group, consumer, "\(idleMilliseconds)", "0", "COUNT", "\(count)")
    }

    /// The ledger has the entries: they leave the stream.
    package func removal(of entries: [Entry]) -> RedisCommand {
        var command = RedisCommand(Self.remove, keyCount: 1)
        command.append(key)
        command.append(Self.group)
        for entry in entries { command.append(entry.id) }
        return command
    }

    /// KEYS: a stream. ARGV: the group, ids. In one step, so that no entry is acknowledged and stays.
    package static let remove = RedisScript(
        """
        local ids = {unpack(ARGV, 2)}
        redis.call('XACK', KEYS[1], ARGV[1], unpack(ids))
        redis.call('XDEL', KEYS[1], unpack(ids))
        return redis.call('XLEN', KEYS[1])
        """, sha1: "4a79b5733d3c908d31f5e8b8e28e61ff988ee132")

    // MARK: replies

    /// - Returns: `nil`: the reply is of another form.
    package static func read(_ reply: RedisReply) -> [Entry]? {
        if reply.value.isNull { return [] }
        // Of each stream its name and its entries; there is one.
        guard var streams = reply.value.elements, var stream = streams.next()?.elements, stream.next() != nil, let entries = stream.next()
        else { return nil }
        return Self.entries(entries)
    }

    package static func claimed(_ reply: RedisReply) -> [Entry]? {
        guard var parts = reply.value.elements, parts.next() != nil, let entries = parts.next() else { return nil }
        return Self.entries(entries)
    }

    static func entries(_ value: RedisValue) -> [Entry]? {
        guard let elements = value.elements else { return nil }
        var entries: [Entry] = []
        for element in elements {
            // Redis before 7 gives nothing for an entry that was deleted.
            guard !element.isNull else { continue }
            guard var parts = element.elements, let id = parts.next()?.string else { return nil }
            guard var fields = parts.next()?.elements else {
                entries.append(Entry(id: id, bytes: nil))
                continue
            }
            let bytes = fields.next()?.string == field ? fields.next()?.bytes : nil
            entries.append(Entry(id: id, bytes: bytes.map { Array($0.readableBytesView) } ?? []))
        }
        return entries
    }
}
