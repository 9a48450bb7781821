internal import GatewayCrypto

extension ConfigurationLoader {
    static func resilience(_ section: Section) -> Configuration.Resilience {
        let retries = section.section("retries")
        let breaker = section.section("breaker")
        let resilience = Configuration.Resilience(
            retries: Configuration.Retries(
                maxAttempts: retries.integer("max_attempts"), baseDelay: retries.duration("base_delay"),
                maxDelay: retries.duration("max_delay"), budgetPercent: retries.integer("budget_percent"),
                budgetMinimumPerSecond: retries.integer("budget_minimum_per_second")),
            breaker: Configuration.Breaker(
                isEnabled: breaker.flag("enabled"), failurePercent: breaker.integer("failure_percent"),
                minimumCalls: breaker.integer("minimum_calls"), window: breaker.duration("window"),
                openFor: breaker.duration("open_for"), maxOpenFor: breaker.duration("max_open_for"), probes: breaker.integer("probes")))
        if resilience.retries.baseDelay > resilience.retries.maxDelay {
            retries.refuse("base_delay", "is longer than `max_delay`", remedy: "shorten it, or lengthen `max_delay`")
        }
        if resilience.breaker.openFor > resilience.breaker.maxOpenFor {
            breaker.refuse("open_for", "is longer than `max_open_for`", remedy: "shorten it, or lengthen `max_open_for`")
        }
        return resilience
    }

    static let maxEndpoints = 32

    /// A provider's endpoints, as they are listed, or the one that its own keys describe.
    static func endpoints(_ provider: Section, _ traits: Configuration.ProviderTraits, isKnown: Bool) -> [Configuration.Endpoint] {
        let sections = provider.sections("endpoints")
        if sections.count > maxEndpoints {
            provider.refuse("endpoints", "has \(sections.count) entries", remedy: "keep at most \(maxEndpoints)")
        }
        let needsURL = sections.isEmpty || sections.contains { !$0.has("base_url") }
        let url = baseURL(provider, traits, isKnown: isKnown && needsURL)
        let named = provider.optionalText("api_key_env")
        let credential =
            sections.isEmpty || sections.contains { !$0.has("api_key_env") }
            ? secret(provider, named ?? traits.credential) : nil
        refusePlaintext(url, provider, in: provider)
        guard !sections.isEmpty else { return [Configuration.Endpoint(baseURL: url ?? .none, credential: credential, weight: 1)] }
        return sections.map { section in
            let own = suited(section.optionalURL("base_url"), provider, traits)
            refusePlaintext(own, provider, in: section)
            return Configuration.Endpoint(
                baseURL: own ?? url ?? .none,
                credential: section.has("api_key_env") ? secret(section, section.optionalText("api_key_env")) : credential,
                weight: section.integer("weight"))
        }
    }

    private static func secret(_ section: Section, _ variable: String?) -> Secret? {
        guard let variable else { return nil }
        do {
            return try section.reading.secret(named: variable, minimumCount: 1)
        } catch {
            section.refuse("api_key_env", at: section.position(of: "api_key_env"), error)
            return nil
        }
    }

    private static func refusePlaintext(_ url: ProviderURL?, _ provider: Section, in section: Section) {
        guard let url, !url.usesTLS, !url.isLoopback, !provider.flag("allow_plaintext") else { return }
        section.refuse(
            "base_url", "would send prompts and the credential over the network unencrypted",
            remedy: "use https://, or write `allow_plaintext: true` if the network is trusted")
    }

    private static func baseURL(_ section: Section, _ traits: Configuration.ProviderTraits, isKnown: Bool) -> ProviderURL? {
        var url = section.optionalURL("base_url")
        if let text = traits.baseURL, !section.has("base_url") { url = try? ProviderURL(parsing: text) }
        if isKnown, url == nil, !section.has("base_url") {
            section.refuse("base_url", "is missing", remedy: "add `base_url: …` here, a URL")
        }
        return suited(url, section, traits)
    }

    /// Azure's resources are known by their hosts.
    private static func suited(_ url: ProviderURL?, _ provider: Section, _ traits: Configuration.ProviderTraits) -> ProviderURL? {
        guard var url, traits.credentialHeader == .apiKey, url.path == "" else { return url }
        url.path = provider.has("azure_api_version") ? "/openai" : "/openai/v1"
        return url
    }
}

extension ProviderURL {
    /// Stands in for one that could not be read.
    fileprivate static let none = ProviderURL(usesTLS: true, host: "", port: 443, path: "")
}
