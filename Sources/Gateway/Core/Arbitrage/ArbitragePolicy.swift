/// One model that could answer a request, and what it would cost.
package struct ArmCandidate: Sendable, Equatable {
    /// The arm's index in its route.
    package var arm: Int
    /// What the call is expected to cost, USD.
    package var costUSD: Double
    /// How long it is expected to take, seconds.
    package var latencySeconds: Double

    package init(arm: Int, costUSD: Double, latencySeconds: Double = 0) {
        self.arm = arm
        self.costUSD = costUSD
        self.latencySeconds = latencySeconds
    }
}

/// What a tenant would give for what: applied when a decision is made, so that turning a dial needs no learning anew.
package struct ArbitrageDials: Sendable, Equatable {
    /// λ: the quality, of a scale from 0 to 1, that a thousandth of a US dollar is worth. 0: cost does not matter.
    package var qualityPerMilliUSD: Double
    /// μ: the quality that a second is worth.
    package var qualityPerSecond: Double

    package init(qualityPerMilliUSD: Double = 0, qualityPerSecond: Double = 0) {
        self.qualityPerMilliUSD = qualityPerMilliUSD
        self.qualityPerSecond = qualityPerSecond
    }

    /// quality − λ·cost − μ·latency: the reward.
    package func reward(quality: Double, _ candidate: ArmCandidate) -> Double {
        quality - price(candidate)
    }

    /// λ·cost + μ·latency.
    package func price(_ candidate: ArmCandidate) -> Double {
        qualityPerMilliUSD * candidate.costUSD * 1000 + qualityPerSecond * candidate.latencySeconds
    }
}

/// Why an arm was chosen.
package enum ArbitrageReason: String, Sendable, Equatable {
    /// The best as far as is known.
    case best
    /// Another than the best as far as is known, to learn.
    case exploration
    /// The best as far as is known; another would have been tried, and exploration's share is used up.
    case explorationCapped = "exploration_capped"
    /// Every candidate's quality is below the floor: the one of the highest quality.
    case belowFloor = "below_floor"
    case onlyCandidate = "only_candidate"
    /// The conversation's last arm: no other is better by more than the switch costs.
    case sticky
    /// The caller named the model, and it may not be replaced.
    case pinned
    /// The policy looks at no request: fixed, cheapest, weighted.
    case rule
}

/// What was decided, and all that it takes to decide the same again: the candidates, the model of that id and the seed.
package struct ArbitrageDecision: Sendable, Equatable {
    package var arm: Int
    package var reason: ArbitrageReason
    /// Chance of this decision alone.
    package var seed: UInt64
    /// ``BanditModel/id``; 0 for policies without one.
    package var model: UInt64 = 0
    package var featureVersion = FeatureVector.version
    /// Whether another arm than the best could have been chosen.
    package var couldExplore = false

    package init(
        arm: Int, reason: ArbitrageReason, seed: UInt64, model: UInt64 = 0, featureVersion: Int = FeatureVector.version,
        couldExplore: Bool = false
    ) {
        self.arm = arm
        self.reason = reason
        self.seed = seed
        self.model = model
        self.featureVersion = featureVersion
        self.couldExplore = couldExplore
    }
}

/// Chooses one of a request's candidates, all of which could serve it, and learns from what comes back. Pure.
package protocol ArbitragePolicy: Sendable {
    var rule: ArbitrageRule { get }

    /// What a decision weighs of a candidate in the policy's present state.
    func belief(_ candidate: ArmCandidate, _ features: FeatureVector) -> ArmBelief

    /// - Parameter candidates: at most one per arm.
    /// - Returns: `nil`: there is no candidate.
    mutating func decide(
        _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, random: inout some RandomNumberGenerator
    ) -> ArbitrageDecision?

    /// The probability with which each candidate is chosen in the policy's present state. Off the path of requests: slow.
    func propensities(_ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials) -> [Double]

    /// What a call's answer was worth, in [0, 1]: at any time after its decision, in any order.
    mutating func observe(arm: Int, _ features: FeatureVector, quality: Double, hour: RouteStatistics.Hour)

    /// Takes what was observed into account; called on a timer.
    mutating func refresh(now: RouteStatistics.Hour)
}

extension ArbitragePolicy {
    package func belief(_ candidate: ArmCandidate, _ features: FeatureVector) -> ArmBelief { ArmBelief(candidate) }

    /// What a decision that was just made leaves behind.
    ///
    /// - Parameter names: by arm.
    package func record(
        of decision: ArbitrageDecision, _ features: FeatureVector, _ candidates: [ArmCandidate], _ dials: ArbitrageDials, names: [String],
        infeasible: [DecisionRecord.Infeasible] = [], incumbent: Int? = nil
    ) -> DecisionRecord {
        DecisionRecord(
            rule: rule, features: features,
            candidates: candidates.map { candidate in
                DecisionRecord.Candidate(
                    name: names.indices.contains(candidate.arm) ? names[candidate.arm] : "\(candidate.arm)",
                    belief: belief(candidate, features))
            },
            infeasible: infeasible, dials: dials, incumbent: incumbent, decision: decision)
    }
}
