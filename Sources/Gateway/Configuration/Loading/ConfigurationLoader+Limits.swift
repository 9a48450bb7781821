package import GatewayCore
internal import GatewayCrypto

extension ConfigurationLoader {
    /// Limits of requests and tokens, in the words of the limiter.
    static func sharedLimits(_ root: Section, _ limits: Configuration.Limits) -> LimitSettings {
        let tenants = root.namedSections("tenants").map { name, section in
            let rule: Configuration.WithoutRedis = section.has("without_redis") ? section.choice("without_redis") : limits.withoutRedis
            let models = section.sections("model_limits").map { entry in
                TenantLimits.Model(name: entry.text("model"), limits: subjectLimits(entry))
            }
            var names: Set<String> = []
            for model in models where !names.insert(model.name).inserted {
                section.refuse("model_limits", "names `\(model.name)` twice", remedy: "keep one entry for each model")
            }
            return (
                name,
                TenantLimits(
                    tenant: subjectLimits(section.section("limits")), user: subjectLimits(section.section("user_limits")), models: models,
                    faultRule: rule.faultRule, budgets: budgets(section))
            )
        }
        return LimitSettings(
            tenants: Dictionary(tenants) { first, _ in first }, faultRule: limits.withoutRedis.faultRule,
            assumedOutputTokens: UInt64(limits.assumedOutputTokens))
    }

    private static func budgets(_ section: Section) -> BudgetTable.Tenant {
        func budget(_ key: String) -> BudgetSet {
            let section = section.section(key)
            return BudgetSet(
                day: section.optionalAmount("day"), month: section.optionalAmount("month"), total: section.optionalAmount("total"))
        }
        return BudgetTable.Tenant(tenant: budget("budget"), department: budget("department_budget"), user: budget("user_budget"))
    }

    /// Spending is counted by the ledger: without a durable one nobody could tell after a restart what is left.
    static func refuseUncountedBudgets(
        _ root: Section, _ limits: LimitSettings, _ ledger: Configuration.Ledger, redis: Configuration.Redis, control: Configuration.Control
    ) {
        var isInDatabase = false
        if redis.state != nil, case .database = control { isInDatabase = true }
        guard ledger.file == nil, !isInDatabase else { return }
        for (name, section) in root.namedSections("tenants") where limits.tenants[name]?.budgets.isEmpty == false {
            section.refuse(
                "", "has a budget, and there is no durable ledger to count by",
                remedy: "name `ledger.file`, or set REDIS_URL and DATABASE_URL")
        }
    }

    private static func subjectLimits(_ section: Section) -> SubjectLimits {
        for (burst, rate) in [("burst", "requests_per_minute"), ("token_burst", "tokens_per_minute")] where section.has(burst) {
            if !section.has(rate) { section.refuse(burst, "stands without `\(rate)`", remedy: "give both, or neither") }
        }
        return SubjectLimits(
            requests: rate(
                section, section.optionalInteger("requests_per_minute"), burst: section.optionalInteger("burst"), named: "burst"),
            tokens: rate(
                section, section.optionalInteger("tokens_per_minute"), burst: section.optionalInteger("token_burst"), named: "token_burst"),
            concurrentRequests: section.optionalInteger("concurrent_requests"))
    }

    /// A key's own limits, where it has some, and the file's for keys where it has none.
    static func keyLimits(_ section: Section, default fallback: Configuration.KeyLimits) -> SubjectLimits {
        let requests = section.optionalInteger("requests_per_minute") ?? fallback.requestsPerMinute
        let burst = section.optionalInteger("burst") ?? min(fallback.burst, requests)
        let ownTokens = section.optionalInteger("tokens_per_minute")
        let tokens = ownTokens ?? fallback.tokensPerMinute
        let tokenBurst = section.optionalInteger("token_burst") ?? (ownTokens == nil ? fallback.tokenBurst : nil)
        if section.has("token_burst"), tokens == nil {
            section.refuse("token_burst", "stands without `tokens_per_minute`", remedy: "give both, or neither")
        }
        return SubjectLimits(
            requests: rate(section, requests, burst: burst, named: "burst"),
            tokens: rate(section, tokens, burst: tokenBurst, named: "token_burst"),
            concurrentRequests: section.optionalInteger("concurrent_requests") ?? fallback.concurrentRequests)
    }

    /// What keys without limits of their own have.
    static func defaultKeyLimits(_ section: Section) -> Configuration.KeyLimits {
        let limits = Configuration.KeyLimits(
            requestsPerMinute: section.integer("requests_per_minute"), burst: section.integer("burst"),
            tokensPerMinute: section.optionalInteger("tokens_per_minute"), tokenBurst: section.optionalInteger("token_burst"),
            concurrentRequests: section.optionalInteger("concurrent_requests"))
        _ = rate(section, limits.requestsPerMinute, burst: limits.burst, named: "burst")
        _ = rate(section, limits.tokensPerMinute, burst: limits.tokenBurst, named: "token_burst")
        if limits.tokenBurst != nil, limits.tokensPerMinute == nil {
            section.refuse("token_burst", "stands without `tokens_per_minute`", remedy: "give both, or neither")
        }
        return limits
    }

    private static func rate(_ section: Section, _ perMinute: Int?, burst: Int?, named name: String) -> RateLimit? {
        guard let perMinute else { return nil }
        let limit = RateLimit(
            permits: UInt64(max(1, perMinute)), periodNanoseconds: 60_000_000_000, burst: burst.map { UInt64(max(1, $0)) })
        if !limit.isCountable {
            section.refuse(name, "takes longer than 26 days to grow back at this rate", remedy: "lower it, or raise the rate")
        }
        return limit
    }

    // MARK: Redis

    static func redis(_ section: Section) -> Configuration.Redis {
        let state = section.section("state")
        return Configuration.Redis(
            state: server(state, usually: "REDIS_URL"), stateTimeout: state.duration("timeout"),
            cache: server(section.section("cache"), usually: "REDIS_CACHE_URL"))
    }

    /// - Parameter variable: where the URL is unless the file says otherwise.
    private static func server(_ section: Section, usually variable: String) -> Configuration.RedisServer? {
        let trustRoots = certificateFile(section, "ca_file")
        let name = section.optionalText("url_env")
        do {
            guard let url = try section.reading.secret(named: name ?? variable, isOptional: name == nil) else { return nil }
            return Configuration.RedisServer(url: url, trustRoots: trustRoots)
        } catch {
            section.refuse("url_env", at: section.position(of: "url_env"), error)
            return nil
        }
    }
}

extension Configuration.WithoutRedis {
    fileprivate var faultRule: LimitFaultRule { self == .local ? .countAlone : .refuse }
}

extension Configuration.KeyLimits {
    /// The same, as it is counted.
    package var subject: SubjectLimits {
        SubjectLimits(
            requests: Self.rate(requestsPerMinute, burst: burst), tokens: tokensPerMinute.map { Self.rate($0, burst: tokenBurst) },
            concurrentRequests: concurrentRequests)
    }

    private static func rate(_ perMinute: Int, burst: Int?) -> RateLimit {
        RateLimit(permits: UInt64(max(1, perMinute)), periodNanoseconds: 60_000_000_000, burst: burst.map { UInt64(max(1, $0)) })
    }
}
