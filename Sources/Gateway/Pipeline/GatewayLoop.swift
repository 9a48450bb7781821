package import EmbeddedStore
package import GatewayAuthentication
package import GatewayCore
package import GatewayCrypto
import GatewayJSON
package import Logging
package import NIOCore
import Providers
import Scrubbing

/// What the event loops of one process share. Each part guards itself.
package struct GatewayStores: Sendable {
    package let limiter: EmbeddedLimiter
    package let cache: EmbeddedResponseCache
    package let claims: EmbeddedClaims
    /// Records of which there is no durable ledger here, or which are on their way to it.
    package let recent: RecentRecords
    /// The ledger of this process alone.
    package let file: LedgerFile?
    /// Where finished requests can be read; `nil`: only among the recent ones.
    package let archive: (any LedgerArchive)?
    /// What arbitrated names learn; `nil`: nothing.
    package let learner: ArbitrageLearner?
    /// What the program brings along.
    package let models: ShippedModels

    package init(
        limiter: EmbeddedLimiter, cache: EmbeddedResponseCache, claims: EmbeddedClaims, recent: RecentRecords, file: LedgerFile? = nil,
        archive: (any LedgerArchive)? = nil, learner: ArbitrageLearner? = nil,
        models: ShippedModels = .none
    ) {
        self.learner = learner
        self.models = models
        self.limiter = limiter
        self.cache = cache
        self.claims = claims
        self.recent = recent
        self.file = file
        self.archive = archive ?? file
    }
}

/// The gateway on one event loop: what a request needs that is not shared. Confined to that loop.
package final class GatewayLoop {
    package let eventLoop: any EventLoop
    package private(set) var snapshot: GatewaySnapshot
    package private(set) var isDraining = false
    let stores: GatewayStores
    let pool: UpstreamPool
    package let logger: Logger
    let metrics: PipelineMetrics
    /// What it has counted of its requests.
    var tally = RequestTally()
    /// `nil`: nothing is traced.
    let tracing: TracingSettings?
    let limitMetrics = LimitMetrics()
    let limits: LoopLimits
    /// The cache that replicas share; `nil`: this process' own is all there is.
    let sharedCache: SharedCache?
    /// Idempotency keys that replicas share; `nil`: this process' own are all there are.
    let sharedClaims: SharedClaims?
    /// Streams that lost their connection, as replicas share them; `nil`: they do not.
    package let sharedResumptions: SharedResumptions?
    let journal: LoopJournal
    let arbitrage: LoopArbitrage
    let clock: WallClock
    var budget: InFlightBudget
    var notices = NoticeBudget()
    var workspace = RequestWorkspace()
    let sliceLane: SliceLane
    let alarms: AlarmClock
    var answerIndex = JSONIndex()
    /// One scrubber for each set of rules in use, so that its memory serves request after request.
    private var scrubbers: [ObjectIdentifier: RequestScrubber] = [:]
    let answerScrubbers = AnswerScrubbers()
    /// The requests under way. Bound: the in-flight budget.
    private(set) var exchanges: [ObjectIdentifier: Exchange] = [:]
    let credentialHash: KeyedHash
    let previousHash: KeyedHash?
    let authority: KeyAuthority
    let tokens: TokenAuthority
    /// An operator has stopped everybody's traffic.
    var isStopped = false
    /// The store has not been heard yet, and nobody is to be served before.
    var awaitsStore: Bool
    /// What the store says of the tenants whose callers the configuration lets in.
    var configuredTenants: [String: Tenant] = [:]
    /// What models cost of which the configuration does not say it.
    var prices = PriceTable()
    /// Credentials of requests under way that may not be good any more. Bound: the requests under way.
    var unconfirmed: Set<Credential> = []
    var confirmations = 0
    static let maxConfirmations = 16
    private let cacheHash: KeyedHash
    var random = BlockRandom()
    /// What is known of upstreams by this loop's calls.
    var health: UpstreamHealth
    /// What replicas tell each other of upstreams; `nil`: there are no others.
    private(set) var hints: UpstreamHints?
    /// By provider, those of the configuration alone.
    var retryBudgets: [String: RetryBudget] = [:]

    /// - Parameters:
    ///   - access: under which secrets credentials are hashed, and where they are looked up beside the configuration file.
    ///   - cacheSecret: the secret under which cache keys are hashed.
    ///   - share: how many event loops share the process' in-flight budget.
    ///   - redis: where limits are shared with other replicas; `nil`: they are this process' own.
    ///   - sharedCache: how answers are shared through `redis`; `nil`: they are not.
    ///   - sharedClaims: how idempotency keys are; likewise.
    ///   - sharedResumptions: how streams that lost their connection are; likewise.
    ///   - redisJournal: how records are journalled there; `nil`: they are not.
    ///   - tracing: how requests are traced; `nil`: they are not.
    package init(
        eventLoop: any EventLoop, snapshot: GatewaySnapshot, stores: GatewayStores, access: KeyAccess, cacheSecret: Secret, share: Int,
        redis: RedisLimitSettings? = nil, sharedCache: SharedCacheSettings? = nil, sharedClaims: SharedClaimSettings? = nil,
        sharedResumptions: SharedResumptionSettings? = nil, redisJournal: RedisJournalSettings? = nil,
        tracing: TracingSettings? = nil, logger: Logger, clock: WallClock = .system
    ) throws(CryptoError) {
        self.eventLoop = eventLoop
        self.snapshot = snapshot
        health = UpstreamHealth(snapshot.resilience.breaker)
        self.stores = stores
        arbitrage = LoopArbitrage(
            learner: stores.learner, routes: snapshot.models.routes, share: max(1, share), languages: stores.models.languages)
        self.logger = logger
        self.clock = clock
        self.tracing = tracing
        pool = UpstreamPool(eventLoop: eventLoop)
        alarms = AlarmClock(eventLoop: eventLoop)
        sliceLane = SliceLane(eventLoop: eventLoop)
        metrics = PipelineMetrics()
        let wallets: WalletPlace =
            redisJournal != nil ? .redis : redis == nil ? stores.file.map { .process(stores.limiter, $0) } ?? .none : .none
        limits = LoopLimits(
            limiter: stores.limiter, redis: redis.map { RedisLine(settings: $0, eventLoop: eventLoop) }, wallets: wallets,
            metrics: limitMetrics)
        limits.redis?.connect()
        let line = limits.redis
        self.sharedCache = line.flatMap { line in sharedCache.map { SharedCache(line: line, settings: $0, eventLoop: eventLoop) } }
        self.sharedClaims = line.flatMap { line in sharedClaims.map { SharedClaims(line: line, settings: $0) } }
        self.sharedResumptions =
            if let line, let redis, let sharedResumptions {
                SharedResumptions(line: line, redis: redis, settings: sharedResumptions, eventLoop: eventLoop)
            } else {
                nil
            }
        journal = LoopJournal(
            stores: stores, limits: limits,
            redis: line.flatMap { line in
                redisJournal.map { RedisJournal(line: line, settings: $0, eventLoop: eventLoop) }
            })
        budget = Self.budget(snapshot.pipeline, share: share)
        self.share = max(1, share)
        awaitsStore = access.store != nil && !access.servesUnheard
        credentialHash = try KeyedHash(key: access.pepper.secret)
        previousHash = if let previous = access.previous { try KeyedHash(key: previous.secret) } else { nil }
        // The rules are those of the time of judging, which a reload changes.
        let rules = CurrentRules(snapshot.keyRules)
        keyRules = rules
        authority = KeyAuthority(eventLoop: eventLoop, access: access, clock: clock) { rules.value.principal(of: $0, $1) }
        tokens = try TokenAuthority(settings: snapshot.tokens, pepper: access.pepper.secret)
        cacheHash = try KeyedHash(key: cacheSecret)
        hints = line.map { line in
            UpstreamHints(line: line, eventLoop: eventLoop, clock: clock) { [weak self] name, endpoint, time in
                self?.health.suspect(name, endpoint: endpoint, until: eventLoop.now + time)
            }
        }
        pool.keepWarm(snapshot.warmEndpoints)
        tokens.tokenRefused = { [metrics, logger] refusal in
            metrics.tokenRefused(refusal.name)
            logger.debug("token refused", metadata: ["reason": "\(refusal.name)"])
        }
    }

    private let share: Int
    private let keyRules: CurrentRules

    private final class CurrentRules {
        var value: KeyRules

        init(_ value: KeyRules) { self.value = value }
    }

    private static func budget(_ settings: PipelineSettings, share: Int) -> InFlightBudget {
        InFlightBudget(
            maxRequests: max(1, settings.maxInFlightRequests / max(1, share)), maxBytes: max(1, settings.maxInFlightBytes / max(1, share)))
    }

    package var settings: DoorSettings { snapshot.door }

    /// Takes a new configuration; requests under way go on with the one that they began with, but for those whose key is no longer in it. The in-flight
    /// budget keeps its size.
    ///
    /// - Parameter knowledge: what is known of the arbitrated names in it.
    package func update(_ snapshot: GatewaySnapshot, _ knowledge: [RouteKnowledge] = []) {
        self.snapshot = snapshot
        pool.keepWarm(snapshot.warmEndpoints)
        health.update(snapshot.resilience.breaker)
        retryBudgets.removeAll()
        scrubbers.removeAll()
        arbitrage.follow(snapshot.models.routes, knowledge)
        keyRules.value = snapshot.keyRules
        authority.forgetAll()
        endRemoved()
        tokens.update(snapshot.tokens)
        limits.forget()
    }

    /// Takes what an issuer of tokens publishes now.
    package func update(_ keys: PublishedKeys) {
        tokens.update(keys)
    }

    /// - Parameter wanted: called on this loop with a source whose keys should be fetched, as often as somebody asks for them.
    package func onKeysWanted(_ wanted: @escaping (String) -> Void) {
        tokens.keysWanted = wanted
    }

    /// From now on doors tell their peers to go elsewhere.
    package func beginDraining() {
        isDraining = true
    }

    /// Ends every request that is still under way: the drain's deadline has passed.
    package func cutRequests() {
        for exchange in exchanges.values { exchange.end(for: .drainDeadlinePassed) }
    }

    /// Closes the connections to providers and to Redis, when what was sent there has been done. No request may be under way.
    package func shutdown() -> EventLoopFuture<Void> {
        pool.shutDown()
        sharedCache?.close()
        sharedResumptions?.close()
        hints?.close()
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        return (journal.close() ?? eventLoop.makeSucceededFuture(0)).flatMap { lost in
            let gateway = bound.value
            if lost > 0 { gateway.logger.critical("records could not be journalled before the end", metadata: ["count": "\(lost)"]) }
            return gateway.limits.redis?.close() ?? gateway.eventLoop.makeSucceededVoidFuture()
        }
    }

    package var unixMilliseconds: UInt64 { clock.unixMilliseconds() }

    package func makeRequestID() -> RequestID {
        RequestID(unixMilliseconds: clock.unixMilliseconds(), random: &random)
    }

    // MARK: requests

    /// Takes a request in. Nothing happens to it before ``Exchange/start()``.
    package func begin(_ request: CallerRequest, receiver: any AnswerReceiver) -> Exchange {
        let exchange = Exchange(request, loop: self, receiver: receiver)
        exchange.trace = beginTrace(of: request)
        exchanges[ObjectIdentifier(exchange)] = exchange
        return exchange
    }

    func exchangeEnded(_ exchange: Exchange) {
        exchanges[ObjectIdentifier(exchange)] = nil
    }

    package func models(for principal: Principal) -> [ModelListing] {
        snapshot.models.names(for: principal).map { Self.listing($0, $1) }
    }

    package func model(_ name: String, for principal: Principal) -> ModelListing? {
        guard case .success(let plan) = snapshot.models.resolve(name, for: principal, substitutes: false) else { return nil }
        return Self.listing(name, plan)
    }

    private static func listing(_ name: String, _ plan: RoutePlan) -> ModelListing {
        let isAlias = plan.reason == "alias" || plan.arbitration != nil
        return ModelListing(name: name, owner: isAlias ? "alias" : plan.targets.first?.provider ?? "")
    }

    // MARK: what doors hold for requests that are still arriving, or are told here and carried out elsewhere

    /// Takes a place of the in-flight budget; false: there is none.
    package func openPlace() -> Bool { budget.openRequest() }
    package func closePlace() { budget.closeRequest() }

    package func reserveBytes(_ count: Int) -> Bool { budget.reserve(count) }
    package func releaseBytes(_ count: Int) { budget.release(count) }

    // MARK: scrub

    /// Lends the scrubber of a set of rules, ready for another request.
    func withScrubber<Result>(_ rules: ScrubRules, _ body: (inout RequestScrubber) throws(Fault) -> Result) throws(Fault) -> Result {
        var scrubber = scrubbers.removeValue(forKey: ObjectIdentifier(rules)) ?? RequestScrubber(policy: rules.policy)
        scrubber.reset()
        defer { scrubbers[ObjectIdentifier(rules)] = scrubber }
        return try body(&scrubber)
    }

    // MARK: cache

    /// The key of everything that could change an answer: whose it is, under which policy, from where, and the request as the provider sees it.
    ///
    /// - Parameter surface: what is said beside the body in the caller's dialect, and which one it is.
    func cacheKey(principal: Principal, rules: ScrubRules, target: UpstreamTarget, surface: String, body: ByteBuffer) -> CacheKey? {
        let digest = cacheHash.hash(parts: { add in
            Self.add(principal.cacheOwner(snapshot.pipeline.cacheScope), add)
            Self.add(rules.version, add)
            Self.add(target.provider, add)
            Self.add(target.model, add)
            Self.add(target.upstreamModel, add)
            Self.add(surface, add)
            body.withUnsafeReadableBytes(add)
        })
        return digest.withUnsafeBytes { CacheKey($0) }
    }

    /// What an idempotency key stands for. A key is its owner's alone: another principal's equal key is another one.
    ///
    /// - Parameter variant: what changes an answer and stands beside the body; a repetition may say it otherwise, and is then carried out.
    func claim(
        _ key: String, principal: Principal, operation: String, variant: String, body: ByteBuffer, rules: ScrubRules
    ) -> IdempotencyClaim? {
        func hash(_ parts: [String], _ body: ByteBuffer) -> CacheKey? {
            let digest = cacheHash.hash(parts: { add in
                Self.add(parts, add)
                body.withUnsafeReadableBytes(add)
            })
            return digest.withUnsafeBytes { CacheKey($0) }
        }
        guard let named = hash(["idempotency key", principal.tenant, principal.keyID, operation, key], ByteBuffer()),
            let fingerprint = hash(["idempotency fingerprint"], body),
            let answer = hash(["idempotency answer", rules.version, variant], ByteBuffer(bytes: named.bytes + fingerprint.bytes))
        else { return nil }
        return IdempotencyClaim(key: named, fingerprint: fingerprint, answer: answer)
    }

    /// Each part with its length, so that no two lists read alike.
    private static func add(_ parts: [String], _ add: (UnsafeRawBufferPointer) -> Void) {
        for part in parts { Self.add(part, add) }
    }

    private static func add(_ part: String, _ add: (UnsafeRawBufferPointer) -> Void) {
        var part = part
        part.withUTF8 { text in
            withUnsafeBytes(of: UInt32(clamping: text.count).bigEndian, add)
            add(UnsafeRawBufferPointer(text))
        }
    }
}

extension Fault {
    fileprivate static let drainDeadlinePassed = Fault(
        .draining, origin: .gateway, message: "This replica stops, and the time for requests under way is over.")
}
