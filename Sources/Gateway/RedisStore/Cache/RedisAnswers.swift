import GatewayCore
package import NIOCore

/// What is asked of the cache together with a request's limits: is there an answer, and if not, who fetches it?
package struct RedisLook: Sendable, Equatable {
    package var answer: RedisKey
    /// Where who fetches it has a lease. `nil`: nobody is to fetch it for others.
    package var flight: RedisKey?

    package init(answer: RedisKey, flight: RedisKey?) {
        self.answer = answer
        self.flight = flight
    }

    var keyCount: Int { flight == nil ? 1 : 2 }

    package enum Found: Sendable, Equatable {
        /// A sealed answer.
        case answer(ByteBuffer)
        /// There is none, and the asker has the lease: it fetches it, renews the lease meanwhile, and releases it at the end.
        case lead
        /// There is none; somebody fetches it, or nobody was to.
        case none
    }

    static func found(_ value: RedisValue) -> Found? {
        if let bytes = value.bytes { return .answer(bytes) }
        return value.integer.map { $0 == 1 ? .lead : .none }
    }
}

/// Commands of the cache.
package enum RedisAnswers {
    /// Keeps a sealed answer for whoever asks the same.
    ///
    /// - Parameter maxBytes: of the bucket's answers, with about what Redis takes for their keys. Those that end first make room.
    package static func store(
        _ value: ByteBuffer, as key: RedisKey, bucket: UInt8, milliseconds: Int64, maxBytes: Int, now: Int64 = 0
    ) -> RedisCommand {
        keep(
            value, as: key, sizes: .answerSizes(bucket: bucket), ends: .answerEnds(bucket: bucket), milliseconds: milliseconds,
            maxBytes: maxBytes, now: now)
    }

    /// Keeps a sealed answer for who repeats its request; it counts against a cap of its own.
    package static func store(
        _ value: ByteBuffer, for claim: RedisClaim, bucket: UInt8, milliseconds: Int64, maxBytes: Int
    ) -> RedisCommand {
        keep(
            value, as: claim.answer, sizes: .repeatableSizes(bucket: bucket), ends: .repeatableEnds(bucket: bucket),
            milliseconds: milliseconds, maxBytes: maxBytes, now: 0)
    }

    private static func keep(
        _ value: ByteBuffer, as key: RedisKey, sizes: RedisKey, ends: RedisKey, milliseconds: Int64, maxBytes: Int, now: Int64
    ) -> RedisCommand {
        var command = RedisCommand([])
        command.restart(RedisCacheScripts.store, keyCount: 3)
        command.append(key)
        command.append(sizes)
        command.append(ends)
        command.append(now)
        command.append(value)
        command.append(milliseconds)
        command.append(Int64(maxBytes))
        return command
    }

    /// Asks for a sealed answer.
    package static func get(_ key: RedisKey) -> RedisCommand {
        var command = RedisCommand("GET")
        command.append(key)
        return command
    }

    /// Deletes a part of a bucket's answers.
    ///
    /// - Parameters:
    ///   - tenant: `nil`: of every tenant.
    ///   - model: `nil`: of every model.
    ///   - cursor: `0`, then what ``purged(_:)`` told.
    package static func purge(bucket: UInt8, tenant: String?, model: String?, cursor: String) -> RedisCommand {
        var command = RedisCommand([])
        command.restart(RedisCacheScripts.purge, keyCount: 2)
        command.append(.answerSizes(bucket: bucket))
        command.append(.answerEnds(bucket: bucket))
        command.append(cursor)
        command.append(RedisKey.answerPattern(bucket: bucket, tenant: tenant, model: model))
        return command
    }

    /// - Returns: the next cursor, `0` at the end, and how many answers were deleted; `nil`: the reply is not the script's.
    package static func purged(_ reply: RedisReply) -> (cursor: String, count: Int)? {
        guard var values = reply.value.elements, let cursor = values.next()?.string, let count = values.next()?.integer else { return nil }
        return (cursor, Int(count))
    }
}
