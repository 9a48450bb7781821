/// Makes principals of what the store says: the part of the configuration that the store's keys refer to.
package struct KeyRules: Sendable {
    /// Scrubbing policies by name.
    private let policies: [String: ScrubRules]
    /// Of keys without limits of their own.
    private let limits: SubjectLimits
    /// This replica's; empty: none.
    private let region: String

    package init(policies: [String: ScrubRules] = [:], limits: SubjectLimits = SubjectLimits(), region: String = "") {
        self.policies = policies
        self.limits = limits
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
                models: Self.models(permissions.allowedModels), limits: limits(of: permissions), scrub: scrub,
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

    private func limits(of permissions: KeyPermissions) -> SubjectLimits {
        SubjectLimits(
            requests: Self.rate(permissions.requestsPerMinute, burst: limits.requests?.burst) ?? limits.requests,
            tokens: Self.rate(permissions.tokensPerMinute, burst: nil) ?? limits.tokens,
            concurrentRequests: permissions.concurrentStreams.map { Int(clamping: max(1, $0)) } ?? limits.concurrentRequests)
    }

    /// A burst is at most what a minute brings, and no interval is shorter than a nanosecond: so the limit can be counted whatever the store says.
    private static func rate(_ perMinute: Int64?, burst: UInt64?) -> RateLimit? {
        guard let perMinute else { return nil }
        let permits = UInt64(min(max(1, perMinute), 60_000_000_000))
        return RateLimit(permits: permits, periodNanoseconds: 60_000_000_000, burst: min(burst ?? permits, permits))
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
