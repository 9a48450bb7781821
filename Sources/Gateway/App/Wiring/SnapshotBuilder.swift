import Foundation
import GatewayAuthentication
import GatewayConfiguration
import GatewayCore
import GatewayCrypto
import GatewayPipeline
import NIOCore
import Providers

/// Makes what the pipeline works with of what the file says.
struct SnapshotBuilder {
    private let configuration: Configuration
    private let shipped: ShippedModels

    init(_ configuration: Configuration, _ shipped: ShippedModels) {
        self.configuration = configuration
        self.shipped = shipped
    }

    /// - Returns: the snapshot; or a fault for what only shows when it is built, such as a CA file without a certificate.
    func snapshot() -> Result<GatewaySnapshot, ConfigurationFaults> {
        Result { () throws(ConfigurationFaults) in
            let rules = scrubRules
            return GatewaySnapshot(
                keys: KeyTable(try keys(rules)), keyRules: keyRules(rules), tokens: try tokens(rules), models: models(rules),
                providers: try providers(), door: door, pipeline: pipeline, limits: configuration.sharedLimits,
                resilience: configuration.resilience.settings, priceCeiling: configuration.priceCeiling)
        }
    }

    private func fault(_ key: String, _ problem: String, _ remedy: String) -> ConfigurationFaults {
        ConfigurationFaults(faults: [
            ConfigurationFault(file: "configuration", line: 1, column: 1, key: key, problem: problem, remedy: remedy)
        ])
    }

    // MARK: scrub

    private var scrubRules: [String: ScrubRules] {
        Dictionary(
            uniqueKeysWithValues: configuration.scrub.policies.map { name, settings in
                let rules = ScrubRules(
                    name: name, version: settings.version, policy: settings.policy,
                    toolsWithRestoredArguments: Set(settings.restoreInToolArguments))
                return (name, rules)
            })
    }

    // MARK: keys

    private func keys(_ rules: [String: ScrubRules]) throws(ConfigurationFaults) -> [CredentialDigest: Principal] {
        var keys: [CredentialDigest: Principal] = [:]
        for key in configuration.auth.keys {
            guard let digest = key.hash.withUnsafeBytes({ CredentialDigest($0) }), let scrub = rules[key.scrubPolicy] else {
                throw fault("auth.keys", "has the key `\(key.id)` with a policy that there is not", "name a policy of scrub.policies")
            }
            keys[digest] = Principal(
                keyID: key.id, tenant: key.tenant, department: key.department, user: key.user,
                models: Self.permission(key.models), limits: key.limits, scrub: scrub,
                expiresAtUnixSeconds: key.expiresAtUnixSeconds, authority: .file(digest))
        }
        return keys
    }

    private func keyRules(_ rules: [String: ScrubRules]) -> KeyRules {
        KeyRules(policies: rules, limits: configuration.limits.key.subject, region: configuration.replica.region ?? "")
    }

    // MARK: tokens

    private func tokens(_ rules: [String: ScrubRules]) throws(ConfigurationFaults) -> TokenSettings {
        var profiles: [String: AccessProfile] = [:]
        for (name, profile) in configuration.auth.profiles {
            guard let scrub = rules[profile.scrubPolicy] else {
                throw fault("auth.profiles.\(name)", "has a policy that there is not", "name a policy of scrub.policies")
            }
            profiles[name] = AccessProfile(
                name: name, models: Self.permission(profile.models), limits: profile.limits, scrub: scrub)
        }
        let issuers = configuration.auth.issuers.map { issuer in
            TokenIssuer(
                name: issuer.id, rules: issuer.rules,
                mapping: ClaimMapping(
                    tenant: issuer.tenant, userClaim: issuer.userClaim, departmentClaim: issuer.departmentClaim,
                    modelsClaim: issuer.modelsClaim, profileClaim: issuer.profileClaim, profiles: profiles,
                    defaultProfile: issuer.profile.flatMap { profiles[$0] }))
        }
        return TokenSettings(issuers: issuers, edge: configuration.edge)
    }

    private static func permission(_ models: [String]) -> ModelPermission {
        models.contains("*") ? .all : .only(models.map { ModelPattern($0) })
    }

    // MARK: models

    private func models(_ rules: [String: ScrubRules]) -> ModelTable {
        var exact: [UpstreamTarget] = []
        var patterns: [ModelTable.Pattern] = []
        var fallbacks: [String: [String]] = [:]
        for model in configuration.models {
            let settings = ModelSettings(
                price: model.price, priceList: configuration.providers[model.provider]?.priceList ?? "",
                cache: CacheSettings(mode: CacheSettings.Mode(model.cacheMode), timeToLiveNanoseconds: model.cacheTTL.nanoseconds),
                firstByteTimeoutNanoseconds: model.firstByteTimeout.nanoseconds, idleTimeoutNanoseconds: model.idleTimeout.nanoseconds,
                scrub: model.scrubPolicy.flatMap { rules[$0] }, dropsUnsupported: model.dropsUnsupported,
                maxAttempts: model.maxAttempts, hedgeAfterNanoseconds: model.hedgeAfter?.nanoseconds, traits: model.traits)
            switch model.name {
            case .exact(let name):
                var settings = settings
                settings.traits = shipped.complete(model.traits, of: model.upstreamName ?? name, price: model.price)
                if !model.fallback.isEmpty { fallbacks[name] = model.fallback }
                exact.append(
                    UpstreamTarget(
                        model: name, provider: model.provider, upstreamModel: model.upstreamName ?? name, settings: settings))
            case .prefix(let prefix):
                // Of its members each has its own strength.
                var settings = settings
                settings.traits.tokenRates = shipped.tokenRates.rates(of: prefix)
                patterns.append(
                    ModelTable.Pattern(prefix: prefix, provider: model.provider, settings: settings, fallback: model.fallback))
            }
        }
        return ModelTable(
            models: exact, patterns: patterns,
            aliases: configuration.aliases.compactMap { $0.arbitrage == nil ? ($0.name, $0.models) : nil }, fallbacks: fallbacks,
            arbitrated: configuration.aliases.compactMap { alias in
                alias.arbitrage.map {
                    ModelTable.ArbitratedName(name: alias.name, arms: $0.arms, settings: $0.settings, replaces: $0.replaces)
                }
            }, tenants: configuration.arbitrage.tenants, shipped: shipped)
    }

    // MARK: providers

    private func providers() throws(ConfigurationFaults) -> [String: ProviderBinding] {
        var bindings: [String: ProviderBinding] = [:]
        for (name, provider) in configuration.providers {
            do {
                let endpoints = try endpoints(of: provider)
                bindings[name] = ProviderBinding(
                    dialect: Dialect(provider.dialect), endpoint: endpoints[0].endpoint, headers: endpoints[0].headers,
                    refusesStreamOptions: provider.refusesStreamOptions, deploymentsVersion: provider.deploymentsVersion,
                    weight: endpoints[0].weight, others: Array(endpoints.dropFirst()))
            } catch let error as UpstreamEndpointError {
                throw fault("providers.\(name)", "cannot be used: \(error.reason)", "check base_url and ca_file")
            } catch {
                throw fault("providers.\(name)", "has a credential that no header can hold", "check what api_key_env names")
            }
        }
        return bindings
    }

    /// Never empty.
    private func endpoints(of provider: Configuration.Provider) throws -> [ProviderEndpoint] {
        var limits = UpstreamLimits()
        limits.maxConnections = provider.maxConnectionsPerLoop
        limits.maxWaiters = provider.maxWaitersPerLoop
        limits.maxConnectionAge = TimeAmount(provider.maxConnectionAge)
        limits.warmConnections = min(provider.warmConnectionsPerLoop, provider.maxConnectionsPerLoop)
        // One for all endpoints, so that those at one address share connections.
        let tls = provider.endpoints.contains { $0.baseURL.usesTLS } ? try UpstreamTLS(trustRoots: provider.trustRoots) : nil
        return try provider.endpoints.map { endpoint in
            ProviderEndpoint(
                endpoint: try UpstreamEndpoint(
                    baseURL: endpoint.baseURL.text, tls: endpoint.baseURL.usesTLS ? tls : nil,
                    timeouts: UpstreamTimeouts(
                        connect: TimeAmount(provider.connectTimeout), firstByte: TimeAmount(provider.firstByteTimeout),
                        idle: TimeAmount(provider.idleTimeout), queue: TimeAmount(provider.queueTimeout)),
                    limits: limits),
                headers: try headers(of: provider, endpoint.credential), weight: endpoint.weight)
        }
    }

    private func headers(of provider: Configuration.Provider, _ credential: Secret?) throws -> UpstreamHeaders {
        var headers = UpstreamHeaders()
        try headers.add("content-type", "application/json")
        try headers.add("user-agent", "agentshield/\(GatewayVersion.current)")
        if let credential {
            let text = credential.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            switch provider.credentialHeader {
            case .bearer: try headers.add("authorization", "Bearer " + text)
            case .xAPIKey: try headers.add("x-api-key", text)
            case .apiKey: try headers.add("api-key", text)
            case .xGoogAPIKey: try headers.add("x-goog-api-key", text)
            }
        }
        return headers
    }

    // MARK: settings

    private var door: DoorSettings {
        let limits = configuration.limits
        return DoorSettings(
            maxRequestBytes: limits.maxRequestBytes, slowRequestTimeout: TimeAmount(limits.slowRequestTimeout),
            idleTimeout: TimeAmount(limits.http.idleTimeout), streamStartDelay: TimeAmount(limits.http.streamStartDelay),
            keepAliveInterval: TimeAmount(limits.http.keepAliveInterval),
            drainDeadline: TimeAmount(configuration.drainDeadline),
            replicaID: configuration.replica.id ?? ProcessInfo.processInfo.hostName, region: configuration.replica.region ?? "",
            serverVersion: GatewayVersion.current, maxConcurrentStreams: limits.wire.maxConcurrentStreams,
            wire: WireDoorSettings(
                maxFrameBytes: limits.wire.maxFrameBytes, initialStreamCredit: limits.wire.initialStreamCredit,
                initialConnectionCredit: limits.wire.initialConnectionCredit, idleTimeout: TimeAmount(limits.wire.idleTimeout),
                resumption: ResumptionSettings(
                    timeout: TimeAmount(limits.wire.resumeTimeout), maxStreamBytes: limits.wire.resumeStreamBytes)))
    }

    private var pipeline: PipelineSettings {
        let limits = configuration.limits
        let bytes = limits.maxInFlightBytes ?? max(limits.maxRequestBytes, MemoryLimit.bytesInFlight(of: MemoryLimit.current()))
        return PipelineSettings(
            maxInFlightRequests: limits.maxInFlightRequests, maxInFlightBytes: bytes,
            maxAnswerBytes: limits.maxAnswerBytes, defaultTimeout: TimeAmount(limits.defaultDeadline),
            maxTimeout: TimeAmount(limits.maxDeadline), ledgerTimeout: TimeAmount(configuration.ledger.timeout),
            cacheScope: CacheScope(configuration.cache.scope), logsClientAddress: configuration.log.hasClientAddress)
    }
}

// MARK: the file's words in the pipeline's

extension Configuration.Resilience {
    fileprivate var settings: ResilienceSettings {
        ResilienceSettings(
            retries: RetryPolicy(
                maxAttempts: retries.maxAttempts, baseDelay: TimeAmount(retries.baseDelay), maxDelay: TimeAmount(retries.maxDelay)),
            budget: RetryBudget.Settings(percent: retries.budgetPercent, minimumPerSecond: retries.budgetMinimumPerSecond),
            breaker: CircuitBreaker.Settings(
                failurePercent: breaker.failurePercent, minimumCalls: breaker.isEnabled ? breaker.minimumCalls : .max,
                window: TimeAmount(breaker.window), openFor: TimeAmount(breaker.openFor), maxOpenFor: TimeAmount(breaker.maxOpenFor),
                probes: breaker.probes))
    }
}

extension Dialect {
    init(_ dialect: Configuration.Dialect) {
        self =
            switch dialect {
            case .openai: .openAI
            case .anthropic: .anthropic
            case .ollama: .ollama
            case .gemini: .gemini
            }
    }
}

extension CacheSettings.Mode {
    init(_ mode: Configuration.CacheMode) {
        self =
            switch mode {
            case .deterministic: .deterministic
            case .always: .always
            case .off: .off
            }
    }
}

extension CacheScope {
    init(_ scope: Configuration.CacheScope) {
        self =
            switch scope {
            case .tenant: .tenant
            case .user: .user
            case .key: .key
            }
    }
}

extension Duration {
    /// Saturates at about 292 years.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : product + attoseconds / 1_000_000_000
    }
}
