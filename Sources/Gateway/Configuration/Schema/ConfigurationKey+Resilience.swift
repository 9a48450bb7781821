extension ConfigurationKey {
    static let resilience: [ConfigurationKey] = [
        ConfigurationKey(
            "resilience", .section, .means("the defaults below"), "What is done when providers fail: [resilience.md](resilience.md)."),
        ConfigurationKey("resilience.retries", .section, .means("the defaults below"), "Calls that are made again."),
        ConfigurationKey(
            "resilience.retries.max_attempts", .integer(1...10), .defaultText("2"),
            "Calls of one model for one request, the first included, before the next of its fallbacks is called. 1: none is made again."),
        ConfigurationKey(
            "resilience.retries.base_delay", .duration(.milliseconds(1)...(.seconds(60))), .defaultText("100ms"),
            "The first wait is random, up to this; each further one up to twice as long."),
        ConfigurationKey(
            "resilience.retries.max_delay", .duration(.milliseconds(1)...(.seconds(600))), .defaultText("1s"),
            "Longest wait. A provider's `retry-after` beyond it is not waited for, but told to the caller."),
        ConfigurationKey(
            "resilience.retries.budget_percent", .integer(0...1_000), .defaultText("20"),
            "Calls that may be made again, in percent of the requests to the provider in the last ten seconds, per event loop."),
        ConfigurationKey(
            "resilience.retries.budget_minimum_per_second", .integer(0...10_000), .defaultText("10"),
            "Calls that may be made again besides, per second and event loop."),
        ConfigurationKey(
            "resilience.breaker", .section, .means("the defaults below"),
            "The circuit breaker of each model at each endpoint, per event loop."),
        ConfigurationKey("resilience.breaker.enabled", .flag, .defaultText("true"), "Whether upstreams that fail are left alone."),
        ConfigurationKey(
            "resilience.breaker.failure_percent", .integer(1...100), .defaultText("50"), "Share of failed calls that opens it."),
        ConfigurationKey(
            "resilience.breaker.minimum_calls", .integer(1...1_000_000), .defaultText("50"),
            "Calls within the window below which it stays closed."),
        ConfigurationKey(
            "resilience.breaker.window", .duration(.seconds(1)...(.seconds(3600))), .defaultText("30s"), "What is looked back at."),
        ConfigurationKey(
            "resilience.breaker.open_for", .duration(.milliseconds(10)...(.seconds(3600))), .defaultText("5s"),
            "How long it stays open at most the first time, twice as long after each probe that fails; a random part of up to a half is cut off."
        ),
        ConfigurationKey(
            "resilience.breaker.max_open_for", .duration(.milliseconds(10)...(.seconds(86_400))), .defaultText("1m"),
            "How long it stays open at most."),
        ConfigurationKey(
            "resilience.breaker.probes", .integer(1...100), .defaultText("1"),
            "Calls that are let through at a time when it was open for long enough, and that must go well to close it."),
    ]

    static let endpoints: [ConfigurationKey] = [
        ConfigurationKey(
            "providers.*.endpoints", .sections, .means("one, as the entry itself says"),
            "Several ways to the same models, 32 at most: accounts, deployments, machines. Calls go to the better of two that are drawn at random ([resilience.md](resilience.md))."
        ),
        ConfigurationKey("providers.*.endpoints[].base_url", .url, .means("the provider's"), "As `providers.*.base_url`."),
        ConfigurationKey(
            "providers.*.endpoints[].api_key_env", .environmentName, .means("the provider's"), "As `providers.*.api_key_env`."),
        ConfigurationKey(
            "providers.*.endpoints[].weight", .integer(1...1_000), .defaultText("1"),
            "Its share of the calls, among the others' weights, while all are about as fast."),
        ConfigurationKey(
            "providers.*.max_connection_age", .duration(.seconds(1)...(.seconds(86_400))), .defaultText("5m"),
            "Connections older than this take no further request; new ones resolve the host's name anew."),
        ConfigurationKey(
            "providers.*.warm_connections_per_loop", .integer(0...64), .defaultText("0"),
            "How many idle connections each event loop keeps open to each endpoint, their TLS handshakes done, so that a request after a pause need not wait for one."
        ),
    ]
}
