package import NIOCore

/// Streams whose connection is lost, and which are read on through another replica.
package enum RedisResumption {
    /// How long a replica that asks once counts as one that reads.
    private static let watchMilliseconds: Int64 = 5_000
    /// How long pieces are kept behind the last one.
    private static let keptMilliseconds: Int64 = 20_000
    /// Pieces that are read at once.
    private static let page: Int64 = 256

    /// Of one stream.
    package struct Keys: Sendable, Equatable {
        var pieces: RedisKey
        var watched: RedisKey

        package init(tenant: String, _ id: String) {
            pieces = .resumption(tenant: tenant, id)
            watched = .resuming(tenant: tenant, id)
        }
    }

    /// Keeps what came of a stream. The first piece takes those of an earlier loss away.
    package static func publish(_ piece: ByteBuffer, index: Int, _ keys: Keys) -> RedisCommand {
        var command = RedisCommand([])
        command.restart(RedisCacheScripts.publish, keyCount: 1)
        command.append(keys.pieces)
        command.append(Int64(index))
        command.append(piece)
        command.append(keptMilliseconds)
        return command
    }

    /// Asks for what a replica that reads wants: the text of ``wish(_:_:)``, or nothing.
    package static func wish(_ keys: Keys) -> RedisCommand {
        var command = RedisCommand("GET")
        command.append(keys.watched)
        return command
    }

    /// Says what a replica that reads wants.
    package static func wish(_ text: String, _ keys: Keys) -> RedisCommand {
        var command = RedisCommand("SET")
        command.append(keys.watched)
        command.append(text)
        command.append("PX")
        command.append(watchMilliseconds)
        return command
    }

    /// - Parameter count: how many pieces are known.
    package static func read(_ keys: Keys, from count: Int) -> RedisCommand {
        var command = RedisCommand("LRANGE")
        command.append(keys.pieces)
        command.append(Int64(count))
        command.append(Int64(count) + page - 1)
        return command
    }

    /// - Returns: `nil`: the reply is not a list of pieces.
    package static func pieces(_ reply: RedisReply) -> [ByteBuffer]? {
        guard let values = reply.value.elements else { return nil }
        let pieces = values.map(\.bytes)
        let whole = pieces.compactMap { $0 }
        return whole.count == pieces.count ? whole : nil
    }
}
