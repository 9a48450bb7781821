import GatewayCore
import SeededRandomness
import Testing

/// What an event loop decides of a route beside the policy: conversations, what exploring takes, and what its cells keep.
@Suite("Loops' sides of arbitrated routes")
struct LoopRouteTests {
    @Test("a conversation leaves its arm for another that is better by more than the lost prompt cache, and of equals it stays")
    func switches() throws {
        let route = RouteTests.route(ArbitrationSettings(explorationShare: 0))
        let hour = RouteStatistics.Hour(index: 10)
        let features = FeatureVector(SIMD32(repeating: 0.1))
        var random = SeededRandom(seed: 1)
        var good = ArmStatistics()
        for index in 0..<400 { good.observe(features, quality: index.isMultiple(of: 2) ? 1 : 0) }
        var better = ArmStatistics()
        for index in 0..<400 { better.observe(features, quality: index.isMultiple(of: 5) ? 0 : 1) }
        let learned = [
            LearnedHour(name: LearnedName(route: "auto", arm: "m0"), hour: hour, statistics: good),
            LearnedHour(name: LearnedName(route: "auto", arm: "m1"), hour: hour, statistics: better),
        ]
        var loop = LoopRoute(try #require(RouteKnowledge(route, id: 5, learned: learned, now: hour)))
        // Qualities of some 0.5 and 0.8. 10,000 tokens by 1.5 USD per million less are 15 mUSD.
        let candidates = [ArmCandidate(arm: 0, costUSD: 0.05), ArmCandidate(arm: 1, costUSD: 0.05)]
        func decide(_ tokens: UInt64, _ lambda: Double) throws -> DecisionRecord {
            try #require(
                loop.decide(
                    features, candidates, infeasible: [], dials: ArbitrageDials(qualityPerMilliUSD: lambda),
                    conversation: ConversationChoice.forTests(0, tokens), now: hour, random: &random))
        }
        let (stays, leaves) = (try decide(10_000, 0.04), try decide(10_000, 0.004))
        #expect(stays.arm == 0 && stays.reason == .sticky && leaves.arm == 1 && leaves.reason == .best)
        #expect(stays.candidates.map(\.belief.costNanoUSD) == [35_000_000, 50_000_000])
        #expect(try decide(0, 0.04).arm == 1)
        for record in [stays, leaves] { #expect(try DecisionRecord(json: record.json).decidedAgain()?.arm == record.arm) }
        var fresh = LoopRoute(try #require(RouteKnowledge(before: route)))
        for arm in [0, 1] {
            let equal = fresh.decide(
                features, candidates, infeasible: [], dials: ArbitrageDials(), conversation: ConversationChoice.forTests(arm, 0), now: hour,
                random: &random)
            #expect(equal?.arm == arm && equal?.reason == .sticky)
        }
    }

    @Test("what a decision took of exploration is there again when it is undone")
    func undoes() throws {
        let route = RouteTests.route(ArbitrationSettings(explorationShare: 0.5, explorationNanoUSDPerHour: 5_000_000, seed: 7))
        let hour = RouteStatistics.Hour(index: 10)
        let features = FeatureVector(SIMD32(repeating: 0.1))
        var random = SeededRandom(seed: 1)
        var loop = LoopRoute(try #require(RouteKnowledge(before: route)))
        let candidates = [ArmCandidate(arm: 0, costUSD: 0.002), ArmCandidate(arm: 1, costUSD: 0.002)]
        var last: DecisionRecord?
        func explored(undone: Bool) -> Int {
            (0..<300).count { _ in
                let record = loop.decide(
                    features, candidates, infeasible: [], dials: ArbitrageDials(), conversation: nil, now: hour, random: &random)
                if undone, let record { loop.undo(record, of: hour) }
                if record?.reason == .exploration { last = record }
                return record?.reason == .exploration
            }
        }
        // Nothing is earned by what is not carried out.
        #expect(explored(undone: true) == 0)
        #expect(explored(undone: false) == 2)
        #expect(explored(undone: false) == 0)
        // What was decided in another hour was paid by that one.
        loop.undo(try #require(last), of: RouteStatistics.Hour(index: 9))
        #expect(explored(undone: false) == 0)
        loop.undo(try #require(last), of: hour)
        #expect(explored(undone: false) == 1)
    }

    @Test("cells of a table keep two numbers, also those that were once written with more")
    func cells() throws {
        let features = FeatureVector(SIMD32(repeating: 0.25))
        var (cell, whole) = (ArmStatistics(.cell), ArmStatistics())
        for quality in [0.0, 0.5, 1] {
            cell.observe(features, quality: quality, weight: 0.5)
            whole.observe(features, quality: quality, weight: 0.5)
        }
        #expect(cell.bytes.count == 16 && cell.isPlausible)
        #expect(ArmStatistics(bytes: cell.bytes, form: .cell) == cell)
        #expect(ArmStatistics(bytes: whole.bytes, form: .cell) == cell)
        #expect(ArmStatistics(bytes: cell.bytes + [0, 0, 0, 0, 0, 0, 0, 0], form: .cell) == nil)
        var (sum, decayed) = (cell, DecayedStatistics())
        sum += cell
        decayed.add(sum, times: 1)
        #expect(decayed.weight == 3 && decayed.meanQuality == 0.5 && decayed.a.allSatisfy { $0 == 0 })
        var mixed = whole
        mixed += cell
        #expect(mixed.words.suffix(2) == sum.words[...] && mixed.words.dropLast(2) == whole.words.dropLast(2))
        #expect(LearnedName(route: "auto", arm: "m0", cell: 3).form == .cell)
    }
}

extension ConversationChoice {
    /// At 2 USD for a million tokens, 0.5 from the provider's cache.
    static func forTests(_ arm: Int, _ cachedTokens: UInt64) -> ConversationChoice {
        ConversationChoice(
            incumbent: arm, cachedTokens: cachedTokens,
            price: Price(input: 2_000_000_000, cacheRead: 500_000_000, cacheWrite: 2_000_000_000, output: 0))
    }
}
