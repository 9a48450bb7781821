extension AgentShieldClient {
    /// Where the gateways are, who calls, and how patient the client is.
    public struct Configuration: Sendable {
        /// Gateways that are equally good; at least one. Connections are spread over them, and move on from one that fails.
        public var addresses: [Address]
        public var credential: Credential
        public var trust = TLSTrust.systemRoots
        /// Needed where the gateway takes clients with a certificate only; it stands beside the credential, not in its place.
        public var clientCertificate: ClientCertificate?
        /// The name that the gateway's certificate must have; `nil`: each address's host. It is a WebSocket's `Host` too.
        public var serverName: String?
        /// For WebSockets only: sent with the request that begins one, and never shown. At most 32, together 8 KiB.
        public var upgradeHeaders: [UpgradeHeader] = []
        /// How long a call may take that does not say so itself, retries and waiting included. At most 49 days.
        public var deadline: Duration = .seconds(120)
        /// How long credential, TCP, TLS and a WebSocket's upgrade of a new connection may take together.
        public var connectTimeout: Duration = .seconds(10)
        /// LZ4 in both directions, for what gets shorter by it.
        public var isCompressionEnabled = true
        /// Connections at most, 1 to 64. Each carries many calls at once; the second is made when the first is busy.
        public var maxConnections = 2
        /// Calls that may wait for a connection or for room on one; more are refused with ``AgentShieldError/Code/tooManyPending``.
        public var maxPendingCalls = 1024
        /// Bytes of a streamed answer that may wait for their reader, 256 KiB to 16 MiB: the stream's credit.
        public var streamBufferBytes = 262_144
        /// The longest answer that is accepted whole, collected from a stream or not; at most 1 GiB.
        public var maxAnswerBytes = 16_777_216
        public var retry = RetryPolicy()
        /// Silence of the gateway after which it is pinged; `nil`: never. At least 2 s.
        public var keepAlive: Duration? = .seconds(30)
        /// Time without a call after which a connection is closed; `nil`: never. The next call makes a new one.
        public var idleTimeout: Duration? = .seconds(300)
        /// Name and version of the program, for the gateway's log.
        public var agent = "agentshield-swift/1"

        public init(addresses: [Address], credential: Credential) {
            self.addresses = addresses
            self.credential = credential
        }

        public init(address: Address, apiKey: String) {
            self.init(addresses: [address], credential: .apiKey(apiKey))
        }
    }

    /// What is tried again, and when.
    ///
    /// Only what is safe is: requests that a gateway refused because it goes away, that were lost with their connection before the
    /// answer began, or that failed with a retryable error before it began. Every attempt carries the same idempotency key. Delays are exponential with full jitter.
    public struct RetryPolicy: Sendable, Hashable {
        /// Attempts of one call, the first included; 1: no retries.
        public var maxAttempts = 3
        /// The first delay is random up to this, each further one up to twice the one before.
        public var baseDelay: Duration = .milliseconds(100)
        public var maxDelay: Duration = .seconds(5)
        /// An error that asks for more patience than this is told to the caller.
        public var maxRetryAfter: Duration = .seconds(30)
        /// Connections that may fail one after the other before the calls that wait for one do.
        public var maxConnectAttempts = 6

        public init() {}
    }
}

/// What gateways' certificates are checked against. They always are.
public enum TLSTrust: Sendable, Hashable {
    /// The certificate authorities of the operating system.
    case systemRoots
    /// The certificates of a PEM file, and no others.
    case file(String)
    /// The certificates of PEM text, and no others.
    case pem([UInt8])
}

/// Who calls. Asked again for every new connection, so that a credential can change while the program runs.
public struct Credential: Sendable {
    let provide: @Sendable () async throws -> String

    public static func apiKey(_ key: String) -> Credential {
        Credential { key }
    }

    /// A file of at most 4 KiB that holds the API key; white space around it does not count.
    public static func file(_ path: String) -> Credential {
        Credential { try SmallFile.text(at: path).trimmed }
    }

    /// Whatever the closure returns at the time.
    public static func provider(_ closure: @escaping @Sendable () async throws -> String) -> Credential {
        Credential(provide: closure)
    }

    /// None: a client certificate or the network vouches for the caller.
    public static var none: Credential { apiKey("") }
}

extension Credential: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String { "Credential" }

    public var debugDescription: String { description }
}
