/// How a route's bandit believes before it has seen anything, and how much.
package struct BanditPrior: Sendable, Equatable {
    /// Expected quality of each arm in [0, 1], from published metadata; what is unknown is given the same.
    package var strengths: [Double]
    /// How much an arm's constant, and each of its other coefficients, is held to what all arms have in common: as many observations' worth.
    package var constantPrecision = 3.0
    package var coefficientPrecision = 20.0
    /// The same for what all arms have in common.
    package var commonPrecision = 3.0
    /// The standard deviation of one observed quality around its expectation.
    package var noise = 0.4

    package init(strengths: [Double]) {
        self.strengths = strengths.map { $0.isFinite ? min(1, max(0, $0)) : 0.5 }
    }
}

/// What is believed of a route's arms at one moment: a normal posterior over each arm's coefficients, factorised once, read by every decision.
///
/// The model is Bayesian linear regression (C. Bishop, "Pattern Recognition and Machine Learning", 3.3): quality = wᵀ·x + noise, with Λ = A + D and
/// Λ·m = b + D·m₀. The prior's mean m₀ is empirical Bayes: the regression over all arms together, so that an arm that was pulled little is believed to
/// find hard what the others find hard, moved by the arm's published strength.
package struct BanditModel: Sendable {
    private struct Arm: Sendable {
        var mean: [Float]
        /// L⁻¹ with L·Lᵀ = Λ, by columns.
        var inverse: [Float]
    }

    /// Which state of knowledge this is: stands in every decision that was made with it.
    package let id: UInt64
    package let prior: BanditPrior
    package let statistics: [DecayedStatistics]
    private let arms: [Arm]

    /// - Parameters:
    ///   - statistics: one per arm, as many as the prior has strengths.
    /// - Returns: `nil`: the numbers of arms differ, there is none, or a matrix is not positive definite, as by statistics that nobody observed.
    package init?(id: UInt64, prior: BanditPrior, statistics: [DecayedStatistics]) {
        guard !statistics.isEmpty, statistics.count == prior.strengths.count else { return nil }
        self.id = id
        self.prior = prior
        self.statistics = statistics
        let average = prior.strengths.reduce(0, +) / Double(prior.strengths.count)
        var common = Array(repeating: 0.0, count: FeatureVector.dimension)
        common[0] = average
        let precisions = Array(repeating: prior.commonPrecision, count: FeatureVector.dimension)
        var all = DecayedStatistics()
        for one in statistics { all.add(one) }
        guard let together = Self.posterior(all, mean: common, precisions: precisions) else { return nil }
        var own = Array(repeating: prior.coefficientPrecision, count: FeatureVector.dimension)
        own[0] = prior.constantPrecision
        var arms: [Arm] = []
        for (one, strength) in zip(statistics, prior.strengths) {
            var expected = together.mean
            expected[0] += strength - average
            guard let posterior = Self.posterior(one, mean: expected, precisions: own) else { return nil }
            arms.append(
                Arm(mean: posterior.mean.map { Float($0) }, inverse: posterior.factor.inverseColumns().flatMap { $0.map { Float($0) } }))
        }
        self.arms = arms
    }

    package var armCount: Int { arms.count }

    private static func posterior(
        _ statistics: DecayedStatistics, mean: [Double], precisions: [Double]
    ) -> (mean: [Double], factor: CholeskyFactor)? {
        var precision = statistics.a
        var right = statistics.b
        for row in 0..<FeatureVector.dimension {
            precision[row * (row + 1) / 2 + row] += precisions[row]
            right[row] += precisions[row] * mean[row]
        }
        return CholeskyFactor(precision, dimension: FeatureVector.dimension).map { ($0.solve(right), $0) }
    }

    /// An arm's expected quality for a request, with the standard deviation of that expectation. Allocates nothing.
    ///
    /// - Parameter arm: in `0..<armCount`.
    package func estimate(_ arm: Int, _ features: FeatureVector) -> QualityEstimate {
        let dimension = FeatureVector.dimension
        return features.withLanes { lanes in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { rotated in
                rotated.initialize(repeating: 0)
                arms[arm].inverse.withUnsafeBufferPointer { inverse in
                    for column in 0..<dimension {
                        let (lane, start) = (lanes[column], column * dimension)
                        for row in 0..<dimension { rotated[row] += inverse[start + row] * lane }
                    }
                }
                let variance = Self.product(UnsafeBufferPointer(rotated), UnsafeBufferPointer(rotated))
                let mean = arms[arm].mean.withUnsafeBufferPointer { Self.product($0, lanes) }
                return QualityEstimate(mean: Double(mean), deviation: prior.noise * Double(variance).squareRoot())
            }
        }
    }

    /// In four sums, which do not wait for each other.
    private static func product(_ left: UnsafeBufferPointer<Float>, _ right: UnsafeBufferPointer<Float>) -> Float {
        var sums = SIMD4<Float>(repeating: 0)
        for index in stride(from: 0, to: FeatureVector.dimension, by: 4) {
            sums +=
                SIMD4(left[index], left[index + 1], left[index + 2], left[index + 3])
                * SIMD4(right[index], right[index + 1], right[index + 2], right[index + 3])
        }
        return sums.sum()
    }
}

/// A normal distribution of an arm's expected quality.
package struct QualityEstimate: Sendable, Equatable {
    package var mean: Double
    package var deviation: Double

    package init(mean: Double, deviation: Double) {
        self.mean = mean
        self.deviation = deviation
    }
}
