/// The keys of arbitrage: what is known of models, which names are arbitrated, and what tenants say of it.
extension ConfigurationKey {
    static let arbitrage: [ConfigurationKey] =
        [
            ConfigurationKey(
                "models[].context_tokens", .integer(1...1_000_000_000), .means("no request is too long for it"),
                "Tokens of prompt and answer together, for [arbitrage](arbitrage-routes.md)."),
            ConfigurationKey(
                "models[].supports", .list(.choice(Configuration.Capability.allCases.map(\.rawValue))), .means("all of them"),
                "What requests may ask of it, for arbitrage."),
            ConfigurationKey(
                "models[].region", .identifier, .means("not known"), "Where it computes, for tenants with `arbitrage.regions`."),
            ConfigurationKey(
                "models[].strength", .score, .means("what is published of it, or what models of its price have ([models.md](models.md))"),
                "The quality that is expected of it before anything was learned, such as a published benchmark's share of right answers."),
            ConfigurationKey(
                "aliases[].arbitrage", .section, .means("the entry has `fallback`"),
                "The name stands for the arm that is cheap, fast and good enough for each request: [arbitrage-routes.md](arbitrage-routes.md)."
            ),
            ConfigurationKey(
                "aliases[].arbitrage.arms", .list(.label), .required,
                "Models to choose among, 1 to 16; aliases are none. Each needs a price."),
            ConfigurationKey(
                "aliases[].arbitrage.policy", .choice(Configuration.ArbitragePolicyName.allCases.map(\.rawValue)), .defaultText("thompson"),
                "`thompson` and `epsilon-greedy` learn; `fixed` takes the first arm, `cheapest` the one that is expected to cost least, `weighted` one by chance."
            ),
            ConfigurationKey(
                "aliases[].arbitrage.weights", .list(.label), .means("equal ones"),
                "Of `weighted`: `model=weight` for each arm, with weights from 0 to 1000000."),
            ConfigurationKey(
                "aliases[].arbitrage.epsilon", .score, .defaultText("0.1"), "Of `epsilon-greedy`: how often an arm is taken by chance."),
            ConfigurationKey(
                "aliases[].arbitrage.lambda", .decimal(0...1_000_000), .defaultText("0"),
                "λ: the quality, of a scale from 0 to 1, that a thousandth of a US dollar is worth."),
            ConfigurationKey(
                "aliases[].arbitrage.mu", .decimal(0...1_000_000), .defaultText("0"), "μ: the quality that a second of waiting is worth."),
            ConfigurationKey(
                "aliases[].arbitrage.floor", .score, .means("none"),
                "Of `thompson`: an arm whose mean quality is surely below it is not taken."),
            ConfigurationKey("aliases[].arbitrage.explore", .section, .means("the defaults below"), "What may be spent on learning."),
            ConfigurationKey(
                "aliases[].arbitrage.explore.share", .score, .defaultText("0.2"),
                "Of `thompson`: the share of requests that may go to another arm than the best one known."),
            ConfigurationKey(
                "aliases[].arbitrage.explore.usd_per_hour", .amount, .means("no limit"),
                "Of `thompson`: what such requests may cost in an hour, as expected when they are sent; of each replica."),
            ConfigurationKey(
                "aliases[].arbitrage.half_life", .duration(.seconds(3600)...(.seconds(3650 * 86_400))), .defaultText("7d"),
                "Of `thompson`: after how long what was learned counts half. What is older than a week is forgotten."),
            ConfigurationKey(
                "aliases[].arbitrage.sticky", .flag, .defaultText("true"),
                "Keeps a conversation at the arm that last answered it, unless another one is better by more than the lost prompt cache costs; under policies that learn."
            ),
            ConfigurationKey(
                "aliases[].arbitrage.seed", .integer(0...Int.max), .means("chance"),
                "Makes each event loop's decisions a sequence that begins with this number, for tests; not with `fixed` and `cheapest`."),
            ConfigurationKey(
                "aliases[].arbitrage.replaces", .list(.label), .means("none"),
                "Arms that, where a caller names them, are arbitrated too, for tenants with `arbitrage.substitution: allowed`."),
            ConfigurationKey(
                "aliases[].arbitrage.rewards", .section, .means("the defaults below"),
                "How much each sign of an answer's quality counts, beside feedback, which counts 1. 0: not at all."),
        ] + rewards + [
            ConfigurationKey(
                "arbitrage", .section, .means("the defaults below"),
                "What arbitrated names learn: [arbitrage-routes.md](arbitrage-routes.md)."),
            ConfigurationKey(
                "arbitrage.file", .path, .means("Redis, where there is one; else memory, which a restart forgets"),
                "A SQLite file for what was learned, made if it is not there. Not with `replicas: many`."),
            ConfigurationKey(
                "arbitrage.refresh", .duration(.milliseconds(100)...(.seconds(3600))), .defaultText("2s"),
                "How often what was learned is written down and read, and decisions take it into account."),
            ConfigurationKey(
                "arbitrage.feedback_ttl", .duration(.seconds(60)...(.seconds(30 * 86_400))), .defaultText("7d"),
                "How long after its answer feedback on a receipt is taken."),
        ]

    private static let rewards: [ConfigurationKey] = [
        ("structured_output", "0.5", "Where JSON was asked for: whether the answer is JSON, and has the fields that its schema requires."),
        ("tool_call", "0.5", "Where the answer calls tools: whether it names ones that were offered, with arguments that are JSON."),
        ("truncation", "0.25", "The answer ended at its length: quality 0."),
        ("refusal", "0.25", "The answer was refused or filtered: quality 0."),
        ("error", "0.5", "The arm gave no answer: quality 0."),
        ("retry", "0.25", "The caller asked the same again within two minutes: quality 0 for the first answer."),
    ].map { ConfigurationKey("aliases[].arbitrage.rewards.\($0)", .score, .defaultText($1), $2) }

    static let tenantArbitrage: [ConfigurationKey] = [
        ConfigurationKey("tenants.*.arbitrage", .section, .means("the defaults below"), "What the tenant says of arbitrated names."),
        ConfigurationKey(
            "tenants.*.arbitrage.substitution", .choice(Configuration.Substitution.allCases.map(\.rawValue)), .defaultText("refused"),
            "`allowed`: models that the tenant's callers name may be answered by others, where a name's `replaces` has them. The answer says by which."
        ),
        ConfigurationKey(
            "tenants.*.arbitrage.regions", .list(.identifier), .means("any"),
            "Arms are models whose `region` is among these; models without one are none."),
        ConfigurationKey("tenants.*.arbitrage.lambda", .decimal(0...1_000_000), .means("the name's"), "λ, for this tenant."),
        ConfigurationKey("tenants.*.arbitrage.mu", .decimal(0...1_000_000), .means("the name's"), "μ, for this tenant."),
    ]
}
