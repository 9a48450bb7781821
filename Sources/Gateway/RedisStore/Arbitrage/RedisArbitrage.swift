package import GatewayCore
package import NIOCore

/// What arbitrated names learn, as replicas share it: a string of whole numbers for each arm and hour, added to by `BITFIELD`, which commutes; and what
/// late feedback needs, by receipt. Nobody's request waits for any of it.
package struct RedisArbitrage: ArbitrageStore {
    package struct Settings: Sendable {
        package var feedbackMilliseconds: Int64
        package var timeout = TimeAmount.seconds(5)

        package init(feedbackMilliseconds: Int64) {
            self.feedbackMilliseconds = feedbackMilliseconds
        }
    }

    /// An hour is read for a week, and stays a day longer.
    private static let hourLifetimeMilliseconds: Int64 = Int64(RouteStatistics.mostHours + 24) * 3_600_000
    /// Commands under way at once.
    private static let batch = 64

    private let client: NIOLoopBound<RedisClient>
    private let settings: Settings
    private let unreadable: @Sendable (Int) -> Void

    /// - Parameters:
    ///   - client: confined to its loop; closed by whoever made it.
    ///   - unreadable: told how many hours hold something that nobody can have learned; they are left out.
    package init(client: NIOLoopBound<RedisClient>, settings: Settings, unreadable: @escaping @Sendable (Int) -> Void = { _ in }) {
        self.client = client
        self.settings = settings
        self.unreadable = unreadable
    }

    package var isShared: Bool { true }

    // MARK: statistics

    /// Each in its own command. What has no answer is not sent again: it may have been added, and twice would be worse than never. Nor is what Redis will
    /// never take.
    package func add(_ increments: [LearnedHour]) async -> [LearnedHour] {
        var left: [LearnedHour] = []
        for start in stride(from: 0, to: increments.count, by: Self.batch) {
            let some = increments[start..<min(start + Self.batch, increments.count)]
            let results = await send(
                some.flatMap { increment in
                    [
                        Self.addition(increment),
                        RedisCommand(
                            "PEXPIRE", key: .learned(increment.name, increment.hour), String(Self.hourLifetimeMilliseconds)),
                    ]
                })
            for (index, increment) in some.enumerated() where Self.maySendAgain(results[2 * index]) { left.append(increment) }
        }
        return left
    }

    private static func maySendAgain(_ result: Result<RedisReply, RedisFailure>) -> Bool {
        switch result {
        case .success: false
        case .failure(.server(let error)): error.retry != .never
        case .failure(let failure): !failure.mayHaveRun
        }
    }

    private static func addition(_ increment: LearnedHour) -> RedisCommand {
        var command = RedisCommand("BITFIELD", key: .learned(increment.name, increment.hour))
        for (index, word) in increment.statistics.words.enumerated() where word != 0 {
            command.append("INCRBY")
            command.append("i64")
            command.append("#\(index)")
            command.append(word)
        }
        return command
    }

    package func learned(
        _ names: [LearnedName], in hours: ClosedRange<RouteStatistics.Hour>
    ) async throws(ArbitrageStoreError) -> [LearnedHour] {
        let places = names.flatMap { name in
            (hours.lowerBound.index...hours.upperBound.index).map { (name, RouteStatistics.Hour(index: $0)) }
        }
        var found: [LearnedHour] = []
        var garbage = 0
        for start in stride(from: 0, to: places.count, by: Self.batch) {
            let some = places[start..<min(start + Self.batch, places.count)]
            let results = await send(some.map { RedisCommand("GET", key: .learned($0.0, $0.1)) })
            for ((name, hour), result) in zip(some, results) {
                switch result {
                case .failure(.server(let error)) where error.retry == .never: garbage += 1
                case .failure(let failure): throw ArbitrageStoreError("\(failure)", mayHaveRun: false)
                case .success(let reply):
                    guard let bytes = reply.value.bytes else { continue }
                    guard let statistics = ArmStatistics(bytes: bytes.readableBytesView, form: name.form) else {
                        garbage += 1
                        continue
                    }
                    found.append(LearnedHour(name: name, hour: hour, statistics: statistics))
                }
            }
        }
        if garbage > 0 { unreadable(garbage) }
        return found
    }

    // MARK: feedback

    package func keep(_ answers: [ArbitratedAnswer]) async -> [ArbitratedAnswer] {
        var left: [ArbitratedAnswer] = []
        for start in stride(from: 0, to: answers.count, by: Self.batch) {
            let some = answers[start..<min(start + Self.batch, answers.count)]
            let results = await send(
                some.map { answer in
                    var command = RedisCommand("SET", key: .arbitrated(tenant: answer.tenant, answer.id))
                    command.append(ByteBuffer(bytes: answer.encoded()))
                    command.append("PX")
                    command.append(settings.feedbackMilliseconds)
                    // One that was claimed must not come back.
                    command.append("NX")
                    return command
                })
            for (answer, result) in zip(some, results) where Self.mayKeepAgain(result) { left.append(answer) }
        }
        return left
    }

    /// Twice does no harm.
    private static func mayKeepAgain(_ result: Result<RedisReply, RedisFailure>) -> Bool {
        switch result {
        case .success: false
        case .failure(.server(let error)): error.retry != .never
        case .failure: true
        }
    }

    package func claim(
        _ id: RequestID, tenant: String, scoreMillionths score: UInt64
    ) async throws(ArbitrageStoreError) -> FeedbackClaim {
        var command = RedisCommand(Self.claim, keyCount: 1)
        command.append(.arbitrated(tenant: tenant, id))
        command.append(FeedbackLease.text(scoreMillionths: score))
        command.append(FeedbackClaim.leaseMilliseconds)
        switch await send([command])[0] {
        case .failure(let failure): throw ArbitrageStoreError("\(failure)", mayHaveRun: failure.mayHaveRun)
        case .success(let reply):
            if let number = reply.value.integer { return number == 1 ? .underWay : .given }
            guard let bytes = reply.value.bytes else { return .unknown }
            guard let answer = ArbitratedAnswer(decoding: bytes.readableBytesView), answer.tenant == tenant, answer.id == id else {
                return .unknown
            }
            return .answer(answer)
        }
    }

    package func settle(_ id: RequestID, tenant: String) async throws(ArbitrageStoreError) {
        var command = RedisCommand("SET", key: .arbitrated(tenant: tenant, id), "")
        command.append("XX")
        command.append("PX")
        command.append(settings.feedbackMilliseconds)
        if case .failure(let failure) = await send([command])[0] {
            throw ArbitrageStoreError("\(failure)", mayHaveRun: failure.mayHaveRun)
        }
    }

    package func close() async {}

    /// Gives out what is kept of a receipt to one at a time, who has the lease, which stands before it with the score (``FeedbackLease``). 1: somebody has
    /// the lease. 0: what stands there is empty, since it was settled, or is claimed with another score.
    package static let claim = RedisScript(
        """
        local kept = redis.call('GET', KEYS[1])
        if not kept then return false end
        if kept == '' then return 0 end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
        local answer = kept
        if string.sub(kept, 1, 1) == '!' then
          if string.sub(kept, 2, 8) ~= ARGV[1] then return 0 end
          if (tonumber(string.sub(kept, 9, 21)) or 0) > now then return 1 end
          answer = string.sub(kept, 22)
        end
        local left = math.max(1, redis.call('PTTL', KEYS[1]))
        local lease = '!' .. ARGV[1] .. string.format('%013d', now + tonumber(ARGV[2]))
        redis.call('SET', KEYS[1], lease .. answer, 'PX', left)
        return answer
        """, sha1: "b06e6f055f18874bbc94961af28038ed71cbc3db")

    // MARK: sending

    /// - Returns: one result for each command, in their order.
    private func send(_ commands: [RedisCommand]) async -> [Result<RedisReply, RedisFailure>] {
        let (client, timeout) = (client, settings.timeout)
        let loop = client.eventLoop
        let all = loop.flatSubmit { () -> EventLoopFuture<[Result<RedisReply, any Error>]> in
            EventLoopFuture.whenAllComplete(commands.map { client.value.send($0, timeout: timeout) }, on: loop)
        }
        let results = (try? await all.get()) ?? []
        return commands.indices.map { index in
            guard results.indices.contains(index) else { return .failure(.refused(.closed)) }
            return results[index].mapError { $0 as? RedisFailure ?? .refused(.closed) }
        }
    }
}
