import GatewayCore
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import RedisStore

@Suite("Records on their way through Redis", .timeLimit(.minutes(4)))
struct MoverTests {
    /// A ledger in memory that a test can break.
    private final class Sink: LedgerSink {
        private let state = Mutex((ids: [RequestID](), known: 0, isBroken: false, batches: 0))

        func append(_ entries: [LedgerEntry]) async throws(LedgerError) -> LedgerMove {
            let move: LedgerMove? = state.withLock { state in
                state.batches += 1
                guard !state.isBroken else { return nil }
                var move = LedgerMove()
                for entry in entries {
                    if state.ids.contains(entry.id) { move.known += 1 } else { state.ids.append(entry.id) }
                }
                move.appended = entries.count - move.known
                state.known += move.known
                return move
            }
            guard let move else { throw .unavailable("broken by the test") }
            return move
        }

        var ids: [RequestID] { state.withLock { $0.ids } }
        var known: Int { state.withLock { $0.known } }
        var batches: Int { state.withLock { $0.batches } }

        func setBroken(_ isBroken: Bool) { state.withLock { $0.isBroken = isBroken } }
    }

    private static func entry(_ number: UInt64, tenant: String) -> LedgerEntry {
        .request(
            LedgerRecord(
                summary: AnswerSummary(requestID: RequestID(high: 7, low: number)), tenant: tenant, department: nil, user: nil, keyID: "k",
                endUser: nil, callerRequestID: nil, requestedModel: "m", usedModel: nil, provider: nil, outcome: .answered, fault: nil,
                receivedUnixMilliseconds: 1))
    }

    private static func append(_ entries: [LedgerEntry], _ rig: RedisRig, _ streams: LedgerStreams) async throws {
        for entry in entries {
            let stream = LedgerStream(bucket: RedisKey.bucket(of: entry.tenant))
            var command = RedisCommand([])
            RedisSettlement(entry: .init(stream: stream, bytes: entry.encoded())).encode(into: &command)
            guard case .settled(let length)? = RedisSettlement.outcome(of: try await rig.send(command).reply) else {
                throw RedisFailure.unexpectedReply
            }
            streams.appended(to: stream.bucket, length: length)
        }
    }

    /// Runs movers while the body lasts.
    private static func moving(
        _ rig: RedisRig, _ consumers: [String], streams: LedgerStreams, _ sink: Sink, claimAfter: Int = 30_000,
        report: @escaping @Sendable (MoverReport) -> Void = { _ in }, _ body: () async throws -> Void
    ) async throws {
        let tasks = consumers.map { consumer in
            var settings = LedgerMover.Settings(consumer: consumer)
            settings.pause = .milliseconds(1)
            settings.visits = 16
            settings.claimAfterMilliseconds = claimAfter
            let mover = LedgerMover(client: rig.client, settings: settings, streams: streams, sink: sink, report: report)
            return Task { await mover.run() }
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        for task in tasks {
            task.cancel()
            await task.value
        }
        try result.get()
    }

    private static func length(_ tenant: String, _ rig: RedisRig) async throws -> Int64? {
        try await rig.send(LedgerStream(bucket: RedisKey.bucket(of: tenant)).length).integer
    }

    @Test("every record comes into the ledger once, with several movers, and none stays in Redis")
    func moves() async throws {
        try await RedisRig.run { _, rig in
            let (streams, sink) = (LedgerStreams(), Sink())
            let entries = (0..<600).map { Self.entry($0, tenant: ["acme", "umbrella", "initech"][Int($0 % 3)]) }
            try await Self.append(Array(entries.prefix(300)), rig, streams)
            try await Self.moving(rig, ["one", "two"], streams: streams, sink) {
                try await Self.append(Array(entries.dropFirst(300)), rig, streams)
                try await rig.eventually("all are moved") { sink.ids.count == 600 }
                for tenant in ["acme", "umbrella", "initech"] {
                    try await rig.eventually("\(tenant)'s stream is empty") { try await Self.length(tenant, rig) == 0 }
                }
                // Of two movers one may tell an older length after the other's newer one; at the next visit it is right.
                try await rig.eventually("it is known that they are") { streams.longest == 0 }
            }
            #expect(Set(sink.ids) == Set(entries.map(\.id)) && sink.known == 0)
        }
    }

    @Test("what a mover was given that is gone is moved by another, and a replica that comes back goes on with its own")
    func claims() async throws {
        try await RedisRig.run { _, rig in
            let (streams, sink) = (LedgerStreams(), Sink())
            let stream = LedgerStream(bucket: RedisKey.bucket(of: "acme"))
            try await Self.append((0..<4).map { Self.entry($0, tenant: "acme") }, rig, streams)
            _ = try await rig.send(stream.creation)
            #expect(LedgerStream.read(try await rig.send(stream.read("gone", count: 2)).reply)?.count == 2)
            #expect(LedgerStream.read(try await rig.send(stream.read("back", count: 1)).reply)?.count == 1)
            // Nobody claims: each has its own.
            try await Self.moving(rig, ["back"], streams: LedgerStreams(), sink) {
                try await rig.eventually("its own, and what is new") { sink.ids.count == 2 }
            }
            try await Self.moving(rig, ["other"], streams: LedgerStreams(), sink, claimAfter: 0) {
                try await rig.eventually("what another left") { sink.ids.count == 4 }
                try await rig.eventually("the stream is empty") { try await Self.length("acme", rig) == 0 }
            }
            #expect(sink.known == 0)
        }
    }

    @Test("a replica that ends moves what it was given and what is new; what the ledger does not take stays in Redis")
    func finishes() async throws {
        try await RedisRig.run { _, rig in
            let (streams, sink) = (LedgerStreams(), Sink())
            let stream = LedgerStream(bucket: RedisKey.bucket(of: "acme"))
            try await Self.append((0..<4).map { Self.entry($0, tenant: "acme") }, rig, streams)
            _ = try await rig.send(stream.creation)
            #expect(LedgerStream.read(try await rig.send(stream.read("ends", count: 2)).reply)?.count == 2)
            #expect(LedgerStream.read(try await rig.send(stream.read("other", count: 1)).reply)?.count == 1)
            let mover = LedgerMover(
                client: rig.client, settings: .init(consumer: "ends"), streams: streams, sink: sink, report: { _ in })
            sink.setBroken(true)
            await mover.finish()
            #expect(sink.ids.isEmpty)
            #expect(try await Self.length("acme", rig) == 4)
            sink.setBroken(false)
            await mover.finish()
            #expect(sink.ids.count == 3 && sink.known == 0)
            #expect(try await Self.length("acme", rig) == 1)
        }
    }

    @Test("while the ledger is away nothing leaves Redis; afterwards each record is there once")
    func waits() async throws {
        try await RedisRig.run { _, rig in
            let (streams, sink) = (LedgerStreams(), Sink())
            let reports = Mutex<[MoverReport]>([])
            sink.setBroken(true)
            try await Self.append((0..<10).map { Self.entry($0, tenant: "acme") }, rig, streams)
            try await Self.moving(rig, ["one"], streams: streams, sink, report: { report in reports.withLock { $0.append(report) } }) {
                try await rig.eventually("it was tried") { sink.batches > 1 }
                #expect(try await Self.length("acme", rig) == 10)
                sink.setBroken(false)
                try await rig.eventually("all are moved") { sink.ids.count == 10 }
            }
            #expect(sink.known == 0)
            let told = reports.withLock { $0 }
            #expect(told.contains { if case .failing = $0 { true } else { false } } && told.count { $0 == .recovered } == 1)
        }
    }

    @Test("a record that this version cannot read stays, and holds up no other")
    func unreadable() async throws {
        try await RedisRig.run { _, rig in
            let (streams, sink) = (LedgerStreams(), Sink())
            let stream = LedgerStream(bucket: RedisKey.bucket(of: "acme"))
            _ = try await rig.send(stream.append([99, 1]))
            _ = try await rig.send(RedisCommand("XADD", key: stream.key, "*", "x", "y"))
            try await Self.append([Self.entry(1, tenant: "acme")], rig, streams)
            let unread = Atomic<Int>(0)
            try await Self.moving(
                rig, ["one"], streams: streams, sink,
                claimAfter: 0, report: { if case .unreadable(let count) = $0 { unread.add(count, ordering: .relaxed) } }
            ) {
                try await rig.eventually("the good one is moved") { sink.ids.count == 1 }
                try await rig.eventually("and gone") { try await Self.length("acme", rig) == 2 }
                // Others come, and with each of them the two are met again.
                for number in 2...5 as ClosedRange<UInt64> {
                    try await Self.append([Self.entry(number, tenant: "acme")], rig, streams)
                    try await rig.eventually("another good one is moved") { sink.ids.count == Int(number) }
                    let deliveries = try await Self.deliveries(stream, rig)
                    try await rig.eventually("they are met again") { try await Self.deliveries(stream, rig) > deliveries }
                }
            }
            // Each was told once.
            #expect(unread.load(ordering: .relaxed) == 2)
        }
    }

    /// How often a mover was given the first entry that waits.
    private static func deliveries(_ stream: LedgerStream, _ rig: RedisRig) async throws -> Int64 {
        let waiting = try await rig.send(RedisCommand("XPENDING", key: stream.key, LedgerStream.group, "-", "+", "1"))
        return waiting.elements?.first { _ in true }?.elements.flatMap { Array($0).last?.integer } ?? 0
    }

    @Test("a settlement that is repeated appends again, and corrects nothing twice")
    func repeats() async throws {
        try await RedisRig.run { _, rig in
            let limit = RateLimit(permits: 60, periodNanoseconds: 60_000_000_000, burst: 10)
            let key = RedisKey.rate(tenant: "acme", .tenant, .tokens)
            let settlement = RedisSettlement(
                corrections: [.init(key: key, limit: limit, permits: 3)], leases: [.leases(tenant: "acme", .tenant)], holder: "h",
                entry: .init(stream: LedgerStream(bucket: RedisKey.bucket(of: "acme")), bytes: [1]))
            var command = RedisCommand([])
            settlement.encode(into: &command, now: 1_000_000_000)
            #expect(try await rig.send(command).integer == 1)
            let counted = try await rig.send(RedisCommand("GET", key: key)).string
            settlement.repeated.encode(into: &command, now: 1_000_000_000)
            #expect(try await rig.send(command).integer == 2)
            #expect(try await rig.send(RedisCommand("GET", key: key)).string == counted && counted != nil)
        }
    }
}
