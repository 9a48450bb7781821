/// Always the same arm where it is a candidate; else the first candidate.
package struct FixedPolicy: ArbitragePolicy {
    package let arm: Int
    package var rule: ArbitrageRule { .fixed }

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
    package var rule: ArbitrageRule { .cheapest }

    package init() {}

    package mutating func decide(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, random: inout some RandomNumberGenerator
    ) -> ArbitrageDecision? {
        Self.cheapest(candidates).map { ArbitrageDecision(arm: $0.arm, reason: .rule, seed: 0) }
    }

    package func propensities(_ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials) -> [Double] {
        let chosen = Self.cheapest(candidates)?.arm
        return candidates.map { $0.arm == chosen ? 1 : 0 }
    }

    private static func cheapest(_ candidates: [ArmCandidate]) -> ArmCandidate? {
        candidates.min { ArmBelief($0).costNanoUSD < ArmBelief($1).costNanoUSD }
    }

    package mutating func observe(arm: Int, _ features: FeatureVector, quality: Double, hour: RouteStatistics.Hour) {}
    package mutating func refresh(now: RouteStatistics.Hour) {}
}

/// An arm by chance, each as often as its weight says. Equal weights: uniform.
package struct WeightedPolicy: ArbitragePolicy {
    /// By arm, together 1; they count to a millionth.
    package let weights: [Double]
    package var rule: ArbitrageRule { .weighted }

    /// - Parameter weights: by arm; what is not above 0 is never chosen while another is a candidate.
    package init(weights: [Double]) {
        let sound = weights.map { $0.isFinite ? max(0, $0) : 0 }
        let largest = sound.max() ?? 0
        let scaled = sound.map { largest > 0 ? $0 / largest : 0 }
        let total = scaled.reduce(0, +)
        self.weights = scaled.map { total > 0 ? $0 / total : 0 }
    }

    package mutating func decide(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, random: inout some RandomNumberGenerator
    ) -> ArbitrageDecision? {
        let seed = random.next()
        return Self.chosen(candidates.map { belief($0, features) }, seed: seed).map {
            ArbitrageDecision(arm: $0, reason: .rule, seed: seed)
        }
    }

    package func belief(_ candidate: ArmCandidate, _ features: FeatureVector) -> ArmBelief {
        ArmBelief(candidate, mean: weights.indices.contains(candidate.arm) ? weights[candidate.arm] : 0)
    }

    package func propensities(_ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials) -> [Double] {
        Self.propensities(candidates.map { belief($0, features) })
    }

    static func propensities(_ beliefs: [ArmBelief]) -> [Double] {
        let total = beliefs.reduce(0.0) { $0 + $1.expectedQuality }
        return beliefs.map { total > 0 ? $0.expectedQuality / total : 1 / Double(beliefs.count) }
    }

    static func chosen(_ beliefs: [ArmBelief], seed: UInt64) -> Int? {
        var chance = DecisionChance(seed: seed)
        var left = Double.random(in: 0..<1, using: &chance)
        for (belief, share) in zip(beliefs, propensities(beliefs)) {
            left -= share
            if left < 0 { return belief.arm }
        }
        return beliefs.last?.arm
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

    package var rule: ArbitrageRule { .epsilonGreedy(epsilon) }

    package func belief(_ candidate: ArmCandidate, _ features: FeatureVector) -> ArmBelief {
        let index = candidate.arm * Self.buckets + Self.bucket(features)
        return ArmBelief(candidate, mean: cells.indices.contains(index) ? cells[index].mean : 0.5)
    }

    package mutating func decide(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, random: inout some RandomNumberGenerator
    ) -> ArbitrageDecision? {
        let seed = random.next()
        return Self.chosen(candidates.map { belief($0, features) }, dials, epsilon: epsilon, seed: seed).map {
            ArbitrageDecision(arm: $0.arm, reason: $0.reason, seed: seed, couldExplore: true)
        }
    }

    static func chosen(
        _ beliefs: [ArmBelief], _ dials: ArbitrageDials, epsilon: Double, seed: UInt64
    ) -> (arm: Int, reason: ArbitrageReason)? {
        var chance = DecisionChance(seed: seed)
        guard let best = beliefs.best(dials) else { return nil }
        if Double.random(in: 0..<1, using: &chance) < epsilon, let other = beliefs.randomElement(using: &chance) {
            return (other.arm, other.arm == best.arm ? .best : .exploration)
        }
        return (best.arm, .best)
    }

    package func propensities(_ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials) -> [Double] {
        Self.propensities(candidates.map { belief($0, features) }, dials, epsilon: epsilon)
    }

    static func propensities(_ beliefs: [ArmBelief], _ dials: ArbitrageDials, epsilon: Double) -> [Double] {
        let best = beliefs.best(dials)?.arm
        return beliefs.map { epsilon / Double(beliefs.count) + ($0.arm == best ? 1 - epsilon : 0) }
    }

    package mutating func observe(arm: Int, _ features: FeatureVector, quality: Double, hour: RouteStatistics.Hour) {
        let index = arm * Self.buckets + Self.bucket(features)
        guard cells.indices.contains(index), quality.isFinite else { return }
        cells[index].count += 1
        cells[index].quality += min(1, max(0, quality))
    }

    package mutating func refresh(now: RouteStatistics.Hour) {}
}
