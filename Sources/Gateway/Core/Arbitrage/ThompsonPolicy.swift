/// Thompson sampling over a Bayesian linear model (O. Chapelle, L. Li, "An Empirical Evaluation of Thompson Sampling", 2011; S. Agrawal, N. Goyal,
/// "Thompson Sampling for Contextual Bandits with Linear Payoffs", 2013): each arm's quality for this request is drawn from what is believed of it, and the
/// arm whose drawn quality − λ·cost − μ·latency is highest is chosen. What is learned is the quality alone, so that dials and prices may change.
package struct ThompsonPolicy: ArbitragePolicy {
    package struct Settings: Sendable, Equatable {
        package var prior: BanditPrior
        /// What deviations are multiplied by when drawing: 1 is Thompson's rule; less learns less, and wastes less where arms are many and calls few.
        package var explorationScale = 0.25
        /// The share of decisions that may go to another arm than the best.
        package var explorationShare = 0.2
        /// Above 0; infinite: nothing is forgotten.
        package var halfLifeHours = 168.0
        package var floor: QualityFloor?
        /// Finds that an arm is not what it was; `nil`: only time forgets.
        package var changes: ChangeTest? = ChangeTest()

        package init(prior: BanditPrior) {
            self.prior = prior
        }
    }

    package let settings: Settings
    package private(set) var statistics: RouteStatistics
    package private(set) var model: BanditModel
    private var retired: [Bool]
    private var budget: ExplorationBudget
    /// The observations by which the prior's precision was last chosen: it is chosen anew when there are a tenth more or fewer.
    private var weighed = 0.0
    private static let growth = 1.1

    /// - Returns: `nil`: there is no arm, or its prior's precision is not above 0.
    package init?(_ settings: Settings) {
        let count = settings.prior.strengths.count
        let nothing = Array(repeating: DecayedStatistics(), count: count)
        guard let model = BanditModel(id: 1, prior: settings.prior, statistics: nothing) else { return nil }
        self.settings = settings
        self.model = model
        statistics = RouteStatistics(arms: count)
        retired = Array(repeating: false, count: count)
        budget = ExplorationBudget(share: settings.explorationShare)
    }

    package func isRetired(_ arm: Int) -> Bool { retired[arm] }

    package mutating func decide(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, random: inout some RandomNumberGenerator
    ) -> ArbitrageDecision? {
        let seed = random.next()
        budget.earn()
        guard var decision = decision(features, candidates, dials, seed: seed, couldExplore: budget.allows) else { return nil }
        if decision.reason == .exploration { budget.spend() }
        decision.model = model.id
        return decision
    }

    /// The same decision again, from what it carries: for whoever wants it explained.
    package func decision(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, seed: UInt64, couldExplore: Bool
    ) -> ArbitrageDecision? {
        let allRetired = candidates.allSatisfy { retired[$0.arm] }
        var race = ThompsonRace(seed: seed, dials: allRetired ? ArbitrageDials() : dials)
        for candidate in candidates where allRetired || !retired[candidate.arm] { race.enter(belief(candidate, features)) }
        guard let outcome = race.outcome(couldExplore: couldExplore && !allRetired) else { return nil }
        let reason = candidates.count == 1 ? .onlyCandidate : allRetired ? .belowFloor : outcome.reason
        return ArbitrageDecision(
            arm: candidates.count == 1 || allRetired ? race.best?.arm ?? outcome.arm : outcome.arm, reason: reason, seed: seed,
            model: model.id, couldExplore: couldExplore && !allRetired)
    }

    package var rule: ArbitrageRule { .thompson }

    package func belief(_ candidate: ArmCandidate, _ features: FeatureVector) -> ArmBelief {
        let estimate = model.estimate(candidate.arm, features)
        return ArmBelief(candidate, mean: estimate.mean, deviation: settings.explorationScale * estimate.deviation)
    }

    package func propensities(_ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials) -> [Double] {
        var next = budget
        next.earn()
        return propensities(features, candidates, dials, couldExplore: next.allows)
    }

    /// The probability of each candidate over all seeds: integrated, as arms are drawn independently.
    package func propensities(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, couldExplore: Bool
    ) -> [Double] {
        guard couldExplore, !candidates.allSatisfy({ retired[$0.arm] }) else {
            let certain = decision(features, candidates, dials, seed: 0, couldExplore: false)?.arm
            return candidates.map { $0.arm == certain ? 1 : 0 }
        }
        let shares = Self.propensities(candidates.filter { !retired[$0.arm] }.map { belief($0, features) }, dials)
        var next = shares.makeIterator()
        return candidates.map { retired[$0.arm] ? 0 : next.next() ?? 0 }
    }

    static func propensities(_ beliefs: [ArmBelief], _ dials: ArbitrageDials) -> [Double] {
        StandardNormal.probabilitiesOfBeingLargest(beliefs.map { ($0.reward(dials), $0.qualityDeviation) })
    }

    package mutating func observe(arm: Int, _ features: FeatureVector, quality: Double, hour: RouteStatistics.Hour) {
        statistics.observe(arm: arm, hour: hour, features, quality: quality)
    }

    /// Adds what another replica observed; it counts from the next refresh on.
    @discardableResult
    package mutating func merge(_ other: RouteStatistics) -> Bool { statistics.merge(other) }

    /// Takes these statistics in the place of those that it has.
    package mutating func refresh(now: RouteStatistics.Hour, with statistics: RouteStatistics) {
        guard statistics.armCount == self.statistics.armCount else { return }
        self.statistics = statistics
        refresh(now: now)
    }

    /// A model that cannot be made of the statistics, as by foreign ones that nobody observed, leaves the last one in place.
    package mutating func refresh(now: RouteStatistics.Hour) {
        let decayed = statistics.decayed(now: now, halfLifeHours: settings.halfLifeHours, changes: settings.changes)
        let weight = decayed.reduce(0) { $0 + $1.weight }
        let isMuch = weight > Self.growth * weighed || weight < weighed / Self.growth
        let precisions = isMuch ? settings.prior.precisions : [model.precision]
        if let next = BanditModel(id: model.id + 1, prior: settings.prior, statistics: decayed, precisions: precisions) {
            model = next
            if isMuch { weighed = weight }
        }
        if let floor = settings.floor { retired = decayed.map(floor.retires) }
    }
}

/// Which arm is the best as far as is known, and which one by what this decision draws. Allocates nothing.
struct ThompsonRace {
    let seed: UInt64
    let dials: ArbitrageDials
    private(set) var best: (arm: Int, reward: Double)?
    private(set) var drawn: (arm: Int, reward: Double)?

    init(seed: UInt64, dials: ArbitrageDials) {
        self.seed = seed
        self.dials = dials
    }

    /// Of equals, the first that enters is the best.
    mutating func enter(_ belief: ArmBelief) {
        let candidate = belief.candidate
        let expected = dials.reward(quality: belief.expectedQuality, candidate)
        let draw = dials.reward(quality: belief.drawnQuality(seed: seed), candidate)
        if expected > best?.reward ?? -.infinity { best = (belief.arm, expected) }
        if draw > drawn?.reward ?? -.infinity { drawn = (belief.arm, draw) }
    }

    /// `nil`: none entered.
    func outcome(couldExplore: Bool) -> (arm: Int, reason: ArbitrageReason)? {
        guard let best, let drawn else { return nil }
        if drawn.arm == best.arm { return (best.arm, .best) }
        return couldExplore ? (drawn.arm, .exploration) : (best.arm, .explorationCapped)
    }
}
