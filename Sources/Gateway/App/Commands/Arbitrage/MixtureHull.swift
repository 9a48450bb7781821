/// What can be had without looking at requests: the least concave curve above all arms' (cost, quality), each point of which is a coin between two fixed
/// arms.
struct MixtureHull: Sendable, Equatable {
    struct Point: Sendable, Equatable {
        var cost: Double
        var quality: Double
    }

    /// Rising in both.
    let corners: [Point]

    init(_ points: [Point]) {
        var corners: [Point] = []
        let sorted = points.sorted { ($0.cost, -$0.quality) < ($1.cost, -$1.quality) }
        for point in sorted where corners.last.map({ point.quality > $0.quality }) ?? true {
            while corners.count >= 2 {
                let (first, second) = (corners[corners.count - 2], corners[corners.count - 1])
                let isBelow =
                    (second.quality - first.quality) * (point.cost - first.cost) <= (point.quality - first.quality)
                    * (second.cost - first.cost)
                guard isBelow else { break }
                corners.removeLast()
            }
            corners.append(point)
        }
        self.corners = corners
    }

    /// The best quality that a mixture has at a mean cost of at most so much; below the cheapest corner, that corner's.
    func quality(atCost cost: Double) -> Double {
        guard let first = corners.first, let last = corners.last else { return 0 }
        if cost <= first.cost { return first.quality }
        for (left, right) in zip(corners, corners.dropFirst()) where cost <= right.cost {
            return left.quality + (right.quality - left.quality) * (cost - left.cost) / (right.cost - left.cost)
        }
        return last.quality
    }

    /// The mean height of a curve above the hull, over the costs that the curve spans: the area between them by its width. Of one point, its height.
    func meanGain(of curve: [Point]) -> Double {
        let gains = curve.sorted { $0.cost < $1.cost }.map { (cost: $0.cost, gain: $0.quality - quality(atCost: $0.cost)) }
        guard let first = gains.first, let last = gains.last else { return 0 }
        guard last.cost > first.cost else { return gains.map(\.gain).reduce(0, +) / Double(gains.count) }
        return area(under: curve) / (last.cost - first.cost)
    }

    /// The area between a curve and the hull, by the trapezoidal rule; below 0 where the curve lies below. Of one point, 0.
    func area(under curve: [Point]) -> Double {
        let gains = curve.sorted { $0.cost < $1.cost }.map { (cost: $0.cost, gain: $0.quality - quality(atCost: $0.cost)) }
        return zip(gains, gains.dropFirst()).reduce(0.0) { $0 + ($1.1.cost - $1.0.cost) * ($1.0.gain + $1.1.gain) / 2 }
    }
}

/// A mean over seeds, with the half width of its 95 % confidence interval.
struct MeanInterval: Sendable, Equatable {
    let mean: Double
    let halfWidth: Double

    /// By Student's t; its quantile of 97.5 % by the first terms of its expansion around the normal distribution's (M. Abramowitz, I. Stegun, 26.7.5).
    init(_ values: [Double]) {
        let count = Double(values.count)
        let mean = values.isEmpty ? 0 : values.reduce(0, +) / count
        self.mean = mean
        guard values.count > 1 else {
            halfWidth = .infinity
            return
        }
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
        let (z, degrees) = (1.959964, count - 1)
        let quantile =
            z + (z * z * z + z) / (4 * degrees)
            + (5 * z * z * z * z * z + 16 * z * z * z + 3 * z) / (96 * degrees * degrees)
        halfWidth = quantile * (variance / count).squareRoot()
    }
}
