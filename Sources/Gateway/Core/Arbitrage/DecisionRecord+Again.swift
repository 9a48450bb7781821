/// A decision made again from its record.
extension DecisionRecord {
    private var beliefs: [ArmBelief] { candidates.map(\.belief) }

    /// What is decided by these numbers and this seed.
    ///
    /// - Returns: `nil`: by another version of the rules, or by a rule that needs the arms that were left out.
    package func decidedAgain() -> (arm: Int, reason: ArbitrageReason)? {
        guard ruleVersion == ArbitrageRule.version else { return nil }
        switch reason {
        case .pinned, .onlyCandidate: return (arm, reason)
        case .sticky, .best, .exploration, .explorationCapped, .belowFloor, .rule: break
        }
        if let incumbent, beliefs.contains(where: { $0.arm == incumbent }) {
            return beliefs.best(dials, keeping: incumbent).map { ($0.arm, $0.arm == incumbent ? .sticky : .best) }
        }
        switch rule {
        case .thompson:
            if reason == .belowFloor { return beliefs.best(ArbitrageDials()).map { ($0.arm, .belowFloor) } }
            var race = ThompsonRace(seed: seed, dials: dials)
            for belief in beliefs { race.enter(belief) }
            return race.outcome(couldExplore: couldExplore)
        case .epsilonGreedy(let epsilon):
            return omitted > 0 ? nil : EpsilonGreedyPolicy.chosen(beliefs, dials, epsilon: epsilon, seed: seed)
        case .weighted:
            return omitted > 0 ? nil : WeightedPolicy.chosen(beliefs, seed: seed).map { ($0, .rule) }
        case .fixed: return (arm, .rule)
        case .cheapest: return beliefs.min { $0.costNanoUSD < $1.costNanoUSD }.map { ($0.arm, .rule) }
        }
    }

    /// Each candidate's probability over all seeds, in the candidates' order. Arms that were left out count as if they could not have been chosen.
    package func propensities() -> [Double] {
        let isCertain = [.pinned, .onlyCandidate, .belowFloor, .sticky].contains(reason) || beliefs.contains { $0.arm == incumbent }
        if !isCertain {
            switch rule {
            case .thompson where couldExplore: return ThompsonPolicy.propensities(beliefs, dials)
            case .epsilonGreedy(let epsilon): return EpsilonGreedyPolicy.propensities(beliefs, dials, epsilon: epsilon)
            case .weighted: return WeightedPolicy.propensities(beliefs)
            case .thompson, .fixed, .cheapest: break
            }
        }
        return beliefs.map { $0.arm == arm ? 1 : 0 }
    }
}

extension [ArmBelief] {
    /// The one of the highest expected reward; of equals, the incumbent, or else the first.
    func best(_ dials: ArbitrageDials, keeping incumbent: Int? = nil) -> ArmBelief? {
        var best: (belief: ArmBelief, reward: Double)?
        for belief in self {
            let reward = belief.reward(dials)
            let most = best?.reward ?? -.infinity
            if reward > most || (reward == most && belief.arm == incumbent) { best = (belief, reward) }
        }
        return best?.belief
    }
}
