package import GatewayAuthentication
package import GatewayCore
package import NIOCore
package import Providers

/// What the pipeline itself is bound by.
package struct PipelineSettings: Sendable {
    /// Requests in the process at once, and bytes of theirs; each event loop has its share.
    package var maxInFlightRequests: Int
    package var maxInFlightBytes: Int
    /// Largest answer of a provider, in bytes.
    package var maxAnswerBytes: Int
    package var defaultTimeout: TimeAmount
    package var maxTimeout: TimeAmount
    /// How long the end of an answer waits for its record to be durable.
    package var ledgerTimeout: TimeAmount
    package var cacheScope: CacheScope
    /// Whether the request log says where a request came from.
    package var logsClientAddress: Bool

    package init(
        maxInFlightRequests: Int = 4096, maxInFlightBytes: Int = 256 << 20, maxAnswerBytes: Int = 16 << 20,
        defaultTimeout: TimeAmount = .seconds(120), maxTimeout: TimeAmount = .seconds(600),
        ledgerTimeout: TimeAmount = .seconds(5), cacheScope: CacheScope = .tenant, logsClientAddress: Bool = false
    ) {
        self.maxInFlightRequests = maxInFlightRequests
        self.maxInFlightBytes = maxInFlightBytes
        self.maxAnswerBytes = maxAnswerBytes
        self.defaultTimeout = defaultTimeout
        self.maxTimeout = maxTimeout
        self.ledgerTimeout = ledgerTimeout
        self.cacheScope = cacheScope
        self.logsClientAddress = logsClientAddress
    }
}

/// One of several ways to a provider: where it is, and with which credential.
package struct ProviderEndpoint: Sendable {
    package var endpoint: UpstreamEndpoint
    package var headers: UpstreamHeaders
    /// Its share of the calls, among the others' weights; at least 1.
    package var weight: Int

    package init(endpoint: UpstreamEndpoint, headers: UpstreamHeaders, weight: Int = 1) {
        self.endpoint = endpoint
        self.headers = headers
        self.weight = max(1, weight)
    }
}

/// A provider, ready to be called.
package struct ProviderBinding: Sendable {
    package var dialect: Dialect
    package var endpoint: UpstreamEndpoint
    /// Credential and content type; the credential is in here and nowhere else.
    package var headers: UpstreamHeaders
    /// The server refuses `stream_options`.
    package var refusesStreamOptions: Bool
    /// The version of Azure OpenAI's API by deployments, whose names stand in the path; `nil`: any other API.
    package var deploymentsVersion: String?
    /// Endpoints that take calls beside the first one, which stands above.
    package let others: [ProviderEndpoint]
    /// Of all endpoints, the first one's in front.
    package let weights: [Int]

    package init(
        dialect: Dialect = .openAI, endpoint: UpstreamEndpoint, headers: UpstreamHeaders, refusesStreamOptions: Bool = false,
        deploymentsVersion: String? = nil, weight: Int = 1, others: [ProviderEndpoint] = []
    ) {
        self.dialect = dialect
        self.endpoint = endpoint
        self.headers = headers
        self.refusesStreamOptions = refusesStreamOptions
        self.deploymentsVersion = deploymentsVersion
        self.others = others
        weights = [max(1, weight)] + others.map(\.weight)
    }

    var endpoints: [UpstreamEndpoint] { [endpoint] + others.map(\.endpoint) }

    /// The provider as it is called through one of its endpoints.
    func using(_ index: Int) -> ProviderBinding {
        guard others.indices.contains(index - 1) else { return self }
        var binding = self
        (binding.endpoint, binding.headers) = (others[index - 1].endpoint, others[index - 1].headers)
        return binding
    }
}

/// Everything that follows from the configuration, made once and never changed; a reload makes a new one. Requests under way keep theirs.
package final class GatewaySnapshot: Sendable {
    package let keys: KeyTable
    /// Issuers of tokens, and what proves the way through the edge.
    package let tokens: TokenSettings
    /// For keys of the store.
    package let keyRules: KeyRules
    package let models: ModelTable
    package let providers: [String: ProviderBinding]
    package let door: DoorSettings
    package let pipeline: PipelineSettings
    package let limits: LimitSettings
    package let resilience: ResilienceSettings
    /// For models without a price; `nil`: they are not used.
    package let priceCeiling: PriceQuote?

    /// All whose callers the configuration itself lets in, by keys or by tokens. What the store says of them counts too. Bound: the configuration's size.
    package var tenants: Set<String> { keys.tenants.union(tokens.tenants) }

    /// Where idle connections are kept open.
    var warmEndpoints: Set<UpstreamEndpoint> {
        Set(providers.values.flatMap(\.endpoints).filter { $0.limits.warmConnections > 0 })
    }

    package init(
        keys: KeyTable, keyRules: KeyRules = KeyRules(), tokens: TokenSettings = TokenSettings(), models: ModelTable,
        providers: [String: ProviderBinding], door: DoorSettings, pipeline: PipelineSettings, limits: LimitSettings = LimitSettings(),
        resilience: ResilienceSettings = ResilienceSettings(), priceCeiling: Price? = nil
    ) {
        self.keys = keys
        self.keyRules = keyRules
        self.tokens = tokens
        self.models = models
        self.providers = providers
        self.door = door
        self.pipeline = pipeline
        self.limits = limits
        self.resilience = resilience
        self.priceCeiling = priceCeiling.map { PriceQuote(.ceiling, $0) }
    }
}
