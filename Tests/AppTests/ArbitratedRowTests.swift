import Foundation
import GatewayCore
import NIOCore
import Testing

@testable import AgentShieldGateway

@Suite("Arbitrage: rows of the ledger")
struct ArbitratedRowTests {
    private static let features = FeatureVector(SIMD32(repeating: 0.1))

    private func answer(_ number: Int, _ arm: String) -> ArbitratedAnswer {
        ArbitratedAnswer(
            id: RequestID(high: UInt64(number * 1_000) << 16, low: UInt64(number)), tenant: "acme", department: nil, user: nil, keyID: "k",
            route: "auto", arm: arm, features: Self.features)
    }

    /// Made by chance alone, among a cheap model and a dear one.
    private func decision(_ number: Int, model: String? = nil, signals: [ObservedQuality] = []) throws -> (LedgerEntry, arm: String) {
        var policy = WeightedPolicy(weights: [1, 1])
        var chance = SystemRandomNumberGenerator()
        let candidates = [ArmCandidate(arm: 0, costUSD: 0.000_1), ArmCandidate(arm: 1, costUSD: 0.001)]
        let dials = ArbitrageDials()
        let decided = try #require(policy.decide(Self.features, candidates, dials, random: &chance))
        let record = policy.record(of: decided, Self.features, candidates, dials, names: ["cheap", "dear"])
        let arm = decided.arm == 0 ? "cheap" : "dear"
        let own = answer(number, model ?? arm)
        return (
            .decision(
                LedgerDecision(
                    requestID: own.id, tenant: own.tenant, department: nil, user: nil, keyID: own.keyID, route: own.route, model: own.arm,
                    record: String(buffer: record.json), signals: signals)), arm
        )
    }

    private func feedback(_ number: Int, _ arm: String, _ score: Double) -> LedgerEntry {
        .reward(LedgerReward(answer(number, arm), ObservedQuality(.feedback, quality: score, weight: 1)))
    }

    @Test("decisions are evaluated by what was said of the chosen model, also later; what nobody spoke of is left out")
    func join() throws {
        var join = RewardJoin([OffPolicyEvaluation(target: .fixed("dear")), OffPolicyEvaluation(target: .recorded)])
        for number in 0..<400 {
            let (entry, arm) = try decision(number)
            join.add(entry)
            if number % 4 != 0 { join.add(feedback(number, arm, arm == "dear" ? 0.9 : 0.3)) }
        }
        // Of a model that answered in the chosen one's place.
        let (rescued, chosen) = try decision(1_000, model: "rescuer", signals: [ObservedQuality(.feedback, quality: 1, weight: 1)])
        join.add(rescued)
        join.add(feedback(1_000, chosen == "dear" ? "cheap" : "dear", 1))
        join.add(feedback(5_000, "dear", 1))
        join.finish()
        #expect(join.decisions == 401 && join.silent == 101 && join.late == 1 && join.unreadable == 0)
        #expect(join.evaluations.map(\.count) == [300, 300])
        #expect(abs((join.evaluations[0].snips?.mean ?? 0) - 0.9) < 1e-9)
        let recorded = try #require(join.evaluations[1].ips)
        #expect(recorded.mean > 0.3 && recorded.mean < 0.9 && recorded.standardError > 0)
    }

    @Test("the chosen model's failure counts though its row comes before the decision's, which another model's answer ended")
    func failed() throws {
        var join = RewardJoin([OffPolicyEvaluation(target: .recorded)])
        for number in 0..<20 {
            let (entry, arm) = try decision(number, model: "rescuer")
            join.add(.reward(LedgerReward(answer(number, arm), ObservedQuality(.error, quality: 0, weight: 1))))
            join.add(entry)
        }
        join.finish()
        #expect(join.late == 0 && join.silent == 0 && join.evaluations[0].count == 20)
        #expect(join.evaluations[0].snips?.mean == 0)
    }

    @Test("no more decisions wait than may: the oldest is evaluated by what is known, and later words on it are counted")
    func bounded() throws {
        var join = RewardJoin([OffPolicyEvaluation(target: .recorded)], most: 2)
        var arms: [String] = []
        for number in 0..<3 {
            let (entry, arm) = try decision(number)
            arms.append(arm)
            join.add(entry)
        }
        for number in 0..<3 { join.add(feedback(number, arms[number], 1)) }
        #expect(join.late == 1 && join.silent == 1)
        join.finish()
        #expect(join.evaluations[0].count == 2)
    }

    @Test("status adds calls, signs and what any arm would have cost, in parts of the time")
    func status() throws {
        var statistics = ArbitrageStatistics(since: 0, until: 12_000)
        var (calls, dear) = (0, 0)
        for number in 0..<12 {
            let (entry, arm) = try decision(number)
            statistics.add(entry)
            calls += 1
            if arm == "dear" { dear += 1 }
            statistics.add(feedback(number, arm, arm == "dear" ? 1 : 0))
        }
        let total = statistics.total
        #expect(total.calls == 12 && total.dearest == 12_000_000)
        #expect(total.spent == Int64(dear) * 1_000_000 + Int64(12 - dear) * 100_000)
        #expect(statistics.timeline.allSatisfy { $0.calls == 1 && $0.weight == 1 })
        #expect(statistics.arms["dear"]?.alwaysNanoUSD == 12_000_000 && statistics.arms["cheap"]?.alwaysNanoUSD == 1_200_000)
        let report = StatusReport(name: "auto", statistics: statistics).text
        #expect(report.contains("auto: 12 calls from 1970-01-01T00:00:00Z") && report.contains("always the dearest 0.012000 USD"))
        let object = try JSONSerialization.jsonObject(with: statistics.object(of: "auto").encoded()) as? [String: Any]
        #expect(object?["calls"] as? Int == 12 && (object?["arms"] as? [Any])?.count == statistics.arms.count)
    }
}
