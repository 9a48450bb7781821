package import GatewayAuthentication
package import GatewayCore
package import NIOCore
package import Providers

/// What a door must know of the configuration.
package struct DoorSettings: Sendable {
    /// Largest request body, in bytes.
    package var maxRequestBytes: Int
    /// How long a request's head, and then its body, may take to arrive.
    package var slowRequestTimeout: TimeAmount
    /// How long a kept-alive connection may be idle.
    package var idleTimeout: TimeAmount
    /// How long a request for a stream waits for the answer's first piece before its stream begins without it.
    package var streamStartDelay: TimeAmount
    /// How often a stream says that it is alive while the provider thinks.
    package var keepAliveInterval: TimeAmount
    /// How long accepted work may go on after the gateway was told to stop.
    package var drainDeadline: TimeAmount
    package var replicaID: String
    package var region: String
    package var serverVersion: String
    /// Open streams of one connection.
    package var maxConcurrentStreams: Int
    package var wire: WireDoorSettings

    package init(
        maxRequestBytes: Int = 4 << 20, slowRequestTimeout: TimeAmount = .seconds(20), idleTimeout: TimeAmount = .seconds(120),
        streamStartDelay: TimeAmount = .seconds(15), keepAliveInterval: TimeAmount = .seconds(10),
        drainDeadline: TimeAmount = .seconds(20), replicaID: String = "local", region: String = "", serverVersion: String = "",
        maxConcurrentStreams: Int = 256, wire: WireDoorSettings = WireDoorSettings()
    ) {
        self.maxRequestBytes = maxRequestBytes
        self.slowRequestTimeout = slowRequestTimeout
        self.idleTimeout = idleTimeout
        self.streamStartDelay = streamStartDelay
        self.keepAliveInterval = keepAliveInterval
        self.drainDeadline = drainDeadline
        self.replicaID = replicaID
        self.region = region
        self.serverVersion = serverVersion
        self.maxConcurrentStreams = maxConcurrentStreams
        self.wire = wire
    }
}

/// What the wire protocol's door announces in WELCOME.
package struct WireDoorSettings: Sendable {
    /// Largest frame, in bytes.
    package var maxFrameBytes: Int
    /// Bytes that a client may send ahead, on one stream and on all together.
    package var initialStreamCredit: Int
    package var initialConnectionCredit: Int
    /// How long a connection without a stream is kept.
    package var idleTimeout: TimeAmount
    package var resumption: ResumptionSettings

    package init(
        maxFrameBytes: Int = 64 << 10, initialStreamCredit: Int = 256 << 10, initialConnectionCredit: Int = 1 << 20,
        idleTimeout: TimeAmount = .seconds(60), resumption: ResumptionSettings = ResumptionSettings()
    ) {
        self.resumption = resumption
        self.maxFrameBytes = maxFrameBytes
        self.initialStreamCredit = initialStreamCredit
        self.initialConnectionCredit = initialConnectionCredit
        self.idleTimeout = idleTimeout
    }
}

/// What is done for answers whose connection is lost.
package struct ResumptionSettings: Sendable {
    /// How long one goes on, and what came of it is kept; zero: none does.
    package var timeout: TimeAmount
    /// Bytes of one answer that are kept for a reader that lost them, and that are read ahead for one who may come.
    package var maxStreamBytes: Int
    /// Bytes of one answer that are written for other replicas.
    package var maxRelayBytes: Int

    package init(timeout: TimeAmount = .seconds(15), maxStreamBytes: Int = 512 << 10, maxRelayBytes: Int = 4 << 20) {
        self.timeout = timeout
        self.maxStreamBytes = maxStreamBytes
        self.maxRelayBytes = maxRelayBytes
    }
}

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
