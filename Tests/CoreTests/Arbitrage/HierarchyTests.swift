import SeededRandomness
import Testing

@testable import GatewayCore

@Suite("Arbitrage: what arms have in common, and when one changes")
struct HierarchyTests {
    private func features(_ value: Float) -> FeatureVector {
        var lanes = SIMD32<Float>(repeating: 0)
        (lanes[0], lanes[1]) = (1, value)
        return FeatureVector(lanes)
    }

    /// Arm by arm, qualities of a line in lane 1.
    private func observed(
        _ lines: [(constant: Double, slope: Double, count: Int)], seed: UInt64, noise: Double = 0.2
    ) -> [DecayedStatistics] {
        var random = SeededRandom(seed: seed)
        return lines.map { line in
            var (statistics, sum) = (ArmStatistics(), DecayedStatistics())
            for _ in 0..<line.count {
                let value = Float.random(in: -1...1, using: &random)
                let error = noise > 0 ? Double.random(in: -noise...noise, using: &random) : 0
                statistics.observe(features(value), quality: line.constant + line.slope * Double(value) + error)
            }
            sum.add(statistics, times: 1)
            return sum
        }
    }

    @Test("arms' coefficients are those of one regression over all arms and what they have in common", arguments: [UInt64(1), 2])
    func joint(seed: UInt64) throws {
        let statistics = observed([(0.6, 0.2, 40), (0.4, -0.1, 7), (0.5, 0, 0)], seed: seed)
        let precision = PriorPrecision(constant: 4, coefficient: 9, commonConstant: 2, commonCoefficient: 5)
        var prior = BanditPrior(strengths: [0.5, 0.3, 0.7])
        prior.precisions = [precision]
        let model = try #require(BanditModel(id: 1, prior: prior, statistics: statistics))
        // Unknown are the common pair c and each arm's pair w: C·(c − m) = Σ D·(w − s − c) and (A + D)·w = b + D·(c + s).
        let (common, own) = ([2.0, 5], [4.0, 9])
        var rows = Array(repeating: Array(repeating: 0.0, count: 9), count: 8)
        for lane in 0..<2 {
            rows[lane][lane] = common[lane] + 3 * own[lane]
            rows[lane][8] = lane == 0 ? common[0] * 0.5 : 0
            for arm in 0..<3 {
                let row = 2 + arm * 2 + lane
                let strength = lane == 0 ? prior.strengths[arm] - 0.5 : 0
                rows[lane][row] = -own[lane]
                rows[lane][8] -= own[lane] * strength
                for column in 0..<2 {
                    rows[row][2 + arm * 2 + column] = statistics[arm].a[max(lane, column) * (max(lane, column) + 1) / 2 + min(lane, column)]
                }
                rows[row][row] += own[lane]
                rows[row][lane] = -own[lane]
                rows[row][8] = statistics[arm].b[lane] + own[lane] * strength
            }
        }
        let solved = gauss(rows)
        for arm in 0..<3 {
            for value in [Float(-1), 0, 0.5] {
                let expected = solved[2 + arm * 2] + solved[3 + arm * 2] * Double(value)
                #expect(abs(model.estimate(arm, features(value)).mean - expected) < 1e-4)
            }
        }
    }

    private func gauss(_ matrix: [[Double]]) -> [Double] {
        var rows = matrix
        for column in rows.indices {
            let pivot = (column..<rows.count).max { abs(rows[$0][column]) < abs(rows[$1][column]) } ?? column
            rows.swapAt(column, pivot)
            for row in rows.indices where row != column {
                let factor = rows[row][column] / rows[column][column]
                for index in column...rows.count { rows[row][index] -= factor * rows[column][index] }
            }
        }
        return rows.indices.map { rows[$0][rows.count] / rows[$0][$0] }
    }

    @Test("arms that are alike are held together, arms that differ are let go")
    func chosen() throws {
        func precision(_ lines: [(constant: Double, slope: Double, count: Int)]) throws -> PriorPrecision {
            let prior = BanditPrior(strengths: lines.map { _ in 0.5 })
            return try #require(BanditModel(id: 1, prior: prior, statistics: observed(lines, seed: 4))).precision
        }
        let alike = try precision(Array(repeating: (0.5, 0.3, 300), count: 5))
        let strangers = try precision([(0.1, 0, 300), (0.9, 0, 300), (0.5, 0.4, 300), (0.5, -0.4, 300), (0.3, 0.2, 300)])
        #expect(alike.constant == 40 && alike.coefficient == 320)
        #expect(strangers.constant < 40 && strangers.coefficient == 20)
    }

    @Test("however often one arm was called, it tells of the others no more than its precision")
    func led() throws {
        func untried(_ count: Int) throws -> Double {
            var prior = BanditPrior(strengths: [0.5, 0.5])
            prior.precisions = [PriorPrecision(constant: 3, coefficient: 20)]
            let statistics = observed([(0, 0, count), (0.5, 0, 0)], seed: 1, noise: 0)
            return try #require(BanditModel(id: 1, prior: prior, statistics: statistics)).estimate(1, features(0)).mean
        }
        // The common constant is worth 3, and so is what the arm tells of it: half way at most.
        #expect(try untried(100_000) > 0.24 && untried(100_000) < 0.26)
        #expect(try untried(3) > untried(100_000))
    }

    // MARK: - Changes

    private func hours(_ random: inout SeededRandom, _ qualities: [(quality: Double, value: ClosedRange<Float>)]) -> [ArmStatistics] {
        qualities.map { hour in
            var statistics = ArmStatistics()
            for _ in 0..<40 {
                let value = Float.random(in: hour.value, using: &random)
                let chance = hour.quality + 0.4 * Double(value)
                statistics.observe(features(value), quality: Double.random(in: 0..<1, using: &random) < chance ? 1 : 0)
            }
            return statistics
        }
    }

    @Test("a fall and a recovery are found at their hour, and what came before still counts a little")
    func changes() {
        var random = SeededRandom(seed: 2)
        for (before, since) in [(0.7, 0.2), (0.1, 0.6)] {
            let sequence = hours(
                &random, Array(repeating: (before, -0.1...0.1), count: 12) + Array(repeating: (since, -0.1...0.1), count: 2))
            let change = ChangeTest().change(in: sequence)
            #expect(change?.start == 12 && abs((change?.factor ?? 0) - 5.0 / 480) < 1e-9)
            var route = RouteStatistics(arms: 1)
            for (index, hour) in sequence.enumerated() { route.add(hour, arm: 0, hour: .init(index: Int64(index))) }
            let read = route.decayed(now: .init(index: 13), halfLifeHours: .infinity, changes: ChangeTest())[0]
            #expect(abs(read.weight - 85) < 1e-6)
            #expect(abs((read.meanQuality ?? 0) - since) < abs((read.meanQuality ?? 0) - before))
        }
    }

    @Test("neither chance nor other requests are taken for a change")
    func steady() {
        var random = SeededRandom(seed: 3)
        let alarms = (0..<60).count { _ in
            ChangeTest().change(in: hours(&random, Array(repeating: (0.5, -1...1), count: 30))) != nil
        }
        #expect(alarms == 0)
        let other = hours(&random, Array(repeating: (0.5, -1...0), count: 10) + Array(repeating: (0.5, 0...1), count: 10))
        #expect(ChangeTest().change(in: other) == nil)
        #expect(ChangeTest().change(in: []) == nil && ChangeTest().change(in: Array(other.prefix(1))) == nil)
        #expect(ChangeTest().change(in: [ArmStatistics(), ArmStatistics()]) == nil)
    }
}
