import ArgumentParser
import EmbeddedStore
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayCrypto
import GatewayPipeline
import Logging
import NIOCore
import PostgresStore
import RedisStore

/// The ledger's parts, as the configuration asks for them:
///
/// | Redis | DATABASE_URL | `ledger.file` | journal | ledger |
/// |---|---|---|---|---|
/// | no | any | no | none | memory |
/// | no | any | yes | the file | the file |
/// | yes | no | yes | Redis; the file while Redis is away | the file |
/// | yes | yes | no | Redis; refusal or the spool while it is away | PostgreSQL |
/// | yes | no | no | none | memory |
struct LedgerState: Sendable {
    private(set) var file: LedgerFile?
    private(set) var archive: (any LedgerArchive)?
    private(set) var journal: RedisJournalSettings?
    private var mover: LedgerMover?
    private var drain: SpoolDrain?
    private var spool: LedgerSpool?
    private var client: NIOLoopBound<RedisClient>?

    /// Opens what there is to open; what cannot be is told on standard error and ends the process.
    ///
    /// - Parameter eventLoop: on which the mover talks to Redis.
    static func open(
        _ configuration: Configuration, redis: RedisDeployment?, on eventLoop: any EventLoop, logger: Logger
    ) async throws -> LedgerState {
        do {
            return try await LedgerState(configuration, redis: redis, on: eventLoop, logger: logger)
        } catch let error as LedgerError {
            FileHandle.standardError.write(Data("agentshield serve: \(error) (look at `ledger.file` or DATABASE_URL)\n".utf8))
            throw ExitCode(69)
        }
    }

    private init(_ configuration: Configuration, redis: RedisDeployment?, on eventLoop: any EventLoop, logger: Logger) async throws {
        let settings = configuration.ledger
        let health = LedgerHealth(logger: logger)
        if let path = settings.file {
            let file = try LedgerFile(
                path: path, chainSecret: settings.chainSecret, settings: .init(mark: settings.maxWaiting), report: health.report)
            self.file = file
            archive = file
            guard let redis else { return }
            try await journal(redis, to: file, fallback: .file(file), configuration, on: eventLoop, health)
        } else if let redis, case .database(let location) = configuration.control {
            let ledger = try Self.database(location, settings)
            archive = ledger
            if settings.withoutStore == .spool, let folder = settings.spool {
                try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                spool = try LedgerSpool(
                    folder: folder, maxBytes: settings.maxSpoolBytes, mark: settings.maxWaiting, report: health.reportSpool)
            }
            try await journal(
                redis, to: ledger, fallback: spool.map { .spool($0) } ?? .refuse, configuration, on: eventLoop, health)
        } else {
            logger.warning(
                "no ledger: the records of requests are kept in memory and lost with the process; name ledger.file, or Redis and DATABASE_URL"
            )
        }
    }

    private static func database(_ location: Secret, _ settings: Configuration.Ledger) throws(LedgerError) -> PostgresLedger {
        do throws(PostgresError) {
            return PostgresLedger(try PostgresDriver(PostgresLocation(location)), chainSecret: settings.chainSecret)
        } catch {
            throw .broken("DATABASE_URL: \(error.detail)")
        }
    }

    private mutating func journal(
        _ redis: RedisDeployment, to sink: any LedgerSink, fallback: RedisJournalSettings.Fallback, _ configuration: Configuration,
        on eventLoop: any EventLoop, _ health: LedgerHealth
    ) async throws {
        let streams = LedgerStreams()
        journal = RedisJournalSettings(
            streams: streams, fallback: fallback, maxStreamLength: configuration.ledger.maxStreamLength)
        let client = try await eventLoop.submit {
            NIOLoopBound(RedisClient(options: redis.options, eventLoop: eventLoop), eventLoop: eventLoop)
        }.get()
        self.client = client
        let consumer = configuration.replica.id ?? ProcessInfo.processInfo.hostName
        mover = LedgerMover(
            client: client, settings: .init(consumer: consumer), streams: streams, sink: sink, report: health.report)
        drain = spool.map { SpoolDrain(spool: $0, client: client, streams: streams) }
    }

    /// Whether what is written down outlives the process, so that spending can be counted by it.
    var isDurable: Bool { archive != nil }

    /// Moves records, drains the spool and looks after wallets until the tasks are cancelled.
    ///
    /// - Parameter wallets: this process' own; `nil`: they are in Redis, or there are none.
    func start(_ wallets: ProcessWallets?) -> [Task<Void, Never>] {
        var tasks: [Task<Void, Never>] = []
        if let wallets { tasks.append(Task { await wallets.run() }) }
        if let mover { tasks.append(Task { await mover.run() }) }
        if let drain { tasks.append(Task { await drain.run() }) }
        return tasks
    }

    /// Moves what is left to move here, and closes what is open; after the tasks of ``start()`` have ended.
    func close() async {
        await mover?.finish()
        await spool?.close()
        if let client { try? await client.eventLoop.submit { client.value.close() }.get() }
        await archive?.close()
    }
}
