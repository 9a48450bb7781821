internal import GatewayCore
internal import GatewayCrypto

extension ConfigurationLoader {
    static func providers(_ root: Section) -> [String: Configuration.Provider] {
        var providers: [String: Configuration.Provider] = [:]
        for (name, section) in root.namedSections("providers") {
            let known = traits(section)
            let traits = known ?? .of(.openai)
            providers[name] = Configuration.Provider(
                name: name, dialect: traits.dialect, endpoints: endpoints(section, traits, isKnown: known != nil),
                credentialHeader: traits.credentialHeader, refusesStreamOptions: traits.refusesStreamOptions,
                deploymentsVersion: section.optionalText("azure_api_version"), trustRoots: certificateFile(section, "ca_file"),
                maxConnectionsPerLoop: section.integer("max_connections_per_loop"),
                maxWaitersPerLoop: section.integer("max_waiters_per_loop"),
                connectTimeout: section.duration("connect_timeout"), firstByteTimeout: section.duration("first_byte_timeout"),
                idleTimeout: section.duration("idle_timeout"), queueTimeout: section.duration("queue_timeout"),
                maxConnectionAge: section.duration("max_connection_age"),
                warmConnectionsPerLoop: section.integer("warm_connections_per_loop"),
                priceList: section.optionalText("price_list") ?? name)
        }
        return providers
    }

    /// What the entry's preset says, or without one its dialect; `nil`: the preset is none.
    private static func traits(_ section: Section) -> Configuration.ProviderTraits? {
        let preset = section.optionalText("preset").flatMap(Configuration.ProviderPreset.init(rawValue:))
        let dialect = section.optionalText("dialect").flatMap(Configuration.Dialect.init(rawValue:))
        guard let preset else {
            if dialect == nil, !section.has("dialect"), !section.has("preset") {
                section.refuse("dialect", "is missing", remedy: "add `dialect: …` here, or `preset: …`, which knows it")
            }
            return section.has("preset") ? nil : .of(dialect ?? .openai)
        }
        if dialect != nil {
            section.refuse("dialect", "stands beside `preset`, which knows it", remedy: "remove one of the two")
        }
        if preset != .azure, section.has("azure_api_version") {
            section.refuse("azure_api_version", "is for `preset: azure` alone", remedy: "remove it")
        }
        return preset.traits
    }

    static func catalogue(
        _ root: Section, providers: [String: Configuration.Provider], cache: Configuration.Cache, scrub: Configuration.Scrubbing
    ) -> Catalogue {
        var names: Set<Configuration.Model.Name> = []
        let models: [Configuration.Model] = root.sections("models").compactMap { section in
            guard var model = draft(section, names: root.names(below: "providers"), providers: providers, cache: cache) else { return nil }
            model.scrubPolicy = scrubPolicy(section, among: scrub)
            if !names.insert(model.name).inserted {
                section.refuse(
                    section.has("pattern") ? "pattern" : "name", "is another model's too", remedy: "remove one of the two, or rename it")
            }
            return model
        }
        let exact = models.filter { if case .exact = $0.name { true } else { false } }
        let patterns = models.filter { if case .prefix = $0.name { true } else { false } }.sorted { $0.name.length > $1.name.length }
        var catalogue = Catalogue(models: exact + patterns, aliases: [])
        catalogue.aliases = aliases(root, catalogue)
        readFallbacks(root, &catalogue)
        return catalogue
    }

    private static func draft(
        _ section: Section, names: Set<String>, providers: [String: Configuration.Provider], cache: Configuration.Cache
    ) -> Configuration.Model? {
        let name = section.optionalText("name")
        let pattern = section.optionalText("pattern")
        let providerName = section.text("provider")
        let upstreamName = section.optionalText("upstream_name")
        let price = price(section)
        let cacheSection = section.section("cache")
        let mode: Configuration.CacheMode = cacheSection.choice("mode")
        let ttl = cacheSection.optionalDuration("ttl") ?? cache.defaultTTL
        let provider = providers[providerName]
        let firstByteTimeout = section.optionalDuration("first_byte_timeout") ?? provider?.firstByteTimeout ?? .zero
        let dropsUnsupported = section.flag("drop_unsupported")
        let maxAttempts = section.optionalInteger("max_attempts")
        let hedgeAfter = section.optionalDuration("hedge_after")
        let idleTimeout = section.optionalDuration("idle_timeout") ?? provider?.idleTimeout ?? .zero
        if !providerName.isEmpty, !names.contains(providerName) {
            let meant = Suggestion.closest(to: providerName, among: names.sorted()).map { "did you mean `\($0)`? " } ?? ""
            section.refuse(
                "provider", "names a provider that is not in `providers`: \(providerName)",
                remedy: "\(meant)add it there, or name one that is")
        }
        if section.has("name"), section.has("pattern") {
            section.refuse("pattern", "stands beside `name`", remedy: "keep one of the two")
        }
        if section.has("pattern"), section.has("upstream_name") {
            section.refuse(
                "upstream_name", "stands beside `pattern`", remedy: "remove it: names that match a pattern go to the provider unchanged")
        }
        if !section.has("name"), !section.has("pattern") {
            section.refuse("", "has neither `name` nor `pattern`", remedy: "add one of the two")
        }
        if let pattern, !pattern.hasSuffix("*") {
            section.refuse("pattern", "has no `*`", remedy: "end it with `*`, or call it `name`")
        }
        guard let modelName = name.map(Configuration.Model.Name.exact) ?? pattern.map({ .prefix(String($0.dropLast())) }) else {
            return nil
        }
        return Configuration.Model(
            name: modelName, provider: providerName, upstreamName: upstreamName, price: price, cacheMode: mode, cacheTTL: ttl,
            firstByteTimeout: firstByteTimeout, idleTimeout: idleTimeout, dropsUnsupported: dropsUnsupported, fallback: [],
            maxAttempts: maxAttempts, hedgeAfter: hedgeAfter)
    }

    private static func price(_ section: Section) -> Price? {
        guard let word = section.word(at: "price") else { return section.optionalSection("price").flatMap { tokenPrice($0) } }
        if word == "free" { return .free }
        section.refuse("price", "is neither a section nor `free`", remedy: "write `price: {input: …, output: …}`, or `price: free`")
        return nil
    }

    /// What models without a price cost; `nil`: they are not used.
    static func priceCeiling(_ section: Section) -> Price? {
        let rule: Configuration.UnknownPrice = section.choice("unknown")
        let ceiling = section.optionalSection("ceiling")
        if rule == .ceiling, ceiling == nil {
            section.refuse("ceiling", "is missing, and `unknown` is `ceiling`", remedy: "say what models without a price are charged")
        }
        if rule == .refuse, ceiling != nil {
            section.refuse("ceiling", "stands beside `unknown: refuse`", remedy: "write `unknown: ceiling`, or remove it")
        }
        return ceiling.flatMap { tokenPrice($0) }
    }

    private static func tokenPrice(_ section: Section) -> Price? {
        let input = section.optionalPrice("input")
        let output = section.optionalPrice("output")
        let cacheRead = section.optionalPrice("cache_read")
        let cacheWrite = section.optionalPrice("cache_write")
        guard let input, let output else { return nil }
        return Price(input: input, cacheRead: cacheRead ?? input, cacheWrite: cacheWrite ?? input, output: output)
    }
}

extension Configuration.Model.Name {
    /// Bytes that a request's model must equal.
    var length: Int {
        switch self {
        case .exact(let name): name.utf8.count
        case .prefix(let prefix): prefix.utf8.count
        }
    }
}
