package import GatewayCore

extension Configuration {
    package enum ArbitragePolicyName: String, Sendable, CaseIterable {
        case thompson
        case epsilonGreedy = "epsilon-greedy"
        case fixed
        case cheapest
        case weighted
    }

    /// What a request may ask of a model.
    package enum Capability: String, Sendable, CaseIterable {
        case tools
        case vision
        case structuredOutput = "structured_output"
    }

    /// Whether a model that a caller names may be replaced.
    package enum Substitution: String, Sendable, CaseIterable { case refused, allowed }

    /// A name whose requests go to one of several models each.
    package struct ArbitratedName: Sendable, Equatable {
        /// Names of models, none twice; at least one.
        package var arms: [String]
        package var settings: ArbitrationSettings
        /// Names of arms that it stands in for.
        package var replaces: [String]
    }

    /// What arbitrated names learn, and where that is kept.
    package struct Arbitrage: Sendable, Equatable {
        /// `nil`: Redis, where there is one, or else memory.
        package var file: String?
        package var refresh: Duration
        package var feedbackTimeToLive: Duration
        /// What tenants say of it, by tenant.
        package var tenants: [String: TenantArbitration]
    }
}
