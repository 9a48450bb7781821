import GatewayCore
import SeededRandomness
import Testing

@Suite("Arbitrage: what is learned")
struct LearningTests {
    private func vector(_ random: inout SeededRandom) -> FeatureVector {
        var lanes = SIMD32<Float>(repeating: 0)
        for lane in 0..<FeatureVector.dimension { lanes[lane] = Float.random(in: -4...4, using: &random) }
        return FeatureVector(lanes)
    }

    @Test("what many replicas learned is what one would have, bit for bit, in whatever order it is added", arguments: [UInt64(1), 2, 3])
    func commutes(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let arms = 3
        var one = RouteStatistics(arms: arms)
        var replicas = Array(repeating: RouteStatistics(arms: arms), count: 50)
        for _ in 0..<600 {
            let (features, arm) = (vector(&random), Int.random(in: 0..<arms, using: &random))
            let hour = RouteStatistics.Hour(index: Int64.random(in: 0..<5, using: &random))
            let quality = Double.random(in: 0...1, using: &random)
            let weight = Double.random(in: 0.1...1, using: &random)
            one.observe(arm: arm, hour: hour, features, quality: quality, weight: weight)
            replicas[Int.random(in: 0..<50, using: &random)].observe(arm: arm, hour: hour, features, quality: quality, weight: weight)
        }
        replicas.shuffle(using: &random)
        var merged = RouteStatistics(arms: arms)
        for replica in replicas { merged.merge(replica) }
        #expect(merged == one)
        let now = RouteStatistics.Hour(index: 9)
        #expect(merged.decayed(now: now, halfLifeHours: 3) == one.decayed(now: now, halfLifeHours: 3))
    }

    @Test("what cannot be learned from is refused, and changes nothing")
    func refused() {
        var random = SeededRandom(seed: 1)
        let features = vector(&random)
        var statistics = ArmStatistics()
        for (quality, weight) in [(Double.nan, 1.0), (.infinity, 1), (1, 0), (1, -1), (1, 1.5), (1, .nan)] {
            let learned = statistics.observe(features, quality: quality, weight: weight)
            #expect(!learned, "\(quality) \(weight)")
        }
        #expect(statistics == ArmStatistics())
        #expect(ArmStatistics(words: [1]) == nil && ArmStatistics(words: statistics.words) == statistics)
        var route = RouteStatistics(arms: 2)
        let learned = route.observe(arm: 2, hour: .init(index: 0), features, quality: 1)
        let merged = route.merge(RouteStatistics(arms: 3))
        #expect(!learned && !merged && route == RouteStatistics(arms: 2))
    }

    @Test("an hour counts by its age when it is read, one from a wrong clock in full, and hours have a limit")
    func decays() {
        let features = FeatureVector(SIMD32(repeating: 0.5))
        var route = RouteStatistics(arms: 1)
        route.observe(arm: 0, hour: .init(index: 100), features, quality: 1)
        route.observe(arm: 0, hour: .init(index: 110), features, quality: 0)
        let read = route.decayed(now: .init(index: 110), halfLifeHours: 10)[0]
        #expect(abs(read.weight - 1.5) < 1e-6 && abs((read.meanQuality ?? 0) - 1.0 / 3) < 1e-6)
        #expect(abs(route.decayed(now: .init(index: 90), halfLifeHours: 10)[0].weight - 2) < 1e-6)
        for hour in 0..<Int64(RouteStatistics.mostHours) + 50 {
            route.observe(arm: 0, hour: .init(index: 200 + hour), features, quality: 1)
        }
        let kept = route.decayed(now: .init(index: 1000), halfLifeHours: .infinity)[0]
        #expect(abs(kept.weight - Double(RouteStatistics.mostHours)) < 1e-6)
        #expect(RouteStatistics.Hour(unixSeconds: 7199) == .init(index: 1) && RouteStatistics.Hour(unixSeconds: -1) == .init(index: -1))
    }

    @Test("Cholesky's factor solves as Gauss' elimination does", arguments: [1, 2, 5, 32])
    func cholesky(dimension: Int) throws {
        var random = SeededRandom(seed: UInt64(dimension))
        let root = (0..<dimension).map { _ in (0..<dimension).map { _ in Double.random(in: -1...1, using: &random) } }
        let full = (0..<dimension).map { row in
            (0..<dimension).map { column in
                (0..<dimension).reduce(row == column ? 0.5 : 0) { $0 + root[row][$1] * root[column][$1] }
            }
        }
        let triangle = (0..<dimension).flatMap { row in full[row][0...row] }
        let factor = try #require(CholeskyFactor(triangle, dimension: dimension))
        let right = (0..<dimension).map { _ in Double.random(in: -1...1, using: &random) }
        for (solved, expected) in zip(factor.solve(right), gauss(full, right)) { #expect(abs(solved - expected) < 1e-8) }
        let forward = factor.forward(right)
        let columns = factor.inverseColumns()
        for row in 0..<dimension {
            let product = (0..<dimension).reduce(0.0) { $0 + columns[$1][row] * right[$1] }
            #expect(abs(product - forward[row]) < 1e-8)
        }
    }

    /// With the largest pivot of each column.
    private func gauss(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
        var rows = zip(matrix, right).map { $0 + [$1] }
        let count = rows.count
        for column in 0..<count {
            let pivot = (column..<count).max { abs(rows[$0][column]) < abs(rows[$1][column]) } ?? column
            rows.swapAt(column, pivot)
            for row in 0..<count where row != column {
                let factor = rows[row][column] / rows[column][column]
                for index in column...count { rows[row][index] -= factor * rows[column][index] }
            }
        }
        return (0..<count).map { rows[$0][count] / rows[$0][$0] }
    }

    @Test("a matrix that is not positive definite has no factor, and a model of impossible statistics is none")
    func indefinite() throws {
        #expect(CholeskyFactor([1, 2, 1], dimension: 2) == nil)
        #expect(CholeskyFactor([.nan], dimension: 1) == nil && CholeskyFactor([1, 2], dimension: 2) == nil)
        var words = ArmStatistics().words
        words[0] = -1 << 40
        var impossible = DecayedStatistics()
        impossible.add(try #require(ArmStatistics(words: words)), times: 1)
        #expect(BanditModel(id: 1, prior: BanditPrior(strengths: [0.5]), statistics: [impossible]) == nil)
        #expect(BanditModel(id: 1, prior: BanditPrior(strengths: [0.5, 0.5]), statistics: [DecayedStatistics()]) == nil)
    }

    @Test("before anything was seen an arm is as good as is published; afterwards as good as it was seen to be")
    func posterior() throws {
        var lanes = SIMD32<Float>(repeating: 0)
        lanes[0] = 1
        let features = FeatureVector(lanes)
        var prior = BanditPrior(strengths: [0.3, 0.7])
        prior.precisions = [PriorPrecision(constant: 3, coefficient: 20)]
        let blank = try #require(BanditModel(id: 1, prior: prior, statistics: [DecayedStatistics(), DecayedStatistics()]))
        #expect(abs(blank.estimate(0, features).mean - 0.3) < 1e-5 && abs(blank.estimate(1, features).mean - 0.7) < 1e-5)
        var seen = RouteStatistics(arms: 2)
        for _ in 0..<500 { seen.observe(arm: 0, hour: .init(index: 0), features, quality: 0.9) }
        let model = try #require(
            BanditModel(id: 2, prior: prior, statistics: seen.decayed(now: .init(index: 0), halfLifeHours: .infinity)))
        #expect(abs(model.estimate(0, features).mean - 0.9) < 0.02)
        #expect(model.estimate(0, features).deviation < blank.estimate(0, features).deviation / 5)
        // By hand: precision 500 + 3, noise 0.4.
        #expect(abs(model.estimate(0, features).deviation - 0.4 / 503.0.squareRoot()) < 1e-4)
    }
}
