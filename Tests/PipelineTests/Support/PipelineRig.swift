import EmbeddedStore
import GatewayCore
import GatewayCrypto
import Logging
import NIOCore
import NIOPosix
import ProcessSupport
import Providers
import Scrubbing

@testable import GatewayPipeline

/// A gateway on one event loop, without doors, in front of two providers that the test plays itself.
struct PipelineRig: Sendable {
    /// What differs between tests.
    struct Setup: Sendable {
        var pipeline = PipelineSettings()
        var limits = LimitSettings()
        /// Connections to a provider; more calls wait.
        var maxConnections = 8
        /// Of the model `one`.
        var firstByteTimeout = TimeAmount.seconds(30)
        /// What provider `two` says to each request at once, so that what follows depends on the gateway's clock alone.
        var replyOfTwo: String?
        /// What provider `two` speaks.
        var dialectOfTwo = Dialect.openAI
        /// The rules that are kept with the model `two`; `nil`: the caller's.
        var rulesOfTwo: ScrubRules?
        /// Failed calls are not made again unless a test is about that.
        var resilience = ResilienceSettings(retries: RetryPolicy(maxAttempts: 1))
        /// The ledger; `nil`: in memory.
        var file: LedgerFile?
        /// What learns of arbitrated names; `nil`: nobody.
        var learner: ArbitrageLearner?
        /// Of `remembered`.
        var dials = ArbitrageDials()
    }

    let gateway: NIOLoopBound<GatewayLoop>
    let stores: GatewayStores
    let one: ScriptedUpstream
    let two: ScriptedUpstream
    var loop: any EventLoop { gateway.eventLoop }

    static let key = (try? APIKey.generate { count in (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) } }) ?? ""
    static let dearPrice = Price(input: 100_000_000, cacheRead: 0, cacheWrite: 0, output: 200_000_000)
    static let price = Price(input: 1_000_000, cacheRead: 0, cacheWrite: 0, output: 2_000_000)

    /// Takes another configuration, as after a reload.
    func reload(_ setup: Setup) async throws {
        let snapshot = try Self.snapshot(setup, one: one.port, two: two.port)
        try await onLoop { $0.update(snapshot) }
    }

    static func run(_ setup: Setup = Setup(), _ body: (PipelineRig) async throws -> Void) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(PipelineRig(setup, group: group)))
        } catch {
            result = .failure(error)
        }
        try await group.shutdownGracefully()
        try result.get()
    }

    private init(_ setup: Setup, group: MultiThreadedEventLoopGroup) async throws {
        let (loop, providers) = (group.next(), group.next())
        let (one, two) = (try await ScriptedUpstream(loop: providers), try await ScriptedUpstream(loop: providers, reply: setup.replyOfTwo))
        let stores = GatewayStores(
            limiter: EmbeddedLimiter(), cache: EmbeddedResponseCache(maxBytes: 1 << 20, maxEntryBytes: 1 << 20, maxWaitersPerFlight: 8),
            claims: EmbeddedClaims(maxBytes: 1 << 20, timeToLive: .minutes(1)),
            recent: RecentRecords(capacity: 1000), file: setup.file, learner: setup.learner)
        let snapshot = try Self.snapshot(setup, one: one.port, two: two.port)
        var logger = Logger(label: "pipeline tests")
        logger.logLevel = .critical
        let quiet = logger
        gateway = try await loop.submit {
            let gateway = try GatewayLoop(
                eventLoop: loop, snapshot: snapshot, stores: stores,
                access: KeyAccess(pepper: Pepper(id: "1", secret: Secret("pepper, long enough"))),
                cacheSecret: Secret("cache secret"), share: 1, logger: quiet)
            return NIOLoopBound(gateway, eventLoop: loop)
        }.get()
        (self.stores, self.one, self.two) = (stores, one, two)
    }

    /// `one` and `two` are callable models at the providers of these names, `never` at one that takes no connections, `both` at a provider with the two as
    /// its endpoints, `half` at one of whose endpoints only the second takes connections;
    /// the `hedged` ones have a second call after 20 ms, and `hedged-briefly` gives calls up after 6 s, in which a test can say something; `memo` and `memo-two` are always cached;
    /// `either`, `memo-or-two` and `rescue` are aliases; `chosen`, `remembered`, `second`, `mute`, `priced`, `stand-in` and `learning` are
    /// arbitrated, and the last alone learns; `dear` costs a hundred times as much as the others; `named` may be replaced.
    private static func snapshot(_ setup: Setup, one: Int, two: Int) throws -> GatewaySnapshot {
        func settings(
            _ mode: CacheSettings.Mode, price: Price = price, firstByte: TimeAmount = .seconds(30), scrub: ScrubRules? = nil,
            hedgeAfter: TimeAmount? = nil
        ) -> ModelSettings {
            ModelSettings(
                price: price, cache: CacheSettings(mode: mode, timeToLiveNanoseconds: 60_000_000_000),
                firstByteTimeoutNanoseconds: firstByte.nanoseconds, idleTimeoutNanoseconds: 30_000_000_000, scrub: scrub,
                hedgeAfterNanoseconds: hedgeAfter?.nanoseconds)
        }
        let models = [
            UpstreamTarget(
                model: "one", provider: "one", upstreamModel: "model-1", settings: settings(.off, firstByte: setup.firstByteTimeout)),
            UpstreamTarget(model: "two", provider: "two", upstreamModel: "model-2", settings: settings(.off, scrub: setup.rulesOfTwo)),
            UpstreamTarget(model: "memo", provider: "one", upstreamModel: "model-1", settings: settings(.always)),
            UpstreamTarget(model: "memo-two", provider: "two", upstreamModel: "model-2", settings: settings(.always)),
            UpstreamTarget(model: "never", provider: "never", upstreamModel: "model-0", settings: settings(.off)),
            UpstreamTarget(model: "both", provider: "both", upstreamModel: "model-3", settings: settings(.off)),
            UpstreamTarget(
                model: "hedged", provider: "one", upstreamModel: "model-5", settings: settings(.off, hedgeAfter: .milliseconds(20))),
            UpstreamTarget(
                model: "hedged-briefly", provider: "one", upstreamModel: "model-7",
                settings: settings(.off, firstByte: .seconds(6), hedgeAfter: .milliseconds(20))),
            UpstreamTarget(
                model: "hedged-over-both", provider: "both", upstreamModel: "model-6",
                settings: settings(.off, hedgeAfter: .milliseconds(20))),
            UpstreamTarget(model: "dear", provider: "two", upstreamModel: "model-7", settings: settings(.off, price: dearPrice)),
            UpstreamTarget(model: "named", provider: "one", upstreamModel: "model-8", settings: settings(.off)),
            UpstreamTarget(model: "half", provider: "half", upstreamModel: "model-4", settings: settings(.off)),
        ]
        func endpoint(_ port: Int) throws -> UpstreamEndpoint {
            var limits = UpstreamLimits()
            limits.maxConnections = setup.maxConnections
            return try UpstreamEndpoint(
                baseURL: "http://127.0.0.1:\(port)", tls: nil, timeouts: UpstreamTimeouts(queue: .seconds(30)), limits: limits)
        }
        func binding(_ port: Int, _ dialect: Dialect = .openAI, beside other: Int? = nil) throws -> ProviderBinding {
            ProviderBinding(
                dialect: dialect, endpoint: try endpoint(port), headers: UpstreamHeaders(),
                others: try other.map { [ProviderEndpoint(endpoint: try endpoint($0), headers: UpstreamHeaders())] } ?? [])
        }
        let digest = try KeyedHash(key: Secret("pepper, long enough")).hash(key).withUnsafeBytes { CredentialDigest($0) }
        return GatewaySnapshot(
            keys: KeyTable(digest.map { [$0: Callers.plain] } ?? [:]),
            models: ModelTable(
                models: models, patterns: [],
                aliases: [("either", ["one", "two"]), ("memo-or-two", ["memo", "two"]), ("rescue", ["never", "two"])],
                arbitrated: [
                    .init(name: "chosen", arms: ["one", "two"], settings: ArbitrationSettings(policy: .fixed)),
                    .init(
                        name: "remembered", arms: ["memo", "memo-two"], settings: ArbitrationSettings(policy: .fixed, dials: setup.dials)),
                    .init(name: "second", arms: ["two", "one"], settings: ArbitrationSettings(policy: .fixed)),
                    .init(name: "mute", arms: ["two"], settings: ArbitrationSettings(policy: .fixed)),
                    .init(name: "learning", arms: ["one", "two"], settings: ArbitrationSettings(explorationShare: 0)),
                    .init(name: "priced", arms: ["dear", "one"], settings: ArbitrationSettings(policy: .fixed)),
                    .init(
                        name: "stand-in", arms: ["two", "one", "named"], settings: ArbitrationSettings(policy: .fixed),
                        replaces: ["named"]),
                ], tenants: ["acme": TenantArbitration(allowsSubstitution: true)]),
            providers: [
                "one": try binding(one), "two": try binding(two, setup.dialectOfTwo), "never": try binding(1),
                "both": try binding(one, beside: two),
                "half": try binding(1, beside: two),
            ], door: DoorSettings(),
            pipeline: setup.pipeline, limits: setup.limits, resilience: setup.resilience)
    }

    func onLoop<T: Sendable>(_ body: @escaping @Sendable (GatewayLoop) throws -> T) async throws -> T {
        try await loop.submit { try body(gateway.value) }.get()
    }

    /// Nothing of any request is left.
    var isEmpty: Bool {
        get async throws {
            try await onLoop {
                $0.budget.requests == 0 && $0.budget.bytes == 0 && $0.stores.cache.counts.flights == 0
                    && $0.stores.claims.counts.running == 0
            }
        }
    }

    /// Records written so far.
    var records: Int { stores.recent.count }

    func record(_ request: PipelineRequest) -> LedgerRecord? {
        stores.recent.record(request.id, tenant: "acme")
    }

    /// Begins a request; `prepare` is called between `begin` and `start`.
    func begin(
        _ chat: TestChat, as principal: Principal = Callers.plain, timeout: TimeAmount? = nil, silence: TimeAmount? = nil,
        cache: CacheDirective = .modelDefault, cacheTimeToLive: TimeAmount? = nil, idempotencyKey: String? = nil,
        prepare: @escaping @Sendable (Exchange) -> Void = { _ in }
    ) async throws -> PipelineRequest {
        try await onLoop {
            $0.begin(
                chat, as: principal, timeout: timeout, silence: silence, cache: cache, cacheTimeToLive: cacheTimeToLive,
                idempotencyKey: idempotencyKey, prepare: prepare)
        }
    }

    /// Begins a request as soon as `condition` holds, in that very turn of the loop, and looks for it from now on: what lasts a few turns only is not
    /// missed, however late the test's own thread is.
    func begin(_ chat: TestChat, when condition: @escaping @Sendable () -> Bool) -> EventLoopFuture<PipelineRequest> {
        let promise = loop.makePromise(of: PipelineRequest.self)
        let end = NIODeadline.now() + .seconds(60)
        @Sendable func look() {
            if condition() { return promise.succeed(gateway.value.begin(chat)) }
            if NIODeadline.now() > end { return promise.fail(Overdue("the moment for a request")) }
            // Behind what is due by now, and in time for the loop to look at its connections.
            loop.scheduleTask(in: .microseconds(10)) { look() }
        }
        loop.execute { look() }
        return promise.futureResult
    }
}

extension GatewayLoop {
    /// See ``PipelineRig/begin(_:as:timeout:silence:cache:cacheTimeToLive:idempotencyKey:prepare:)``.
    func begin(
        _ chat: TestChat, as principal: Principal = Callers.plain, timeout: TimeAmount? = nil, silence: TimeAmount? = nil,
        cache: CacheDirective = .modelDefault, cacheTimeToLive: TimeAmount? = nil, idempotencyKey: String? = nil,
        prepare: (Exchange) -> Void = { _ in }
    ) -> PipelineRequest {
        let id = makeRequestID()
        let recorder = Recorder(loop: eventLoop)
        let exchange = begin(
            CallerRequest(
                id: id, principal: principal, body: ByteBuffer(string: chat.json), receivedAt: eventLoop.now,
                authenticationNanoseconds: 5_000, timeout: timeout, silenceTimeout: silence, cache: cache,
                cacheTimeToLive: cacheTimeToLive, idempotencyKey: idempotencyKey),
            receiver: recorder)
        prepare(exchange)
        exchange.start()
        return PipelineRequest(id: id, exchange: NIOLoopBound(exchange, eventLoop: eventLoop), recorder: recorder.bound)
    }
}

/// Who calls.
enum Callers {
    static let plain = principal("plain")
    /// Two requests, then one a day.
    static let limited = principal("limited", SubjectLimits(requests: RateLimit(permits: 1, periodNanoseconds: day, burst: 2)))
    /// A thousand tokens, then one a day.
    static let counted = principal("counted", SubjectLimits(tokens: RateLimit(permits: 1, periodNanoseconds: day, burst: 1_000)))
    /// One request at a time.
    static let single = principal("single", SubjectLimits(concurrentRequests: 1))
    /// Requests with e-mail addresses are refused.
    static let strict = principal("strict", blocksEmail: true)

    static let day: Int64 = 86_400_000_000_000

    private static func principal(_ id: String, _ limits: SubjectLimits = SubjectLimits(), blocksEmail: Bool = false) -> Principal {
        var policy = ScrubPolicy()
        if blocksEmail { try? policy.setAction(.block, for: .email) }
        return Principal(
            keyID: id, tenant: "acme", user: "ana", models: .only([ModelPattern("*")]), limits: limits,
            scrub: ScrubRules(name: id, version: "1", policy: policy, toolsWithRestoredArguments: []))
    }
}

/// The body of a request.
struct TestChat: Sendable {
    var json: String

    init(_ model: String, _ text: String = "Hello", streamed: Bool = false) {
        json = #"{"model":"\#(model)","stream":\#(streamed),"messages":[{"role":"user","content":"\#(text)"}]}"#
    }

    init(json: String) {
        self.json = json
    }
}
