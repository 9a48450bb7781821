/// What a decision weighs of one candidate: whole numbers, so that whoever reads them in a ledger weighs the same.
package struct ArmBelief: Sendable, Equatable {
    /// The arm's index in its route.
    package var arm: Int
    /// What the call is expected to cost, in billionths of a US dollar; of a conversation's own arm, without what it has in its prompt cache.
    package var costNanoUSD: Int64
    package var latencyMilliseconds: Int64
    /// The expected quality, in millionths; of a weighted policy, the arm's weight.
    package var mean: Int32
    /// What draws deviate by, in millionths: what the arm's quality is uncertain by, times the scale of exploration.
    package var deviation: Int32

    /// The largest of each, up or down.
    package static let mostCost: Int64 = 1_000_000_000_000_000
    package static let mostLatency: Int64 = 1_000_000_000
    package static let mostQuality: Int32 = 100_000_000

    /// Cut to the limits and rounded; what is no number is 0.
    package init(_ candidate: ArmCandidate, mean: Double = 0, deviation: Double = 0) {
        func whole(_ value: Double, _ most: Double) -> Double { value.isNaN ? 0 : min(most, max(-most, value.rounded())) }
        arm = candidate.arm
        costNanoUSD = Int64(max(0, whole(candidate.costUSD * 1e9, Double(Self.mostCost))))
        latencyMilliseconds = Int64(max(0, whole(candidate.latencySeconds * 1000, Double(Self.mostLatency))))
        self.mean = Int32(whole(mean * 1e6, Double(Self.mostQuality)))
        self.deviation = Int32(max(0, whole(deviation * 1e6, Double(Self.mostQuality))))
    }

    package var candidate: ArmCandidate {
        ArmCandidate(arm: arm, costUSD: Double(costNanoUSD) / 1e9, latencySeconds: Double(latencyMilliseconds) / 1000)
    }

    package var expectedQuality: Double { Double(mean) / 1e6 }
    package var qualityDeviation: Double { Double(deviation) / 1e6 }

    /// The expected reward.
    package func reward(_ dials: ArbitrageDials) -> Double { dials.reward(quality: expectedQuality, candidate) }

    /// The quality that a decision of this seed draws for the arm; it does not depend on which other arms there are.
    package func drawnQuality(seed: UInt64) -> Double {
        var chance = DecisionChance(seed: seed, arm: arm)
        return expectedQuality + qualityDeviation * chance.normal()
    }
}

/// A policy as it is configured and recorded.
package enum ArbitrageRule: Sendable, Equatable {
    case thompson
    /// ε, in [0, 1].
    case epsilonGreedy(Double)
    case weighted
    case fixed
    case cheapest

    package var name: String {
        switch self {
        case .thompson: "thompson"
        case .epsilonGreedy: "epsilon-greedy"
        case .weighted: "weighted"
        case .fixed: "fixed"
        case .cheapest: "cheapest"
        }
    }

    /// Which way of deciding by the same numbers: a record of another is not decided again.
    package static let version = 1

    /// - Returns: `nil`: there is no policy of that name, or `epsilon` is missing, out of its range or not the policy's.
    package init?(name: String, epsilon: Double?) {
        switch (name, epsilon) {
        case ("epsilon-greedy", let epsilon?) where (0...1).contains(epsilon): self = .epsilonGreedy(epsilon)
        case ("thompson", nil): self = .thompson
        case ("weighted", nil): self = .weighted
        case ("fixed", nil): self = .fixed
        case ("cheapest", nil): self = .cheapest
        default: return nil
        }
    }
}
