/// All that a linear model needs to know of what was learned of one arm: A = Σ w·x·xᵀ and b = Σ w·q·x over the observed calls, in fixed point; of a
/// cell of a table Σw and Σw·q alone.
///
/// Whole numbers commute: increments of any number of replicas, added in any order, are equal to one's, bit for bit. A number counts in units of
/// 2⁻²⁰; with lanes of at most ``FeatureVector/bound`` 2³⁹ observations fit.
package struct ArmStatistics: Sendable, Equatable {
    static let triangle = FeatureVector.dimension * (FeatureVector.dimension + 1) / 2
    /// How many whole numbers there are: the lower triangle of A by rows, b, Σw, Σw·q.
    package static let size = triangle + FeatureVector.dimension + 2
    static let scale = Double(1 << 20)

    /// What the numbers are of.
    package enum Form: Sendable {
        case model
        /// Σw and Σw·q alone.
        case cell

        package var size: Int { self == .model ? ArmStatistics.size : 2 }
    }

    /// In the order of ``size``: what is stored and added.
    package private(set) var words: [Int64]

    package init(_ form: Form = .model) {
        words = Array(repeating: 0, count: form.size)
    }

    /// - Returns: `nil`: these are not as many numbers as statistics of either form have.
    package init?(words: [Int64]) {
        guard words.count == Form.model.size || words.count == Form.cell.size else { return nil }
        self.words = words
    }

    package var form: Form { words.count == Form.cell.size ? .cell : .model }

    /// Learns from one call.
    ///
    /// - Parameters:
    ///   - quality: in [0, 1]; cut to it.
    ///   - weight: how much the observation counts, in (0, 1].
    /// - Returns: `false`: one of them is no number, or the weight is out of its range; nothing was learned.
    @discardableResult
    package mutating func observe(_ features: FeatureVector, quality: Double, weight: Double = 1) -> Bool {
        guard quality.isFinite, weight > 0, weight <= 1 else { return false }
        let quality = min(1, max(0, quality))
        if form == .model { observe(features, quality, weight) }
        words[words.count - 2] &+= Int64((weight * Self.scale).rounded())
        words[words.count - 1] &+= Int64((weight * quality * Self.scale).rounded())
        return true
    }

    private mutating func observe(_ features: FeatureVector, _ quality: Double, _ weight: Double) {
        features.withLanes { lanes in
            var index = 0
            for row in 0..<FeatureVector.dimension {
                let scaled = Double(lanes[row]) * weight * Self.scale
                for column in 0...row {
                    words[index] &+= Int64((scaled * Double(lanes[column])).rounded())
                    index += 1
                }
            }
            for row in 0..<FeatureVector.dimension {
                words[index] &+= Int64((Double(lanes[row]) * weight * quality * Self.scale).rounded())
                index += 1
            }
        }
    }

    /// Where the forms differ, what both have: Σw and Σw·q.
    package static func += (sum: inout ArmStatistics, increment: ArmStatistics) {
        let (count, own) = (increment.words.count, sum.words.count)
        for index in 1...min(count, own) where count == own || index <= 2 { sum.words[own - index] &+= increment.words[count - index] }
    }
}

/// Statistics as they count at some time: older ones for less.
package struct DecayedStatistics: Sendable, Equatable {
    /// The lower triangle of A by rows.
    package private(set) var a: [Double]
    package private(set) var b: [Double]
    /// Observations, each for what it still counts.
    package private(set) var weight = 0.0
    /// Their summed quality.
    package private(set) var quality = 0.0

    package init() {
        a = Array(repeating: 0, count: ArmStatistics.triangle)
        b = Array(repeating: 0, count: FeatureVector.dimension)
    }

    package mutating func add(_ statistics: ArmStatistics, times factor: Double) {
        let factor = factor / ArmStatistics.scale
        let triangle = ArmStatistics.triangle
        let dimension = FeatureVector.dimension
        statistics.words.withUnsafeBufferPointer { words in
            if statistics.form == .model {
                for index in 0..<triangle { a[index] += factor * Double(words[index]) }
                for index in 0..<dimension { b[index] += factor * Double(words[triangle + index]) }
            }
            weight += factor * Double(words[words.count - 2])
            quality += factor * Double(words[words.count - 1])
        }
    }

    package mutating func add(_ other: DecayedStatistics) {
        for index in a.indices { a[index] += other.a[index] }
        for index in b.indices { b[index] += other.b[index] }
        weight += other.weight
        quality += other.quality
    }

    /// The mean quality; `nil` before anything was observed.
    package var meanQuality: Double? { weight > 0 ? quality / weight : nil }
}
