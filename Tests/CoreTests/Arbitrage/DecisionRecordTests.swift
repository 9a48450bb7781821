import GatewayCore
import NIOCore
import SeededRandomness
import Testing

@Suite("Arbitrage: what a decision leaves behind")
struct DecisionRecordTests {
    private static let hour = RouteStatistics.Hour(index: 0)
    private static let dials = ArbitrageDials(qualityPerMilliUSD: 0.3, qualityPerSecond: 0.01)

    private func vector(_ random: inout SeededRandom) -> FeatureVector {
        var lanes = SIMD32<Float>(repeating: 0)
        for lane in 0..<FeatureVector.dimension { lanes[lane] = Float.random(in: -1...1, using: &random) }
        return FeatureVector(lanes)
    }

    private func candidates(_ random: inout SeededRandom, _ count: Int) -> [ArmCandidate] {
        (0..<count).map {
            ArmCandidate(
                arm: $0, costUSD: Double.random(in: 0...0.002, using: &random), latencySeconds: Double.random(in: 0...5, using: &random))
        }
    }

    private func names(_ count: Int, bytes: Int = 20) -> [String] {
        (0..<count).map { "\($0)" + String(repeating: "m", count: max(0, bytes - "\($0)".utf8.count)) }
    }

    private func policies(_ arms: Int) throws -> [any ArbitragePolicy] {
        var settings = ThompsonPolicy.Settings(prior: BanditPrior(strengths: Array(repeating: 0.5, count: arms)))
        settings.explorationScale = 1
        settings.explorationShare = 0.5
        return [
            try #require(ThompsonPolicy(settings)), EpsilonGreedyPolicy(arms: arms, epsilon: 0.3),
            WeightedPolicy(weights: (0..<arms).map { Double($0) }), FixedPolicy(arm: 2), CheapestPolicy(),
        ]
    }

    @Test(
        "is read as it was written, and the same is decided from it again", arguments: [UInt64(1), 2])
    func again(seed: UInt64) throws {
        for policy in try policies(6) {
            var (policy, random, seen) = (policy, SeededRandom(seed: seed), Set<ArbitrageReason>())
            for step in 0..<150 {
                let (features, candidates) = (vector(&random), candidates(&random, 6))
                if step % 10 == 0 { policy.refresh(now: Self.hour) }
                let decided = policy.decide(features, candidates, Self.dials, random: &random)
                let decision = try #require(decided)
                let record = policy.record(
                    of: decision, features, candidates, Self.dials, names: names(6), infeasible: [.init(name: "x", reason: .vision)])
                let read = try DecisionRecord(json: record.json)
                #expect(read == record)
                let again = read.decidedAgain()
                #expect(again?.arm == decision.arm && again?.reason == decision.reason, "\(policy.rule)")
                let propensities = read.propensities()
                #expect(abs(propensities.reduce(0, +) - 1) < 1e-9 && (propensities[decision.arm] > 0))
                seen.insert(decision.reason)
                policy.observe(arm: decision.arm, features, quality: Double.random(in: 0...1, using: &random), hour: Self.hour)
            }
            if case .thompson = policy.rule { #expect(seen == [.best, .exploration, .explorationCapped]) }
        }
    }

    @Test("from the features of a record nearly the same is learned, and nothing is larger than a 4096th off")
    func features() throws {
        var random = SeededRandom(seed: 8)
        let features = vector(&random)
        let record = record(features, count: 3)
        for lane in 0..<FeatureVector.dimension {
            #expect(abs(record.features.lanes[lane] - features.lanes[lane]) <= 0.5 / 4096)
        }
        #expect(try DecisionRecord(json: record.json).features == record.features)
    }

    private func record(_ features: FeatureVector, count: Int, bytes: Int = 20, arm: Int = 1) -> DecisionRecord {
        var random = SeededRandom(seed: 5)
        let beliefs = (0..<count).map {
            ArmBelief(
                ArmCandidate(arm: $0, costUSD: 0.123_456_789, latencySeconds: 123.456), mean: Double.random(in: 0.4...0.6, using: &random),
                deviation: 0.01)
        }
        let decision = ArbitrageDecision(arm: arm, reason: .exploration, seed: .max, model: 7, couldExplore: true)
        return DecisionRecord(
            rule: .thompson, features: features, candidates: zip(names(count, bytes: bytes), beliefs).map { .init(name: $0, belief: $1) },
            infeasible: (0..<8).map { .init(name: "i\($0)", reason: .structuredOutput) }, dials: Self.dials, decision: decision)
    }

    @Test("is never longer than its limit: arms are left out that matter least, and how many is told", arguments: [1, 64, 90, 200])
    func bounded(count: Int) throws {
        var random = SeededRandom(seed: 8)
        for bytes in [1, 30, 128, 500] {
            let record = record(vector(&random), count: count, bytes: bytes, arm: count / 2)
            let line = record.json
            #expect(line.readableBytes <= DecisionRecord.mostBytes)
            let read = try DecisionRecord(json: line)
            #expect(read.candidates.count + read.infeasible.count + read.omitted == count + 8)
            #expect(read.arm == record.arm && read.chosen?.belief == record.chosen?.belief)
            let best = record.candidates.max { $0.belief.mean < $1.belief.mean }
            #expect(read.candidates.contains { $0.belief == best?.belief })
        }
    }

    @Test("garbage is refused with what is wrong")
    func refused() throws {
        var random = SeededRandom(seed: 1)
        let line = String(buffer: record(vector(&random), count: 3).json)
        func fault(_ text: String) -> String? {
            do throws(DecisionRecordFault) {
                _ = try DecisionRecord(json: ByteBuffer(string: text))
                return nil
            } catch {
                return error.description
            }
        }
        #expect(fault(line) == nil)
        for (old, new) in [
            (#""v":1"#, #""v":2"#), (#""v":1"#, #""v":1,"v":1"#), (#""v":1"#, #""v":1,"more":1"#),
            (#""policy":"thompson""#, #""policy":"x""#),
            (#""policy":"thompson""#, #""policy":"epsilon-greedy""#), (#""policy":"thompson""#, #""policy":"thompson","epsilon":0.1"#),
            (#""chosen":1"#, #""chosen":9"#), (#""chosen":1"#, #""chosen":-1"#), (#""reason":"exploration""#, #""reason":"none""#),
            (#""seed":"ffff"#, #""seed":"FFFF"#), (#""seed":"ffff"#, #""seed":"fff"#), (#""could_explore":true"#, #""could_explore":1"#),
            (#""lambda":0.3"#, #""lambda":-0.3"#), (#""lambda":0.3"#, #""lambda":1e999"#), (#""features":["#, #""features":[0,"#),
            (#""features":["#, #""features":[[],"#), ("123456789", "-1"), ("123456789", "1e15"), (#"["1mmm"#, #"["\u0007"#),
            (#"["1mmmmmmmmmmmmmmmmmmm",1,"#, #"["1",2,"#), (#""structured_output""#, #""why_not""#), (#""snapshot":"#, #""snap":"#),
            (#""infeasible":["#, #""infeasible":[[],"#), ("}", "},"), ("{", "[{"),
        ] {
            #expect(line.contains(old), "\(old)")
            let changed = line.replacing(old, with: new, maxReplacements: 1)
            #expect(fault(changed) != nil, "\(new)")
        }
        #expect(fault("") != nil && fault("[]") != nil && fault("null") != nil)
        #expect(fault(line + String(repeating: " ", count: 4096))?.contains("longer") == true)
        // Cut and damaged at every place: refused or read, never worse.
        for _ in 0..<3000 {
            var bytes = Array(line.utf8)
            let place = Int.random(in: 0..<bytes.count, using: &random)
            if Bool.random(using: &random) {
                bytes.removeSubrange(place...)
            } else {
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            if let read = try? DecisionRecord(json: ByteBuffer(bytes: bytes)) {
                _ = read.decidedAgain()
                #expect(read.propensities().allSatisfy { $0 >= 0 && $0 <= 1 + 1e-9 })
            }
        }
    }

    @Test("a last arm is kept by the record as by the decision, and rules of another version are not applied")
    func special() {
        var random = SeededRandom(seed: 4)
        var record = record(vector(&random), count: 3)
        let best = record.candidates.max { $0.belief.mean < $1.belief.mean }?.belief.arm ?? 0
        record.incumbent = best
        record.arm = best
        record.reason = .sticky
        let kept = record.decidedAgain()
        #expect(kept?.arm == best && kept?.reason == .sticky && record.propensities()[best] == 1)
        record.incumbent = (best + 1) % 3
        #expect(record.decidedAgain()?.reason == .best)
        record.ruleVersion += 1
        #expect(record.decidedAgain() == nil)
    }
}
