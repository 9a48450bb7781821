/// Always the same arm where it is a candidate; else the first candidate.
package struct FixedPolicy: ArbitragePolicy {
    package let arm: Int

    package init(arm: Int) {
        self.arm = arm
    }

    package mutating func decide(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, random: inout some RandomNumberGenerator
    ) -> ArbitrageDecision? {
        (candidates.first { $0.arm == arm } ?? candidates.first).map { ArbitrageDecision(arm: $0.arm, reason: .rule, seed: 0) }
    }

    package func propensities(_ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials) -> [Double] {
        let chosen = (candidates.first { $0.arm == arm } ?? candidates.first)?.arm
        return candidates.map { $0.arm == chosen ? 1 : 0 }
    }

    package mutating func observe(arm: Int, _ features: FeatureVector, quality: Double, hour: RouteStatistics.Hour) {}
    package mutating func refresh(now: RouteStatistics.Hour) {}
}

/// The candidate that costs least; of equals, the first.
package struct CheapestPolicy: ArbitragePolicy {
    package init() {}

    package mutating func decide(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, random: inout some RandomNumberGenerator
    ) -> ArbitrageDecision? {
        candidates.min { $0.costUSD < $1.costUSD }.map { ArbitrageDecision(arm: $0.arm, reason: .rule, seed: 0) }
    }

    package func propensities(_ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials) -> [Double] {
        let chosen = candidates.min { $0.costUSD < $1.costUSD }?.arm
        return candidates.map { $0.arm == chosen ? 1 : 0 }
    }

    package mutating func observe(arm: Int, _ features: FeatureVector, quality: Double, hour: RouteStatistics.Hour) {}
    package mutating func refresh(now: RouteStatistics.Hour) {}
}

/// An arm by chance, each as often as its weight says. Equal weights: uniform.
package struct WeightedPolicy: ArbitragePolicy {
    package let weights: [Double]

    /// - Parameter weights: by arm; what is not above 0 is never chosen while another is a candidate.
    package init(weights: [Double]) {
        self.weights = weights.map { $0.isFinite ? max(0, $0) : 0 }
    }

    package mutating func decide(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, random: inout some RandomNumberGenerator
    ) -> ArbitrageDecision? {
        let seed = random.next()
        let shares = propensities(features, candidates, dials)
        var chance = DecisionChance(seed: seed)
        var left = Double.random(in: 0..<1, using: &chance)
        for (candidate, share) in zip(candidates, shares) {
            left -= share
            if left < 0 { return ArbitrageDecision(arm: candidate.arm, reason: .rule, seed: seed) }
        }
        return candidates.last.map { ArbitrageDecision(arm: $0.arm, reason: .rule, seed: seed) }
    }

    package func propensities(_ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials) -> [Double] {
        let own = candidates.map { weights.indices.contains($0.arm) ? weights[$0.arm] : 0 }
        let total = own.reduce(0, +)
        return own.map { total > 0 ? $0 / total : 1 / Double(own.count) }
    }

    package mutating func observe(arm: Int, _ features: FeatureVector, quality: Double, hour: RouteStatistics.Hour) {}
    package mutating func refresh(now: RouteStatistics.Hour) {}
}

/// A table of each arm's mean quality by the request's complexity and length; with probability ε an arm by chance, else the best (R. Sutton, A. Barto,
/// "Reinforcement Learning", 2.2). What the bandit is compared with; does not forget.
package struct EpsilonGreedyPolicy: ArbitragePolicy {
    private struct Cell: Sendable {
        var count = 0.0
        var quality = 0.0

        /// As if two observations of 0.5 had been made before.
        var mean: Double { (quality + 1) / (count + 2) }
    }

    package static let buckets = 9
    package let epsilon: Double
    private var cells: [Cell]

    package init(arms: Int, epsilon: Double = 0.1) {
        self.epsilon = epsilon.isFinite ? min(1, max(0, epsilon)) : 0
        cells = Array(repeating: Cell(), count: max(0, arms) * Self.buckets)
    }

    /// Three lengths (up to 64, up to 512 tokens, more) times three complexities (how much of code, mathematics and structure there is).
    package static func bucket(_ features: FeatureVector) -> Int {
        let length = features[.length] < 0.6 ? 0 : features[.length] < 0.9 ? 1 : 2
        let complexity = features[.code] + features[.mathematics] + features[.structure]
        return length * 3 + (complexity < 0.3 ? 0 : complexity < 0.9 ? 1 : 2)
    }

    private func best(_ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials) -> ArmCandidate? {
        let bucket = Self.bucket(features)
        func value(_ candidate: ArmCandidate) -> Double {
            dials.reward(quality: cells[candidate.arm * Self.buckets + bucket].mean, candidate)
        }
        return candidates.max { value($0) < value($1) }
    }

    package mutating func decide(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, random: inout some RandomNumberGenerator
    ) -> ArbitrageDecision? {
        let seed = random.next()
        var chance = DecisionChance(seed: seed)
        guard let best = best(features, candidates, dials) else { return nil }
        if Double.random(in: 0..<1, using: &chance) < epsilon, let other = candidates.randomElement(using: &chance) {
            return ArbitrageDecision(arm: other.arm, reason: other.arm == best.arm ? .best : .exploration, seed: seed, couldExplore: true)
        }
        return ArbitrageDecision(arm: best.arm, reason: .best, seed: seed, couldExplore: true)
    }

    package func propensities(_ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials) -> [Double] {
        let best = best(features, candidates, dials)?.arm
        return candidates.map { epsilon / Double(candidates.count) + ($0.arm == best ? 1 - epsilon : 0) }
    }

    package mutating func observe(arm: Int, _ features: FeatureVector, quality: Double, hour: RouteStatistics.Hour) {
        let index = arm * Self.buckets + Self.bucket(features)
        guard cells.indices.contains(index), quality.isFinite else { return }
        cells[index].count += 1
        cells[index].quality += min(1, max(0, quality))
    }

    package mutating func refresh(now: RouteStatistics.Hour) {}
}
