package import GatewayCore
package import NIOCore

/// Wallets in Redis as a check looks at them: all at one moment. Not on a request's way.
package struct WalletStore: Sendable {
    /// What Redis knows of some wallets of a tenant at one moment.
    package struct Snapshot: Sendable, Equatable {
        /// Each wallet's fields, in the order in which they were asked for.
        package var wallets: [[String: Int64]]
        /// Records on their way to the ledger, of all tenants of the bucket.
        package var records: [[UInt8]]
        /// Open reservations of the bucket, with the names of their wallets.
        package var holds: [Hold]
    }

    package struct Hold: Sendable, Equatable {
        package var reservation: WalletAudit.Reservation
        package var wallets: [String]
    }

    /// Wallets in one question.
    package static let maxWallets = 200
    private static let timeout = TimeAmount.seconds(30)
    private let client: NIOLoopBound<RedisClient>

    /// - Parameter client: confined to its loop; closed by whoever made it.
    package init(client: NIOLoopBound<RedisClient>) {
        self.client = client
    }

    package func snapshot(tenant: String, _ subjects: [BudgetSubject]) async throws -> Snapshot {
        let bucket = RedisKey.bucket(of: tenant)
        var command = RedisCommand(Self.look, keyCount: 2 + subjects.count)
        command.append(.held(bucket: bucket))
        command.append(.ledger(bucket: bucket))
        for subject in subjects { command.append(.wallet(tenant: tenant, subject)) }
        let reply = try await send(command)
        guard var parts = reply.value.elements, let held = parts.next()?.elements, let stream = parts.next() else {
            throw RedisFailure.unexpectedReply
        }
        guard let entries = LedgerStream.entries(stream) else { throw RedisFailure.unexpectedReply }
        var snapshot = Snapshot(wallets: [], records: entries.compactMap(\.bytes), holds: [])
        for hold in held { snapshot.holds.append(try Self.hold(hold)) }
        for wallet in parts { snapshot.wallets.append(try Self.fields(wallet)) }
        return snapshot
    }

    /// Sets a wallet's fields, if it is still as it was seen.
    ///
    /// - Returns: whether it was.
    package func replace(tenant: String, _ subject: BudgetSubject, _ seen: [String: Int64], by fields: [String: Int64]) async throws -> Bool
    {
        var command = RedisCommand(Self.exchange, keyCount: 1)
        command.append(.wallet(tenant: tenant, subject))
        command.append(Int64(seen.count))
        for (field, value) in seen {
            command.append(field)
            command.append(value)
        }
        for (field, value) in fields where value != 0 {
            command.append(field)
            command.append(value)
        }
        return try await send(command).value.integer == 1
    }

    private func send(_ command: RedisCommand) async throws -> RedisReply {
        let client = client
        return try await client.eventLoop.flatSubmit { client.value.send(command, timeout: Self.timeout) }.get()
    }

    private static func hold(_ value: RedisValue) throws -> Hold {
        guard var parts = value.elements, let bound = parts.number, let day = parts.number, let month = parts.number else {
            throw RedisFailure.unexpectedReply
        }
        var time = SpendingTime(unixMilliseconds: 0)
        (time.day, time.month) = (Int(day), Int(month))
        return Hold(reservation: .init(bound: bound, time: time), wallets: parts.compactMap(\.string))
    }

    private static func fields(_ value: RedisValue) throws -> [String: Int64] {
        guard var parts = value.elements else { throw RedisFailure.unexpectedReply }
        var fields: [String: Int64] = [:]
        while let name = parts.next()?.string {
            guard let number = parts.number else { throw RedisFailure.unexpectedReply }
            fields[name] = number
        }
        return fields
    }

    /// KEYS: what is held, the stream, wallets. Answers each hold's bound, day, month and wallets; the stream's entries; each wallet's fields.
    package static let look = RedisScript(
        """
        local holds = {}
        for _, packed in ipairs(redis.call('HVALS', KEYS[1])) do
          local hold = cmsgpack.unpack(packed)
          table.remove(hold, 4)
          holds[#holds + 1] = hold
        end
        local answer = {holds, redis.call('XRANGE', KEYS[2], '-', '+')}
        for i = 3, #KEYS do answer[i] = redis.call('HGETALL', KEYS[i]) end
        return answer
        """, sha1: "74a088370a6d36a55e72d8b608296f671137399b")

    /// KEYS: a wallet. ARGV: count of fields that it must have, these, then those that it gets. Answers 1, or 0: it has others.
    package static let exchange = RedisScript(
        """
        local seen = tonumber(ARGV[1])
        if redis.call('HLEN', KEYS[1]) ~= seen then return 0 end
        for i = 1, seen do
          if redis.call('HGET', KEYS[1], ARGV[i * 2]) ~= ARGV[i * 2 + 1] then return 0 end
        end
        redis.call('DEL', KEYS[1])
        for i = 2 + seen * 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
        return 1
        """, sha1: "a22e5b493805b07971ba98689060d000eb43bdf6")
}

extension RedisValue.Elements {
    /// The next element, a number in a text.
    fileprivate var number: Int64? {
        mutating get { next()?.string.flatMap { Int64($0) } }
    }
}
