/// How an arbitrated name chooses, as the configuration says it.
package struct ArbitrationSettings: Sendable, Equatable {
    package enum Policy: Sendable, Equatable {
        case thompson
        /// With ε in [0, 1].
        case epsilonGreedy(Double)
        /// The first arm.
        case fixed
        case cheapest
        /// One weight per arm, in their order.
        case weighted([Double])
    }

    package var policy: Policy
    package var dials: ArbitrageDials
    /// The least mean quality of an arm, in [0, 1].
    package var floor: Double?
    /// The share of requests that may go to another arm than the best one known.
    package var explorationShare: Double
    /// What these may cost in an hour, as expected; `nil`: no limit.
    package var explorationNanoUSDPerHour: Int64?
    package var halfLifeHours: Double
    /// Whether a conversation stays at its arm.
    package var isSticky: Bool
    /// What a loop's chance begins with; `nil`: nobody knows.
    package var seed: UInt64?
    package var weights: SignalWeights

    package init(
        policy: Policy = .thompson, dials: ArbitrageDials = ArbitrageDials(), floor: Double? = nil, explorationShare: Double = 0.2,
        explorationNanoUSDPerHour: Int64? = nil, halfLifeHours: Double = 168, isSticky: Bool = true, seed: UInt64? = nil,
        weights: SignalWeights = SignalWeights()
    ) {
        self.policy = policy
        self.dials = dials
        self.floor = floor
        self.explorationShare = explorationShare
        self.explorationNanoUSDPerHour = explorationNanoUSDPerHour
        self.halfLifeHours = halfLifeHours
        self.isSticky = isSticky
        self.seed = seed
        self.weights = weights
    }
}

/// A name whose requests go to one of several models each: its arms.
package final class ArbitratedRoute: Sendable {
    package let name: String
    /// Never empty; none twice.
    package let arms: [UpstreamTarget]
    package let settings: ArbitrationSettings
    /// What a decision is made by before anything was learned; `nil`: there is no arm.
    let prior: RouteKnowledge.Policy?

    /// Makes what is known before anything was learned: for whoever reads a configuration, not for event loops.
    package init(name: String, arms: [UpstreamTarget], settings: ArbitrationSettings) {
        self.name = name
        self.arms = arms
        self.settings = settings
        prior = RouteKnowledge.prior(settings, arms)
    }

    package func index(of target: UpstreamTarget) -> Int? { arms.firstIndex { $0 === target } }

    var rule: ArbitrageRule {
        switch settings.policy {
        case .thompson: .thompson
        case .epsilonGreedy(let epsilon): .epsilonGreedy(epsilon)
        case .fixed: .fixed
        case .cheapest: .cheapest
        case .weighted: .weighted
        }
    }

    /// What the policy learns from: none, or statistics of each arm, or of each arm in each of the table's cells.
    package var learned: [LearnedName] {
        switch settings.policy {
        case .fixed, .cheapest, .weighted, .thompson: arms.map { LearnedName(route: name, arm: $0.model) }
        case .epsilonGreedy:
            arms.flatMap { arm in
                (0..<EpsilonGreedyPolicy.buckets).map { LearnedName(route: name, arm: arm.model, cell: $0) }
            }
        }
    }

    /// Under which name an arm learns from a request.
    package func learnedName(_ arm: Int, _ features: FeatureVector) -> LearnedName {
        if case .epsilonGreedy = settings.policy {
            return LearnedName(route: name, arm: arms[arm].model, cell: EpsilonGreedyPolicy.bucket(features))
        }
        return LearnedName(route: name, arm: arms[arm].model)
    }
}

/// What statistics are kept under: a route's arm, by the features' version. The places of arms in the configuration do not count.
package struct LearnedName: Sendable, Hashable {
    package var route: String
    package var arm: String
    /// Of the table that `epsilon-greedy` keeps.
    package var cell: Int?
    package var version = FeatureVector.version

    package init(route: String, arm: String, cell: Int? = nil) {
        self.route = route
        self.arm = arm
        self.cell = cell
    }

    package var form: ArmStatistics.Form { cell == nil ? .model : .cell }
}

/// What was learned under a name in an hour, or is to be added to it.
package struct LearnedHour: Sendable, Equatable {
    package var name: LearnedName
    package var hour: RouteStatistics.Hour
    package var statistics: ArmStatistics

    package init(name: LearnedName, hour: RouteStatistics.Hour, statistics: ArmStatistics) {
        self.name = name
        self.hour = hour
        self.statistics = statistics
    }
}
