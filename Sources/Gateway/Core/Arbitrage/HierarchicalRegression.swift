#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How much is believed before anything was seen: as many observations' worth each.
package struct PriorPrecision: Sendable, Equatable {
    /// What holds an arm's constant, and each of its other coefficients, to what all arms have in common.
    package var constant: Double
    package var coefficient: Double
    /// The same for what all arms have in common, held to the published strengths' mean and to 0.
    package var commonConstant: Double
    package var commonCoefficient: Double

    package init(constant: Double, coefficient: Double, commonConstant: Double = 3, commonCoefficient: Double = 15) {
        self.constant = constant
        self.coefficient = coefficient
        self.commonConstant = commonConstant
        self.commonCoefficient = commonCoefficient
    }

    /// From arms that are nearly strangers to each other to arms that hardly differ.
    package static let choices: [PriorPrecision] = [3.0, 10, 40].flatMap { constant in
        [20.0, 80, 320].flatMap { coefficient in
            [3.0, 15, 60].map { PriorPrecision(constant: constant, coefficient: coefficient, commonCoefficient: $0) }
        }
    }

    fileprivate func own(_ lane: Int) -> Double { lane == 0 ? constant : coefficient }
    fileprivate func common(_ lane: Int) -> Double { lane == 0 ? commonConstant : commonCoefficient }
}

/// A linear regression for each arm, all of which are drawn from what arms have in common.
///
/// Arm a's coefficients are wₐ = c + sₐ·e₀ + dₐ, with c common to all, sₐ the arm's published strength, dₐ its own deviation; c and dₐ are normal with
/// precisions C and D in units of the noise's. c is integrated exactly: an arm tells of it D − D·(Aₐ + D)⁻¹·D, which is never more than D, however often
/// the arm was called (D. Lindley, A. Smith, "Bayes Estimates for the Linear Model", 1972; A. Gelman et al., "Bayesian Data Analysis", 15). How probable
/// the observations are under C and D has a closed form too: by it the precisions are chosen (type-II maximum likelihood, C. Bishop, "Pattern Recognition
/// and Machine Learning", 3.5).
struct HierarchicalRegression {
    private static let dimension = FeatureVector.dimension

    /// One arm's statistics with its own precision alone, before what arms have in common is known.
    private struct Arm {
        /// L⁻¹ with L·Lᵀ = A + D, by columns.
        let inverse: [[Double]]
        /// (A + D)⁻¹·b.
        let projected: [Double]
        /// The share of the logarithm of the observations' probability that is this arm's.
        let evidence: Double

        init?(_ statistics: DecayedStatistics, strength: Double, _ precision: PriorPrecision, noise: Double) {
            let dimension = HierarchicalRegression.dimension
            var (matrix, right) = (statistics.a, statistics.b)
            for row in 0..<dimension {
                right[row] -= statistics.a[row * (row + 1) / 2] * strength
                matrix[row * (row + 1) / 2 + row] += precision.own(row)
            }
            guard let factor = CholeskyFactor(matrix, dimension: dimension) else { return nil }
            let columns = factor.inverseColumns()
            let forward = factor.forward(right)
            inverse = columns
            projected = columns.map { HierarchicalRegression.product($0, forward) }
            evidence =
                (0..<dimension).reduce(0) { $0 + log(precision.own($1)) / 2 - log(factor[$1, $1]) }
                + HierarchicalRegression.product(forward, forward) / (2 * noise * noise)
        }

        /// (A + D)⁻¹·v.
        func solved(_ vector: [Double]) -> [Double] {
            var forward = Array(repeating: 0.0, count: vector.count)
            for column in vector.indices {
                for row in column..<vector.count { forward[row] += inverse[column][row] * vector[column] }
            }
            return inverse.map { HierarchicalRegression.product($0, forward) }
        }

        /// Adds D − D·(A + D)⁻¹·D and D·(A + D)⁻¹·b: what the arm tells of all.
        func tell(_ matrix: inout [Double], _ right: inout [Double], _ precision: PriorPrecision) {
            for row in 0..<right.count {
                for column in 0...row {
                    let covariance = HierarchicalRegression.product(inverse[row], inverse[column], from: row)
                    matrix[row * (row + 1) / 2 + column] -= precision.own(row) * covariance * precision.own(column)
                }
                matrix[row * (row + 1) / 2 + row] += precision.own(row)
                right[row] += precision.own(row) * projected[row]
            }
        }
    }

    /// By arm: the expected coefficients, and L⁻¹ with L·Lᵀ the precision around them, by columns.
    let arms: [(mean: [Double], inverse: [[Double]])]
    let precision: PriorPrecision
    private let evidence: Double

    /// The one of several precisions under which the observations are most probable; of equals, the first.
    static func best(_ statistics: [DecayedStatistics], _ prior: BanditPrior, _ precisions: [PriorPrecision]) -> Self? {
        var best: Self?
        for precision in precisions {
            guard let next = Self(statistics, prior, precision) else { return nil }
            if next.evidence > best?.evidence ?? -.infinity { best = next }
        }
        return best
    }

    private init?(_ statistics: [DecayedStatistics], _ prior: BanditPrior, _ precision: PriorPrecision) {
        let average = prior.strengths.reduce(0, +) / Double(prior.strengths.count)
        var matrix = Array(repeating: 0.0, count: ArmStatistics.triangle)
        var right = Array(repeating: 0.0, count: Self.dimension)
        var own: [Arm] = []
        for (one, strength) in zip(statistics, prior.strengths) {
            guard let arm = Arm(one, strength: strength - average, precision, noise: prior.noise) else { return nil }
            arm.tell(&matrix, &right, precision)
            own.append(arm)
        }
        for lane in 0..<Self.dimension { matrix[lane * (lane + 1) / 2 + lane] += precision.common(lane) }
        right[0] += precision.common(0) * average
        guard let factor = CholeskyFactor(matrix, dimension: Self.dimension) else { return nil }
        let (forward, common) = (factor.forward(right), factor.solve(right))
        let gained = Self.product(forward, forward) - precision.common(0) * average * average
        evidence =
            own.reduce(0) { $0 + $1.evidence } + gained / (2 * prior.noise * prior.noise)
            + (0..<Self.dimension).reduce(0) { $0 + log(precision.common($1)) / 2 - log(factor[$1, $1]) }
        self.precision = precision
        arms = zip(own, prior.strengths).map { arm, strength in
            let pull = arm.solved(common.enumerated().map { precision.own($0.offset) * $0.element })
            var mean = zip(arm.projected, pull).map(+)
            mean[0] += strength - average
            return (mean, arm.inverse)
        }
    }

    private static func product(_ left: [Double], _ right: [Double], from start: Int = 0) -> Double {
        left.withUnsafeBufferPointer { left in
            right.withUnsafeBufferPointer { right in
                var sum = 0.0
                for index in start..<left.count { sum += left[index] * right[index] }
                return sum
            }
        }
    }
}
