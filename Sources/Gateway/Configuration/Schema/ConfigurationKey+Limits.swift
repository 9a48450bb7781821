extension ConfigurationKey {
    /// What one subject may use, below `path`.
    private static func subject(_ path: String) -> [ConfigurationKey] {
        [
            ConfigurationKey(
                "\(path).requests_per_minute", .integer(1...6_000_000), .means("no limit"), "Requests per minute in the long run."),
            ConfigurationKey(
                "\(path).burst", .integer(1...6_000_000), .means("`requests_per_minute`"), "Requests that may come at once after a rest."),
            ConfigurationKey(
                "\(path).tokens_per_minute", .integer(1...100_000_000), .means("no limit"),
                "Model tokens per minute in the long run, input and output together."),
            ConfigurationKey(
                "\(path).token_burst", .integer(1...100_000_000), .means("`tokens_per_minute`"),
                "Tokens that may be used at once after a rest."),
            ConfigurationKey(
                "\(path).concurrent_requests", .integer(1...1_000_000), .means("no limit"), "Requests that may be under way at once."),
        ]
    }

    static let tenants: [ConfigurationKey] =
        [
            ConfigurationKey(
                "tenants", .namedSections, .means("none"),
                "Limits of tenants, by the names that keys have in `tenant`. [limits.md](limits.md) says how they are counted."),
            ConfigurationKey("tenants.*.limits", .section, .means("no limits"), "Of the whole tenant."),
        ] + subject("tenants.*.limits") + [
            ConfigurationKey("tenants.*.user_limits", .section, .means("no limits"), "Of each user of the tenant.")
        ] + subject("tenants.*.user_limits") + [
            ConfigurationKey("tenants.*.model_limits", .sections, .means("no limits"), "Of models within the tenant."),
            ConfigurationKey(
                "tenants.*.model_limits[].model", .pattern, .required,
                """
                The gateway's name of the model that a request goes to first, or the start of names: then all of them share the limit. An exact name \
                wins, then the longest start.
                """),
        ] + subject("tenants.*.model_limits[]") + [
            ConfigurationKey(
                "tenants.*.without_redis", .choice(Configuration.WithoutRedis.allCases.map(\.rawValue)), .means("`limits.without_redis`"),
                "As `limits.without_redis`, for this tenant.")
        ] + budget("budget", "Of the whole tenant") + budget("department_budget", "Of each department of the tenant")
        + budget("user_budget", "Of each user of the tenant") + ConfigurationKey.tenantArbitrage

    private static func budget(_ name: String, _ whose: String) -> [ConfigurationKey] {
        [
            ConfigurationKey(
                "tenants.*.\(name)", .section, .means("no budget"),
                "\(whose): what may be spent. The store's budgets come before it, and it needs a durable ledger: [budgets.md](budgets.md)."),
            ConfigurationKey("tenants.*.\(name).day", .amount, .means("no limit"), "In a day of UTC."),
            ConfigurationKey("tenants.*.\(name).month", .amount, .means("no limit"), "In a month of UTC."),
            ConfigurationKey("tenants.*.\(name).total", .amount, .means("no limit"), "Since the ledger began."),
        ]
    }

    static let redis: [ConfigurationKey] = [
        ConfigurationKey(
            "redis", .section, .means("the defaults below"),
            "Redis or Valkey, which several replicas share. [redis.md](redis.md) says what is kept there."),
        ConfigurationKey(
            "redis.state", .section, .means("the defaults below"),
            "What must not be dropped: limits. Without it each replica counts by itself."),
        ConfigurationKey(
            "redis.state.url_env", .environmentName, .means("`REDIS_URL`, if that is there; if not, no Redis"),
            """
            Names the URL, `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS: this variable, or the file that it names with \
            `_FILE` after it.
            """),
        ConfigurationKey(
            "redis.state.ca_file", .path, .means("the system's trust store"), "PEM certificates to trust instead of the system's."),
        ConfigurationKey(
            "redis.state.timeout", .duration(.milliseconds(1)...(.seconds(60))), .defaultText("100ms"),
            "How long a request waits for Redis. Over: `limits.without_redis`."),
        ConfigurationKey(
            "redis.cache", .section, .means("the defaults below"),
            """
            Where replicas share cached answers; it may evict, and may be the server of `redis.state` if that does not. Without it they are in \
            `redis.state`.
            """),
        ConfigurationKey(
            "redis.cache.url_env", .environmentName, .means("`REDIS_CACHE_URL`, if that is there; if not, none"),
            "Names the URL, as `redis.state.url_env` does."),
        ConfigurationKey(
            "redis.cache.ca_file", .path, .means("the system's trust store"), "PEM certificates to trust instead of the system's."),
    ]
}
