internal import GatewayCore

/// What the file says of arbitrage.
extension ConfigurationLoader {
    static func modelTraits(_ section: Section) -> ModelTraits {
        let supported = section.texts("supports").compactMap { Configuration.Capability(rawValue: $0.value) }
        var traits = ModelTraits()
        traits.contextTokens = section.optionalInteger("context_tokens").map { UInt64($0) }
        if section.has("supports") {
            traits.supports = []
            for capability in supported { traits.supports.insert(capability.capability) }
        }
        traits.region = section.optionalText("region")
        let strength = section.score("strength")
        traits.strength = section.has("strength") ? Double(strength) : nil
        return traits
    }

    /// - Returns: `nil`: the name is not arbitrated.
    static func arbitratedName(_ section: Section, _ catalogue: Catalogue) -> Configuration.ArbitratedName? {
        guard let own = section.optionalSection("arbitrage") else {
            if !section.has("fallback") {
                section.refuse("", "has neither `fallback` nor `arbitrage`", remedy: "add one of the two")
            }
            return nil
        }
        if section.has("fallback") {
            section.refuse(
                "fallback", "stands beside `arbitrage`, whose arms are called behind each other", remedy: "remove one of the two")
        }
        let written = own.texts("arms")
        for (index, arm) in written.enumerated() where !catalogue.models.contains(where: { $0.matches(arm.value) }) {
            own.refuse("arms[\(index)]", at: arm.position, catalogue.unknownModel(arm.value))
        }
        if written.count > maxModelsPerAlias {
            own.refuse("arms", "has \(written.count) models", remedy: "keep at most \(maxModelsPerAlias)")
        }
        let arms = written.map(\.value)
        let replaces = own.texts("replaces")
        for (index, model) in replaces.enumerated() where !arms.contains(model.value) {
            own.refuse(
                "replaces[\(index)]", at: model.position,
                ValueProblem("is no arm: \(model.value)", remedy: "add it to `arms`, or remove it here"))
        }
        return Configuration.ArbitratedName(arms: arms, settings: settings(own, arms), replaces: replaces.map(\.value))
    }

    private static func settings(_ section: Section, _ arms: [String]) -> ArbitrationSettings {
        let name: Configuration.ArbitragePolicyName = section.choice("policy")
        let (weights, epsilon) = (weights(section, arms, name), section.score("epsilon"))
        let explore = section.section("explore")
        let (share, spending) = (explore.score("share"), explore.optionalAmount("usd_per_hour"))
        if name != .epsilonGreedy, section.has("epsilon") {
            section.refuse("epsilon", "is of `epsilon-greedy` alone", remedy: "remove it, or write `policy: epsilon-greedy`")
        }
        refuseForeignKeys(section, name)
        let floor = section.score("floor")
        let rewards = section.section("rewards")
        func weight(_ key: String) -> Double { Double(rewards.score(key)) }
        return ArbitrationSettings(
            policy: name.policy(weights: weights, epsilon: Double(epsilon)),
            dials: ArbitrageDials(qualityPerMilliUSD: section.decimal("lambda"), qualityPerSecond: section.decimal("mu")),
            floor: section.has("floor") ? Double(floor) : nil, explorationShare: Double(share), explorationNanoUSDPerHour: spending,
            halfLifeHours: Double(section.duration("half_life").components.seconds) / 3600, isSticky: section.flag("sticky"),
            seed: section.optionalInteger("seed").map { UInt64($0) },
            weights: SignalWeights(
                structuredOutput: weight("structured_output"), toolCall: weight("tool_call"), truncation: weight("truncation"),
                refusal: weight("refusal"), error: weight("error"), retry: weight("retry")))
    }

    /// What the policy would take no notice of.
    private static func refuseForeignKeys(_ section: Section, _ policy: Configuration.ArbitragePolicyName) {
        for key in ["explore", "floor", "half_life"] where policy != .thompson && section.has(key) {
            section.refuse(key, "is of `thompson` alone", remedy: "remove it, or write `policy: thompson`")
        }
        if ![.thompson, .epsilonGreedy].contains(policy), section.has("sticky") {
            section.refuse("sticky", "is of policies that learn", remedy: "remove it, or write `policy: thompson`")
        }
        if [.fixed, .cheapest].contains(policy), section.has("seed") {
            section.refuse("seed", "is of policies that leave something to chance", remedy: "remove it")
        }
    }

    private static func weights(_ section: Section, _ arms: [String], _ policy: Configuration.ArbitragePolicyName) -> [Double] {
        let written = section.texts("weights")
        guard !written.isEmpty else { return arms.map { _ in 1 } }
        if policy != .weighted {
            section.refuse("weights", "is of `weighted` alone", remedy: "remove it, or write `policy: weighted`")
        }
        var weights = arms.map { _ in 0.0 }
        for (index, entry) in written.enumerated() {
            let parts = entry.value.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, let arm = arms.firstIndex(of: String(parts[0])), let weight = Int(parts[1]),
                (0...1_000_000).contains(weight)
            else {
                section.refuse(
                    "weights[\(index)]", at: entry.position,
                    ValueProblem("is no arm with its weight", remedy: "write `model=3`, with an arm and a whole number up to 1000000"))
                continue
            }
            weights[arm] = Double(weight)
        }
        if !weights.contains(where: { $0 > 0 }) { section.refuse("weights", "has none above 0", remedy: "give an arm one") }
        return weights
    }

    /// Models that callers name and that another name stands in for: each for one.
    static func refuseTwoReplacements(_ root: Section, _ catalogue: Catalogue) {
        var replaced: Set<String> = []
        for (section, alias) in zip(root.sections("aliases"), catalogue.aliases) {
            for model in alias.arbitrage?.replaces ?? [] where !replaced.insert(model).inserted {
                section.section("arbitrage").refuse(
                    "replaces", "has a model that another name replaces too: \(model)", remedy: "keep it in one of the two")
            }
        }
    }

    /// An arm that nobody knows the price of is never called: with a store its price may be imported later, else it never will be.
    static func refuseUnpricedArms(
        _ root: Section, _ catalogue: Catalogue, _ providers: [String: Configuration.Provider], control: Configuration.Control,
        ceiling: Price?
    ) {
        guard control == .none, ceiling == nil else { return }
        for (section, alias) in zip(root.sections("aliases"), catalogue.aliases) {
            for (index, arm) in (alias.arbitrage?.arms ?? []).enumerated() {
                guard let model = catalogue.models.first(where: { $0.matches(arm) }), model.price == nil else { continue }
                let (list, name) = (providers[model.provider]?.priceList ?? model.provider, model.upstreamName ?? arm)
                let isListed = ShippedPrices.entries.contains { $0.provider == list && ModelPattern($0.model).matches(name) }
                guard !isListed else { continue }
                section.section("arbitrage").refuse(
                    "arms[\(index)]", "has no price: \(arm)",
                    remedy: "add `price` to the model, or name a store, into which `agentshield prices import` brings it")
            }
        }
    }

    static func arbitrage(_ root: Section, replicas: Configuration.Replicas) -> Configuration.Arbitrage {
        let section = root.section("arbitrage")
        let file = section.optionalText("file").map { section.reading.resolved($0) }
        if file != nil, replicas == .many {
            section.refuse("file", "is one process' own, and `replicas` is `many`", remedy: "remove it: replicas learn together in Redis")
        }
        let tenants = root.namedSections("tenants").map { name, tenant in
            let own = tenant.section("arbitrage")
            let substitution: Configuration.Substitution = own.choice("substitution")
            let regions = own.texts("regions").map(\.value)
            return (
                name,
                TenantArbitration(
                    allowsSubstitution: substitution == .allowed, regions: regions.isEmpty ? nil : Set(regions),
                    qualityPerMilliUSD: own.optionalDecimal("lambda"), qualityPerSecond: own.optionalDecimal("mu"))
            )
        }
        return Configuration.Arbitrage(
            file: file, refresh: section.duration("refresh"), feedbackTimeToLive: section.duration("feedback_ttl"),
            tenants: Dictionary(tenants) { first, _ in first })
    }
}

extension Configuration.Capability {
    fileprivate var capability: ModelCapabilities {
        switch self {
        case .tools: .tools
        case .vision: .vision
        case .structuredOutput: .structuredOutput
        }
    }
}

extension Configuration.ArbitragePolicyName {
    fileprivate func policy(weights: [Double], epsilon: Double) -> ArbitrationSettings.Policy {
        switch self {
        case .thompson: .thompson
        case .epsilonGreedy: .epsilonGreedy(epsilon)
        case .fixed: .fixed
        case .cheapest: .cheapest
        case .weighted: .weighted(weights)
        }
    }
}
