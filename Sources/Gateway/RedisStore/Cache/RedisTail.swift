package import GatewayCore
package import NIOCore

/// Streams that one replica fetches and others tell meanwhile.
package enum RedisTail {
    /// How long a replica that asks once counts as one that watches.
    private static let watchMilliseconds: Int64 = 5_000
    /// How long pieces are kept behind the last one.
    private static let keptMilliseconds: Int64 = 15_000
    private static let leaseMilliseconds: Int64 = 15_000

    /// Of one stream.
    package struct Keys: Sendable, Equatable {
        var flight: RedisKey
        var watched: RedisKey
        var tail: RedisKey
        var answer: RedisKey

        package init(tenant: String, answer: RedisKey, _ key: CacheKey) {
            flight = .flight(tenant: tenant, key)
            watched = .watched(tenant: tenant, key)
            tail = .tail(tenant: tenant, key)
            self.answer = answer
        }
    }

    /// A part of a stream: who fetches it, in the clear, and what came of it, sealed.
    package struct Piece: Sendable, Equatable {
        package var holder: String
        package var sealed: ByteBuffer

        package init(holder: String, sealed: ByteBuffer) {
            self.holder = holder
            self.sealed = sealed
        }

        fileprivate var bytes: ByteBuffer {
            let holder = Array(holder.utf8.prefix(255))
            var bytes = ByteBuffer(bytes: [UInt8(holder.count)] + holder)
            bytes.writeImmutableBuffer(sealed)
            return bytes
        }

        fileprivate init?(_ bytes: ByteBuffer) {
            var bytes = bytes
            guard let count = bytes.readInteger(as: UInt8.self), let holder = bytes.readString(length: Int(count)) else { return nil }
            self.init(holder: holder, sealed: bytes)
        }
    }

    package enum Found: Sendable, Equatable {
        /// Nobody fetches the stream: the whole answer is there.
        case answer(ByteBuffer)
        /// Nobody fetches it, and the asker has the lease.
        case lead
        /// Somebody fetches it; this came since.
        case running(holder: String, [Piece])
        /// Nobody fetches it any more; this came since.
        case over([Piece])
    }

    /// Answers 1 if anybody watches.
    package static func isWatched(_ keys: Keys) -> RedisCommand {
        var command = RedisCommand("EXISTS")
        command.append(keys.watched)
        return command
    }

    package static func publish(_ piece: Piece, index: Int, _ keys: Keys) -> RedisCommand {
        var command = RedisCommand([])
        command.restart(RedisCacheScripts.publish, keyCount: 1)
        command.append(keys.tail)
        command.append(Int64(index))
        command.append(piece.bytes)
        command.append(keptMilliseconds)
        return command
    }

    /// - Parameters:
    ///   - count: how many pieces are known.
    ///   - asker: gets the lease if nobody fetches the stream.
    ///   - microseconds: the time since 1970, for tests; 0: Redis' clock.
    package static func read(_ keys: Keys, from count: Int, asker: String, now microseconds: Int64 = 0) -> RedisCommand {
        var command = RedisCommand([])
        command.restart(RedisCacheScripts.readTail, keyCount: 4)
        for key in [keys.flight, keys.watched, keys.tail, keys.answer] { command.append(key) }
        command.append(microseconds)
        command.append(Int64(count))
        command.append(asker)
        command.append(leaseMilliseconds)
        command.append(watchMilliseconds)
        return command
    }

    /// - Returns: `nil`: the reply is not the script's.
    package static func found(_ reply: RedisReply, from count: Int) -> Found? {
        guard var values = reply.value.elements, let kind = values.next()?.integer else { return nil }
        switch kind {
        case 1: return values.next()?.bytes.map { .answer($0) }
        case 2: return .lead
        case 0, 3:
            guard let holder = values.next()?.string else { return nil }
            let pieces = values.map { $0.bytes.flatMap { Piece($0) } }
            let whole = pieces.compactMap { $0 }
            guard whole.count == pieces.count else { return nil }
            return kind == 0 ? .running(holder: holder, whole) : .over(whole)
        default: return nil
        }
    }
}
