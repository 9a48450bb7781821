/// What replicas ask of the store of tenants and keys.
///
/// Each change has a revision, one more than the change before it and visible together with it, so that replicas learn of it by asking for one number.
package protocol KeyDirectory: Sendable {
    /// What a presented key stands for, revoked and ended ones too, by whichever of its hashes is known.
    ///
    /// - Parameter hashes: of the one key, under each pepper in use; one or two.
    func lookUp(_ hashes: [KeyHash]) async throws(ControlError) -> KeyAnswer
}

/// What gateways follow.
package protocol ControlFeed: Sendable {
    /// What changed after a revision.
    ///
    /// - Parameter revision: `nil`: everything is new to the caller.
    func changes(after revision: Int64?) async throws(ControlError) -> ControlChanges

    /// Those of these tenants that there are. At most ``ControlLimits/maxPage`` may be asked for at a time.
    func tenants(named ids: [String]) async throws(ControlError) -> [Tenant]

    /// All prices that are kept, by provider, model and day; at most ``PriceLimits/maxEntries``.
    func prices() async throws(ControlError) -> [PriceEntry]

    /// All budgets that are kept, by tenant; at most ``Budget/maxCount``.
    func budgets() async throws(ControlError) -> [Budget]
}

/// Where tenants and keys are kept: a SQLite file, or PostgreSQL.
///
/// Everything but the tenants themselves is reached through a tenant's id alone: whoever presents another tenant's ids finds nothing.
package protocol ControlStore: KeyDirectory, ControlFeed {
    // MARK: tenants. Listings are in the order of ids and hold at most ``ControlLimits/maxPage``.

    func createTenant(_ id: String, name: String, region: String?) async throws(ControlError) -> Tenant
    func tenant(_ id: String) async throws(ControlError) -> Tenant?
    func tenants(after id: String) async throws(ControlError) -> [Tenant]
    /// All of the change or, where a part of it is refused, nothing. `nil`: there is no such tenant.
    func changeTenant(_ id: String, _ change: TenantChange) async throws(ControlError) -> Tenant?
    /// Stops everybody's traffic, or lets it go on.
    func setStopped(_ isStopped: Bool) async throws(ControlError)

    // MARK: departments and users

    func createDepartment(_ id: String, name: String, in tenant: String) async throws(ControlError) -> Department
    func departments(of tenant: String, after id: String) async throws(ControlError) -> [Department]
    func createUser(_ id: String, name: String, department: String?, in tenant: String) async throws(ControlError) -> User
    func users(of tenant: String, after id: String) async throws(ControlError) -> [User]

    // MARK: prices

    /// Keeps prices: new ones, and other figures for days that have some. All of them or none.
    func setPrices(_ entries: [PriceEntry]) async throws(ControlError)

    // MARK: budgets

    /// Keeps a budget, in place of another one of the same subject and period.
    func setBudget(_ budget: Budget) async throws(ControlError)
    /// - Returns: whether there was one.
    func removeBudget(tenant: String, subject: BudgetSubject, period: BudgetPeriod) async throws(ControlError) -> Bool

    // MARK: keys. Their secrets never come here: only keyed hashes do.

    func createKey(
        _ id: String, in tenant: String, hash: KeyHash, department: String?, user: String?, permissions: KeyPermissions,
        expiresAtUnixSeconds: Int64?
    ) async throws(ControlError) -> KeyRecord
    func key(_ id: String, in tenant: String) async throws(ControlError) -> KeyRecord?
    func keys(of tenant: String, after id: String) async throws(ControlError) -> [KeyRecord]
    /// Ends a key for good, with all of its hashes. A revoked one stays as it is. `nil`: the tenant has no such key.
    func revokeKey(_ id: String, in tenant: String) async throws(ControlError) -> KeyRecord?
    /// Gives a key another secret. The ones before it are good for `overlapSeconds` more, or until they would have ended anyway. `nil`: the tenant has no
    /// such key, or it is revoked.
    func rotateKey(_ id: String, in tenant: String, hash: KeyHash, overlapSeconds: Int64) async throws(ControlError) -> KeyRecord?

    /// Gives connections and threads back.
    func close() async
}

package enum ControlLimits {
    /// Rows of a listing; more is asked for with `after`.
    package static let maxPage = 500
    /// Changes that are told one by one, and that are kept to be told.
    package static let maxChanges = 1_000
}

/// The answer to a look-up.
package struct KeyAnswer: Sendable, Equatable {
    /// The last change that the answer knows of.
    package let revision: Int64
    package let found: KeyLookUp?

    package init(revision: Int64, found: KeyLookUp?) {
        self.revision = revision
        self.found = found
    }
}

/// What replicas must look at anew.
package enum ControlChange: Sendable, Hashable {
    case key(tenant: String, id: String)
    /// The tenant itself, with it all of its keys.
    case tenant(String)
    case prices
    case budgets
}

extension ControlChange {
    /// As the stores write it down; `nil`: only the state of all.
    package init?(tenant: String?, key: String?) {
        switch (tenant, key) {
        case (let tenant?, let key?): self = .key(tenant: tenant, id: key)
        case (let tenant?, nil): self = .tenant(tenant)
        case (nil, "prices"): self = .prices
        case (nil, "budgets"): self = .budgets
        case (nil, _): return nil
        }
    }
}

package struct ControlChanges: Sendable, Equatable {
    /// The last change of all.
    package let revision: Int64
    /// `nil`: too many or unknown ones; everything may have changed.
    package let changes: [ControlChange]?
    /// Everybody's traffic is to stop.
    package let isStopped: Bool

    package init(revision: Int64, changes: [ControlChange]?, isStopped: Bool) {
        self.revision = revision
        self.changes = changes
        self.isStopped = isStopped
    }
}

/// Why a store did not do what it was asked. Holds no key and no hash.
package enum ControlError: Error, Sendable, Equatable {
    /// The identifier, or the hash, is taken.
    case alreadyExists
    /// The tenant, department or user that was named is not there, or is another tenant's.
    case unknownReference
    /// A value that the schema refuses, by the name of its check.
    case invalid(constraint: String?)
    /// The store is out of reach, too slow or too busy. Safe to show.
    case unavailable(String)
    /// The store answers, and not as it should: its schema is missing, it denies access. Safe to show.
    case broken(String)
}

extension ControlError: CustomStringConvertible {
    /// What a check of the schema, by its name, asks for.
    private static func rule(of check: String) -> String? {
        let rules = [
            ("users_id_check", "a user's id is 1 to 128 letters, digits, `.`, `_`, `-`, `@` and `+`"),
            ("_id_check", "an id is 1 to 64 letters, digits, `.`, `_` and `-`"),
            ("_name_check", "a name has at most 256 characters"),
            ("_region_check", "a region is 1 to 64 letters, digits, `.`, `_` and `-`"),
            ("_scrub_policy_check", "a policy's name is 1 to 64 letters, digits, `.`, `_` and `-`"),
            ("_allowed_models_check", "models are at most 256 names of visible characters"),
            ("_per_minute_check", "a limit is at least 1"), ("_concurrent_streams_check", "a limit is at least 1"),
        ]
        return rules.first { check.hasSuffix($0.0) }.map { "a value is not allowed: \($0.1) (\(check))" }
    }

    package var description: String {
        switch self {
        case .alreadyExists: "the id is taken"
        case .unknownReference: "there is no such tenant, department or user; make it first"
        case .invalid(let constraint): constraint.flatMap { Self.rule(of: $0) } ?? "a value is not allowed"
        case .unavailable(let detail): "the store cannot be reached: \(detail)"
        case .broken(let detail): "the store refuses: \(detail)"
        }
    }
}
