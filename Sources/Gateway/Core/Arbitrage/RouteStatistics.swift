#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What was learned of a route's arms, in buckets of an hour each. Nothing decays where it stands, so that increments commute; who reads weighs each hour
/// by its age.
package struct RouteStatistics: Sendable, Equatable {
    /// Hours that are kept of an arm; with one more, the oldest is dropped.
    package static let mostHours = 168

    package struct Hour: Sendable, Hashable, Comparable {
        /// Hours since 1970, UTC.
        package var index: Int64

        package init(index: Int64) {
            self.index = index
        }

        package init(unixSeconds: Int64) {
            index = (unixSeconds - (unixSeconds % 3600 + 3600) % 3600) / 3600
        }

        package static func < (left: Hour, right: Hour) -> Bool { left.index < right.index }
    }

    /// By arm, then by hour.
    private var arms: [[Hour: ArmStatistics]]

    package init(arms: Int) {
        self.arms = Array(repeating: [:], count: max(0, arms))
    }

    package var armCount: Int { arms.count }

    /// - Returns: `false`: there is no such arm, or the observation was refused (``ArmStatistics/observe(_:quality:weight:)``).
    @discardableResult
    package mutating func observe(arm: Int, hour: Hour, _ features: FeatureVector, quality: Double, weight: Double = 1) -> Bool {
        guard arms.indices.contains(arm) else { return false }
        let learned = arms[arm][hour, default: ArmStatistics()].observe(features, quality: quality, weight: weight)
        bound(arm)
        return learned
    }

    /// Adds what was learned of an arm in an hour, as it was stored.
    ///
    /// - Returns: `false`: there is no such arm.
    @discardableResult
    package mutating func add(_ statistics: ArmStatistics, arm: Int, hour: Hour) -> Bool {
        guard arms.indices.contains(arm) else { return false }
        arms[arm][hour, default: ArmStatistics()] += statistics
        bound(arm)
        return true
    }

    /// Adds what another replica learned.
    ///
    /// - Returns: `false`: it is of another number of arms; nothing was added.
    @discardableResult
    package mutating func merge(_ other: RouteStatistics) -> Bool {
        guard other.arms.count == arms.count else { return false }
        for arm in arms.indices {
            for (hour, statistics) in other.arms[arm] { arms[arm][hour, default: ArmStatistics()] += statistics }
            bound(arm)
        }
        return true
    }

    private mutating func bound(_ arm: Int) {
        while arms[arm].count > Self.mostHours, let oldest = arms[arm].keys.min() { arms[arm][oldest] = nil }
    }

    /// Each hour counts 2^(−age / half-life); an hour ahead of `now`, as by a clock that is wrong, counts in full.
    ///
    /// - Parameters:
    ///   - halfLifeHours: above 0; infinite for no decay.
    ///   - changes: what an arm was before it changed counts for less, too; `nil`: no change is looked for.
    package func decayed(now: Hour, halfLifeHours: Double, changes: ChangeTest? = nil) -> [DecayedStatistics] {
        arms.map { hours in
            var sum = DecayedStatistics()
            // In order, so that rounding is the same everywhere.
            let ordered = hours.sorted { $0.key < $1.key }
            let change = changes?.change(in: ordered.map(\.value))
            for (index, (hour, statistics)) in ordered.enumerated() {
                let age = Double(max(0, now.index - hour.index))
                let before = change.map { index < $0.start ? $0.factor : 1 } ?? 1
                sum.add(statistics, times: exp2(-age / halfLifeHours) * before)
            }
            return sum
        }
    }
}
