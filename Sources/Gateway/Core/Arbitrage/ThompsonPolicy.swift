/// Thompson sampling over a Bayesian linear model (O. Chapelle, L. Li, "An Empirical Evaluation of Thompson Sampling", 2011; S. Agrawal, N. Goyal,
/// "Thompson Sampling for Contextual Bandits with Linear Payoffs", 2013): each arm's quality for this request is drawn from what is believed of it, and the
/// arm whose drawn quality − λ·cost − μ·latency is highest is chosen. What is learned is the quality alone, so that dials and prices may change.
package struct ThompsonPolicy: ArbitragePolicy {
    package struct Settings: Sendable, Equatable {
        package var prior: BanditPrior
        /// What deviations are multiplied by when drawing: 1 is Thompson's rule; less learns less, and wastes less where arms are many and calls few.
        package var explorationScale = 0.125
        /// The share of decisions that may go to another arm than the best.
        package var explorationShare = 0.2
        /// Above 0; infinite: nothing is forgotten.
        package var halfLifeHours = 168.0
        package var floor: QualityFloor?

        package init(prior: BanditPrior) {
            self.prior = prior
        }
    }

    package let settings: Settings
    package private(set) var statistics: RouteStatistics
    package private(set) var model: BanditModel
    private var retired: [Bool]
    private var budget: ExplorationBudget

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
        var chance = DecisionChance(seed: seed)
        var best: (arm: Int, value: Double)?
        var drawn: (arm: Int, value: Double)?
        for candidate in candidates where allRetired || !retired[candidate.arm] {
            let estimate = model.estimate(candidate.arm, features)
            let price = allRetired ? 0 : dials.price(candidate)
            let value = estimate.mean - price
            let draw = value + settings.explorationScale * estimate.deviation * chance.normal()
            if value > best?.value ?? -.infinity { best = (candidate.arm, value) }
            if draw > drawn?.value ?? -.infinity { drawn = (candidate.arm, draw) }
        }
        guard let best, let drawn else { return nil }
        func decided(_ arm: Int, _ reason: ArbitrageReason) -> ArbitrageDecision {
            ArbitrageDecision(arm: arm, reason: reason, seed: seed, model: model.id, couldExplore: couldExplore && !allRetired)
        }
        if candidates.count == 1 { return decided(best.arm, .onlyCandidate) }
        if allRetired { return decided(best.arm, .belowFloor) }
        if drawn.arm == best.arm { return decided(best.arm, .best) }
        return couldExplore ? decided(drawn.arm, .exploration) : decided(best.arm, .explorationCapped)
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
        return StandardNormal.probabilitiesOfBeingLargest(
            candidates.map { candidate in
                if retired[candidate.arm] { return (-1e9, 0) }
                let estimate = model.estimate(candidate.arm, features)
                return (estimate.mean - dials.price(candidate), settings.explorationScale * estimate.deviation)
            })
    }

    package mutating func observe(arm: Int, _ features: FeatureVector, quality: Double, hour: RouteStatistics.Hour) {
        statistics.observe(arm: arm, hour: hour, features, quality: quality)
    }

    /// Adds what another replica observed; it counts from the next refresh on.
    @discardableResult
    package mutating func merge(_ other: RouteStatistics) -> Bool { statistics.merge(other) }

    /// A model that cannot be made of the statistics, as by foreign ones that nobody observed, leaves the last one in place.
    package mutating func refresh(now: RouteStatistics.Hour) {
        let decayed = statistics.decayed(now: now, halfLifeHours: settings.halfLifeHours)
        if let next = BanditModel(id: model.id + 1, prior: settings.prior, statistics: decayed) { model = next }
        if let floor = settings.floor { retired = decayed.map(floor.retires) }
    }
}
