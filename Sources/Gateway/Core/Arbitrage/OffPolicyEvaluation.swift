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

    /// What a decision says of the target, before its quality is known.
    package struct Prepared: Sendable {
        /// By how much oftener the target takes the chosen arm.
        fileprivate var ratio: Double
        /// What the chosen arm's cost and latency are worth.
        fileprivate var price: Double
        /// What was expected of the target, and of the chosen arm.
        fileprivate var expected: Double
        fileprivate var expectedOfChosen: Double
        fileprivate var uncovered: Double
    }

    /// Sums of what decisions say, each as often as it counts: as much as any number of them needs.
    private struct Moments: Sendable {
        private(set) var sum = 0.0
        private(set) var square = 0.0
        private(set) var cross = 0.0

        /// - Parameters:
        ///   - weight: how much the decision counts.
        ///   - value: what it says.
        mutating func add(_ value: Double, weight: Double) {
            sum += weight * value
            square += weight * weight * value * value
            cross += weight * weight * value
        }
    }

    package let target: Target
    /// `nil`: each record's own.
    package let dials: ArbitrageDials?
    package private(set) var count = 0
    private var (weights, squaredWeights) = (0.0, 0.0)
    private var ratios = Moments()
    private var rewards = Moments()
    private var corrected = Moments()
    /// The sum of what ratios and rewards say together, of the squared weight.
    private var ratioAndReward = 0.0
    /// Decisions in which the target could not have decided.
    package private(set) var leftOut = 0
    private var uncovered = 0.0

    package init(target: Target, dials: ArbitrageDials? = nil) {
        self.target = target
        self.dials = dials
    }

    /// How many decisions of the target itself would be as informative (L. Kish, 1965).
    package var effectiveCount: Double { ratios.square > 0 ? ratios.sum * ratios.sum / ratios.square : 0 }

    /// The mean probability with which the target takes an arm that the recorded policy could not have taken: of these nothing is known, and above 0 no
    /// estimate but DR's expectations covers them.
    package var uncoveredShare: Double { count > 0 ? uncovered / Double(count) : 0 }

    package mutating func add(_ decision: RewardedDecision) {
        add(prepare(decision.record), quality: decision.quality, weight: decision.weight)
    }

    /// - Returns: `nil`: the target could not have decided, or the record does not say how probable its decision was.
    package func prepare(_ record: DecisionRecord) -> Prepared? {
        let dials = dials ?? record.dials
        guard let wanted = target.probabilities(record, dials),
            let index = record.candidates.firstIndex(where: { $0.belief.arm == record.arm })
        else { return nil }
        let propensities = record.propensities()
        guard propensities[index] > 0 else { return nil }
        let expected = record.candidates.map { Self.expected($0.belief, record.rule, dials) }
        return Prepared(
            ratio: wanted[index] / propensities[index], price: dials.price(record.candidates[index].belief.candidate),
            expected: zip(wanted, expected).reduce(0) { $0 + $1.0 * $1.1 }, expectedOfChosen: expected[index],
            uncovered: zip(wanted, propensities).reduce(0) { $0 + ($1.1 > 0 ? 0 : $1.0) })
    }

    /// - Parameters:
    ///   - decision: `nil`: one that is left out.
    ///   - weight: how much it counts, above 0.
    package mutating func add(_ decision: Prepared?, quality: Double, weight: Double) {
        guard let decision, weight > 0 else {
            leftOut += 1
            return
        }
        let reward = quality - decision.price
        count += 1
        weights += weight
        squaredWeights += weight * weight
        uncovered += decision.uncovered
        ratios.add(decision.ratio, weight: weight)
        rewards.add(decision.ratio * reward, weight: weight)
        ratioAndReward += weight * weight * decision.ratio * decision.ratio * reward
        corrected.add(decision.expected + decision.ratio * (reward - decision.expectedOfChosen), weight: weight)
    }

    /// Rules that expect no quality are taken to expect a half.
    private static func expected(_ belief: ArmBelief, _ rule: ArbitrageRule, _ dials: ArbitrageDials) -> Double {
        switch rule {
        case .thompson, .epsilonGreedy: belief.reward(dials)
        case .weighted, .fixed, .cheapest: dials.reward(quality: 0.5, belief.candidate)
        }
    }

    // MARK: - Estimates; `nil` without decisions

    package var ips: OffPolicyEstimate? { estimate(rewards) }

    package var snips: OffPolicyEstimate? {
        guard ratios.sum > 0, count > 1 else { return nil }
        let (ratio, mean) = (ratios.sum / weights, rewards.sum / ratios.sum)
        // Of ratio·(reward − mean) / ratio's mean, whose own mean is 0.
        let squares = rewards.square - 2 * mean * ratioAndReward + mean * mean * ratios.square
        return OffPolicyEstimate(mean: mean, standardError: error(squares) / ratio)
    }

    package var doublyRobust: OffPolicyEstimate? { estimate(corrected) }

    private func estimate(_ moments: Moments) -> OffPolicyEstimate? {
        guard count > 1, weights > 0 else { return nil }
        let mean = moments.sum / weights
        return OffPolicyEstimate(mean: mean, standardError: error(moments.square - 2 * mean * moments.cross + mean * mean * squaredWeights))
    }

    /// - Parameter squares: the sum of squared deviations, each by its squared weight.
    private func error(_ squares: Double) -> Double {
        (max(0, squares) * Double(count) / Double(max(1, count - 1))).squareRoot() / weights
    }
}
