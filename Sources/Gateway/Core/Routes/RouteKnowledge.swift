/// What is known of a route at one moment, ready for decisions. Immutable: made off the path of requests, read by every event loop.
package final class RouteKnowledge: Sendable {
    package enum Policy: Sendable {
        case thompson(ThompsonPolicy)
        case epsilonGreedy(EpsilonGreedyPolicy)
        case fixed(FixedPolicy)
        case cheapest(CheapestPolicy)
        case weighted(WeightedPolicy)
    }

    package let route: ArbitratedRoute
    /// Which state of knowledge it is: milliseconds since 1970 at which it was made; 0: nothing was learned.
    package let id: UInt64
    package let policy: Policy

    /// What is known before anything was learned. Cheap: it was made with the route.
    ///
    /// - Returns: `nil`: the route has no arm.
    package init?(before route: ArbitratedRoute) {
        guard let policy = route.prior else { return nil }
        self.route = route
        self.policy = policy
        id = 0
    }

    /// - Parameters:
    ///   - learned: of any routes; what is not of this one's is left aside. All that was learned, not what came since `before`.
    ///   - before: what was known of the same route, whose precision is kept while observations hardly grow.
    /// - Returns: `nil`: the statistics are none that anybody observed.
    package init?(
        _ route: ArbitratedRoute, id: UInt64, learned: [LearnedHour], now: RouteStatistics.Hour, after before: RouteKnowledge? = nil
    ) {
        self.route = route
        self.id = id
        switch route.settings.policy {
        case .thompson:
            let start = before.flatMap { $0.route === route ? $0.policy : nil } ?? route.prior
            guard case .thompson(let start)? = start, let policy = Self.thompson(start, route, learned, now) else { return nil }
            self.policy = .thompson(policy)
        case .epsilonGreedy(let epsilon): policy = .epsilonGreedy(Self.table(route, epsilon, learned, now))
        case .fixed: policy = .fixed(FixedPolicy(arm: 0))
        case .cheapest: policy = .cheapest(CheapestPolicy())
        case .weighted(let weights): policy = .weighted(WeightedPolicy(weights: weights))
        }
    }

    /// What is known of each arm beside what requests ask: of policies that tell arms apart by it.
    package var states: [ArmState] {
        guard case .thompson(let policy) = policy else { return [] }
        return zip(policy.model.statistics, route.arms.indices).map { statistics, arm in
            ArmState(quality: statistics.meanQuality, observations: statistics.weight, isRetired: policy.isRetired(arm))
        }
    }

    /// What a route's policy is before anything was learned.
    static func prior(_ settings: ArbitrationSettings, _ arms: [UpstreamTarget]) -> Policy? {
        switch settings.policy {
        case .thompson: thompson(settings, arms).map { .thompson($0) }
        case .epsilonGreedy(let epsilon): .epsilonGreedy(EpsilonGreedyPolicy(arms: arms.count, epsilon: epsilon))
        case .fixed: .fixed(FixedPolicy(arm: 0))
        case .cheapest: .cheapest(CheapestPolicy())
        case .weighted(let weights): .weighted(WeightedPolicy(weights: weights))
        }
    }

    private static func thompson(_ own: ArbitrationSettings, _ arms: [UpstreamTarget]) -> ThompsonPolicy? {
        let known = arms.compactMap(\.settings.traits.strength)
        let average = known.isEmpty ? 0.5 : known.reduce(0, +) / Double(known.count)
        var settings = ThompsonPolicy.Settings(prior: BanditPrior(strengths: arms.map { $0.settings.traits.strength ?? average }))
        settings.explorationShare = own.explorationShare
        settings.halfLifeHours = own.halfLifeHours
        settings.floor = own.floor.map { QualityFloor(least: $0) }
        return ThompsonPolicy(settings)
    }

    private static func thompson(
        _ before: ThompsonPolicy, _ route: ArbitratedRoute, _ learned: [LearnedHour], _ now: RouteStatistics.Hour
    ) -> ThompsonPolicy? {
        var statistics = RouteStatistics(arms: route.arms.count)
        for hour in learned where hour.name.route == route.name && hour.name.cell == nil {
            guard let arm = route.arms.firstIndex(where: { $0.model == hour.name.arm }) else { continue }
            statistics.add(hour.statistics, arm: arm, hour: hour.hour)
        }
        var policy = before
        policy.refresh(now: now, with: statistics)
        return policy.model.id == before.model.id ? nil : policy
    }

    private static func table(
        _ route: ArbitratedRoute, _ epsilon: Double, _ learned: [LearnedHour], _ now: RouteStatistics.Hour
    ) -> EpsilonGreedyPolicy {
        var cells = Array(repeating: DecayedStatistics(), count: route.arms.count * EpsilonGreedyPolicy.buckets)
        for hour in learned where hour.name.route == route.name {
            guard let arm = route.arms.firstIndex(where: { $0.model == hour.name.arm }), let cell = hour.name.cell,
                cells.indices.contains(arm * EpsilonGreedyPolicy.buckets + cell)
            else { continue }
            cells[arm * EpsilonGreedyPolicy.buckets + cell].add(hour.statistics, times: 1)
        }
        return EpsilonGreedyPolicy(arms: route.arms.count, epsilon: epsilon, learned: cells)
    }
}

/// One arm as a route knows it.
package struct ArmState: Sendable, Equatable {
    /// The mean of what was observed, older observations for less; `nil`: nothing was.
    package var quality: Double?
    /// How many these are, each for what it still counts.
    package var observations: Double
    /// The floor keeps it from being chosen.
    package var isRetired: Bool
}

/// One event loop's side of a route: what is known of it, and what the loop itself has seen and spent. Pure.
package struct LoopRoute: Sendable {
    /// What is expected before an arm's first answer was seen.
    private static let firstOutputTokens = 256.0
    /// The weight of the newest answer in the means.
    private static let newest = 0.1

    package private(set) var knowledge: RouteKnowledge
    /// How many event loops share what exploration may cost.
    private let share: Int
    private var exploration: ExplorationBudget
    private var spentHour = RouteStatistics.Hour(index: 0)
    private var spentNanoUSD: Int64 = 0
    /// Mean output tokens and seconds of each arm's answers; `nil`: none was seen.
    private var outputTokens: [Double?]
    private var seconds: [Double?]
    private var chance: SeededChance?

    /// Of an hour's money for exploration, this loop's.
    private var budgetNanoUSD: Int64? { knowledge.route.settings.explorationNanoUSDPerHour.map { $0 / Int64(share) } }

    /// - Parameter share: how many event loops share what exploration may cost.
    package init(_ knowledge: RouteKnowledge, share: Int = 1) {
        self.knowledge = knowledge
        self.share = max(1, share)
        let settings = knowledge.route.settings
        exploration = ExplorationBudget(share: settings.explorationShare)
        outputTokens = Array(repeating: nil, count: knowledge.route.arms.count)
        seconds = outputTokens
        chance = settings.seed.map { SeededChance(state: $0) }
    }

    /// Whether another configuration's route of the name has the same arms, so that a place among them is the same arm's.
    package func fits(_ route: ArbitratedRoute) -> Bool {
        if route === knowledge.route { return true }
        let own = knowledge.route.arms
        return route.name == knowledge.route.name && own.count == route.arms.count && zip(own, route.arms).allSatisfy { $0.isSame(as: $1) }
    }

    /// The same for another configuration's route of the name, with what was spent, and what was seen of the arms that it still has.
    package func following(_ knowledge: RouteKnowledge) -> LoopRoute {
        var next = LoopRoute(knowledge, share: share)
        for (index, arm) in knowledge.route.arms.enumerated() {
            guard let before = self.knowledge.route.arms.firstIndex(where: { $0.isSame(as: arm) }) else { continue }
            (next.outputTokens[index], next.seconds[index]) = (outputTokens[before], seconds[before])
        }
        (next.spentHour, next.spentNanoUSD) = (spentHour, spentNanoUSD)
        let (old, new) = (self.knowledge.route.settings, knowledge.route.settings)
        if old.explorationShare == new.explorationShare { next.exploration = exploration }
        if old.seed == new.seed { next.chance = chance }
        return next
    }

    package mutating func take(_ knowledge: RouteKnowledge) {
        if knowledge.route === self.knowledge.route { self.knowledge = knowledge }
    }

    /// An arm has answered.
    ///
    /// - Parameters:
    ///   - tokens: of one choice.
    ///   - time: to its last byte, as far as the provider is to blame; `nil`: not known.
    package mutating func answered(arm: Int, outputTokens tokens: UInt64, seconds time: Double?) {
        guard outputTokens.indices.contains(arm) else { return }
        func mean(_ old: Double?, _ new: Double) -> Double { old.map { $0 + Self.newest * (new - $0) } ?? new }
        outputTokens[arm] = mean(outputTokens[arm], Double(tokens))
        if let time { seconds[arm] = mean(seconds[arm], max(0, time)) }
    }

    /// What an arm's call is expected to cost and to take. An arm of which nothing was seen is taken to be as the others.
    ///
    /// - Parameters:
    ///   - maxOutputTokens: of each choice; `nil`: no cap.
    ///   - choices: answers that are asked for at once.
    package func candidate(
        _ arm: Int, price: Price, inputTokens: UInt64, maxOutputTokens: UInt64?, choices: UInt64 = 1
    ) -> ArmCandidate {
        func known(_ values: [Double?]) -> Double? {
            let known = values.compactMap { $0 }
            return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
        }
        let expected = outputTokens[arm] ?? known(outputTokens) ?? Self.firstOutputTokens
        let each = min(UInt64(max(1, min(1e9, expected))), maxOutputTokens ?? .max)
        let (product, overflow) = each.multipliedReportingOverflow(by: max(1, choices))
        let output = overflow ? .max : product
        let cost = price.cost(of: TokenUsage(input: inputTokens, output: output))
        return ArmCandidate(arm: arm, costUSD: Double(cost) / 1e9, latencySeconds: seconds[arm] ?? known(seconds) ?? 0)
    }

    /// Chooses among arms that could all serve the request.
    ///
    /// - Parameters:
    ///   - candidates: at most one per arm.
    ///   - conversation: what staying at the conversation's arm is worth. It counts if that arm is a candidate, the policy is one that learns, and the
    ///     floor has not retired it.
    /// - Returns: what is left behind of the decision; `nil`: there is no candidate.
    package mutating func decide(
        _ features: FeatureVector, _ candidates: [ArmCandidate], infeasible: [DecisionRecord.Infeasible], dials: ArbitrageDials,
        conversation: ConversationChoice?, now: RouteStatistics.Hour, random: inout some RandomNumberGenerator
    ) -> DecisionRecord? {
        let names = knowledge.route.arms.map(\.model)
        let seed = chance?.next() ?? random.next()
        var infeasible = infeasible
        var told = withoutRetired(candidates, &infeasible, names)
        let kept = conversation.flatMap { choice in
            keeps(choice.incumbent) && told.contains { $0.arm == choice.incumbent } ? choice : nil
        }
        let made: ArbitrageDecision?
        if let kept {
            told = kept.candidates(told)
            made = decision(within: kept, features, told, dials)
        } else {
            made = decision(features, told, dials, seed: seed, now: now)
        }
        guard var decision = made else { return nil }
        if decision.reason == .exploration { spend(decision.arm, told) }
        decision.model = knowledge.id
        func record(_ policy: some ArbitragePolicy) -> DecisionRecord {
            policy.record(
                of: decision, features, told, dials, names: names, infeasible: infeasible, incumbent: kept?.incumbent)
        }
        switch knowledge.policy {
        case .thompson(let policy): return record(policy)
        case .epsilonGreedy(let policy): return record(policy)
        case .fixed(let policy): return record(policy)
        case .cheapest(let policy): return record(policy)
        case .weighted(let policy): return record(policy)
        }
    }

    /// A decision was made for a request that called nobody, or that had to be decided anew: what exploring would have taken is there again.
    ///
    /// - Parameter hour: when it was made. What another hour spends is not touched.
    package mutating func undo(_ record: DecisionRecord, of hour: RouteStatistics.Hour) {
        exploration.undo(explored: record.reason == .exploration)
        guard record.reason == .exploration, hour == spentHour, let chosen = record.chosen else { return }
        spentNanoUSD = max(0, spentNanoUSD - Self.nanoUSD(chosen.belief.candidate))
    }

    /// Arms that the floor has retired are no candidates while there is another one.
    private func withoutRetired(
        _ candidates: [ArmCandidate], _ infeasible: inout [DecisionRecord.Infeasible], _ names: [String]
    ) -> [ArmCandidate] {
        guard case .thompson(let policy) = knowledge.policy, candidates.contains(where: { !policy.isRetired($0.arm) }) else {
            return candidates
        }
        for candidate in candidates where policy.isRetired(candidate.arm) {
            infeasible.append(DecisionRecord.Infeasible(name: names[candidate.arm], reason: .belowFloor))
        }
        return candidates.filter { !policy.isRetired($0.arm) }
    }

    /// Rules that learn nothing say themselves whose a request is.
    private func keeps(_ incumbent: Int) -> Bool {
        switch knowledge.policy {
        case .thompson(let policy): !policy.isRetired(incumbent)
        case .epsilonGreedy: true
        case .fixed, .cheapest, .weighted: false
        }
    }

    /// Where nothing is tried out, the share of what may be is earned all the same.
    private mutating func decision(
        within choice: ConversationChoice, _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials
    ) -> ArbitrageDecision? {
        exploration.earn()
        switch knowledge.policy {
        case .thompson(let policy): return choice.decision(policy, features, candidates, dials)
        case .epsilonGreedy(let policy): return choice.decision(policy, features, candidates, dials)
        case .fixed, .cheapest, .weighted: return nil
        }
    }

    private mutating func decision(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, seed: UInt64, now: RouteStatistics.Hour
    ) -> ArbitrageDecision? {
        var chance = FixedChance(value: seed)
        switch knowledge.policy {
        case .thompson(let policy):
            exploration.earn()
            if now != spentHour { (spentHour, spentNanoUSD) = (now, 0) }
            let isPaid = budgetNanoUSD.map { spentNanoUSD + dearest(candidates) <= $0 } ?? true
            return policy.decision(features, candidates, dials, seed: seed, couldExplore: exploration.allows && isPaid)
        case .epsilonGreedy(var policy): return policy.decide(features, candidates, dials, random: &chance)
        case .fixed(var policy): return policy.decide(features, candidates, dials, random: &chance)
        case .cheapest(var policy): return policy.decide(features, candidates, dials, random: &chance)
        case .weighted(var policy): return policy.decide(features, candidates, dials, random: &chance)
        }
    }

    private mutating func spend(_ arm: Int, _ candidates: [ArmCandidate]) {
        exploration.spend()
        guard let candidate = candidates.first(where: { $0.arm == arm }) else { return }
        spentNanoUSD = min(Self.mostNanoUSD, spentNanoUSD + Self.nanoUSD(candidate))
    }

    /// What exploring costs at most, whichever arm it draws: known before it draws, so that the chance of each arm stays what it is.
    private func dearest(_ candidates: [ArmCandidate]) -> Int64 { candidates.reduce(0) { max($0, Self.nanoUSD($1)) } }

    /// Two of these add up.
    private static let mostNanoUSD: Int64 = 4_000_000_000_000_000_000

    private static func nanoUSD(_ candidate: ArmCandidate) -> Int64 {
        candidate.costUSD > 0 ? Int64(min(Double(mostNanoUSD), candidate.costUSD * 1e9)) : 0
    }
}

/// Gives one number, again and again.
private struct FixedChance: RandomNumberGenerator {
    let value: UInt64

    mutating func next() -> UInt64 { value }
}

/// SplitMix64 (S. Vigna), from a seed of the configuration.
private struct SeededChance: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Hash.mixed(state)
    }
}

extension DecisionRecord {
    /// The answer's and the ledger's word for how the request came to its arm.
    package var word: String { reason.rawValue }
}

extension UpstreamTarget {
    /// Whether what is known of one is known of the other.
    fileprivate func isSame(as other: UpstreamTarget) -> Bool {
        model == other.model && provider == other.provider && upstreamModel == other.upstreamModel
    }

    /// Why an arm cannot serve a request; `nil`: it can.
    package func infeasibility(
        _ traits: RequestTraits, inputTokens: UInt64, maxOutputTokens: UInt64?, tenant: TenantArbitration
    ) -> DecisionRecord.Infeasibility? {
        let own = settings.traits
        if let regions = tenant.regions, !(own.region.map { regions.contains($0) } ?? false) { return .residency }
        let missing = traits.needs.subtracting(own.supports)
        if missing.contains(.tools) { return .tools }
        if missing.contains(.vision) { return .vision }
        if missing.contains(.structuredOutput) { return .structuredOutput }
        let (needed, overflow) = inputTokens.addingReportingOverflow(maxOutputTokens ?? 0)
        if let context = own.contextTokens, overflow || needed > context { return .contextLength }
        return nil
    }
}
