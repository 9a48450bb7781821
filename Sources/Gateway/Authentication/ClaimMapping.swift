package import GatewayCore
import GatewayJSON

/// What the bearers of some tokens may do: models, limits and scrubbing under a name.
package struct AccessProfile: Sendable {
    package var name: String
    package var models: ModelPermission
    package var limits: SubjectLimits
    package var scrub: ScrubRules

    package init(name: String, models: ModelPermission, limits: SubjectLimits, scrub: ScrubRules) {
        self.name = name
        self.models = models
        self.limits = limits
        self.scrub = scrub
    }
}

/// An issuer of tokens that stand for principals.
package struct TokenIssuer: Sendable {
    /// What logs and the ledger call it.
    package var name: String
    package var rules: TokenRules
    package var mapping: ClaimMapping

    package init(name: String, rules: TokenRules, mapping: ClaimMapping) {
        self.name = name
        self.rules = rules
        self.mapping = mapping
    }
}

/// Which claims make which part of a principal. Claims are members of the payload itself, not of objects inside it.
package struct ClaimMapping: Sendable {
    package enum Tenant: Sendable, Equatable {
        case fixed(String)
        /// The claim's value, if it is one of these: an issuer speaks for no others.
        case claim(String, among: Set<String>)
    }

    package var tenant: Tenant
    package var userClaim: String
    package var departmentClaim: String?
    /// The claim lists names of models; those that the profile allows too may be used.
    package var modelsClaim: String?
    /// The claim names a profile, or lists names of which the first that is a profile counts.
    package var profileClaim: String?
    package var profiles: [String: AccessProfile]
    /// Where no claim names one; `nil`: the token is refused then.
    package var defaultProfile: AccessProfile?

    static let maxListed = 256

    package init(
        tenant: Tenant, userClaim: String = "sub", departmentClaim: String? = nil, modelsClaim: String? = nil, profileClaim: String? = nil,
        profiles: [String: AccessProfile] = [:], defaultProfile: AccessProfile?
    ) {
        self.tenant = tenant
        self.userClaim = userClaim
        self.departmentClaim = departmentClaim
        self.modelsClaim = modelsClaim
        self.profileClaim = profileClaim
        self.profiles = profiles
        self.defaultProfile = defaultProfile
    }

    /// What a verified payload says.
    struct Identity: Sendable {
        var tenant: String
        var user: String
        var department: String?
        var models: ModelPermission
        var profile: AccessProfile
    }

    func identity(_ claims: JSONValue) throws(TokenRefusal) -> Identity {
        guard let user = claims.label(userClaim) else { throw .badClaim(userClaim) }
        var department: String?
        if let departmentClaim, claims.has(departmentClaim) {
            department = claims.label(departmentClaim)
            if department == nil { throw .badClaim(departmentClaim) }
        }
        let profile = try profile(claims)
        return Identity(
            tenant: try tenant(claims), user: user, department: department, models: try models(claims, within: profile), profile: profile)
    }

    private func tenant(_ claims: JSONValue) throws(TokenRefusal) -> String {
        switch tenant {
        case .fixed(let name): return name
        case .claim(let claim, let allowed):
            guard let name = claims.text(claim), allowed.contains(name) else { throw .badClaim(claim) }
            return name
        }
    }

    private func profile(_ claims: JSONValue) throws(TokenRefusal) -> AccessProfile {
        if let profileClaim, claims.has(profileClaim) {
            guard let names = claims.texts(profileClaim, atMost: Self.maxListed) else { throw .badClaim(profileClaim) }
            if let found = names.lazy.compactMap({ profiles[$0] }).first { return found }
        }
        guard let defaultProfile else { throw .badClaim(profileClaim ?? "profile") }
        return defaultProfile
    }

    private func models(_ claims: JSONValue, within profile: AccessProfile) throws(TokenRefusal) -> ModelPermission {
        guard let modelsClaim else { return profile.models }
        guard let names = claims.texts(modelsClaim, atMost: Self.maxListed) else { throw .badClaim(modelsClaim) }
        // Names only: a pattern that an issuer writes could reach further than its author knows.
        return .only(names.filter { !$0.contains("*") && profile.models.allows($0) }.map { ModelPattern($0) })
    }
}

extension JSONValue {
    /// A string of visible ASCII, at most 128 bytes, as names in the configuration are.
    func label(_ name: String) -> String? {
        guard let text = text(name), (1...128).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        return text
    }
}
