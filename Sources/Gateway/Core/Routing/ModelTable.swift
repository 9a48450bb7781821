/// What the configuration says of a model or a family of models, beside where it is.
package struct ModelSettings: Sendable {
    /// The configuration's own; `nil`: the price list says it.
    package var price: PriceQuote?
    /// What the price list calls the provider; empty: as the configuration does.
    package var priceList: String
    package var cache: CacheSettings
    /// How long the provider may take for the head of its answer, and between two pieces of it.
    package var firstByteTimeoutNanoseconds: Int64
    package var idleTimeoutNanoseconds: Int64
    /// The rules for requests to this model, in place of the principal's; `nil`: the principal's.
    package var scrub: ScrubRules?
    /// Whether fields that the provider's dialect has no place for are left out of every request, and not only of those that allow it.
    package var dropsUnsupported: Bool
    /// Calls of the target for one request; `nil`: as many as for all targets.
    package var maxAttempts: Int?
    /// How long a first call may be without content before a second one is made beside it; `nil`: none is.
    package var hedgeAfterNanoseconds: Int64?
    /// For the choice among several models.
    package var traits: ModelTraits

    package init(
        price: Price?, priceList: String = "", cache: CacheSettings, firstByteTimeoutNanoseconds: Int64, idleTimeoutNanoseconds: Int64,
        scrub: ScrubRules? = nil, dropsUnsupported: Bool = false, maxAttempts: Int? = nil,
        hedgeAfterNanoseconds: Int64? = nil, traits: ModelTraits = ModelTraits()
    ) {
        self.traits = traits
        self.price = price.map { PriceQuote(.configured, $0) }
        self.priceList = priceList
        self.cache = cache
        self.firstByteTimeoutNanoseconds = firstByteTimeoutNanoseconds
        self.idleTimeoutNanoseconds = idleTimeoutNanoseconds
        self.scrub = scrub
        self.dropsUnsupported = dropsUnsupported
        self.maxAttempts = maxAttempts
        self.hedgeAfterNanoseconds = hedgeAfterNanoseconds
    }
}

/// One model at one provider, ready to be called.
package final class UpstreamTarget: Sendable {
    /// The gateway's name for the model.
    package let model: String
    /// Which provider of the configuration.
    package let provider: String
    /// The provider's name for the model.
    package let upstreamModel: String
    package let settings: ModelSettings
    /// What the configuration calls the model or its family: `gpt-*`. Never a caller's word.
    package let configuredName: String

    /// - Parameter family: whose member the model is; `nil`: the configuration names it.
    package init(model: String, provider: String, upstreamModel: String, settings: ModelSettings, family: String? = nil) {
        configuredName = family ?? model
        self.model = model
        self.provider = provider
        self.upstreamModel = upstreamModel
        self.settings = settings
    }

    /// What the model costs on a day: as the configuration says, or else the price list. `nil`: unknown.
    package func price(in prices: PriceTable, on day: UTCDay) -> PriceQuote? {
        settings.price
            ?? prices.quote(provider: settings.priceList.isEmpty ? provider : settings.priceList, model: upstreamModel, on: day)
    }
}

/// Where a request may go, in order: the first target is called, the others only where the one before failed before any content came.
package struct RoutePlan: Sendable {
    /// Never empty.
    package let targets: [UpstreamTarget]
    /// `exact`, `pattern`, `alias`, `arbitrage`, or `substitution`: the caller named a model, and its tenant allows another.
    package let reason: String
    /// How the first target is chosen for a request; `nil`: it is the first.
    package var arbitration: ArbitratedRoute?

    package init(targets: [UpstreamTarget], reason: String, arbitration: ArbitratedRoute? = nil) {
        self.targets = targets
        self.reason = reason
        self.arbitration = arbitration
    }
}

/// What a name of the configuration stands for. Immutable: a reload makes a new one.
package struct ModelTable: Sendable {
    /// A model family: any name that starts with `prefix` goes to `provider` under its own name.
    package struct Pattern: Sendable {
        package var prefix: String
        package var provider: String
        package var settings: ModelSettings
        /// Models that are called behind it, in order.
        package var fallback: [String]
        fileprivate let family: String

        package init(prefix: String, provider: String, settings: ModelSettings, fallback: [String] = []) {
            family = prefix + "*"
            self.prefix = prefix
            self.provider = provider
            self.settings = settings
            self.fallback = fallback
        }
    }

    /// A name that is arbitrated.
    package struct ArbitratedName: Sendable {
        package var name: String
        package var arms: [String]
        package var settings: ArbitrationSettings
        package var replaces: [String]

        package init(name: String, arms: [String], settings: ArbitrationSettings, replaces: [String] = []) {
            self.name = name
            self.arms = arms
            self.settings = settings
            self.replaces = replaces
        }
    }

    private let exact: [String: RoutePlan]
    /// Longest prefix first, each with the targets behind it.
    private let patterns: [(pattern: Pattern, behind: [UpstreamTarget])]
    /// By the name of a model that another name may stand in for.
    private let substitutions: [String: RoutePlan]
    /// By tenant.
    private let tenants: [String: TenantArbitration]

    /// - Parameters:
    ///   - models: callable models; names are unique.
    ///   - patterns: model families; an exact name wins over any of them, a longer prefix over a shorter one.
    ///   - aliases: each name with the models that it stands for, in order of preference, each resolvable by the other two.
    ///   - fallbacks: for models with exact names, the models that are called behind them, likewise. They do not chain.
    ///   - arbitrated: each name with its arms, how one is chosen, and the arms that it stands in for where they are named.
    ///   - tenants: what tenants say of arbitrated names.
    ///   - shipped: what is known of models whose family alone the configuration names.
    package init(
        models: [UpstreamTarget], patterns: [Pattern], aliases: [(name: String, targets: [String])], fallbacks: [String: [String]] = [:],
        arbitrated: [ArbitratedName] = [], tenants: [String: TenantArbitration] = [:], shipped: ShippedModels = .none
    ) {
        let sorted = patterns.sorted { $0.prefix.utf8.count > $1.prefix.utf8.count }
        let named = Dictionary(models.map { ($0.model, $0) }) { first, _ in first }
        func targets(_ names: [String]) -> [UpstreamTarget] { names.compactMap { named[$0] ?? Self.target($0, in: sorted, shipped) } }
        var plans: [String: RoutePlan] = [:]
        for model in models {
            plans[model.model] = RoutePlan(targets: [model] + targets(fallbacks[model.model] ?? []), reason: "exact")
        }
        for alias in aliases {
            let targets = targets(alias.targets)
            if !targets.isEmpty { plans[alias.name] = RoutePlan(targets: targets, reason: "alias") }
        }
        var substitutions: [String: RoutePlan] = [:]
        for name in arbitrated {
            let route = ArbitratedRoute(name: name.name, arms: targets(name.arms), settings: name.settings)
            guard !route.arms.isEmpty else { continue }
            plans[name.name] = RoutePlan(targets: route.arms, reason: "arbitrage", arbitration: route)
            for model in name.replaces {
                substitutions[model] = RoutePlan(targets: route.arms, reason: "substitution", arbitration: route)
            }
        }
        self.substitutions = substitutions
        self.tenants = tenants
        exact = plans
        self.patterns = sorted.map { ($0, targets($0.fallback)) }
    }

    /// Finds where a request for `model` may go.
    ///
    /// A model that the principal may not name is told as one that does not exist, so that names of other tenants' models stay unknown.
    ///
    /// - Parameter substitutes: whether another model may stand in for one that is named, where the tenant allows that.
    package func resolve(_ model: String, for principal: Principal, substitutes: Bool = true) -> Result<RoutePlan, Fault> {
        let isAllowed = substitutes && tenant(principal.tenant).allowsSubstitution
        let substitution = isAllowed ? substitutions[model] : nil
        guard principal.models.allows(model), let plan = substitution ?? plan(model) else {
            return .failure(
                Fault(
                    .modelNotFound, origin: .downstream,
                    message:
                        "The model `\(model.prefix(128))` does not exist here or this key may not use it. GET /v1/models lists what it may use.",
                    parameter: "model"))
        }
        return .success(plan)
    }

    /// The names that a principal may use, sorted; families are not listed, for their members are not known.
    package func names(for principal: Principal) -> [(name: String, plan: RoutePlan)] {
        exact.filter { principal.models.allows($0.key) }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// What a tenant says of arbitrated names.
    package func tenant(_ tenant: String) -> TenantArbitration { tenants[tenant] ?? TenantArbitration() }

    /// Every arbitrated name.
    package var routes: [ArbitratedRoute] { exact.values.compactMap(\.arbitration).sorted { $0.name < $1.name } }

    private func plan(_ model: String) -> RoutePlan? {
        if let plan = exact[model] { return plan }
        guard let (pattern, behind) = patterns.first(where: { model.hasPrefix($0.pattern.prefix) }) else { return nil }
        return RoutePlan(targets: [pattern.target(model)] + behind.filter { $0.model != model }, reason: "pattern")
    }

    private static func target(_ model: String, in patterns: [Pattern], _ shipped: ShippedModels) -> UpstreamTarget? {
        guard var pattern = patterns.first(where: { model.hasPrefix($0.prefix) }) else { return nil }
        pattern.settings.traits = shipped.complete(pattern.settings.traits, of: model, price: pattern.settings.price?.price)
        return pattern.target(model)
    }
}

extension ModelTable.Pattern {
    fileprivate func target(_ model: String) -> UpstreamTarget {
        UpstreamTarget(model: model, provider: provider, upstreamModel: model, settings: settings, family: family)
    }
}
