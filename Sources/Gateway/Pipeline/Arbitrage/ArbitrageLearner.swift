package import GatewayCore
package import Logging
import Metrics
import NIOConcurrencyHelpers

/// What the process learns of its arbitrated names: takes what event loops see, brings it to the store, and tells every loop what is known.
///
/// Nobody waits for it. While the store is away increments gather, one set of numbers for each arm and hour, and are sent when it is back; hours that are too
/// old to count are dropped. Answers that wait to be kept for feedback, and what is remembered of conversations and questions, have bounds of their own.
package final class ArbitrageLearner: Sendable {
    package struct Settings: Sendable {
        package var refresh: Duration
        /// Between two looks at what is to be kept for feedback.
        package var pause = Duration.milliseconds(100)
        /// After how many refreshes all hours are read again, and not the last ones alone: others may bring old ones late.
        package var rereads = 150

        package init(refresh: Duration = .seconds(2)) {
            self.refresh = refresh
        }
    }

    /// Who is told what is known. Returns when every loop has been told.
    package typealias Audience = @Sendable ([RouteKnowledge]) async -> Void

    /// Answers that wait to be kept; more are dropped, and can be given no feedback on.
    static let maxWaiting = 10_000
    /// Conversations that are remembered: twice as many at most, of some 50 bytes each.
    static let maxConversations = 32_768
    /// Questions, likewise, of some 400.
    static let maxQuestions = 8_192
    static let retryMilliseconds: Int64 = 120_000

    struct Place: Hashable, Sendable {
        var name: LearnedName
        var hour: RouteStatistics.Hour
    }

    /// What is remembered of a conversation's last whole answer.
    struct Conversation: Sendable, Equatable {
        /// How long providers keep prompts in their caches, at least.
        private static let cacheMilliseconds: Int64 = 300_000

        var arm: String
        /// Tokens of the prompt that the provider says that it has cached.
        var cachedTokens: UInt64
        /// Milliseconds since 1970.
        var at: Int64

        /// Of a request that comes now: tokens that its arm need not read anew.
        func cachedTokens(at now: Int64) -> UInt64 { now - at <= Self.cacheMilliseconds ? cachedTokens : 0 }
    }

    private struct Question: Sendable {
        var answer: ArbitratedAnswer
        /// Milliseconds since 1970.
        var at: Int64
    }

    private struct State: Sendable {
        var routes: [ArbitratedRoute] = []
        /// Not brought to the store yet. Bound: arms of routes, times the hours that count.
        var pending: [Place: ArmStatistics] = [:]
        /// As the store has it.
        var known: [Place: ArmStatistics] = [:]
        /// Names of which more is known than was told.
        var changed: Set<String> = []
        /// The store has more than what is known here.
        var isBehind = false
        /// There is what was not read yet of hours before the last two: of new names, or sent late.
        var isNew = true
        /// What was told last, by name.
        var told: [String: RouteKnowledge] = [:]
        var waiting: [ArbitratedAnswer] = []
        /// Brings what waited before to the store.
        var keeping: Task<Void, Never>?
        var conversations = Remembered<Conversation>(limit: maxConversations)
        var questions = Remembered<Question>(limit: maxQuestions)

        /// `nil`: the name no longer has the arm.
        func place(of answer: ArbitratedAnswer, hour: RouteStatistics.Hour) -> Place? {
            guard let route = routes.first(where: { $0.name == answer.route }),
                let arm = route.arms.firstIndex(where: { $0.model == answer.arm })
            else { return nil }
            return Place(name: route.learnedName(arm, answer.features), hour: hour)
        }
    }

    private let store: any ArbitrageStore
    private let settings: Settings
    private let clock: WallClock
    private let logger: Logger
    private let state = NIOLockedValueBox(State())
    private let metrics = ArbitrageMetrics()
    private let dropped = Counter(label: "agentshield.arbitrage.feedback_dropped")

    package init(store: any ArbitrageStore, settings: Settings, clock: WallClock = .system, logger: Logger) {
        self.store = store
        self.settings = settings
        self.clock = clock
        self.logger = logger
    }

    private var now: RouteStatistics.Hour { RouteStatistics.Hour(unixSeconds: Int64(clamping: clock.unixMilliseconds() / 1_000)) }

    // MARK: for event loops

    /// What an answer, or its absence, was worth.
    func observe(_ answer: ArbitratedAnswer, quality: Double, weight: Double, hour: RouteStatistics.Hour) {
        let taken = state.withLockedValue { state in
            guard let place = state.place(of: answer, hour: hour) else { return false }
            return state.pending[place, default: ArmStatistics(place.name.form)].observe(answer.features, quality: quality, weight: weight)
        }
        if taken { metrics.observed(answer, quality: quality, weight: weight) }
    }

    /// Keeps an answer, so that feedback on it can be given.
    func keep(_ answer: ArbitratedAnswer) {
        let isKept = state.withLockedValue { state in
            guard state.waiting.count < Self.maxWaiting else { return false }
            state.waiting.append(answer)
            return true
        }
        if !isKept { dropped.increment() }
    }

    func conversation(_ key: UInt64) -> Conversation? { state.withLockedValue { $0.conversations.value(of: key) } }

    func remember(_ key: UInt64, _ conversation: Conversation) { state.withLockedValue { $0.conversations.set(key, conversation) } }

    /// Remembers who was asked a question.
    ///
    /// - Returns: the answer to the same question that was given a short while ago, whose quality it speaks against; once.
    func asked(_ question: UInt64, _ answer: ArbitratedAnswer, unixMilliseconds now: Int64) -> ArbitratedAnswer? {
        state.withLockedValue { state in
            let before = state.questions.value(of: question)
            state.questions.set(question, Question(answer: answer, at: now))
            return before.flatMap { now - $0.at <= Self.retryMilliseconds ? $0.answer : nil }
        }
    }

    // MARK: feedback

    func claim(_ id: RequestID, tenant: String, scoreMillionths score: UInt64) async throws(ArbitrageStoreError) -> FeedbackClaim {
        await keepWaiting()
        return try await store.claim(id, tenant: tenant, scoreMillionths: score)
    }

    /// Brings what an answer was worth to the store, and settles its claim.
    ///
    /// - Throws: where the store did not take one of both; the claim may then be made again.
    func learn(_ answer: ArbitratedAnswer, _ signal: ObservedQuality, hour: RouteStatistics.Hour) async throws(ArbitrageStoreError) {
        if let place = state.withLockedValue({ $0.place(of: answer, hour: hour) }) {
            var statistics = ArmStatistics(place.name.form)
            if statistics.observe(answer.features, quality: signal.quality, weight: signal.weight) {
                let left = await store.add([LearnedHour(name: place.name, hour: place.hour, statistics: statistics)])
                guard left.isEmpty else { throw ArbitrageStoreError("the store does not take it", mayHaveRun: false) }
                state.withLockedValue { $0.isBehind = true }
                metrics.observed(answer, quality: signal.quality, weight: signal.weight)
            }
        }
        try await store.settle(answer.id, tenant: answer.tenant)
    }

    // MARK: the store

    /// The names that the configuration has now.
    package func follow(_ routes: [ArbitratedRoute]) {
        state.withLockedValue { state in
            state.routes = routes
            let names = Set(routes.flatMap(\.learned))
            state.pending = state.pending.filter { names.contains($0.key.name) }
            state.known = state.known.filter { names.contains($0.key.name) }
            state.isNew = true
            state.changed = Set(routes.map(\.name))
            state.told = state.told.filter { state.changed.contains($0.key) }
        }
    }

    /// Follows names of a new configuration.
    ///
    /// - Returns: what is known of them, for event loops to begin with.
    package func prepare(_ routes: [ArbitratedRoute]) -> [RouteKnowledge] {
        follow(routes)
        return knowledge()
    }

    /// Learns until the task is cancelled.
    package func run(_ audience: @escaping Audience) async {
        var turn = 0
        var outage = false
        while !Task.isCancelled {
            do throws(ArbitrageStoreError) {
                try await exchange(readsAll: turn % settings.rereads == 0)
                if outage { logger.notice("what arbitrated names have learned can be kept again") }
                outage = false
                turn += 1
            } catch {
                if !outage {
                    logger.warning("what arbitrated names learn cannot be kept at present", metadata: ["reason": "\(error.detail)"])
                }
                outage = true
            }
            await tell(audience)
            let next = ContinuousClock.now + settings.refresh
            while ContinuousClock.now < next, !Task.isCancelled {
                await keepWaiting()
                try? await Task.sleep(for: min(settings.pause, max(.milliseconds(1), next - .now)))
            }
        }
    }

    /// Brings what is left to the store.
    package func finish() async {
        await keepWaiting()
        _ = await send()
        await store.close()
    }

    /// Sends what is pending, and reads what others have sent.
    func exchange(readsAll: Bool) async throws(ArbitrageStoreError) {
        let isWhole = await send()
        let (isBehind, isNew) = state.withLockedValue { state in
            defer { (state.isBehind, state.isNew) = (false, false) }
            return (state.isBehind, state.isNew)
        }
        let readsAll = readsAll || isNew
        guard readsAll || store.isShared || isBehind else {
            guard isWhole else { throw ArbitrageStoreError("the store does not take it", mayHaveRun: false) }
            return
        }
        let now = now
        let span = readsAll ? Int64(RouteStatistics.mostHours) : 1
        let hours = RouteStatistics.Hour(index: now.index - span)...RouteStatistics.Hour(index: now.index + 1)
        let names = state.withLockedValue { $0.routes.flatMap(\.learned) }
        let learned: [LearnedHour]
        do throws(ArbitrageStoreError) {
            learned = try await store.learned(names, in: hours)
        } catch {
            state.withLockedValue { state in
                state.isBehind = state.isBehind || isBehind
                state.isNew = state.isNew || isNew
            }
            throw error
        }
        // Off the lock, which event loops take: this task alone changes what is known, but for names that go.
        let before = state.withLockedValue { $0.known }
        let oldest = now.index - Int64(RouteStatistics.mostHours)
        var known = before.filter { !hours.contains($0.key.hour) && $0.key.hour.index > oldest }
        for hour in learned { known[Place(name: hour.name, hour: hour.hour)] = hour.statistics }
        var changed = Set(before.keys.lazy.filter { known[$0] == nil }.map(\.name.route))
        for (place, statistics) in known where before[place] != statistics { changed.insert(place.name.route) }
        state.withLockedValue { state in
            state.known = known
            state.changed.formUnion(changed)
        }
        guard isWhole else { throw ArbitrageStoreError("the store does not take it", mayHaveRun: false) }
    }

    /// - Returns: whether nothing is left to be sent again.
    private func send() async -> Bool {
        let (oldest, recent) = (now.index - Int64(RouteStatistics.mostHours), now.index - 1)
        let pending = state.withLockedValue { state in
            defer { state.pending.removeAll() }
            return state.pending.filter { $0.key.hour.index > oldest }
        }
        guard !pending.isEmpty else { return true }
        let increments = pending.map { LearnedHour(name: $0.key.name, hour: $0.key.hour, statistics: $0.value) }
        let left = await store.add(increments)
        let leftPlaces = Set(left.map { Place(name: $0.name, hour: $0.hour) })
        state.withLockedValue { state in
            for increment in left {
                state.pending[Place(name: increment.name, hour: increment.hour), default: ArmStatistics(increment.name.form)] +=
                    increment.statistics
            }
            // A shared store is read again, and says what it has.
            for (place, statistics) in pending where !store.isShared && !leftPlaces.contains(place) {
                state.known[place, default: ArmStatistics(place.name.form)] += statistics
            }
            // What waited for the store lands in its own hours, which are not among those that are read again each time.
            if store.isShared, pending.keys.contains(where: { $0.hour.index < recent && !leftPlaces.contains($0) }) { state.isNew = true }
            state.changed.formUnion(pending.keys.map(\.name.route))
        }
        return left.isEmpty
    }

    /// Returns when all that waited before is in the store, whoever brings it there.
    private func keepWaiting() async {
        let keeping = state.withLockedValue { state -> Task<Void, Never>? in
            guard !state.waiting.isEmpty else { return state.keeping }
            let before = state.keeping
            let task = Task {
                await before?.value
                await keepTaken()
            }
            state.keeping = task
            return task
        }
        await keeping?.value
    }

    private func keepTaken() async {
        let answers = state.withLockedValue { state in
            defer { state.waiting.removeAll() }
            return state.waiting
        }
        guard !answers.isEmpty else { return }
        let left = await store.keep(answers)
        guard !left.isEmpty else { return }
        let lost = state.withLockedValue { state in
            let room = max(0, Self.maxWaiting - state.waiting.count)
            state.waiting.insert(contentsOf: left.suffix(room), at: 0)
            return max(0, left.count - room)
        }
        dropped.increment(by: Int64(lost))
    }

    // MARK: what is known

    /// Makes what is known anew, where something has changed, and tells it.
    func tell(_ audience: Audience) async {
        let knowledge = knowledge()
        if !knowledge.isEmpty { await audience(knowledge) }
    }

    /// - Returns: one for each route of which something has changed. A route whose statistics nobody can have observed keeps what was known.
    func knowledge() -> [RouteKnowledge] {
        let (routes, told, known, pending) = state.withLockedValue { state in
            defer { state.changed.removeAll() }
            let routes = state.routes.filter { state.changed.contains($0.name) }
            return (routes, state.told, routes.isEmpty ? [:] : state.known, routes.isEmpty ? [:] : state.pending)
        }
        let (now, id) = (now, clock.unixMilliseconds())
        let made = routes.compactMap { route in
            var sums = known.filter { $0.key.name.route == route.name }
            for (place, statistics) in pending where place.name.route == route.name {
                sums[place, default: ArmStatistics(place.name.form)] += statistics
            }
            let learned = sums.map { LearnedHour(name: $0.key.name, hour: $0.key.hour, statistics: $0.value) }
            let knowledge = RouteKnowledge(route, id: id, learned: learned, now: now, after: told[route.name])
            if knowledge == nil {
                logger.error(
                    "what the route has learned cannot be used; it goes on with what was known", metadata: ["route": "\(route.name)"])
            }
            return knowledge
        }
        for one in made { metrics.known(one) }
        state.withLockedValue { state in
            for one in made where state.routes.contains(where: { $0 === one.route }) { state.told[one.route.name] = one }
        }
        return made
    }
}

/// Values of the last keys: at least as many as the limit, and twice as many at most.
struct Remembered<Value: Sendable>: Sendable {
    private let limit: Int
    private var new: [UInt64: Value] = [:]
    private var old: [UInt64: Value] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    func value(of key: UInt64) -> Value? { new[key] ?? old[key] }

    mutating func set(_ key: UInt64, _ value: Value) {
        if new.count >= limit, new[key] == nil { (old, new) = (new, [:]) }
        new[key] = value
    }
}
