#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The chance of one decision, all of it from the seed that the decision carries (S. Vigna's SplitMix64).
struct DecisionChance: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// An arm's own: what it draws does not depend on which other arms there are.
    init(seed: UInt64, arm: Int) {
        state = seed &+ Hash.mixed(UInt64(truncatingIfNeeded: arm) &+ 1)
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Hash.mixed(state)
    }

    /// In (0, 1).
    private mutating func uniform() -> Double { (Double(next() >> 11) + 0.5) * 0x1p-53 }

    /// Of the standard normal distribution (G. Box, M. Muller, 1958).
    mutating func normal() -> Double {
        (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform())
    }
}

/// The standard normal distribution.
enum StandardNormal {
    static func density(_ value: Double) -> Double { exp(-value * value / 2) / (2 * Double.pi).squareRoot() }

    /// The probability of at most so much.
    static func probability(atMost value: Double) -> Double { erfc(-value / 2.0.squareRoot()) / 2 }

    /// The probability of each of several independent normal variables to be the largest, by the trapezoid rule over ±8 deviations.
    static func probabilitiesOfBeingLargest(_ variables: [(mean: Double, deviation: Double)]) -> [Double] {
        let steps = 512
        let range = 8.0
        let width = 2 * range / Double(steps)
        let raw = variables.indices.map { own in
            (0...steps).reduce(0.0) { sum, step in
                let z = -range + Double(step) * width
                let value = variables[own].mean + variables[own].deviation * z
                let others = variables.indices.reduce(1.0) { product, other in
                    guard other != own else { return product }
                    return product * probability(variables[other], atMost: value)
                }
                return sum + density(z) * others * width
            }
        }
        let total = raw.reduce(0, +)
        return total > 0 ? raw.map { $0 / total } : raw
    }

    private static func probability(_ variable: (mean: Double, deviation: Double), atMost value: Double) -> Double {
        guard variable.deviation > 0 else { return value > variable.mean ? 1 : value == variable.mean ? 0.5 : 0 }
        return probability(atMost: (value - variable.mean) / variable.deviation)
    }
}
