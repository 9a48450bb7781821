import Foundation
import GatewayCore
import SeededRandomness
import Testing

@Suite("Arbitrage: policies")
struct PolicyTests {
    private static let hour = RouteStatistics.Hour(index: 0)

    /// A world in which quality is linear in the features, apart from noise.
    private struct World {
        var random: SeededRandom
        let weights: [SIMD32<Float>]

        init(seed: UInt64, arms: Int) {
            var random = SeededRandom(seed: seed)
            weights = (0..<arms).map { _ in
                var weights = SIMD32<Float>(repeating: 0)
                for lane in 1..<6 { weights[lane] = Float.random(in: -0.2...0.2, using: &random) }
                weights[0] = 0.5
                return weights
            }
            self.random = random
        }

        mutating func features() -> FeatureVector {
            var lanes = SIMD32<Float>(repeating: 0)
            for lane in 1..<6 { lanes[lane] = Float.random(in: -1...1, using: &random) }
            lanes[0] = 1
            return FeatureVector(lanes)
        }

        func expected(_ arm: Int, _ features: FeatureVector) -> Double { min(1, max(0, Double((weights[arm] * features.lanes).sum()))) }
    }

    private func candidates(_ costs: [Double]) -> [ArmCandidate] {
        costs.enumerated().map { ArmCandidate(arm: $0.offset, costUSD: $0.element) }
    }

    /// The regret summed up to each checkpoint.
    private func regrets(_ policy: any ArbitragePolicy, seed: UInt64, checkpoints: [Int]) -> [Double] {
        var policy = policy
        var world = World(seed: seed, arms: 4)
        let candidates = candidates([0, 0, 0, 0])
        var (regret, regrets) = (0.0, [Double]())
        for step in 1...(checkpoints.max() ?? 1) {
            let features = world.features()
            if step % (step < 1600 ? 20 : 160) == 1 { policy.refresh(now: Self.hour) }
            guard let decision = policy.decide(features, candidates, ArbitrageDials(), random: &world.random) else { continue }
            let expected = candidates.map { world.expected($0.arm, features) }
            regret += (expected.max() ?? 0) - expected[decision.arm]
            let noise = Double.random(in: -0.1...0.1, using: &world.random)
            policy.observe(arm: decision.arm, features, quality: expected[decision.arm] + noise, hour: Self.hour)
            if checkpoints.contains(step) { regrets.append(regret) }
        }
        return regrets
    }

    private func thompson(arms: Int, _ change: (inout ThompsonPolicy.Settings) -> Void = { _ in }) throws -> ThompsonPolicy {
        var prior = BanditPrior(strengths: Array(repeating: 0.5, count: arms))
        prior.precisions = [PriorPrecision(constant: 1, coefficient: 1)]
        var settings = ThompsonPolicy.Settings(prior: prior)
        change(&settings)
        return try #require(ThompsonPolicy(settings))
    }

    @Test("in a linear world regret grows no faster than √T·log T, and stays far below chance's and below a table's", arguments: [UInt64(1), 2])
    func sublinear(seed: UInt64) throws {
        let bandit = try thompson(arms: 4) { $0.explorationShare = 1 }
        let checkpoints = [400, 1600, 6400]
        let regrets = regrets(bandit, seed: seed, checkpoints: checkpoints)
        // Theory's bound (S. Agrawal, N. Goyal, 2013), its constant as the first calls have it; linear growth would be four times at each.
        func bound(_ calls: Int) -> Double { Double(calls).squareRoot() * log(Double(calls)) }
        for (calls, regret) in zip(checkpoints, regrets).dropFirst() {
            #expect(regret <= regrets[0] / bound(checkpoints[0]) * bound(calls), "\(regrets)")
        }
        let chance = self.regrets(WeightedPolicy(weights: [1, 1, 1, 1]), seed: seed, checkpoints: [1600])
        #expect(regrets[1] < chance[0] / 4)
        let table = self.regrets(EpsilonGreedyPolicy(arms: 4), seed: seed, checkpoints: [1600])
        #expect(regrets[1] < table[0] / 2)
    }

    @Test("dials and prices change decisions at once, without learning anew")
    func dials() throws {
        var policy = try thompson(arms: 2) { $0.explorationShare = 0 }
        var random = SeededRandom(seed: 1)
        let features = FeatureVector(SIMD32(repeating: 0.1))
        for _ in 0..<300 {
            policy.observe(arm: 0, features, quality: 0.9, hour: Self.hour)
            policy.observe(arm: 1, features, quality: 0.6, hour: Self.hour)
        }
        policy.refresh(now: Self.hour)
        let candidates = candidates([0.002, 0.001])
        func arm(_ candidates: [ArmCandidate], _ lambda: Double, _ mu: Double = 0) -> Int? {
            policy.decide(features, candidates, ArbitrageDials(qualityPerMilliUSD: lambda, qualityPerSecond: mu), random: &random)?.arm
        }
        #expect(arm(candidates, 0.1) == 0 && arm(candidates, 0.5) == 1)
        #expect(arm(self.candidates([0.001, 0.001]), 0.5) == 0)
        let slow = [ArmCandidate(arm: 0, costUSD: 0, latencySeconds: 5), ArmCandidate(arm: 1, costUSD: 0, latencySeconds: 1)]
        #expect(arm(slow, 0, 0.01) == 0 && arm(slow, 0, 0.2) == 1)
        #expect(arm([], 0) == nil && arm([candidates[1]], 0) == 1)
    }

    @Test("exploration stays within its share, and what it was not allowed is said")
    func capped() throws {
        var policy = try thompson(arms: 5) {
            $0.explorationShare = 0.05
            $0.explorationScale = 1
        }
        var random = SeededRandom(seed: 3)
        let features = FeatureVector(SIMD32(repeating: 0.3))
        var reasons: [ArbitrageReason: Int] = [:]
        for _ in 0..<1000 {
            let decision = policy.decide(features, candidates([1e-6, 0, 0, 0, 0]), ArbitrageDials(qualityPerMilliUSD: 1), random: &random)
            reasons[try #require(decision).reason, default: 0] += 1
        }
        #expect(reasons[.exploration, default: 0] <= 50 && reasons[.exploration, default: 0] >= 40)
        #expect(reasons[.explorationCapped, default: 0] > 300)
    }

    @Test("a decision can be made again from what it carries, and its propensity is how often it is made")
    func propensity() throws {
        var policy = try thompson(arms: 3) {
            $0.explorationScale = 1
            $0.explorationShare = 1
        }
        var random = SeededRandom(seed: 5)
        let features = FeatureVector(SIMD32(repeating: 0.2))
        for (arm, quality) in [(0, 0.7), (1, 0.6), (2, 0.2)] {
            for _ in 0..<10 { policy.observe(arm: arm, features, quality: quality, hour: Self.hour) }
        }
        policy.refresh(now: Self.hour)
        let (candidates, dials) = (candidates([1e-4, 0, 0]), ArbitrageDials(qualityPerMilliUSD: 0.5))
        let expected = policy.propensities(features, candidates, dials, couldExplore: true)
        #expect(abs(expected.reduce(0, +) - 1) < 1e-9)
        var counts = [0.0, 0, 0]
        let draws = 1500
        for _ in 0..<draws {
            let decided = policy.decide(features, candidates, dials, random: &random)
            let decision = try #require(decided)
            counts[decision.arm] += 1
            let again = policy.decision(features, candidates, dials, seed: decision.seed, couldExplore: decision.couldExplore)
            #expect(again == decision)
        }
        for (count, probability) in zip(counts, expected) { #expect(abs(count / Double(draws) - probability) < 0.05) }
        #expect(policy.propensities(features, candidates, dials, couldExplore: false).filter { $0 == 1 }.count == 1)
    }

    @Test("the floor retires a bad arm, lets a good one be, and forgives when it is forgotten")
    func floor() throws {
        var policy = try thompson(arms: 2) {
            $0.floor = QualityFloor(least: 0.5)
            $0.halfLifeHours = 10
        }
        var random = SeededRandom(seed: 1)
        let features = FeatureVector(SIMD32(repeating: 0.1))
        let (candidates, dials) = (candidates([0.01, 0]), ArbitrageDials(qualityPerMilliUSD: 1))
        func cheapTaken() -> Bool { policy.decide(features, candidates, dials, random: &random)?.arm == 1 }
        #expect(cheapTaken())
        for _ in 0..<200 {
            policy.observe(arm: 0, features, quality: 0.6, hour: Self.hour)
            policy.observe(arm: 1, features, quality: 0.2, hour: Self.hour)
        }
        policy.refresh(now: Self.hour)
        #expect(policy.isRetired(1) && !policy.isRetired(0) && !cheapTaken())
        #expect(policy.propensities(features, candidates, dials, couldExplore: true)[1] < 1e-9)
        let only = policy.decide(features, [candidates[1]], dials, random: &random)
        #expect(only?.arm == 1 && only?.reason == .onlyCandidate)
        policy.refresh(now: .init(index: 100))
        #expect(!policy.isRetired(1) && cheapTaken())
    }

    @Test("the floor's test may be asked after every observation: an arm at the floor is retired no oftener than its error rate says")
    func anytime() {
        let floor = QualityFloor(least: 0.5, errorRate: 0.05)
        var random = SeededRandom(seed: 9)
        let retired = (0..<200).count { _ in
            var (sum, isRetired) = (0.0, false)
            for count in 1...500 {
                sum += Bool.random(using: &random) ? 1 : 0
                isRetired = isRetired || sum / Double(count) + floor.radius(observations: Double(count)) < floor.least
            }
            return isRetired
        }
        #expect(retired <= 20)
        #expect(floor.radius(observations: 0) == .infinity && !floor.retires(DecayedStatistics()))
    }

    @Test("baselines do what their names say")
    func baselines() {
        var random = SeededRandom(seed: 4)
        let features = FeatureVector(SIMD32(repeating: 0.1))
        let (candidates, dials) = (candidates([3, 1, 2]), ArbitrageDials())
        var (fixed, cheapest, weighted) = (FixedPolicy(arm: 2), CheapestPolicy(), WeightedPolicy(weights: [0, 1, 3]))
        let chosen = [
            fixed.decide(features, candidates, dials, random: &random), fixed.decide(features, [candidates[0]], dials, random: &random),
            cheapest.decide(features, candidates, dials, random: &random),
        ]
        #expect(chosen.map { $0?.arm } == [2, 0, 1])
        let drawn = (0..<2000).compactMap { _ in weighted.decide(features, candidates, dials, random: &random)?.arm }
        #expect(drawn.count { $0 == 0 } == 0 && abs(drawn.count { $0 == 2 } - 1500) < 100)
        #expect(weighted.propensities(features, candidates, dials) == [0, 0.25, 0.75])
        #expect(weighted.propensities(features, [candidates[0]], dials) == [1])
        var greedy = EpsilonGreedyPolicy(arms: 3, epsilon: 0)
        for _ in 0..<10 { greedy.observe(arm: 1, features, quality: 1, hour: Self.hour) }
        let best = greedy.decide(features, candidates, dials, random: &random)
        #expect(best?.arm == 1)
        #expect(greedy.propensities(features, candidates, dials) == [0, 1, 0])
        for policy in [fixed, cheapest, weighted, greedy] as [any ArbitragePolicy] {
            var policy = policy
            let nothing = policy.decide(features, [], dials, random: &random)
            #expect(nothing == nil)
        }
    }
}
