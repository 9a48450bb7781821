import Foundation
import GatewayCore
import NIOCore
import ProcessSupport
import Testing

@Suite("Arbitrage: explain and evaluate", .timeLimit(.minutes(10)))
struct ArbitrageAuditTests {
    private struct Chance: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state
        }
    }

    private func records(_ count: Int) throws -> [DecisionRecord] {
        var settings = ThompsonPolicy.Settings(prior: BanditPrior(strengths: [0.4, 0.5, 0.6]))
        settings.explorationScale = 1
        settings.explorationShare = 1
        var policy = try #require(ThompsonPolicy(settings))
        var chance = Chance(state: 1)
        let features = FeatureVector(SIMD32(repeating: 0.1))
        let candidates = (0..<3).map { ArmCandidate(arm: $0, costUSD: 0.0001 * Double($0)) }
        let dials = ArbitrageDials(qualityPerMilliUSD: 0.1)
        return try (0..<count).map { _ in
            let decided = policy.decide(features, candidates, dials, random: &chance)
            return policy.record(
                of: try #require(decided), features, candidates, dials, names: ["small", "middle", "large"],
                infeasible: [.init(name: "blind", reason: .vision)])
        }
    }

    private func run(_ arguments: [String]) async throws -> (status: ProductProcess.ExitStatus, output: String, errors: String) {
        let ended = try await ProductProcess.runToEnd("agentshield", arguments: ["arbitrage"] + arguments, timeout: .seconds(300))
        return (ended.status, ended.output, ended.errorOutput)
    }

    @Test("a record is explained: what was weighed, how probable it was, and that the same is decided again")
    func explain() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder.appendingPathComponent("record.json")
            var record = try #require(try records(1).first)
            try Data(String(buffer: record.json).utf8).write(to: path)
            let told = try await run(["explain", "--record", path.path])
            #expect(told.status == .exited(0), "\(told.errors)")
            for word in [
                "policy thompson", "* ", "small", "middle", "large", "blind: no candidate, it takes no images", "decision is the same",
            ] {
                #expect(told.output.contains(word), "\(told.output)")
            }
            record.arm = (record.arm + 1) % 3
            try Data(String(buffer: record.json).utf8).write(to: path)
            let contradicted = try await run(["explain", "--record", path.path])
            #expect(contradicted.status == .exited(1) && contradicted.output.contains("contradicts itself"))
            try Data("{}\n".utf8).write(to: path)
            let garbage = try await run(["explain", "--record", path.path])
            #expect(garbage.status == .exited(65) && garbage.errors.contains("no record"))
            let unreadable = try await run(["explain", "--record", "/no/such"])
            #expect(unreadable.status == .exited(66))
        }
    }

    @Test("decisions with their qualities are evaluated, and a wrong line is refused by its number")
    func evaluate() async throws {
        try await withTemporaryDirectory { folder in
            let path = folder.appendingPathComponent("decisions.jsonl")
            var lines = try records(300).enumerated().map { index, record in
                #"{"decision": \#(String(buffer: record.json)), "quality": \#(index % 3 == 0 ? 1 : 0.25), "weight": 0.5}"#
            }
            try Data(lines.joined(separator: "\n").utf8).write(to: path)
            let told = try await run(["evaluate", "--records", path.path, "--policy", "recorded", "--policy", "fixed:large"])
            #expect(told.status == .exited(0), "\(told.errors)")
            let rows = told.output.split(separator: "\n")
            #expect(rows.first?.hasPrefix("300 decisions") == true)
            #expect(rows.contains { $0.hasPrefix("recorded") } && rows.contains { $0.hasPrefix("fixed:large") }, "\(told.output)")
            lines[7] = "{}"
            try Data(lines.joined(separator: "\n").utf8).write(to: path)
            let wrong = try await run(["evaluate", "--records", path.path])
            #expect(wrong.status == .exited(65) && wrong.errors.contains("line 8"))
            for (arguments, status) in [
                (["--policy", "magic"], 64), (["--mu", "1"], 64), (["--lambda", "-1"], 64), (["--records", "/no/such"], 66),
            ] as [([String], Int32)] {
                let refused = try await run(["evaluate", "--records", path.path] + arguments)
                #expect(refused.status == .exited(status), "\(arguments)")
            }
        }
    }
}
