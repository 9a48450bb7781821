/// Whether an arm is still what it was: its model was replaced by another, its provider fails, or recovered.
///
/// For each hour the test compares what came before with what came since, by the mean difference from what the arm's own regression over all of it
/// expects, so that other requests are not taken for another arm: the generalised likelihood ratio of a change in mean (G. Lorden, "Procedures for Reacting
/// to a Change in Distribution", 1971), of which Page's CUSUM is the case with known means. It is a function of the statistics alone: all replicas find
/// the same.
package struct ChangeTest: Sendable, Equatable {
    /// How many standard deviations before and since differ by at least. 5: by chance, one in two million.
    package var threshold = 5.0
    /// How many observations all that came before still counts for.
    package var keptObservations = 5.0
    /// Observations that there must be on each side.
    package var leastObservations = 5.0

    package init() {}

    struct Change: Equatable {
        /// The first hour since, as an index.
        var start: Int
        /// What hours before it count for.
        var factor: Double
    }

    private struct Hour {
        var observations: Double
        /// What the qualities are above what was expected, together.
        var residual: Double
    }

    /// - Parameter hours: one arm's, in order.
    func change(in hours: [ArmStatistics]) -> Change? {
        guard hours.count > 1, let (each, variance) = residuals(hours) else { return nil }
        let (observations, residual) = each.reduce(into: (0.0, 0.0)) { $0 = ($0.0 + $1.observations, $0.1 + $1.residual) }
        var before = Hour(observations: 0, residual: 0)
        var best: (score: Double, change: Change)?
        for (index, hour) in each.dropLast().enumerated() {
            before.observations += hour.observations
            before.residual += hour.residual
            let since = Hour(observations: observations - before.observations, residual: residual - before.residual)
            guard min(before.observations, since.observations) >= leastObservations else { continue }
            let difference = abs(since.residual / since.observations - before.residual / before.observations)
            let score = difference / (variance * (1 / since.observations + 1 / before.observations)).squareRoot()
            guard score > best?.score ?? threshold else { continue }
            best = (score, Change(start: index + 1, factor: min(1, keptObservations / before.observations)))
        }
        return best?.change
    }

    /// What each hour's qualities are above the regression over all hours; and one quality's variance, at most that of yes and no.
    private func residuals(_ hours: [ArmStatistics]) -> (each: [Hour], variance: Double)? {
        var all = DecayedStatistics()
        for hour in hours { all.add(hour, times: 1) }
        guard let mean = all.meanQuality else { return nil }
        let dimension = FeatureVector.dimension
        var matrix = all.a
        for row in 0..<dimension { matrix[row * (row + 1) / 2 + row] += row == 0 ? 1e-6 : 20 }
        guard let expected = CholeskyFactor(matrix, dimension: dimension)?.solve(all.b) else { return nil }
        let each = hours.map { hour in
            // Lane 0 is 1 in every request: the first column of A is Σx.
            let words = hour.words
            let sum = (0..<dimension).reduce(0.0) { $0 + expected[$1] * Double(words[$1 * ($1 + 1) / 2]) }
            let total = ArmStatistics.triangle + dimension
            return Hour(
                observations: Double(words[total]) / ArmStatistics.scale, residual: (Double(words[total + 1]) - sum) / ArmStatistics.scale)
        }
        return (each, max(0.01, mean * (1 - mean)))
    }
}
