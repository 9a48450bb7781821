#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The least mean quality that an arm may have, and the test that retires it.
///
/// The test may be asked after every observation: it holds for all of them together. Its bound is Robbins' normal mixture for qualities in [0, 1], which
/// are sub-Gaussian of variance 1/4 (H. Robbins, 1970; S. Howard et al., "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021): with
/// probability 1 − α, at no n is the mean farther from its expectation than √((n + ρ)·ln((n + ρ) / (ρ·α²)) / 4) / n. Observations that have decayed
/// count for what is left of them, so an arm that was retired is tried again when what spoke against it is forgotten.
package struct QualityFloor: Sendable, Equatable {
    /// In [0, 1].
    package var least: Double
    /// α: the probability that an arm whose expected quality is the floor is ever retired.
    package var errorRate: Double
    /// ρ: the bound is tightest at some eight times as many observations.
    private static let mixture = 10.0

    package init(least: Double, errorRate: Double = 0.01) {
        self.least = least
        self.errorRate = min(0.5, max(1e-9, errorRate))
    }

    package func retires(_ statistics: DecayedStatistics) -> Bool {
        guard let mean = statistics.meanQuality else { return false }
        return mean + radius(observations: statistics.weight) < least
    }

    /// How far the mean of so many may be from its expectation.
    package func radius(observations: Double) -> Double {
        guard observations > 0 else { return .infinity }
        let n = observations + Self.mixture
        return (n * log(n / (Self.mixture * errorRate * errorRate)) / 4).squareRoot() / observations
    }
}

/// How often another arm than the best may be chosen: a share of all decisions, of which a few may be saved up. Pure; one per replica, so that the share
/// holds for all replicas together.
package struct ExplorationBudget: Sendable, Equatable {
    /// Decisions that may be saved up.
    private static let most = 10.0

    /// In [0, 1].
    package let share: Double
    private var saved: Double

    package init(share: Double) {
        self.share = share.isFinite ? min(1, max(0, share)) : 0
        saved = 0
    }

    package var allows: Bool { saved >= 1 }

    /// A decision is made.
    package mutating func earn() { saved = min(Self.most, saved + share) }

    /// It explored.
    package mutating func spend() { saved -= 1 }

    /// It was not carried out.
    package mutating func undo(explored: Bool) { saved = min(Self.most, max(0, saved - share + (explored ? 1 : 0))) }
}
