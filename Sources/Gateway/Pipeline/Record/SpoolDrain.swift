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
            let stream = LedgerStream(bucket: RedisKey.bucket(of: try LedgerEntry(decoding: entry.bytes).tenant))
            let client = client
            let reply = try await client.eventLoop.flatSubmit { client.value.send(stream.append(entry.bytes), timeout: Self.timeout) }.get()
            guard reply.value.string != nil else { throw RedisFailure.unexpectedReply }
            streams.appended(to: stream.bucket, length: streams.length(of: stream.bucket) + 1)
        }
        // A record that is appended twice, because this does not come to be, is known by its id.
        await spool.remove(through: last.position)
        return waiting.count == Self.batch
    }
}
