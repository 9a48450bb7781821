import ArgumentParser
import EmbeddedStore
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayCrypto
import GatewayPipeline
import Logging
import Metrics
import NIOCore
import NIOPosix
import RedisStore
import ServiceLifecycle
import UnixSignals
import WireServer

/// Where the gateway listens, once it does.
struct ListeningAddresses: Sendable {
    var tls: SocketAddress?
    var http: SocketAddress?
    var admin: SocketAddress?
    var control: SocketAddress?
    /// The CA of the development certificate.
    var authorityFile: String?
}

extension SocketAddress {
    /// As it is written in URLs: `127.0.0.1:8443`, `[::1]:8443`.
    var hostAndPort: String {
        guard let host = ipAddress, let port else { return description }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// Wires the gateway together and runs it until it is told to stop.
struct GatewayRunner {
    let source: ConfigurationSource
    let configuration: Configuration
    let models: ShippedModels
    /// Called when every socket is open.
    let announcement: (@Sendable (ListeningAddresses) -> Void)?

    /// The bound of records in memory.
    private static let recentCapacity = 10_000

    func run() async throws {
        // First, so that nothing is counted in vain.
        let registry = MetricsRegistry()
        MetricsSystem.bootstrap(registry)
        let settings = configuration.log
        let format: LineLogHandler.Format = settings.format == .json ? .json : .text
        let writer = LineLogHandler.makeWriter(format)
        defer { writer.flush() }
        LoggingSystem.bootstrap { label in
            LineLogHandler(
                label: label, level: Logger.Level(rawValue: settings.level.rawValue) ?? .info, format: format, writer: writer)
        }
        let logger = Logger(label: "agentshield")
        let snapshot = try SnapshotBuilder(configuration, models).snapshot().orExit()
        Heap.returnLargeBlocks()
        let state = try RedisDeployment.state(of: configuration).orExit()
        let answers = try RedisDeployment.cache(of: configuration).orExit()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoops ?? System.coreCount)
        let cache = configuration.cache
        async let isCurrent: Void = refuseOutdatedDatabase()
        let ledger = try await LedgerState.open(configuration, redis: state, on: group.next(), logger: logger)
        let arbitrage = try await ArbitrageState.open(configuration, redis: state, on: group.next(), logger: logger)
        arbitrage.learner.follow(snapshot.models.routes)
        let stores = GatewayStores(
            limiter: EmbeddedLimiter(),
            cache: EmbeddedResponseCache(
                // Replicas share answers in Redis, and none keeps its own.
                maxBytes: state == nil ? cache.maxBytes : 0, maxEntryBytes: cache.maxEntryBytes, maxWaitersPerFlight: cache.maxWaiters),
            claims: EmbeddedClaims(
                maxBytes: configuration.idempotency.maxBytes, timeToLive: TimeAmount(configuration.idempotency.timeToLive)),
            recent: RecentRecords(capacity: Self.recentCapacity), file: ledger.file, archive: ledger.archive,
            learner: arbitrage.learner, models: models)
        let wallets = try await restoredWallets(ledger, stores.limiter)
        let store = try openStore()
        try await checkBudgets(of: store, ledger)
        let access = keyAccess(store)
        let cacheSecret = try HKDF.sha256(secret: configuration.auth.pepper, info: Array("agentshield cache keys 1".utf8), count: 32)
        for deployment in [state, answers].compactMap({ $0 }) {
            try await deployment.check(on: group.next(), logger: logger).orExit()
        }
        let redis = state.map {
            RedisLimitSettings(
                options: $0.options, timeout: TimeAmount(configuration.redis.stateTimeout), health: RedisHealth(.state, logger: logger))
        }
        let resumable = ResumableAnswers(maxBytes: configuration.limits.wire.resumeBytes)
        let traces = try await traces(on: group.next(), logger: logger)
        let loops = try await LoopDirectory.make(
            on: group, snapshot: snapshot, stores: stores, access: access, cacheSecret: cacheSecret, redis: redis,
            sharedCache: try sharedCache(state, answers, logger), sharedClaims: try sharedClaims(state),
            sharedResumptions: try sharedResumptions(state), resumable: resumable, redisJournal: ledger.journal, tracing: traces?.settings,
            logger: logger)
        let follower = ControlFollower(
            store: store, audience: loops.audience, configuredTenants: snapshot.tenants,
            staleMax: TimeAmount(configuration.auth.staleMax), logger: logger)
        try await isCurrent
        let learning = await arbitrage.start(loops, snapshot.models.routes)
        let moving = ledger.start(wallets) + [learning]
        let exporting = traces.map { traces in Task { await traces.exporter.run() } }
        let service = GatewayService(
            configuration: configuration, source: source, group: group, loops: loops, follower: follower, store: store, wallets: wallets,
            cache: state == nil ? stores.cache : nil, learner: arbitrage.learner, models: models, resumable: resumable,
            metrics: MetricsSources(registry: registry, file: ledger.file, spans: traces?.settings.queue), logger: logger,
            announcement: announcement)
        try await ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        ).run()
        moving.forEach { $0.cancel() }
        for task in moving { await task.value }
        await arbitrage.close()
        await ledger.close()
        await store?.close()
        exporting?.cancel()
        await exporting?.value
        try await group.shutdownGracefully()
    }

    /// How answers are shared through Redis; `nil`: they are not.
    private func sharedCache(_ state: RedisDeployment?, _ answers: RedisDeployment?, _ logger: Logger) throws -> SharedCacheSettings? {
        guard state != nil, configuration.cache.maxBytes > 0 else { return nil }
        let pepper = configuration.auth.pepper
        return SharedCacheSettings(
            answers: answers.map { .init(options: $0.options, health: RedisHealth(.cache, logger: logger)) },
            secret: try HKDF.sha256(secret: pepper, info: Array("agentshield cache values 1".utf8), count: 32),
            secretID: configuration.auth.pepperID, maxBytes: configuration.cache.maxBytes, maxEntryBytes: configuration.cache.maxEntryBytes,
            timeout: TimeAmount(configuration.redis.stateTimeout))
    }

    /// How idempotency keys are; `nil`: they are not.
    private func sharedClaims(_ state: RedisDeployment?) throws -> SharedClaimSettings? {
        guard state != nil else { return nil }
        return SharedClaimSettings(
            secret: try HKDF.sha256(
                secret: configuration.auth.pepper, info: Array("agentshield idempotency values 1".utf8), count: 32),
            secretID: configuration.auth.pepperID, timeToLive: TimeAmount(configuration.idempotency.timeToLive),
            maxBytes: configuration.idempotency.maxBytes, maxTimeout: TimeAmount(configuration.limits.maxDeadline))
    }

    /// How streams that lost their connection are; `nil`: they are not.
    private func sharedResumptions(_ state: RedisDeployment?) throws -> SharedResumptionSettings? {
        guard state != nil else { return nil }
        return SharedResumptionSettings(
            secret: try HKDF.sha256(
                secret: configuration.auth.pepper, info: Array("agentshield resumption values 1".utf8), count: 32),
            secretID: configuration.auth.pepperID, maxPieceBytes: 1 << 20)
    }

    /// The wallets of a process whose ledger is a file, filled from it.
    private func restoredWallets(_ ledger: LedgerState, _ limiter: EmbeddedLimiter) async throws -> ProcessWallets? {
        guard let file = ledger.file, ledger.journal == nil else { return nil }
        let wallets = ProcessWallets(limiter: limiter, file: file)
        do throws(LedgerError) {
            try await wallets.restore(unixMilliseconds: UInt64(max(0, Date().timeIntervalSince1970) * 1_000))
        } catch {
            FileHandle.standardError.write(Data("agentshield serve: \(error) (look at `ledger.file`)\n".utf8))
            throw ExitCode(69)
        }
        return wallets
    }

    /// Budgets are counted by the ledger. A store that does not answer now is followed later, and its budgets then refuse their requests.
    private func checkBudgets(of store: (any ControlStore)?, _ ledger: LedgerState) async throws {
        guard !ledger.isDurable, let budgets = try? await store?.budgets(), let budget = budgets.first else { return }
        FileHandle.standardError.write(
            Data(
                """
                agentshield serve: the store has budgets (of the tenant \(budget.tenant)), and there is no durable ledger to count by; name \
                `ledger.file`, or Redis and DATABASE_URL\n
                """.utf8))
        throw ExitCode(78)
    }

    /// Where spans go; `nil`: nothing is traced.
    private func traces(on eventLoop: any EventLoop, logger: Logger) async throws -> (settings: TracingSettings, exporter: SpanExporter)? {
        guard let tracing = configuration.telemetry.tracing else { return nil }
        let queue = SpanQueue(capacity: SpanExporter.capacity)
        do {
            let exporter = try await SpanExporter(
                tracing, serviceName: configuration.telemetry.serviceName, replica: configuration.replica, queue: queue,
                eventLoop: eventLoop, logger: logger)
            return (TracingSettings(sampling: TraceSampling(ratio: tracing.ratio), queue: queue), exporter)
        } catch {
            FileHandle.standardError.write(Data("agentshield serve: \(error) (look at `telemetry.otlp`)\n".utf8))
            throw ExitCode(78)
        }
    }

    private func refuseOutdatedDatabase() async throws {
        guard case .database(let location) = configuration.control else { return }
        try await DatabaseSchema.refuseOutdated(location, within: .seconds(1), command: "serve")
    }

    private func openStore() throws -> (any ControlStore)? {
        do throws(ControlError) {
            return try configuration.control.open(timeout: .nanoseconds(ControlFollower.questionTimeout.nanoseconds))
        } catch {
            FileHandle.standardError.write(Data("agentshield serve: \(error)\n".utf8))
            throw ExitCode(69)
        }
    }

    private func keyAccess(_ store: (any ControlStore)?) -> KeyAccess {
        let auth = configuration.auth
        return KeyAccess(
            store: store, pepper: Pepper(id: auth.pepperID, secret: auth.pepper),
            previous: auth.previousPepper.map { Pepper(id: $0.id, secret: $0.secret) }, servesUnheard: auth.withoutStore == .serve)
    }
}

/// The gateway as a service: opens its listeners, reloads on SIGHUP, drains when it is told to stop.
struct GatewayService: Service {
    let configuration: Configuration
    let source: ConfigurationSource
    let group: any EventLoopGroup
    let loops: LoopDirectory
    let follower: ControlFollower
    let store: (any ControlStore)?
    let wallets: ProcessWallets?
    /// Of this process; `nil`: answers are in Redis.
    let cache: EmbeddedResponseCache?
    let learner: ArbitrageLearner
    let models: ShippedModels
    let resumable: ResumableAnswers
    let metrics: MetricsSources
    let logger: Logger
    let announcement: (@Sendable (ListeningAddresses) -> Void)?

    func run() async throws {
        let following = Task { await follower.run() }
        defer { following.cancel() }
        await follower.waitForStore()
        let readiness = Readiness()
        let issuerKeys = try await IssuerKeys.make(loops: loops, eventLoop: group.next(), logger: logger)
        issuerKeys.use(configuration.publishedKeys)
        let listeners = Listeners(
            group: group, loops: loops, maxConnections: maxConnections(), maxPerAddress: configuration.limits.maxConnectionsPerAddress,
            logger: logger)
        let tls = try configuration.listen.tls.map { ($0, try ServerTLS($0)) }
        let certificates = tls.map { CertificateReload(source: source, current: CurrentTLS($0, $1.context), logger: logger) }
        defer { tls?.1.authorityFile.map(ServerTLS.removeAuthority) }
        var (channels, addresses) = try await open(listeners, certificates?.current, readiness)
        addresses.authorityFile = tls?.1.authorityFile
        readiness.isReady = true
        announcement?(addresses)
        logger.notice(
            "listening",
            metadata: [
                "tls": "\(addresses.tls.map(\.hostAndPort) ?? "-")", "http": "\(addresses.http.map(\.hostAndPort) ?? "-")",
                "admin": "\(addresses.admin.map(\.hostAndPort) ?? "-")", "control": "\(addresses.control.map(\.hostAndPort) ?? "-")",
                "ca_file": "\(addresses.authorityFile ?? "-")",
            ])
        let reloads = Task { await reloadOnSignal(issuerKeys, certificates) }
        let watching = Task { await certificates?.watchFiles() }
        try await gracefulShutdown()
        reloads.cancel()
        watching.cancel()
        readiness.isReady = false
        for channel in channels.front { try? await channel.close() }
        try await drain(listeners)
        await issuerKeys.stop()
        for channel in channels.back { try? await channel.close() }
    }

    private func open(
        _ listeners: Listeners, _ tls: CurrentTLS?, _ readiness: Readiness
    ) async throws -> ((front: [any Channel], back: [any Channel]), ListeningAddresses) {
        var addresses = ListeningAddresses()
        var front: [any Channel] = []
        if let tls {
            let channel = try await listeners.openTLS(tls.listener, tls, logsAddresses: configuration.log.hasClientAddress)
            addresses.tls = channel.localAddress
            front.append(channel)
        }
        if let http = configuration.listen.http {
            let channel = try await listeners.openHTTP(http, logsAddresses: configuration.log.hasClientAddress)
            addresses.http = channel.localAddress
            front.append(channel)
        }
        var back: [any Channel] = []
        if let address = configuration.listen.admin {
            let channel = try await listeners.openAdmin(
                address, readiness: readiness, report: MetricsReport(metrics, loops, listeners.callers, configuration.replica))
            addresses.admin = channel.localAddress
            back.append(channel)
        }
        if let listener = configuration.listen.control, let store {
            let auth = configuration.auth
            let channel = try await listeners.openControl(
                listener,
                api: ControlAPI(store: store, pepper: auth.pepper, pepperID: auth.pepperID, wallets: wallets, cache: cache))
            addresses.control = channel.localAddress
            back.append(channel)
        }
        return ((front, back), addresses)
    }

    /// As many as are configured and as files may be open.
    private func maxConnections() -> Int {
        let wanted = configuration.limits.maxConnections
        guard let files = FileLimit.raise(), FileLimit.connections(for: files) < wanted else { return wanted }
        let possible = FileLimit.connections(for: files)
        logger.warning(
            "fewer connections than `limits.max_connections` are taken: the process may not open enough files; raise its limit (`ulimit -n`, LimitNOFILE)",
            metadata: ["files": "\(files)", "connections": "\(possible)"])
        return possible
    }

    /// Waits for accepted requests, up to the drain deadline; then cuts what is left, and gives the word of it a second to get out.
    private func drain(_ listeners: Listeners) async throws {
        logger.notice("draining", metadata: ["deadline": "\(configuration.drainDeadline)", "connections": "\(listeners.callers.current)"])
        try await loops.forEach { $0.drain() }
        await callersGone(listeners, within: configuration.drainDeadline)
        try await loops.forEach { $0.gateway.cutRequests() }
        await callersGone(listeners, within: .seconds(1))
        try await loops.shutDown()
        logger.notice("stopped", metadata: ["cut": "\(listeners.callers.current)"])
    }

    private func callersGone(_ listeners: Listeners, within time: Duration) async {
        let end = ContinuousClock.now + time
        while listeners.callers.current > 0 || resumable.orphans > 0, ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    // MARK: reload

    private func reloadOnSignal(_ issuerKeys: IssuerKeys, _ certificates: CertificateReload?) async {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            guard !Task.isCancelled else { return }
            await reload(issuerKeys, certificates)
        }
    }

    /// Takes the file's new content for keys, issuers, edge, models, providers, scrubbing, deadlines and the certificate, whole or not at all. Listeners,
    /// event loops, caches, the store and the peppers stay as they are until a restart.
    private func reload(_ issuerKeys: IssuerKeys, _ certificates: CertificateReload?) async {
        let loaded = source.load().flatMap { configuration in
            SnapshotBuilder(configuration, models).snapshot().map { (configuration, $0) }
        }
        switch loaded {
        case .success(let (configuration, snapshot)):
            let knowledge = learner.prepare(snapshot.models.routes)
            try? await loops.forEach { $0.gateway.update(snapshot, knowledge) }
            issuerKeys.use(configuration.publishedKeys)
            certificates?.use(configuration.listen.tls)
            await follower.follow(configuredTenants: snapshot.tenants)
            logger.notice("configuration reloaded")
        case .failure(let faults):
            logger.error("configuration kept: the new one is refused", metadata: ["faults": "\(faults.rendered)"])
        }
    }
}
