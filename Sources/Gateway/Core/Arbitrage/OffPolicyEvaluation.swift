/// A mean and the standard error of it.
package struct OffPolicyEstimate: Sendable, Equatable {
    package var mean: Double
    package var standardError: Double
}

/// What another policy would have been worth, from decisions that were made by chance with known probabilities.
///
/// Of each decision it needs the target's probability of the chosen arm by its propensity, w. IPS is the mean of w·r (D. Horvitz, D. Thompson, 1952), SNIPS
/// the same by the mean of w (A. Swaminathan, T. Joachims, "The Self-Normalized Estimator for Counterfactual Learning", 2015), DR the mean of what the
/// record expected of the target and w times what it was wrong by (M. Dudík, J. Langford, L. Li, "Doubly Robust Policy Evaluation and Learning", 2011).
/// Standard errors are of independent decisions, SNIPS' by the delta method.
package struct OffPolicyEvaluation: Sendable {
    /// The policy that is asked about.
    package enum Target: Sendable, Equatable {
        /// The one that decided.
        case recorded
        /// The best by what was believed, without exploration.
        case best
        case cheapest
        case uniform
        /// An arm by its name; where it was no candidate, the decision says nothing and is left out.
        case fixed(String)

        /// Probabilities in the order of the record's candidates; `nil`: the target could not have decided.
        package func probabilities(_ record: DecisionRecord, _ dials: ArbitrageDials) -> [Double]? {
            let beliefs = record.candidates.map(\.belief)
            func certain(_ arm: Int?) -> [Double]? { arm.map { arm in beliefs.map { $0.arm == arm ? 1 : 0 } } }
            switch self {
            case .recorded: return record.propensities()
            case .best: return certain(beliefs.best(dials)?.arm)
            case .cheapest: return certain(beliefs.min { $0.costNanoUSD < $1.costNanoUSD }?.arm)
            case .uniform: return beliefs.map { _ in 1 / Double(beliefs.count) }
            case .fixed(let name): return certain(record.candidates.first { $0.name == name }?.belief.arm)
            }
        }
    }

    private struct Sample: Sendable {
        /// How much the decision counts.
        var weight: Double
        /// By how much oftener the target takes the chosen arm.
        var ratio: Double
        var reward: Double
        /// What was expected of the target, and of the chosen arm.
        var expected: Double
        var expectedOfChosen: Double
    }

    package let target: Target
    /// `nil`: each record's own.
    package let dials: ArbitrageDials?
    private var samples: [Sample] = []
    /// Decisions in which the target could not have decided.
    package private(set) var leftOut = 0
    private var uncovered = 0.0

    package init(target: Target, dials: ArbitrageDials? = nil) {
        self.target = target
        self.dials = dials
    }

    package var count: Int { samples.count }

    /// How many decisions of the target itself would be as informative (L. Kish, 1965).
    package var effectiveCount: Double {
        let ratios = samples.map { $0.weight * $0.ratio }
        let squares = ratios.reduce(0) { $0 + $1 * $1 }
        let sum = ratios.reduce(0, +)
        return squares > 0 ? sum * sum / squares : 0
    }

    /// The mean probability with which the target takes an arm that the recorded policy could not have taken: of these nothing is known, and above 0 no
    /// estimate but DR's expectations covers them.
    package var uncoveredShare: Double { samples.isEmpty ? 0 : uncovered / Double(samples.count) }

    package mutating func add(_ decision: RewardedDecision) {
        let record = decision.record
        let dials = dials ?? record.dials
        guard let wanted = target.probabilities(record, dials),
            let index = record.candidates.firstIndex(where: { $0.belief.arm == record.arm })
        else {
            leftOut += 1
            return
        }
        let propensities = record.propensities()
        let propensity = propensities[index]
        guard propensity > 0 else {
            leftOut += 1
            return
        }
        let expected = record.candidates.map { Self.expected($0.belief, record.rule, dials) }
        uncovered += zip(wanted, propensities).reduce(0) { $0 + ($1.1 > 0 ? 0 : $1.0) }
        samples.append(
            Sample(
                weight: decision.weight, ratio: wanted[index] / propensity,
                reward: dials.reward(quality: decision.quality, record.candidates[index].belief.candidate),
                expected: zip(wanted, expected).reduce(0) { $0 + $1.0 * $1.1 }, expectedOfChosen: expected[index]))
    }

    /// Rules that expect no quality are taken to expect a half.
    private static func expected(_ belief: ArmBelief, _ rule: ArbitrageRule, _ dials: ArbitrageDials) -> Double {
        switch rule {
        case .thompson, .epsilonGreedy: belief.reward(dials)
        case .weighted, .fixed, .cheapest: dials.reward(quality: 0.5, belief.candidate)
        }
    }

    // MARK: - Estimates; `nil` without decisions

    package var ips: OffPolicyEstimate? { mean { $0.ratio * $0.reward } }

    package var snips: OffPolicyEstimate? {
        guard let ratio = mean({ $0.ratio })?.mean, ratio > 0, let value = ips?.mean else { return nil }
        let normalised = value / ratio
        return mean { $0.ratio * ($0.reward - normalised) / ratio }.map {
            OffPolicyEstimate(mean: normalised, standardError: $0.standardError)
        }
    }

    package var doublyRobust: OffPolicyEstimate? { mean { $0.expected + $0.ratio * ($0.reward - $0.expectedOfChosen) } }

    private func mean(_ value: (Sample) -> Double) -> OffPolicyEstimate? {
        let total = samples.reduce(0) { $0 + $1.weight }
        guard samples.count > 1, total > 0 else { return nil }
        let mean = samples.reduce(0) { $0 + $1.weight * value($1) } / total
        let squares = samples.reduce(0) { sum, sample in
            let error = sample.weight * (value(sample) - mean)
            return sum + error * error
        }
        let count = Double(samples.count)
        return OffPolicyEstimate(mean: mean, standardError: (squares * count / (count - 1)).squareRoot() / total)
    }
}
