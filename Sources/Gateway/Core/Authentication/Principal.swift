/// On whose behalf a request runs: what a credential stands for.
package final class Principal: Sendable {
    /// Which key it was; never the key itself.
    package let keyID: String
    package let tenant: String
    package let department: String?
    package let user: String?
    package let models: ModelPermission
    /// The key's own limits; the tenant's are in ``LimitSettings``.
    package let limits: SubjectLimits
    package let scrub: ScrubRules
    /// Seconds since 1970 at which the credential ends; `nil`: never.
    package let expiresAtUnixSeconds: Int64?
    package let authority: Authority

    package init(
        keyID: String, tenant: String, department: String? = nil, user: String? = nil, models: ModelPermission = .all,
        limits: SubjectLimits = SubjectLimits(), scrub: ScrubRules, expiresAtUnixSeconds: Int64? = nil, authority: Authority = .itself
    ) {
        self.keyID = keyID
        self.tenant = tenant
        self.department = department
        self.user = user
        self.models = models
        self.limits = limits
        self.scrub = scrub
        self.expiresAtUnixSeconds = expiresAtUnixSeconds
        self.authority = authority
    }

    /// Unknown and expired ones get the same answer.
    package func hasExpired(unixSeconds: Int64) -> Bool {
        expiresAtUnixSeconds.map { $0 <= unixSeconds } ?? false
    }
}

/// Which models a principal may name.
package enum ModelPermission: Sendable, Equatable {
    case all
    case only([ModelPattern])

    package func allows(_ model: String) -> Bool {
        switch self {
        case .all: true
        case .only(let patterns): patterns.contains { $0.matches(model) }
        }
    }
}
