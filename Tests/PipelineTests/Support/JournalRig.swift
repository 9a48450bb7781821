import EmbeddedStore
import Foundation
import GatewayCore
import GatewayCrypto
import Logging
import NIOCore
import NIOPosix
import ProcessSupport
import RedisStore
import Synchronization

@testable import GatewayPipeline

/// A real redis-server whose disk outlives it, and which is stopped, killed, filled and brought back.
actor RedisPlace {
    struct Missing: Error, CustomStringConvertible {
        var description: String { "redis-server is not installed: Scripts/install-dependencies --test" }
    }

    nonisolated let port: Int
    private let directory: URL
    private var process: ProductProcess?

    init(in directory: URL) throws {
        self.directory = directory
        port = try FreePort.find()
    }

    func start() async throws {
        let programs = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map { "\($0)/redis-server" }
        guard let program = programs.first(where: FileManager.default.isExecutableFile) else { throw Missing() }
        let arguments = [
            "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir",
            directory.path,
        ]
        process = try await ProductProcess.start(
            executable: URL(fileURLWithPath: program), arguments: arguments, ready: .outputContaining("Ready to accept connections")
        ).process
    }

    func signal(_ number: Int32) { process?.kill(number) }

    func kill() async {
        process?.kill(SIGKILL)
        _ = await process?.waitForExit()
    }

    func end() async { await process?.stop(timeout: .zero) }
}

/// The journal of one event loop in front of a Redis of its own, with a mover into a ledger's file.
struct JournalRig: Sendable {
    enum Fallback: CaseIterable, Sendable {
        case refuse, file, spool
    }

    static let tenant = "acme"
    static let bound: Int64 = 1_000
    static let wallet = BudgetSubject.tenant

    let redis: RedisPlace
    let journal: NIOLoopBound<RedisJournal>
    let file: LedgerFile
    let spool: LedgerSpool?
    /// The test's and the mover's own.
    let client: NIOLoopBound<RedisClient>
    let streams: LedgerStreams
    private let line: NIOLoopBound<RedisLine>
    private let told = Told()

    private var loop: any EventLoop { journal.eventLoop }

    /// How often each request's waiter was told that its record is durable.
    private final class Told: Sendable {
        let times = Mutex<[UInt64: Int]>([:])
    }

    static func run(
        _ fallback: Fallback, maxStreamLength: Int = 100_000, maxSpoolBytes: Int = 1 << 30, moves: Bool = true,
        _ body: (JournalRig) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let redis = try RedisPlace(in: directory)
            let result: Result<Void, any Error>
            do {
                try await redis.start()
                let rig = try await JournalRig(
                    fallback, redis, directory, maxStreamLength: maxStreamLength, maxSpoolBytes: maxSpoolBytes)
                result = await rig.run(moves: moves, body)
            } catch {
                result = .failure(error)
            }
            await redis.end()
            try result.get()
        }
    }

    private init(_ fallback: Fallback, _ redis: RedisPlace, _ directory: URL, maxStreamLength: Int, maxSpoolBytes: Int) async throws {
        self.redis = redis
        let file = try LedgerFile(path: directory.appendingPathComponent("ledger.sqlite").path, chainSecret: Secret("a secret for chains"))
        let spool =
            fallback == .spool ? try LedgerSpool(folder: directory.path, maxBytes: maxSpoolBytes, mark: 1_000, report: { _ in }) : nil
        let streams = LedgerStreams()
        let settings = RedisJournalSettings(
            streams: streams, fallback: spool.map { .spool($0) } ?? (fallback == .file ? .file(file) : .refuse),
            maxStreamLength: maxStreamLength)
        var logger = Logger(label: "journal tests")
        logger.logLevel = .critical
        let options = RedisOptions(address: RedisAddress(host: "127.0.0.1", port: redis.port))
        let limits = RedisLimitSettings(options: options, timeout: .milliseconds(500), health: RedisHealth(.state, logger: logger))
        // While Redis is away the test asks on.
        var patient = options
        patient.limits.breaker.maxFailures = 1_000_000
        let own = patient
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        (line, journal, client) = try await loop.submit {
            let line = RedisLine(settings: limits, eventLoop: loop)
            return (
                NIOLoopBound(line, eventLoop: loop),
                NIOLoopBound(RedisJournal(line: line, settings: settings, eventLoop: loop), eventLoop: loop),
                NIOLoopBound(RedisClient(options: own, eventLoop: loop), eventLoop: loop)
            )
        }.get()
        (self.file, self.spool, self.streams) = (file, spool, streams)
    }

    private func run(moves: Bool, _ body: (JournalRig) async throws -> Void) async -> Result<Void, any Error> {
        var tasks: [Task<Void, Never>] = []
        if moves { tasks.append(moving()) }
        if let spool { tasks.append(Task { await SpoolDrain(spool: spool, client: client, streams: streams).run() }) }
        let result: Result<Void, any Error>
        do { result = .success(try await body(self)) } catch { result = .failure(error) }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        try? await loop.flatSubmit { [line] in line.value.close() }.get()
        try? await loop.submit { [client] in client.value.close() }.get()
        await spool?.close()
        await file.close()
        return result
    }

    func moving() -> Task<Void, Never> {
        var settings = LedgerMover.Settings(consumer: "one")
        settings.pause = .milliseconds(5)
        settings.visits = 64
        let mover = LedgerMover(client: client, settings: settings, streams: streams, sink: file, report: { _ in })
        return Task { await mover.run() }
    }

    // MARK: requests

    /// What the request with this number costs; every second one has no budget and costs nothing.
    static func cost(_ number: UInt64) -> Int64 { number % 2 == 0 ? Int64(100 + number) : 0 }

    private static var time: SpendingTime { SpendingTime(unixMilliseconds: 1_796_040_000_000) }

    static func id(_ number: UInt64) -> RequestID { RequestID(high: 7, low: number) }

    private static func entry(_ number: UInt64, _ outcome: Outcome = .answered, tenant: String) -> LedgerEntry {
        var summary = AnswerSummary(requestID: id(number))
        summary.costNanoUSD = UInt64(outcome == .expired ? bound : cost(number))
        return .request(
            LedgerRecord(
                summary: summary, tenant: tenant, department: nil, user: nil, keyID: "k", endUser: nil, callerRequestID: nil,
                requestedModel: "m",
                usedModel: nil, provider: nil, outcome: outcome, fault: nil, receivedUnixMilliseconds: 1_796_040_000_000))
    }

    /// Reserves what the requests may cost.
    func reserve(_ numbers: some Sequence<UInt64>, milliseconds: Int64 = 600_000) async throws {
        let key = RedisKey.wallet(tenant: Self.tenant, Self.wallet)
        for number in numbers where Self.cost(number) > 0 {
            let demand = WalletHold(
                wallets: [key.name], limits: [BudgetSet(total: 1_000_000)], bound: Self.bound, time: Self.time, milliseconds: milliseconds,
                record: Self.entry(number, .expired, tenant: Self.tenant).encoded())
            let admission = RedisAdmission(
                rates: [], caps: [], hold: .init(bucket: RedisKey.bucket(of: Self.tenant), keys: [key], demand: demand),
                holder: Self.id(number).description)
            let outcome = try await loop.flatSubmit { [client] in client.value.admit(admission, timeout: .seconds(20)) }.get()
            guard outcome.isAdmitted else { throw RedisFailure.unexpectedReply }
        }
    }

    /// The requests are over: their records are written down.
    func end(_ numbers: some Sequence<UInt64> & Sendable, tenant: String = Self.tenant) async throws {
        try await loop.submit { [journal, told, loop] in
            for number in numbers {
                var settlement = RedisSettlement(holder: Self.id(number).description)
                if Self.cost(number) > 0 {
                    settlement.charge = .init(
                        .held, bucket: RedisKey.bucket(of: tenant), wallets: [.wallet(tenant: tenant, Self.wallet)],
                        nanoUSD: Self.cost(number), time: Self.time)
                }
                let waiter = DurabilityWaiter(eventLoop: loop) { isDurable in
                    if isDurable { told.times.withLock { $0[number, default: 0] += 1 } }
                }
                journal.value.append(Self.entry(number, tenant: tenant), settling: settlement, waiter: waiter)
            }
        }.get()
    }

    /// Requests whose records are durable, as far as was told.
    var durable: Int { told.times.withLock { $0.count } }

    /// Whether somebody was told twice.
    var isToldTwice: Bool { told.times.withLock { $0.values.contains { $0 > 1 } } }

    func hasRoom(_ tenant: String = Self.tenant) async throws -> Bool {
        try await loop.submit { [journal] in journal.value.hasRoom(tenant: tenant) }.get()
    }

    func close(within time: TimeAmount) async throws -> Int {
        try await loop.flatSubmit { [journal] in journal.value.close(within: time) }.get()
    }

    // MARK: what there is

    func say(_ words: String...) async throws {
        let command = RedisCommand(words)
        _ = try await loop.flatSubmit { [client] in client.value.send(command, timeout: .seconds(20)) }.get()
    }

    /// The entries of the ledger.
    var ledger: [LedgerEntry] {
        get async throws { try await file.rows(LedgerQuery(), after: 0).map { try LedgerEntry(decoding: $0.bytes) } }
    }

    /// What was spent and what is reserved.
    var spending: (spent: Int64, reserved: Int64) {
        get async throws {
            let fields = try await WalletStore(client: client).snapshot(tenant: Self.tenant, [Self.wallet]).wallets.first ?? [:]
            return (fields["t"] ?? 0, fields["tr"] ?? 0)
        }
    }
}
