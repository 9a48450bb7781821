/// How a route's bandit believes before it has seen anything, and how much.
package struct BanditPrior: Sendable, Equatable {
    /// Expected quality of each arm in [0, 1], from published metadata; what is unknown is given the same.
    package var strengths: [Double]
    /// Of these the one is taken under which what was observed is most probable.
    package var precisions = PriorPrecision.choices
    /// The standard deviation of one observed quality around its expectation.
    package var noise = 0.4

    package init(strengths: [Double]) {
        self.strengths = strengths.map { $0.isFinite ? min(1, max(0, $0)) : 0.5 }
    }
}

/// What is believed of a route's arms at one moment: a normal posterior over each arm's coefficients, factorised once, read by every decision.
///
/// The model is Bayesian linear regression (C. Bishop, "Pattern Recognition and Machine Learning", 3.3): quality = wᵀ·x + noise, each arm's w drawn from
/// what all arms have in common (``HierarchicalRegression``), so that an arm that was called little is believed to find hard what the others find hard.
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
    /// The one of the prior's that was taken.
    package let precision: PriorPrecision
    private let arms: [Arm]

    /// - Parameters:
    ///   - statistics: one per arm, as many as the prior has strengths.
    /// - Returns: `nil`: the numbers of arms differ, there is none, there is no precision, or a matrix is not positive definite, as by statistics that nobody observed.
    package init?(id: UInt64, prior: BanditPrior, statistics: [DecayedStatistics]) {
        self.init(id: id, prior: prior, statistics: statistics, precisions: prior.precisions)
    }

    /// - Parameter precisions: to choose from, instead of the prior's.
    init?(id: UInt64, prior: BanditPrior, statistics: [DecayedStatistics], precisions: [PriorPrecision]) {
        guard !statistics.isEmpty, statistics.count == prior.strengths.count,
            let regression = HierarchicalRegression.best(statistics, prior, precisions)
        else { return nil }
        self.id = id
        self.prior = prior
        self.statistics = statistics
        precision = regression.precision
        arms = regression.arms.map { arm in
            Arm(mean: arm.mean.map { Float($0) }, inverse: arm.inverse.flatMap { $0.map { Float($0) } })
        }
    }

    package var armCount: Int { arms.count }

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
