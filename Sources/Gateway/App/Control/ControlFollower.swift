import GatewayCore
import GatewayPipeline
import Logging

/// Asks the store again and again what has changed, and tells every event loop, so that a key that is revoked by any process is refused here within a
/// second.
///
/// One question is under way at a time; each is given up in two seconds, whatever the store does. Only changes of state are logged.
actor ControlFollower {
    static let interval = Duration.milliseconds(250)
    static let questionTimeout = Duration.seconds(2)

    private enum State {
        case unknown, reachable, unreachable, stale
    }

    /// `nil`: there is none, and only the expiry of the file's keys is watched.
    private let store: (any ControlStore)?
    private let loops: LoopDirectory
    private let staleMax: Duration
    private let logger: Logger
    /// Whose callers the configuration lets in.
    private var configuredTenants: Set<String>
    private var areTenantsNew = true
    private var revision: Int64?
    private var askedAt: ContinuousClock.Instant?
    /// When the last question that was answered was asked.
    private var heardAt: ContinuousClock.Instant?
    private var state = State.unknown
    /// The loops know whether the store is there.
    private var isTold = false

    init(store: (any ControlStore)?, loops: LoopDirectory, configuredTenants: Set<String>, staleMax: Duration, logger: Logger) {
        self.store = store
        self.loops = loops
        self.configuredTenants = configuredTenants
        self.staleMax = staleMax
        self.logger = logger
    }

    /// Goes on until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            await tick()
            let pause: Duration = store == nil ? .seconds(1) : state == .unknown ? .milliseconds(5) : Self.interval
            try? await Task.sleep(for: pause)
        }
    }

    /// Waits for the first answer, or for the time in which one is due.
    func waitForStore() async {
        let end = ContinuousClock.now + Self.questionTimeout
        while store != nil, !isTold, ContinuousClock.now < end, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// A reload has brought other keys or issuers in.
    func follow(configuredTenants: Set<String>) {
        self.configuredTenants = configuredTenants
        areTenantsNew = true
    }

    private func tick() async {
        if let askedAt {
            if ContinuousClock.now - askedAt > Self.questionTimeout { move(to: .unreachable, "no answer in \(Self.questionTimeout)") }
        } else if let store {
            askedAt = .now
            Task { await ask(store) }
        }
        await tell()
    }

    private func ask(_ store: any ControlStore) async {
        let began = ContinuousClock.now
        do throws(ControlError) {
            let news = try await store.changes(after: revision)
            if news.revision != revision || areTenantsNew {
                areTenantsNew = false
                let update = AuthorityUpdate(
                    revision: news.revision, changes: news.changes.map { Set($0) }, isStopped: news.isStopped,
                    configuredTenants: try await tenants(of: store), prices: try await prices(of: store, news),
                    budgets: try await budgets(of: store, news))
                try? await loops.forEach { $0.gateway.apply(update) }
                revision = news.revision
            }
            heardAt = began
            move(to: .reachable, "")
        } catch {
            areTenantsNew = true
            move(to: .unreachable, error.description)
        }
        askedAt = nil
    }

    private func tenants(of store: any ControlStore) async throws(ControlError) -> [String: Tenant] {
        var found: [String: Tenant] = [:]
        var rest = configuredTenants.sorted()[...]
        while !rest.isEmpty {
            for tenant in try await store.tenants(named: Array(rest.prefix(ControlLimits.maxPage))) { found[tenant.id] = tenant }
            rest = rest.dropFirst(ControlLimits.maxPage)
        }
        return found
    }

    /// The price list, where it has changed.
    private func prices(of store: any ControlStore, _ news: ControlChanges) async throws(ControlError) -> PriceTable? {
        guard news.changes?.contains(.prices) ?? true else { return nil }
        return PriceTable(imported: try await store.prices())
    }

    private func budgets(of store: any ControlStore, _ news: ControlChanges) async throws(ControlError) -> BudgetTable? {
        guard news.changes?.contains(.budgets) ?? true else { return nil }
        return BudgetTable(try await store.budgets())
    }

    private func tell() async {
        let isStale = heardAt.map { ContinuousClock.now - $0 > staleMax } ?? true
        if isStale, state == .unreachable { move(to: .stale, "") }
        let (isKnown, isReachable) = (state != .unknown, state == .reachable)
        try? await loops.forEach { $0.gateway.storeHeard(isReachable: isReachable, isStale: isStale) }
        isTold = isTold || isKnown
    }

    private func move(to next: State, _ detail: String) {
        // What is stale is out of reach too.
        guard next != state, !(next == .unreachable && state == .stale) else { return }
        let previous = state
        state = next
        switch next {
        case .unknown: break
        case .reachable: logger.notice("the store of keys is there", metadata: ["revision": "\(revision ?? 0)"])
        case .unreachable: logger.error("the store of keys cannot be reached", metadata: ["reason": "\(detail)"])
        case .stale where previous == .unreachable: logger.error("keys of the store are refused until it can be reached")
        case .stale: break
        }
    }
}
