package import NIOCore

/// How long an upstream takes to answer, as an exponentially weighted moving average that follows every rise at once and forgets it slowly: whoever has
/// just become slow is known to be so after one call (the idea is Finagle's). Pure.
package struct PeakEWMA: Sendable, Equatable {
    /// In so long half of what is known is forgotten; what is forgotten counts as no time at all, so that whoever was slow is tried again some day.
    private static let halfLifeNanoseconds = 10e9

    private var nanoseconds = 0.0
    private var updatedAt = NIODeadline.uptimeNanoseconds(0)

    package init() {}

    package mutating func observe(_ latency: TimeAmount, now: NIODeadline) {
        let (latency, known) = (Double(max(0, latency.nanoseconds)), value(now: now))
        let weight = Self.weight(now - updatedAt)
        nanoseconds = latency >= known ? latency : nanoseconds * weight + latency * (1 - weight)
        updatedAt = now
    }

    /// The average now, in nanoseconds.
    package func value(now: NIODeadline) -> Double {
        nanoseconds * Self.weight(now - updatedAt)
    }

    /// What is left of a weight of one after so long: 2^-t, between two half-lives by a straight line, which is at most 6 % above it.
    private static func weight(_ elapsed: TimeAmount) -> Double {
        let halfLives = min(Double(max(0, elapsed.nanoseconds)) / halfLifeNanoseconds, 1_000)
        let whole = halfLives.rounded(.down)
        return Double(sign: .plus, exponent: -Int(whole), significand: 1 - (halfLives - whole) / 2)
    }
}

/// Which of several endpoints takes a call: the better of two that are drawn at random (M. Mitzenmacher, "The Power of Two Choices in Randomized Load
/// Balancing", 2001), where better is the lower latency times the calls under way. Pure.
package enum EndpointChoice {
    package struct Candidate: Sendable, Equatable {
        package var index: Int
        /// At least 1.
        package var weight: Int
        /// Of ``PeakEWMA``.
        package var latencyNanoseconds: Double
        package var callsUnderWay: Int

        package init(index: Int, weight: Int, latencyNanoseconds: Double, callsUnderWay: Int) {
            self.index = index
            self.weight = max(1, weight)
            self.latencyNanoseconds = latencyNanoseconds
            self.callsUnderWay = callsUnderWay
        }
    }

    /// Differences below this factor are noise: within it, weights alone decide.
    private static let noise = 2.0
    /// Nobody is faster, so that nothing known does not mean infinitely good.
    private static let floorNanoseconds = 1e6

    /// - Returns: the index of one candidate; `nil`: there is none.
    package static func pick(_ candidates: [Candidate], random: inout some RandomNumberGenerator) -> Int? {
        guard candidates.count > 1 else { return candidates.first?.index }
        let first = Int.random(in: 0..<candidates.count, using: &random)
        let other = Int.random(in: 0..<(candidates.count - 1), using: &random)
        let (one, two) = (candidates[first], candidates[other < first ? other : other + 1])
        let mean = Double(one.weight + two.weight) / 2
        let costs = (cost(one, mean), cost(two, mean))
        if costs.0 >= costs.1 * noise { return two.index }
        if costs.1 >= costs.0 * noise { return one.index }
        return Int.random(in: 0..<(one.weight + two.weight), using: &random) < one.weight ? one.index : two.index
    }

    private static func cost(_ candidate: Candidate, _ meanWeight: Double) -> Double {
        max(floorNanoseconds, candidate.latencyNanoseconds) * (1 + Double(candidate.callsUnderWay) * meanWeight / Double(candidate.weight))
    }
}
