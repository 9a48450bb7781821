/// What a decision leaves behind: from it alone the same can be decided again, its propensity be integrated, and a late reward be learned from.
///
/// Numbers and names of models only; nothing of a request's text.
package struct DecisionRecord: Sendable, Equatable {
    /// Of the form in which it is written.
    package static let version = 1
    package static let mostCandidates = 64
    /// Of its JSON. A record that would be longer leaves out arms that could not have been chosen: ``omitted``.
    package static let mostBytes = 4096
    /// Of an arm's name, in bytes of UTF-8.
    package static let mostNameBytes = 128
    /// Features are kept in units of a 4096th.
    static let featureScale: Float = 4096

    package struct Candidate: Sendable, Equatable {
        package var name: String
        package var belief: ArmBelief

        package init(name: String, belief: ArmBelief) {
            self.name = name
            self.belief = belief
        }
    }

    /// Why an arm was no candidate.
    package enum Infeasibility: String, Sendable, CaseIterable {
        case contextLength = "context_length"
        case tools
        case vision
        case structuredOutput = "structured_output"
        case residency
        /// Its tenant or key may not use it.
        case notAllowed = "not_allowed"
        /// Its breaker is open, or it is drained.
        case unhealthy
        /// What is left of the caller's budgets is less than it may cost.
        case budget
        /// Its own limit of its tenant's is used up.
        case limited
        /// Its price is not known.
        case unpriced
        /// The quality floor retired it.
        case belowFloor = "below_floor"
    }

    package struct Infeasible: Sendable, Equatable {
        package var name: String
        package var reason: Infeasibility

        package init(name: String, reason: Infeasibility) {
            self.name = name
            self.reason = reason
        }
    }

    package var rule: ArbitrageRule
    package var ruleVersion = ArbitrageRule.version
    package var featureVersion = FeatureVector.version
    /// In 4096ths: ``features``.
    package private(set) var featureUnits: SIMD32<Int16>
    /// At least one; at most one per arm.
    package var candidates: [Candidate]
    package var infeasible: [Infeasible]
    /// Candidates and infeasible arms that found no room.
    package var omitted = 0
    package var dials: ArbitrageDials
    /// The arm of the conversation's last answer, where it was to be kept if nothing is better.
    package var incumbent: Int?
    package var seed: UInt64
    /// Which state of knowledge it was made in: ``BanditModel/id``.
    package var snapshot: UInt64
    package var couldExplore: Bool
    /// The chosen arm's index in its route: one of the candidates.
    package var arm: Int
    package var reason: ArbitrageReason

    package init(
        rule: ArbitrageRule, features: FeatureVector, candidates: [Candidate], infeasible: [Infeasible] = [], dials: ArbitrageDials,
        incumbent: Int? = nil, decision: ArbitrageDecision
    ) {
        self.rule = rule
        featureUnits = Self.units(features)
        self.candidates = candidates
        self.infeasible = infeasible
        self.dials = dials
        self.incumbent = incumbent
        featureVersion = decision.featureVersion
        seed = decision.seed
        snapshot = decision.model
        couldExplore = decision.couldExplore
        arm = decision.arm
        reason = decision.reason
    }

    init(
        rule: ArbitrageRule, units: SIMD32<Int16>, candidates: [Candidate], infeasible: [Infeasible], dials: ArbitrageDials,
        incumbent: Int?, decision: ArbitrageDecision
    ) {
        self.init(
            rule: rule, features: FeatureVector(SIMD32(repeating: 0)), candidates: candidates, infeasible: infeasible, dials: dials,
            incumbent: incumbent, decision: decision)
        featureUnits = units
    }

    private static func units(_ features: FeatureVector) -> SIMD32<Int16> {
        var units = SIMD32<Int16>(repeating: 0)
        for lane in 0..<FeatureVector.dimension { units[lane] = Int16((features.lanes[lane] * featureScale).rounded()) }
        return units
    }

    /// What was known of the request, to the nearest 4096th.
    package var features: FeatureVector {
        var lanes = SIMD32<Float>(repeating: 0)
        for lane in 0..<FeatureVector.dimension { lanes[lane] = Float(featureUnits[lane]) / Self.featureScale }
        return FeatureVector(lanes)
    }

    package var chosen: Candidate? { candidates.first { $0.belief.arm == arm } }

    /// The record with no more arms than may be, the ones left out that matter least: first infeasible ones, then candidates in the order of how little
    /// they could have been chosen. The chosen one, the conversation's own and the best one known stay.
    func bounded(candidates most: Int) -> DecisionRecord {
        var record = self
        let room = max(0, most - record.candidates.count)
        if record.infeasible.count > room {
            record.omitted += record.infeasible.count - room
            record.infeasible.removeLast(record.infeasible.count - room)
        }
        while record.candidates.count > max(2, most), let least = record.leastLikely {
            record.candidates.remove(at: least)
            record.omitted += 1
        }
        return record
    }

    private var leastLikely: Int? {
        let best = candidates.map { $0.belief.reward(dials) }.max() ?? 0
        func hope(_ index: Int) -> Double {
            let belief = candidates[index].belief
            return belief.reward(dials) + 8 * belief.qualityDeviation
        }
        let kept = [arm, incumbent]
        return candidates.indices.filter { !kept.contains(candidates[$0].belief.arm) && candidates[$0].belief.reward(dials) < best }
            .min { hope($0) < hope($1) } ?? candidates.indices.last { candidates[$0].belief.arm != arm }
    }
}
