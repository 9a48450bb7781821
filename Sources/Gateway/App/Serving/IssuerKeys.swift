import Foundation
import GatewayAuthentication
import GatewayConfiguration
import GatewayPipeline
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Providers

/// Fetches the keys that issuers of tokens publish, beside the data path, and brings them to every event loop. When, ``KeyRefresh`` decides.
final class IssuerKeys: Sendable {
    private struct Watch {
        var source: Configuration.PublishedKeySource
        var wake: AsyncStream<Bool>.Continuation
        var task: Task<Void, Never>
    }

    private let loops: LoopDirectory
    private let pool: NIOLoopBound<UpstreamPool>
    private let logger: Logger
    /// By source. Bound: the sources of one configuration.
    private let watches = NIOLockedValueBox<[String: Watch]>([:])

    private init(loops: LoopDirectory, pool: NIOLoopBound<UpstreamPool>, logger: Logger) {
        self.loops = loops
        self.pool = pool
        self.logger = logger
    }

    /// - Parameter eventLoop: carries the few requests; what comes back is read elsewhere.
    static func make(loops: LoopDirectory, eventLoop: any EventLoop, logger: Logger) async throws -> IssuerKeys {
        let pool = try await eventLoop.submit { NIOLoopBound(UpstreamPool(eventLoop: eventLoop), eventLoop: eventLoop) }.get()
        let keys = IssuerKeys(loops: loops, pool: pool, logger: logger)
        try await loops.forEach { [weak keys] context in context.gateway.onKeysWanted { keys?.want($0) } }
        return keys
    }

    /// Watches these sources from now on, and no others. What is known of those that stay is kept.
    func use(_ sources: [Configuration.PublishedKeySource]) {
        watches.withLockedValue { watches in
            for (name, watch) in watches where !sources.contains(watch.source) {
                watch.task.cancel()
                watch.wake.finish()
                watches[name] = nil
            }
            for source in sources where watches[source.name] == nil {
                let (events, wake) = AsyncStream<Bool>.makeStream(bufferingPolicy: .bufferingNewest(1))
                watches[source.name] = Watch(
                    source: source, wake: wake, task: Task { await self.watch(source, events, wake) })
            }
        }
    }

    /// A token names a key that is not known. Called on event loops.
    private func want(_ source: String) {
        watches.withLockedValue { _ = $0[source]?.wake.yield(true) }
    }

    func stop() async {
        let open = watches.withLockedValue { watches in
            defer { watches.removeAll() }
            return Array(watches.values)
        }
        for watch in open {
            watch.task.cancel()
            watch.wake.finish()
        }
        for watch in open { await watch.task.value }
        try? await pool.eventLoop.submit { [pool] in pool.value.shutDown() }.get()
    }

    // MARK: one source

    private static var now: Int64 { Int64(Date().timeIntervalSince1970) }

    /// - Parameter events: `true`: a key was missed; `false`: time has passed.
    private func watch(
        _ source: Configuration.PublishedKeySource, _ events: AsyncStream<Bool>, _ wake: AsyncStream<Bool>.Continuation
    ) async {
        var refresh = KeyRefresh(source.refresh)
        var iterator = events.makeAsyncIterator()
        var outage = OutageLog()
        var isFirst = true
        while !Task.isCancelled {
            if refresh.timePassed(now: Self.now) {
                do {
                    let keys = try await fetch(source)
                    if Task.isCancelled { return }
                    let published = refresh.fetched(keys, from: source.name, now: Self.now)
                    try await loops.forEach { $0.gateway.update(published) }
                    if outage.worked(now: .now()) || isFirst {
                        logger.notice("issuer keys fetched", metadata: ["source": "\(source.name)", "keys": "\(keys.entries.count)"])
                    }
                    isFirst = false
                } catch {
                    refresh.fetchFailed(now: Self.now)
                    // One line for each time that it begins to fail, not for each attempt.
                    let level: Logger.Level = outage.failed(now: .now()) ? .warning : .debug
                    logger.log(level: level, "issuer keys not fetched", metadata: ["source": "\(source.name)", "error": "\(error)"])
                }
                continue
            }
            // In pieces, so that a clock that is set is noticed.
            let pause = min(max((refresh.due ?? Self.now) - Self.now, 0), 60)
            let timer = Task {
                try? await Task.sleep(for: .seconds(pause))
                if !Task.isCancelled { wake.yield(false) }
            }
            if await iterator.next() == true { refresh.keyMissed() }
            timer.cancel()
        }
    }

    private func fetch(_ source: Configuration.PublishedKeySource) async throws -> KeySet {
        let timeout = TimeAmount(source.fetchTimeout)
        let url = source.url
        let base = ProviderURL(usesTLS: url.usesTLS, host: url.host, port: url.port, path: "")
        var limits = UpstreamLimits()
        limits.maxConnections = 1
        limits.idleConnectionLifetime = .seconds(1)
        let endpoint = try UpstreamEndpoint(
            baseURL: base.text, tls: url.usesTLS ? UpstreamTLS(trustRoots: source.trustRoots) : nil,
            timeouts: UpstreamTimeouts(connect: timeout, firstByte: timeout, idle: timeout, queue: timeout), limits: limits)
        var headers = UpstreamHeaders()
        try headers.add("accept", "application/json")
        try headers.add("user-agent", "agentshield/\(GatewayVersion.current)")
        let request = UpstreamRequest(endpoint: endpoint, method: .get, path: url.path.isEmpty ? "/" : url.path, headers: headers)
        let document = try await pool.eventLoop.flatSubmit { [pool] in
            WholeAnswer.ask(request, on: pool.value, statuses: 200..<201, maxBytes: KeySetDocument.maxBytes, timeout: timeout)
        }.get()
        return try KeySetDocument.keys(in: Array(document.readableBytesView), for: source.algorithm)
    }
}
