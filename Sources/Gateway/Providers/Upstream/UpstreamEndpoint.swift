package import NIOCore

/// How long each stage of a call to an upstream may take. Every field is relative and positive.
package struct UpstreamTimeouts: Sendable, Hashable {
    /// Name resolution, TCP and TLS handshake together, for one attempt at a connection.
    package var connect: TimeAmount
    /// From the request handed to a connection until the answer's head is complete. 1xx answers do not count.
    package var firstByte: TimeAmount
    /// Between two pieces of the answer's body. Does not run while the reader has paused the call.
    package var idle: TimeAmount
    /// How long a call may wait, beyond `connect`, for a connection while all are busy.
    package var queue: TimeAmount

    package init(
        connect: TimeAmount = .seconds(5), firstByte: TimeAmount = .seconds(120), idle: TimeAmount = .seconds(60),
        queue: TimeAmount = .seconds(5)
    ) {
        self.connect = connect
        self.firstByte = firstByte
        self.idle = idle
        self.queue = queue
    }
}

/// What one endpoint may hold on one event loop.
package struct UpstreamLimits: Sendable, Hashable {
    /// Open and opening connections. At the limit calls wait.
    package var maxConnections: Int
    /// Calls waiting for a connection. At the limit a call fails with `.poolExhausted`.
    package var maxWaiters: Int
    /// An unused connection is closed after this time.
    package var idleConnectionLifetime: TimeAmount
    /// A connection that is older takes no further request. New ones resolve the host's name anew, so that what moves to another address is followed.
    package var maxConnectionAge: TimeAmount
    /// Idle connections that are kept open where ``UpstreamPool/keepWarm(_:)`` has named the endpoint; they do not fall to ``idleConnectionLifetime``.
    package var warmConnections = 0
    /// Names and values of one answer's header fields together, in bytes. Beyond it the answer is malformed.
    package var maxHeaderBytes: Int
    /// Body bytes kept for a paused call whose connection ended meanwhile (the kernel then hands over all it has at once). Beyond it the
    /// call fails with `.closedMidBody`.
    package var maxHeldBytes: Int
    /// A kept-alive connection that closes within this time of taking a request, without any byte of an answer, was being closed by the
    /// server when the request was sent. A server that closes later has probably worked on the request.
    package var staleWindow: TimeAmount
    /// How long the other side may leave unacknowledged what was sent, or not make room for the rest, at least 1 ms: then it is gone, and has not had
    /// the request whole. A minute, for a server may be there and not read. Linux alone knows it (`TCP_USER_TIMEOUT`, RFC 5482); elsewhere such a request
    /// runs into ``UpstreamTimeouts/firstByte``.
    package var unacknowledgedTimeout = TimeAmount.minutes(1)
    /// How long what was sent may be on its way: a request that was sent less long ago is taken to have arrived, acknowledged or not.
    package var acknowledgementGrace = TimeAmount.seconds(1)

    package init(
        maxConnections: Int = 512, maxWaiters: Int = 1024, idleConnectionLifetime: TimeAmount = .seconds(30),
        maxConnectionAge: TimeAmount = .minutes(5), maxHeaderBytes: Int = 64 * 1024, maxHeldBytes: Int = 8 * 1024 * 1024,
        staleWindow: TimeAmount = .seconds(1)
    ) {
        self.maxConnections = maxConnections
        self.maxWaiters = maxWaiters
        self.idleConnectionLifetime = idleConnectionLifetime
        self.maxConnectionAge = maxConnectionAge
        self.maxHeaderBytes = maxHeaderBytes
        self.maxHeldBytes = maxHeldBytes
        self.staleWindow = staleWindow
    }
}

/// Where an upstream is and how it is treated. Made once from configuration; copying it costs one reference count.
///
/// Two endpoints that are equal share connections. `UpstreamTLS` is compared by identity, so a reload that wants to keep its TLS
/// connections reuses the context.
package struct UpstreamEndpoint: Sendable, Hashable {
    private let storage: Storage

    /// - Parameters:
    ///   - baseURL: `http://host[:port][/path]` or `https://…`; no user, query or fragment. Requests' paths are appended to its path.
    ///   - tls: needed for, and only used with, `https`.
    /// - Throws: `UpstreamEndpointError` with a sentence for the operator.
    package init(
        baseURL: String, tls: UpstreamTLS? = nil, timeouts: UpstreamTimeouts = UpstreamTimeouts(), limits: UpstreamLimits = UpstreamLimits()
    ) throws(UpstreamEndpointError) {
        let location = try UpstreamLocation(parsing: baseURL)
        if location.isTLS, tls == nil {
            throw UpstreamEndpointError(reason: "an https endpoint needs a TLS context")
        }
        self.storage = Storage(location: location, tls: location.isTLS ? tls : nil, timeouts: timeouts, limits: limits)
    }

    /// Without IPv6 brackets.
    package var host: String { storage.location.host }
    package var port: Int { storage.location.port }
    package var isTLS: Bool { storage.location.isTLS }
    /// Empty, or a path that starts with `/` and does not end with one.
    package var basePath: String { storage.location.basePath }
    /// The `host` header's value: the port only where it is not the scheme's own.
    package var authority: String { storage.location.authority }
    package var tls: UpstreamTLS? { storage.tls }
    package var timeouts: UpstreamTimeouts { storage.timeouts }
    package var limits: UpstreamLimits { storage.limits }
    /// The address, where the host is written as one and need not be resolved.
    var literalAddress: SocketAddress? { storage.literalAddress }

    package static func == (left: Self, right: Self) -> Bool {
        left.storage === right.storage || left.storage.isEqual(to: right.storage)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(storage.cachedHash)
    }

    private final class Storage: Sendable {
        let location: UpstreamLocation
        let tls: UpstreamTLS?
        let timeouts: UpstreamTimeouts
        let limits: UpstreamLimits
        let literalAddress: SocketAddress?
        /// The pool looks an endpoint up for every call; strings are hashed once.
        let cachedHash: Int

        init(location: UpstreamLocation, tls: UpstreamTLS?, timeouts: UpstreamTimeouts, limits: UpstreamLimits) {
            self.location = location
            self.tls = tls
            self.timeouts = timeouts
            self.limits = limits
            self.literalAddress = try? SocketAddress(ipAddress: location.host, port: location.port)
            self.cachedHash = location.hashValue
        }

        func isEqual(to other: Storage) -> Bool {
            location == other.location && tls == other.tls && timeouts == other.timeouts && limits == other.limits
        }
    }
}

/// Why a base URL or a CA file cannot be used. The reason is a sentence without its full stop.
package struct UpstreamEndpointError: Error, Sendable, Equatable, CustomStringConvertible {
    package let reason: String

    package init(reason: String) {
        self.reason = reason
    }

    package var description: String { reason }
}
