package import GatewayCore
package import Logging
package import NIOCore

/// Asks the store again and again what has changed, and tells every event loop, so that a key that is revoked by any process is refused here within a
/// second.
///
/// One question is under way at a time; each is given up in two seconds, whatever the store does. What stops traffic is told before anything else is read.
package actor ControlFollower {
    package static let interval = TimeAmount.milliseconds(250)
    package static let questionTimeout = TimeAmount.seconds(2)
    /// Between two looks at the clock without a store, where only the expiry of the file's keys is watched.
    static let watchInterval = TimeAmount.seconds(1)

    /// Who is told.
    package struct Audience: Sendable {
        let apply: @Sendable (AuthorityUpdate) async -> Void
        let storeHeard: @Sendable (_ isReachable: Bool, _ isStale: Bool) async -> Void

        /// Each returns when every event loop has been told.
        package init(
            apply: @escaping @Sendable (AuthorityUpdate) async -> Void,
            storeHeard: @escaping @Sendable (_ isReachable: Bool, _ isStale: Bool) async -> Void
        ) {
            self.apply = apply
            self.storeHeard = storeHeard
        }
    }

    /// The clock that everything is measured by.
    package struct Pace: Sendable {
        let now: @Sendable () -> NIODeadline
        let sleep: @Sendable (TimeAmount) async -> Void

        package init(now: @escaping @Sendable () -> NIODeadline, sleep: @escaping @Sendable (TimeAmount) async -> Void) {
            self.now = now
            self.sleep = sleep
        }

        /// - Note: Cancelling the task ends a sleep.
        package static let system = Pace(now: { .now() }, sleep: { try? await Task.sleep(for: .nanoseconds($0.nanoseconds)) })
    }

    private enum State {
        case unknown, reachable, unreachable, stale
    }

    /// What is read of the store where it may have changed, in this order.
    private enum Reading: CaseIterable {
        case tenants, prices, budgets
    }

    private let store: (any ControlFeed)?
    private let audience: Audience
    private let staleMax: TimeAmount
    private let logger: Logger
    private let pace: Pace
    /// Whose callers the configuration lets in.
    private var configuredTenants: Set<String>
    private var due = Set(Reading.allCases)
    private var revision: Int64?
    private var askedAt: NIODeadline?
    /// When the last question that was answered was asked.
    private var heardAt: NIODeadline?
    private var state = State.unknown
    private var reason = ""
    private var outage = OutageLog()
    private var staleness = OutageLog()
    /// The loops know whether the store is there.
    private var isTold = false

    /// - Parameter store: `nil`: there is none, and only the expiry of the file's keys is watched.
    package init(
        store: (any ControlFeed)?, audience: Audience, configuredTenants: Set<String>, staleMax: TimeAmount, logger: Logger,
        pace: Pace = .system
    ) {
        self.store = store
        self.audience = audience
        self.configuredTenants = configuredTenants
        self.staleMax = staleMax
        self.logger = logger
        self.pace = pace
    }

    /// Goes on until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            await tick()
            await pace.sleep(store == nil ? Self.watchInterval : state == .unknown ? .milliseconds(5) : Self.interval)
        }
    }

    /// Waits for the first answer, or for the time in which one is due.
    package func waitForStore() async {
        let end = pace.now() + Self.questionTimeout
        while store != nil, !isTold, pace.now() < end, !Task.isCancelled { await pace.sleep(.milliseconds(5)) }
    }

    /// A reload has brought other keys or issuers in.
    package func follow(configuredTenants: Set<String>) {
        self.configuredTenants = configuredTenants
        due.insert(.tenants)
    }

    private func tick() async {
        if let askedAt {
            if pace.now() - askedAt > Self.questionTimeout {
                move(to: .unreachable, "no answer in \(Self.questionTimeout.nanoseconds / 1_000_000_000) s")
            }
        } else if let store {
            askedAt = pace.now()
            Task { await ask(store) }
        }
        await tell()
    }

    private func ask(_ store: any ControlFeed) async {
        let began = pace.now()
        do throws(ControlError) {
            let news = try await store.changes(after: revision)
            if news.revision != revision { await take(news) }
            for reading in Reading.allCases where due.contains(reading) {
                // Each question has its own time.
                askedAt = pace.now()
                try await read(reading, of: store, news)
            }
            heardAt = began
            move(to: .reachable, "")
        } catch {
            move(to: .unreachable, error.description)
        }
        askedAt = nil
    }

    /// What stops or ends requests: it waits for nothing else.
    private func take(_ news: ControlChanges) async {
        due.insert(.tenants)
        if news.changes?.contains(.prices) ?? true { due.insert(.prices) }
        if news.changes?.contains(.budgets) ?? true { due.insert(.budgets) }
        revision = news.revision
        await audience.apply(
            AuthorityUpdate(revision: news.revision, changes: news.changes.map { Set($0) }, isStopped: news.isStopped, isWhole: false))
    }

    private func read(_ reading: Reading, of store: any ControlFeed, _ news: ControlChanges) async throws(ControlError) {
        // A reload may ask for it again meanwhile.
        due.remove(reading)
        var update = AuthorityUpdate(revision: news.revision, changes: [], isStopped: news.isStopped, isWhole: false)
        do throws(ControlError) {
            switch reading {
            case .tenants: update.configuredTenants = try await tenants(of: store)
            case .prices: update.prices = PriceTable(imported: try await store.prices())
            case .budgets: update.budgets = BudgetTable(try await store.budgets())
            }
        } catch {
            due.insert(reading)
            throw error
        }
        update.isWhole = due.isEmpty
        await audience.apply(update)
    }

    private func tenants(of store: any ControlFeed) async throws(ControlError) -> [String: Tenant] {
        var found: [String: Tenant] = [:]
        var rest = configuredTenants.sorted()[...]
        while !rest.isEmpty {
            for tenant in try await store.tenants(named: Array(rest.prefix(ControlLimits.maxPage))) { found[tenant.id] = tenant }
            rest = rest.dropFirst(ControlLimits.maxPage)
        }
        return found
    }

    private func tell() async {
        let isStale = heardAt.map { pace.now() - $0 > staleMax } ?? true
        if isStale, state == .unreachable { move(to: .stale, reason) }
        if state == .unreachable || state == .stale { logOutage() }
        let (isKnown, isReachable) = (state != .unknown, state == .reachable)
        await audience.storeHeard(isReachable, isStale)
        isTold = isTold || isKnown
    }

    // MARK: the log

    private func move(to next: State, _ detail: String) {
        reason = detail
        // What is stale is out of reach too.
        guard next != state, !(next == .unreachable && state == .stale) else { return }
        let wasUnknown = state == .unknown
        state = next
        switch next {
        case .reachable:
            _ = staleness.worked(now: pace.now())
            let isNews = outage.worked(now: pace.now())
            if isNews || wasUnknown { logger.notice("the store of keys is there", metadata: ["revision": "\(revision ?? 0)"]) }
        case .unreachable, .stale: logOutage()
        case .unknown: break
        }
    }

    private func logOutage() {
        if outage.failed(now: pace.now()) { logger.error("the store of keys cannot be reached", metadata: ["reason": "\(reason)"]) }
        guard state == .stale, heardAt != nil, staleness.failed(now: pace.now()) else { return }
        logger.error("keys of the store are refused until it can be reached")
    }
}
