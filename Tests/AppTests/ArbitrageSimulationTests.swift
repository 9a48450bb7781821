import Foundation
import GatewayCore
import ProcessSupport
import Testing

@testable import AgentShieldGateway

@Suite("Arbitrage: simulation", .timeLimit(.minutes(10)))
struct ArbitrageSimulationTests {
    /// Two kinds of prompts; each of two models answers one of them, a dear one both, a bad one none.
    private static let prices = """
        {"bad": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.1}, "code": {"input_usd_per_mtok": 0.2, "output_usd_per_mtok": 0.2},
         "dear": {"input_usd_per_mtok": 4, "output_usd_per_mtok": 4}, "prose": {"input_usd_per_mtok": 0.2, "output_usd_per_mtok": 0.2}}
        """

    private static func data(_ count: Int) -> String {
        (0..<count).map { number in
            number % 2 == 0
                ? #"{"prompt": "Write the Python function def f\#(number)(x): return [x]; and import sys", "scores": {"bad": 0, "code": 1, "dear": 1, "prose": 0}}"#
                : #"{"prompt": "Tell me about the weather of town number \#(number) in a story?", "scores": {"bad": 0, "code": 0, "dear": 1, "prose": 1}}"#
        }.joined(separator: "\n")
    }

    private func matrix(_ data: String, _ prices: String = Self.prices) async throws -> ReplayMatrix {
        try await withTemporaryDirectory { folder in
            let path = folder.appendingPathComponent("data.jsonl")
            try Data(data.utf8).write(to: path)
            return try ReplayMatrix(path: path.path, prices: Array(prices.utf8), shipped: .none)
        }
    }

    @Test("the hull is the least concave curve above the models, and heights are measured from it")
    func hull() {
        typealias Point = MixtureHull.Point
        let hull = MixtureHull([
            Point(cost: 3, quality: 0.9), Point(cost: 1, quality: 0.5), Point(cost: 2, quality: 0.6), Point(cost: 2.5, quality: 0.2),
            Point(cost: 1, quality: 0.4), Point(cost: 4, quality: 0.9),
        ])
        #expect(hull.corners == [Point(cost: 1, quality: 0.5), Point(cost: 3, quality: 0.9)])
        #expect(abs(hull.quality(atCost: 2) - 0.7) < 1e-12)
        #expect(hull.quality(atCost: 0.5) == 0.5 && hull.quality(atCost: 9) == 0.9)
        #expect(abs(hull.meanGain(of: [Point(cost: 3, quality: 0.9), Point(cost: 1, quality: 0.7)]) - 0.1) < 1e-12)
        #expect(abs(hull.meanGain(of: [Point(cost: 2, quality: 0.8)]) - 0.1) < 1e-12)
        #expect(MixtureHull([]).quality(atCost: 1) == 0 && MixtureHull([]).meanGain(of: []) == 0)
    }

    @Test("a confidence interval is Student's")
    func interval() {
        let interval = MeanInterval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        // t with 9 degrees of freedom: 2.2622; the deviation is 3.02765.
        #expect(interval.mean == 5.5 && abs(interval.halfWidth - 2.2622 * 3.02765 / 10.0.squareRoot()) < 0.01)
        #expect(MeanInterval([1]).halfWidth == .infinity)
    }

    @Test("data that is wrong is refused by its line")
    func refused() async throws {
        func fault(_ data: String, _ prices: String = Self.prices) async -> String {
            do {
                _ = try await matrix(data, prices)
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(await fault(Self.data(2) + "\n\n{}").contains("line 4"))
        #expect(await fault(#"{"prompt": "a", "scores": {"bad": 2, "code": 1, "dear": 1, "prose": 1}}"#).contains("not in 0…1"))
        #expect(await fault(#"{"prompt": "a", "scores": {"else": 1}}"#).contains("no arm has both"))
        #expect(await fault("").contains("no line"))
        #expect(await fault(Self.data(1), "{}").contains("no arm"))
        #expect(await fault(Self.data(1), "[").contains("prices"))
        #expect(await fault(Self.data(1), #"{"bad": {"input_usd_per_mtok": -1, "output_usd_per_mtok": 1}}"#).contains("below 0"))
    }

    @Test("data of another making is read: other orders of fields, blank lines, line ends of two bytes, arms without a score or a price")
    func foreign() async throws {
        let line = #"{"lang": "ja", "scores": {"prose": 0.5, "dear": 1, "code": null, "extra": 1}, "prompt": "これは何ですか"}"#
        let complete = #"{"scores":{"bad":1,"dear":0,"prose":1},"prompt":"who?","id":7}"#
        let data = "\u{FEFF}" + [line, "", "  ", complete, complete, complete].joined(separator: "\r\n") + "\r\n"
        let matrix = try await matrix(data)
        #expect(matrix.arms == ["bad", "dear", "prose"] && matrix.prices.count == 3)
        #expect(matrix.rows.count == 3 && matrix.rows.allSatisfy { $0.qualities == [1, 0, 1] })
        let notes = matrix.notes.joined(separator: "\n")
        #expect(notes.contains("extra has scores and no price") && notes.contains("code has no score"), "\(notes)")
        #expect(notes.contains("1 of 4 prompts lack a score"), "\(notes)")
        let alone = try await self.matrix(#"{"prompt": "a", "scores": {"dear": 1}}"#)
        let outcome = Replay(matrix: alone, settings: Replay.Settings()).run(EpsilonGreedyPolicy(arms: 1), lambda: 1, seed: 0)
        #expect(alone.arms == ["dear"] && outcome.shares == [1] && outcome.whole.quality == 1)
    }

    @Test("a replay is the same for the same seed, hears of its own choices alone, and sees a model fall")
    func replay() async throws {
        let matrix = try await matrix(Self.data(600))
        var settings = Replay.Settings()
        settings.degradation = (arm: 2, share: 0.5)
        let replay = Replay(matrix: matrix, settings: settings)
        let first = replay.run(EpsilonGreedyPolicy(arms: 4), lambda: 0, seed: 3)
        let again = replay.run(EpsilonGreedyPolicy(arms: 4), lambda: 0, seed: 3)
        #expect(first.shares == again.shares && first.whole.quality == again.whole.quality)
        #expect(abs(first.shares.reduce(0, +) - 1) < 1e-9)
        // Of the dear model's calls, all go well in the first half, none in the second.
        #expect(abs(first.whole.fixed[2].quality - 0.5) < 1e-9 && first.late.fixed[2].quality == 0)
        #expect(first.whole.oracleReward == 1)
        var forgetful = ThompsonPolicy.Settings(prior: BanditPrior(strengths: [0.5, 0.5, 0.9, 0.5]))
        forgetful.halfLifeHours = 1
        forgetful.explorationScale = 1
        let recovered = replay.run(try #require(ThompsonPolicy(forgetful)), lambda: 0, seed: 0)
        let calls = try #require(recovered.recoveryCalls)
        #expect((100...300).contains(calls) && recovered.whole.quality > 0.8)
        let stubborn = replay.run(FixedPolicy(arm: 2), lambda: 0, seed: 0)
        #expect(stubborn.recoveryCalls == nil && stubborn.whole.quality == 0.5)
    }

    @Test("the command prints the curve, the shares and a plot: the bandit is above the hull where requests tell which model they need")
    func command() async throws {
        try await withTemporaryDirectory { folder in
            let (data, prices) = (folder.appendingPathComponent("data.jsonl"), folder.appendingPathComponent("prices.json"))
            try Data(Self.data(600).utf8).write(to: data)
            try Data(Self.prices.utf8).write(to: prices)
            let arguments = ["arbitrage", "simulate", "--data", data.path, "--prices", prices.path]
            let ended = try await ProductProcess.runToEnd(
                "agentshield", arguments: arguments + ["--seeds", "3", "--lambda", "0.5", "--policy", "thompson", "--policy", "uniform"],
                timeout: .seconds(300))
            #expect(ended.status == .exited(0), "\(ended.errorOutput)")
            let lines = ended.output.split(separator: "\n")
            let heights = lines.filter { $0.hasPrefix("mean height above the hull: ") }.compactMap { line in
                Double(line.dropFirst("mean height above the hull: ".count).prefix { $0 != " " }.replacingOccurrences(of: "+", with: ""))
            }
            try #require(heights.count == 2, "\(ended.output)")
            #expect(heights[0] > 0.1 && heights[1] < 0, "\(ended.output)")
            #expect(lines.contains { $0.hasPrefix("policy uniform") } && lines.contains { $0.hasPrefix("o model") })
            #expect(ended.errorOutput.contains("thompson: λ 1 of 1"))
            for (more, status) in [
                (["--degrade", "nobody@0.5"], 64), (["--degrade", "dear@2"], 64), (["--price-change", "dear@0.5"], 64),
                (["--policy", "best"], 64), (["--seeds", "0"], 64),
            ] as [([String], Int32)] {
                let refused = try await ProductProcess.runToEnd("agentshield", arguments: arguments + more)
                #expect(refused.status == .exited(status), "\(more)")
            }
            let unreadable = try await ProductProcess.runToEnd(
                "agentshield", arguments: ["arbitrage", "simulate", "--data", "/no/such", "--prices", prices.path])
            #expect(unreadable.status == .exited(66))
        }
    }
}
