package import EmbeddedStore
import GatewayCore
package import NIOCore
package import RedisStore

/// Brings spooled records back into Redis when it is there again.
package struct SpoolDrain: Sendable {
    private let spool: LedgerSpool
    private let client: NIOLoopBound<RedisClient>
    private let streams: LedgerStreams
    private static let batch = 200
    private static let timeout = TimeAmount.seconds(5)

    /// - Parameter client: confined to its loop; closed by whoever made it.
    package init(spool: LedgerSpool, client: NIOLoopBound<RedisClient>, streams: LedgerStreams) {
        self.spool = spool
        self.client = client
        self.streams = streams
    }

    /// Drains until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            let hasMore = (try? await drainSome()) ?? false
            if !hasMore { try? await Task.sleep(for: .milliseconds(500)) }
        }
    }

    /// - Returns: whether there may be more.
    private func drainSome() async throws -> Bool {
        let waiting = try await spool.first(Self.batch)
        guard let last = waiting.last else { return false }
        for entry in waiting {
            // What is not readable was written by a later version of this program, which must drain it.
            try await settle(
                try LedgerEntry(decoding: entry.bytes), charge: entry.charge.flatMap { RedisSettlement.Charge.Kind(rawValue: $0) })
        }
        // A record that is appended twice, because this does not come to be, is known by its id.
        await spool.remove(through: last.position)
        return waiting.count == Self.batch
    }

    /// Appends an entry to its stream, and charges the wallets that it was to charge.
    private func settle(_ entry: LedgerEntry, charge kind: RedisSettlement.Charge.Kind?) async throws {
        let stream = LedgerStream(bucket: RedisKey.bucket(of: entry.tenant))
        let settlement = RedisSettlement(
            charge: kind.map { RedisSettlement.Charge($0, of: entry) }, holder: entry.requestID.description,
            entry: RedisSettlement.Entry(stream: stream, bytes: entry.encoded()))
        switch try await outcome(of: settlement) {
        case .settled(let length): streams.appended(to: stream.bucket, length: length)
        case .late(let bound):
            guard let (correction, _) = settlement.correction(of: entry, bound: bound) else { return }
            if case .settled(let length) = try await outcome(of: correction) { streams.appended(to: stream.bucket, length: length) }
        }
    }

    private func outcome(of settlement: RedisSettlement) async throws -> RedisSettlement.Outcome {
        var command = RedisCommand([])
        settlement.encode(into: &command)
        let (client, sent) = (client, command)
        let reply = try await client.eventLoop.flatSubmit { client.value.send(sent, timeout: Self.timeout) }.get()
        guard let outcome = RedisSettlement.outcome(of: reply) else { throw RedisFailure.unexpectedReply }
        return outcome
    }
}
