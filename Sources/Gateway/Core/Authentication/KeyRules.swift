/// Makes principals of what the store says: the part of the configuration that the store's keys refer to.
package struct KeyRules: Sendable {
    /// Scrubbing policies by name.
    private let policies: [String: ScrubRules]
    /// Of keys without a limit of their own; `nil`: no limit.
    private let requestLimit: RateLimit?
    /// This replica's; empty: none.
    private let region: String

    package init(policies: [String: ScrubRules] = [:], requestLimit: RateLimit? = nil, region: String = "") {
        self.policies = policies
        self.requestLimit = requestLimit
        self.region = region
    }

    /// Whom a found key stands for, or why it may not be used here and now. What is wrong with the key itself is told first, so that whoever has no
    /// valid key learns nothing of the tenant.
    package func principal(of found: KeyLookUp, _ credential: Credential) -> Result<Principal, Fault> {
        guard found.isValid else { return .failure(.unknownCredential) }
        if let refusal = refusal(of: found.tenant) { return .failure(refusal) }
        let permissions = found.key.permissions
        // The policy may be one that another replica's file has: nothing is sent on unscrubbed for that.
        guard let scrub = policies[permissions.scrubPolicy ?? "default"] else { return .failure(.missingPolicy) }
        return .success(
            Principal(
                keyID: found.key.id, tenant: found.key.tenant, department: found.key.department, user: found.key.user,
                models: Self.models(permissions.allowedModels), requestLimit: limit(permissions.requestsPerMinute), scrub: scrub,
                expiresAtUnixSeconds: found.endsAtUnixSeconds, authority: .store(credential)))
    }

    /// Why none of a tenant's requests may be served here; `nil`: they may.
    package func refusal(of tenant: Tenant) -> Fault? {
        if tenant.stoppedAtUnixSeconds != nil { return .trafficStopped }
        if tenant.pausedAtUnixSeconds != nil { return .tenantPaused }
        if let bound = tenant.region, bound != region { return .wrongRegion }
        return nil
    }

    private static func models(_ patterns: [String]?) -> ModelPermission {
        guard let patterns, !patterns.contains("*") else { return .all }
        return .only(patterns.map { ModelPattern($0) })
    }

    private func limit(_ requestsPerMinute: Int64?) -> RateLimit? {
        guard let requestsPerMinute else { return requestLimit }
        let permits = UInt64(max(1, requestsPerMinute))
        return RateLimit(permits: permits, periodNanoseconds: 60_000_000_000, burst: min(requestLimit?.burst ?? permits, permits))
    }
}

extension Fault {
    package static let tenantPaused = Fault(
        .tenantPaused, origin: .gateway, message: "This tenant is paused. Whoever runs the gateway can let it go on.")
    package static let wrongRegion = Fault(
        .wrongRegion, origin: .gateway, message: "This tenant's requests must not be served in this replica's region.")
    package static let trafficStopped = Fault(
        .trafficStopped, origin: .gateway, message: "Whoever runs the gateway has stopped this traffic.", retryAfterMilliseconds: 5_000)
    package static let authorityUnavailable = Fault(
        .authorityUnavailable, origin: .gateway, message: "Whether the API key is valid cannot be found out at the moment.",
        retryAfterMilliseconds: 1_000)
    fileprivate static let missingPolicy = Fault(
        .permissionDenied, origin: .gateway, message: "The API key names a scrubbing policy that this gateway does not have.")
}
