import GatewayCore
import NIOCore
import SeededRandomness
import Testing

@Suite("Arbitrage: what another policy would have been worth")
struct OffPolicyTests {
    private static let dials = ArbitrageDials(qualityPerMilliUSD: 0.2)
    private static let qualities = [0.3, 0.6, 0.8]
    private static let candidates = [0.0001, 0.0005, 0.002].enumerated().map { ArmCandidate(arm: $0.offset, costUSD: $0.element) }

    /// Decisions by chance; qualities are 0 or 1.
    private func decisions(_ policy: some ArbitragePolicy, count: Int, seed: UInt64) throws -> [RewardedDecision] {
        var (policy, random) = (policy, SeededRandom(seed: seed))
        let features = FeatureVector(SIMD32(repeating: 0.1))
        return try (0..<count).map { _ in
            let decided = policy.decide(features, Self.candidates, Self.dials, random: &random)
            let decision = try #require(decided)
            let quality = Double.random(in: 0..<1, using: &random) < Self.qualities[decision.arm] ? 1.0 : 0
            let record = policy.record(of: decision, features, Self.candidates, Self.dials, names: ["a", "b", "c"])
            return RewardedDecision(record: record, quality: quality)
        }
    }

    private func worth(_ arm: Int) -> Double { Self.dials.reward(quality: Self.qualities[arm], Self.candidates[arm]) }

    @Test("each estimator's interval has the truth in it, from decisions of a table and of chance", arguments: [UInt64(1), 2, 3])
    func estimates(seed: UInt64) throws {
        let logs = [
            try decisions(WeightedPolicy(weights: [1, 2, 1]), count: 4000, seed: seed),
            try decisions(EpsilonGreedyPolicy(arms: 3, epsilon: 0.4), count: 4000, seed: seed),
        ]
        for log in logs {
            for (target, truth) in [
                (.fixed("b"), worth(1)), (.fixed("c"), worth(2)), (.cheapest, worth(0)), (.uniform, (worth(0) + worth(1) + worth(2)) / 3),
            ] as [(OffPolicyEvaluation.Target, Double)] {
                var evaluation = OffPolicyEvaluation(target: target)
                for decision in log { evaluation.add(decision) }
                for estimate in [evaluation.ips, evaluation.snips, evaluation.doublyRobust] {
                    let estimate = try #require(estimate)
                    #expect(abs(estimate.mean - truth) < 4 * estimate.standardError && estimate.standardError < 0.1, "\(target)")
                }
                #expect(evaluation.uncoveredShare == 0 && evaluation.effectiveCount > 100 && evaluation.effectiveCount <= 4000)
            }
            var recorded = OffPolicyEvaluation(target: .recorded)
            for decision in log { recorded.add(decision) }
            let mean = log.reduce(0) { $0 + Self.dials.reward(quality: $1.quality, Self.candidates[$1.record.arm]) } / Double(log.count)
            #expect(abs((recorded.ips?.mean ?? 0) - mean) < 1e-9 && abs((recorded.snips?.mean ?? 0) - mean) < 1e-9)
        }
    }

    @Test("doubly robust is surer than IPS where what was believed is right")
    func surer() throws {
        var policy = EpsilonGreedyPolicy(arms: 3, epsilon: 0.3)
        let features = FeatureVector(SIMD32(repeating: 0.1))
        for (arm, quality) in Self.qualities.enumerated() {
            for _ in 0..<500 { policy.observe(arm: arm, features, quality: quality, hour: .init(index: 0)) }
        }
        var evaluation = OffPolicyEvaluation(target: .fixed("a"))
        for decision in try decisions(policy, count: 2000, seed: 7) { evaluation.add(decision) }
        let (ips, robust) = (try #require(evaluation.ips), try #require(evaluation.doublyRobust))
        #expect(robust.standardError < ips.standardError && abs(robust.mean - worth(0)) < 4 * robust.standardError)
    }

    @Test("what could not have been chosen is told, and what says nothing is left out")
    func uncovered() throws {
        var evaluation = OffPolicyEvaluation(target: .fixed("c"), dials: ArbitrageDials())
        for decision in try decisions(FixedPolicy(arm: 0), count: 10, seed: 1) { evaluation.add(decision) }
        #expect(evaluation.uncoveredShare == 1 && evaluation.effectiveCount == 0 && evaluation.snips == nil)
        var missing = OffPolicyEvaluation(target: .fixed("nobody"))
        for decision in try decisions(FixedPolicy(arm: 0), count: 10, seed: 1) { missing.add(decision) }
        #expect(missing.count == 0 && missing.leftOut == 10 && missing.ips == nil && missing.doublyRobust == nil)
    }

    @Test("a line is a record, a quality and perhaps a weight; anything else is refused")
    func lines() throws {
        let decision = try #require(try decisions(WeightedPolicy(weights: [1, 1, 1]), count: 1, seed: 1).first)
        let record = String(buffer: decision.record.json)
        let read = try RewardedDecision(json: ByteBuffer(string: #"{"decision": \#(record), "quality": 0.5, "weight": 0.25}"#))
        #expect(read.record == decision.record && read.quality == 0.5 && read.weight == 0.25)
        #expect(try RewardedDecision(json: ByteBuffer(string: #"{"quality": 1, "decision": \#(record)}"#)).weight == 1)
        for line in [
            #"{"decision": \#(record)}"#, #"{"quality": 1}"#, #"{"decision": {}, "quality": 1}"#,
            #"{"decision": \#(record), "quality": 2}"#,
            #"{"decision": \#(record), "quality": 1, "weight": 0}"#, #"{"decision": \#(record), "quality": 1, "quality": 1}"#,
            #"{"decision": \#(record), "quality": 1, "more": 1}"#, "[]", "", #"{"decision": \#(record), "quality": "1"}"#,
        ] {
            #expect(throws: DecisionRecordFault.self) { try RewardedDecision(json: ByteBuffer(string: line)) }
        }
    }

    @Test("a conversation stays with its model until another is better by more than the prompt cache is worth")
    func conversation() throws {
        var policy = EpsilonGreedyPolicy(arms: 2, epsilon: 0)
        let features = FeatureVector(SIMD32(repeating: 0.1))
        for _ in 0..<500 {
            policy.observe(arm: 0, features, quality: 0.5, hour: .init(index: 0))
            policy.observe(arm: 1, features, quality: 0.6, hour: .init(index: 0))
        }
        let price = Price(input: 2_000_000_000, cacheRead: 500_000_000, cacheWrite: 2_000_000_000, output: 0)
        let candidates = [ArmCandidate(arm: 0, costUSD: 0.05), ArmCandidate(arm: 1, costUSD: 0.05)]
        let dials = ArbitrageDials(qualityPerMilliUSD: 0.01)
        func chosen(_ tokens: UInt64, _ candidates: [ArmCandidate]) -> (arm: Int, reason: ArbitrageReason)? {
            let choice = ConversationChoice(incumbent: 0, cachedTokens: tokens, price: price)
            return choice.decision(policy, features, choice.candidates(candidates), dials).map { ($0.arm, $0.reason) }
        }
        // 10,000 tokens by 1.5 USD per million less are 15 mUSD: 0.15 of quality at this λ.
        #expect(ConversationChoice(incumbent: 0, cachedTokens: 10_000, price: price).savedNanoUSD == 15_000_000)
        #expect(chosen(10_000, candidates)?.arm == 0 && chosen(10_000, candidates)?.reason == .sticky)
        #expect(chosen(1000, candidates)?.arm == 1 && chosen(1000, candidates)?.reason == .best)
        #expect(chosen(10_000, [candidates[1]]) == nil && chosen(0, [candidates[0]])?.reason == .onlyCandidate)
        let choice = ConversationChoice(incumbent: 0, cachedTokens: 10_000, price: price)
        let told = choice.candidates(candidates)
        let decision = try #require(choice.decision(policy, features, told, dials))
        let record = policy.record(of: decision, features, told, dials, names: ["a", "b"], incumbent: 0)
        #expect(try DecisionRecord(json: record.json).decidedAgain()?.reason == .sticky)
    }
}
