package import GatewayAuthentication
package import GatewayCore
package import GatewayCrypto

/// Everything that `agentshield serve` is told by its file, checked whole. What the keys mean, with types, defaults and ranges, is in
/// `ConfigurationKey.all` and, generated from it, in `docs/configuration.md`.
package struct Configuration: Sendable {
    package var listen: Listeners
    /// `nil`: nothing is proven of the edge.
    package var edge: EdgePolicy?
    package var auth: Authentication
    /// Key sets to fetch, of issuers and of the edge.
    package var publishedKeys: [PublishedKeySource]
    package var limits: Limits
    /// Limits of tenants, and how all limits are counted; keys have their own.
    package var sharedLimits: LimitSettings
    package var redis: Redis
    /// By name.
    package var providers: [String: Provider]
    /// Models with an exact name, and models given as a pattern, longest pattern first: the order in which a request's model is looked for.
    package var models: [Model]
    package var aliases: [Alias]
    /// What models cost of which nobody knows it; `nil`: they are not used.
    package var priceCeiling: Price?
    package var resilience: Resilience
    package var scrub: Scrubbing
    package var cache: Cache
    package var idempotency: Idempotency
    package var log: Log
    /// How long requests under way may go on after SIGTERM.
    package var drainDeadline: Duration
    /// `nil`: as many as there are cores.
    package var eventLoops: Int?
    package var replica: Replica
    package var replicas: Replicas
    package var control: Control
    package var ledger: Ledger
    package var arbitrage: Arbitrage
    package var telemetry: Telemetry
}

extension Configuration {
    package struct Listeners: Sendable {
        package var tls: TLSListener?
        package var http: HTTPListener?
        package var admin: ListenAddress?
        package var control: ControlListener?
    }

    package struct HTTPListener: Sendable {
        package var address: ListenAddress
        package var needsEdgeProof: Bool
        package var balancers: Balancers
    }

    /// Who opens connections for others, and says for whom by the PROXY protocol. Empty: nobody.
    package struct Balancers: Sendable, Equatable {
        package var networks: [NetworkRange]
    }

    /// Where tenants and keys are administered over HTTP.
    package struct ControlListener: Sendable {
        package var address: ListenAddress
        /// What whoever administers must present.
        package var credential: Secret
        /// Names, beside its addresses, by which the listener may be called.
        package var hosts: [String]
    }

    package struct TLSListener: Sendable {
        package var address: ListenAddress
        /// `nil`: the development certificate; the address is then a loopback one.
        package var identity: TLSIdentity?
        /// PEM. `nil`: nobody is asked for a certificate.
        package var clientAuthorities: [UInt8]?
        package var needsEdgeProof: Bool
        package var balancers: Balancers
        /// Paths of the files that certificate, key and client CA were read from.
        package var certificateFiles: [String]
    }

    /// A certificate chain and its key, both PEM, as read from their files.
    package struct TLSIdentity: Sendable, Equatable {
        package var certificateChain: [UInt8]
        package var privateKey: Secret
    }

    package struct Authentication: Sendable {
        /// The key of the keyed hashes in `keys` and in the store, and what the store calls it.
        package var pepper: Secret
        package var pepperID: String
        /// The pepper before it, while keys that were hashed with it are in use.
        package var previousPepper: PreviousPepper?
        /// How long keys of the store are good without the store.
        package var staleMax: Duration
        package var withoutStore: WithoutStore
        package var keys: [Key]
        package var issuers: [Issuer]
        /// By name.
        package var profiles: [String: Profile]
    }

    package struct PreviousPepper: Sendable, Equatable {
        package var id: String
        package var secret: Secret
    }

    /// What those get whom the file lets in, before the store was heard for the first time.
    package enum WithoutStore: String, Sendable, CaseIterable { case serve, refuse }

    /// Where tenants and keys are kept that are not in the file.
    package enum Control: Sendable, Equatable {
        case none
        /// The path of a SQLite file.
        case file(String)
        /// What `DATABASE_URL` says.
        case database(Secret)
    }

    /// Whether this process is the only one.
    package enum Replicas: String, Sendable, CaseIterable { case one, many }

    /// One API key: its hash and what it stands for.
    package struct Key: Sendable, Equatable {
        package var id: String
        package var hash: Digest
        package var tenant: String
        package var department: String?
        package var user: String?
        /// Names of models and aliases, or starts of them followed by `*`.
        package var models: [String]
        package var limits: SubjectLimits
        /// Seconds since 1970; `nil`: never.
        package var expiresAtUnixSeconds: Int64?
        /// Name of a policy in `scrub.policies`.
        package var scrubPolicy: String
        package var isDevelopment: Bool
    }

    /// Of keys that have none of their own.
    package struct KeyLimits: Sendable, Equatable {
        package var requestsPerMinute: Int
        package var burst: Int
        package var tokensPerMinute: Int?
        package var tokenBurst: Int?
        package var concurrentRequests: Int?
    }

    package enum UnknownPrice: String, Sendable, CaseIterable { case refuse, ceiling }

    package enum WithoutRedis: String, Sendable, CaseIterable { case local, refuse }

    /// Deployments of Redis by what they are for. Both may be one.
    package struct Redis: Sendable {
        /// `nil`: nothing is shared with other replicas.
        package var state: RedisServer?
        /// For a question on a request's way.
        package var stateTimeout: Duration
        /// `nil`: none is named.
        package var cache: RedisServer?
    }

    package struct RedisServer: Sendable {
        /// Holds a password, perhaps.
        package var url: Secret
        package var trustRoots: [UInt8]?
    }

    package struct Limits: Sendable, Equatable {
        package var maxConnections: Int
        /// Of one address; `nil`: no limit.
        package var maxConnectionsPerAddress: Int?
        package var maxRequestBytes: Int
        /// Of one answer of a provider.
        package var maxAnswerBytes: Int
        package var maxInFlightRequests: Int
        /// `nil`: a share of the memory that the process may have.
        package var maxInFlightBytes: Int?
        package var defaultDeadline: Duration
        package var maxDeadline: Duration
        /// For a request's head, and then its body, to arrive.
        package var slowRequestTimeout: Duration
        package var key: KeyLimits
        package var assumedOutputTokens: Int
        package var withoutRedis: WithoutRedis
        package var wire: Wire
        package var http: HTTP
    }

    package struct HTTP: Sendable, Equatable {
        /// Of a kept-alive connection.
        package var idleTimeout: Duration
        /// How long a stream waits for the provider's first piece before it begins without it.
        package var streamStartDelay: Duration
        /// How often a stream says that it is alive while the provider thinks.
        package var keepAliveInterval: Duration
    }

    package struct Wire: Sendable, Equatable {
        package var maxFrameBytes: Int
        package var maxConcurrentStreams: Int
        package var initialStreamCredit: Int
        package var initialConnectionCredit: Int
        package var idleTimeout: Duration
        /// How long an answer that may be resumed goes on without its connection; zero: not at all.
        package var resumeTimeout: Duration
        /// Of one such answer, and of all, that are kept.
        package var resumeStreamBytes: Int
        package var resumeBytes: Int
    }

    package struct Log: Sendable, Equatable {
        package enum Level: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error, critical }
        package enum Format: String, Sendable, CaseIterable { case json, text }
        package var level: Level
        package var format: Format
        package var hasClientAddress: Bool
    }

    package struct Replica: Sendable, Equatable {
        /// `nil`: the host's name.
        package var id: String?
        package var region: String?
    }
}
