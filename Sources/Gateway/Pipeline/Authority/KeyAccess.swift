package import GatewayCore
package import GatewayCrypto

/// The secret under which credentials are hashed, and what hashes call it.
package struct Pepper: Sendable {
    package let id: String
    package let secret: Secret

    package init(id: String, secret: Secret) {
        self.id = id
        self.secret = secret
    }
}

/// Where keys that are not in the configuration file are found.
package struct KeyAccess: Sendable {
    /// `nil`: nowhere.
    package let store: (any KeyDirectory)?
    package let pepper: Pepper
    /// The pepper before it, while keys that were hashed with it are in use.
    package let previous: Pepper?
    /// Whether callers whom the configuration lets in are served before the store was heard for the first time: nobody knows then of panics, of pauses
    /// and of regions.
    package let servesUnheard: Bool

    package init(store: (any KeyDirectory)? = nil, pepper: Pepper, previous: Pepper? = nil, servesUnheard: Bool = true) {
        self.store = store
        self.pepper = pepper
        self.previous = previous
        self.servesUnheard = servesUnheard
    }
}

/// News from the store, the same for every event loop.
package struct AuthorityUpdate: Sendable {
    package let revision: Int64
    /// `nil`: everything may have changed.
    package let changes: Set<ControlChange>?
    /// Everybody's traffic is to stop.
    package let isStopped: Bool
    /// Of the tenants whose callers the configuration lets in, by keys or by tokens, those that the store knows too; `nil`: they are as they were.
    package var configuredTenants: [String: Tenant]?
    /// `nil`: they are as they were.
    package var prices: PriceTable?
    /// `nil`: they are as they were.
    package var budgets: BudgetTable?
    /// Nothing is missing any more: whoever waits for the store's first word may be served.
    package var isWhole: Bool

    package init(
        revision: Int64, changes: Set<ControlChange>?, isStopped: Bool, configuredTenants: [String: Tenant]? = nil,
        prices: PriceTable? = nil, budgets: BudgetTable? = nil, isWhole: Bool
    ) {
        self.revision = revision
        self.changes = changes
        self.isStopped = isStopped
        self.configuredTenants = configuredTenants
        self.prices = prices
        self.budgets = budgets
        self.isWhole = isWhole
    }
}
