package import GatewayCore
package import NIOCore
import Synchronization

/// What a mover says of itself.
package enum MoverReport: Sendable, Equatable {
    case moved(LedgerMove)
    /// Entries that this program cannot read: written by a later version, or damaged. They stay in the stream; each is told once.
    case unreadable(count: Int)
    /// The ledger or Redis is out of reach. Told at each try.
    case failing(String)
    case recovered
}

/// Brings records from the buckets' streams into the ledger, each exactly once: an entry leaves its stream when the ledger has it, and the ledger knows
/// an entry that it has by its id.
///
/// Every replica has a mover. It reads the streams that its own process writes to at once, and goes round all of them in turn, so that what a replica
/// left behind that is gone is moved as well.
package final class LedgerMover: Sendable {
    package struct Settings: Sendable {
        /// This replica's name among movers: the same after a restart, and no other's.
        package var consumer: String
        /// Entries at a time.
        package var batch = 500
        /// Between two looks while there is nothing to do.
        package var pause = Duration.milliseconds(100)
        /// Streams that are visited in each look, beside those that were written to.
        package var visits = 2
        /// How long an entry that another mover was given is left to it.
        package var claimAfterMilliseconds = 30_000
        package var timeout = TimeAmount.seconds(5)

        package init(consumer: String) {
            self.consumer = consumer
        }
    }

    private let client: NIOLoopBound<RedisClient>
    private let settings: Settings
    private let streams: LedgerStreams
    private let sink: any LedgerSink
    private let report: @Sendable (MoverReport) -> Void
    /// Entries that were told to be unreadable, with their buckets. Bound: ``maxKnown``; those beyond are told no more.
    private let unreadable = Mutex<Set<String>>([])
    private static let maxKnown = 4_096

    /// - Parameter client: confined to its loop; closed by whoever made it.
    package init(
        client: NIOLoopBound<RedisClient>, settings: Settings, streams: LedgerStreams, sink: any LedgerSink,
        report: @escaping @Sendable (MoverReport) -> Void
    ) {
        self.client = client
        self.settings = settings
        self.streams = streams
        self.sink = sink
        self.report = report
    }

    private enum Failure: Error {
        case redis(RedisFailure)
        case ledger(LedgerError)

        var description: String {
            switch self {
            case .redis(let failure): failure.description
            case .ledger(let error): error.description
            }
        }
    }

    /// Moves until the task is cancelled.
    package func run() async {
        var due: Set<UInt8> = []
        var next: UInt8 = 0
        var isFailing = false
        // All of them at the start: what an earlier life left waits for nobody else.
        var visits = LedgerStreams.buckets
        // What this replica was given in an earlier life, or could not move: asked for again.
        var unfinished = Set(0...255 as ClosedRange<UInt8>)
        while !Task.isCancelled {
            due.formUnion(streams.takeWritten())
            var visited: Set<UInt8> = []
            for _ in 0..<visits {
                visited.insert(next)
                next &+= 1
            }
            var isBusy = false
            do throws(Failure) {
                for bucket in visited where try await isThere(bucket) {
                    due.insert(bucket)
                    unfinished.insert(bucket)
                    try await claim(bucket)
                }
                for bucket in due {
                    if unfinished.contains(bucket) { try await moveAgain(bucket) }
                    // In doubt it is not done.
                    unfinished.insert(bucket)
                    if try await moveNew(bucket) { isBusy = true } else { due.remove(bucket) }
                    unfinished.remove(bucket)
                }
                if isFailing { report(.recovered) }
                isFailing = false
                visits = settings.visits
            } catch {
                if !Task.isCancelled { report(.failing(error.description)) }
                isFailing = true
                try? await Task.sleep(for: .milliseconds(500))
            }
            if !isBusy { try? await Task.sleep(for: settings.pause) }
        }
    }

    /// Moves what is there now, with what ``run()`` left half done; for a process that ends, after ``run()`` has returned: the replica that
    /// comes back may have another name, and others leave its entries alone for a while.
    ///
    /// Gives up at the first trouble, and begins nothing more after ``Settings/timeout``: what is left is another mover's.
    package func finish() async {
        let end = NIODeadline.now() + settings.timeout
        do throws(Failure) {
            for bucket in 0...255 as ClosedRange<UInt8> where try await isThere(bucket) {
                try await moveAgain(bucket)
                while NIODeadline.now() < end, try await moveNew(bucket) {}
            }
        } catch {
            report(.failing(error.description))
        }
    }

    // MARK: one stream

    private func isThere(_ bucket: UInt8) async throws(Failure) -> Bool {
        // Whoever comes by first charges what has ended there.
        var length = 0
        while true {
            let reply = try await ask(LedgerStream(bucket: bucket).expiry(count: settings.batch))
            guard var values = reply.value.elements, let ended = values.next()?.integer, let left = values.next()?.integer else {
                throw .redis(.unexpectedReply)
            }
            length = Int(left)
            if ended < settings.batch { break }
        }
        streams.isNow(length, bucket: bucket)
        return length > 0
    }

    /// - Returns: whether there may be more.
    private func moveNew(_ bucket: UInt8) async throws(Failure) -> Bool {
        let stream = LedgerStream(bucket: bucket)
        let entries = try await read(stream, again: nil)
        try await move(entries, of: stream)
        return entries.count == settings.batch
    }

    private func moveAgain(_ bucket: UInt8) async throws(Failure) {
        let stream = LedgerStream(bucket: bucket)
        var last = "0"
        while true {
            let entries = try await read(stream, again: last)
            guard let end = entries.last else { return }
            try await move(entries, of: stream)
            last = end.id
        }
    }

    /// Takes over what another mover was given and has not moved; it is moved with this one's own.
    private func claim(_ bucket: UInt8) async throws(Failure) {
        let stream = LedgerStream(bucket: bucket)
        let reply = try await ask(
            stream.claim(settings.consumer, idleMilliseconds: settings.claimAfterMilliseconds, count: settings.batch), of: stream)
        guard let entries = LedgerStream.claimed(reply) else { throw .redis(.unexpectedReply) }
        try await move(entries, of: stream)
    }

    private func read(_ stream: LedgerStream, again: String?) async throws(Failure) -> [LedgerStream.Entry] {
        let reply = try await ask(stream.read(settings.consumer, count: settings.batch, again: again), of: stream)
        guard let entries = LedgerStream.read(reply) else { throw .redis(.unexpectedReply) }
        return entries
    }

    private func move(_ entries: [LedgerStream.Entry], of stream: LedgerStream) async throws(Failure) {
        guard !entries.isEmpty else { return }
        var readable: [LedgerEntry] = []
        var done: [LedgerStream.Entry] = []
        var unread = 0
        for entry in entries {
            guard let bytes = entry.bytes else {
                done.append(entry)
                continue
            }
            guard let decoded = try? LedgerEntry(decoding: bytes) else {
                if isNews("\(stream.bucket)/\(entry.id)") { unread += 1 }
                continue
            }
            readable.append(decoded)
            done.append(entry)
        }
        if unread > 0 { report(.unreadable(count: unread)) }
        if !readable.isEmpty {
            do {
                report(.moved(try await sink.append(readable)))
            } catch {
                throw .ledger(error)
            }
        }
        guard !done.isEmpty else { return }
        let length = try await ask(stream.removal(of: done)).value.integer ?? 0
        streams.isNow(Int(length), bucket: stream.bucket)
    }

    private func isNews(_ entry: String) -> Bool {
        unreadable.withLock { known in known.count < Self.maxKnown && known.insert(entry).inserted }
    }

    // MARK: Redis

    /// A command of a stream whose group may not be there yet.
    private func ask(_ command: RedisCommand, of stream: LedgerStream) async throws(Failure) -> RedisReply {
        do throws(Failure) {
            return try await ask(command)
        } catch .redis(.server(let error)) where error.code == "NOGROUP" {
            do throws(Failure) {
                _ = try await ask(stream.creation)
            } catch .redis(.server(let error)) where error.code == "BUSYGROUP" {
                // Another mover was quicker.
            }
            return try await ask(command)
        }
    }

    private func ask(_ command: RedisCommand) async throws(Failure) -> RedisReply {
        let (client, timeout) = (client, settings.timeout)
        do {
            return try await client.eventLoop.flatSubmit { client.value.send(command, timeout: timeout) }.get()
        } catch let failure as RedisFailure {
            throw .redis(failure)
        } catch {
            throw .redis(.refused(.closed))
        }
    }
}
