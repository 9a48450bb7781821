import DequeModule
import NIOCore
import NIOPosix

/// The connections of one endpoint on one event loop, and the calls that wait for one.
///
/// Connections are reused last in, first out, so that a burst's extra ones fall idle and close. A call that waits takes whatever comes
/// first, a connection that falls free or one that was opened for it.
final class EndpointPool {
    let endpoint: UpstreamEndpoint
    private let owner: UpstreamPool
    private var connections: [UpstreamConnection] = []
    private var idle: [UpstreamConnection] = []
    private var waiters: Deque<UpstreamCall> = []
    /// Attempts whose TCP connection is not there yet; the handshaking ones are in `connections`.
    private var dialing = 0
    private var handshaking = 0
    /// Whether idle connections are kept open for what may come.
    var isKeptWarm = false
    /// Until when no connection is made for that: an upstream that takes none, or closes them at once, is asked now and then.
    private var coldUntil: NIODeadline = .uptimeNanoseconds(0)
    /// Attempts to connect that came to nothing since the last one that did not.
    private var failuresInARow = 0

    init(endpoint: UpstreamEndpoint, owner: UpstreamPool) {
        self.endpoint = endpoint
        self.owner = owner
    }

    var scratch: ByteBuffer {
        _read { yield owner.scratch }
        _modify { yield &owner.scratch }
    }

    var statistics: UpstreamPoolStatistics {
        UpstreamPoolStatistics(
            authority: endpoint.authority, open: connections.count - handshaking, idle: idle.count, connecting: dialing + handshaking,
            waiting: waiters.count)
    }

    // MARK: Calls

    func send(_ call: UpstreamCall) {
        if let connection = idle.popLast() {
            owner.counters.reuses += 1
            begin(call, on: connection)
            dialForWarmth()
        } else if waiters.count < endpoint.limits.maxWaiters {
            waiters.append(call)
            owner.watch(call.queueDeadline)
            dialForWaiters()
        } else {
            owner.counters.exhausted += 1
            // Never from inside `send`.
            owner.eventLoop.assumeIsolated().execute { call.failed(.poolExhausted) }
        }
    }

    /// Takes back a call whose kept-alive connection is stale and about to be closed. The other idle connections are as old and as
    /// suspect, so the call waits for a new one, or for one that has just served another call.
    func retry(_ call: UpstreamCall) {
        owner.counters.staleRetries += 1
        waiters.prepend(call)
        owner.watch(call.queueDeadline)
    }

    func removeWaiter(_ call: UpstreamCall) {
        if let index = waiters.firstIndex(where: { $0 === call }) {
            waiters.remove(at: index)
        }
        forgetIfEmpty()
    }

    // MARK: Connections

    private var total: Int { connections.count + dialing }

    private func dialForWaiters() {
        while dialing + handshaking < waiters.count, total < endpoint.limits.maxConnections {
            dial()
        }
    }

    /// Between two attempts to have as many idle connections as are wanted; twice as long for each attempt in a row that came to nothing.
    private static let warmthInterval = TimeAmount.seconds(1)
    private static let mostDoublings = 5
    /// Longer than this none is kept idle: what stands between may forget connections without a word, balancers after a minute.
    private static let warmLifetime = TimeAmount.seconds(50)

    /// Makes as many connections as are wanted and not there, at most every ``warmthInterval``. Of an endpoint that is away one is tried.
    func dialForWarmth() {
        let now = owner.eventLoop.now
        guard isKeptWarm, !owner.isShutDown else { return }
        let spare = idle.count + dialing + handshaking - waiters.count
        let wanted = min(endpoint.limits.warmConnections - spare, endpoint.limits.maxConnections - total)
        guard wanted > 0 else { return }
        guard now >= coldUntil else { return owner.watch(coldUntil) }
        coldUntil = now + Self.warmthInterval * (1 << min(failuresInARow, Self.mostDoublings))
        owner.watch(coldUntil)
        for _ in 0..<(failuresInARow == 0 ? wanted : 1) { dial() }
    }

    private func dial() {
        dialing += 1
        owner.counters.dials += 1
        let endpoint = self.endpoint
        let deadline = owner.eventLoop.now + endpoint.timeouts.connect
        let bootstrap = ClientBootstrap(group: owner.eventLoop)
            .connectTimeout(endpoint.timeouts.connect)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // What is read at once, twice as much for TLS, stays with the connection.
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 2_048, maximum: 16_384))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try UpstreamConnection(endpoint: endpoint, eventLoop: channel.eventLoop).install(in: channel.pipeline.syncOperations)
                }
            }
        #if os(Linux)
        _ = bootstrap.channelOption(
            .tcpOption(Self.userTimeout),
            value: ChannelOptions.Types.SocketOption.Value(endpoint.limits.unacknowledgedTimeout.nanoseconds / 1_000_000))
        #endif
        let connected =
            if let address = endpoint.literalAddress {
                bootstrap.connect(to: address)
            } else {
                bootstrap.connect(host: endpoint.host, port: endpoint.port)
            }
        connected.assumeIsolated().whenComplete { result in
            self.dialCompleted(result, handshakeDeadline: deadline)
        }
    }

    #if os(Linux)
    /// `TCP_USER_TIMEOUT` of Linux' <linux/tcp.h>.
    private static let userTimeout = NIOBSDSocket.Option(rawValue: 18)
    #endif

    private func dialCompleted(_ result: Result<any Channel, any Error>, handshakeDeadline: NIODeadline) {
        dialing -= 1
        do {
            let channel = try result.get()
            let connection = try channel.pipeline.syncOperations.handler(type: UpstreamConnection.self)
            guard channel.isActive else { throw ChannelError.eof }
            connection.poolIndex = connections.count
            connections.append(connection)
            handshaking += 1
            owner.watch(handshakeDeadline)
            connection.attach(to: self, handshakeDeadline: handshakeDeadline)
        } catch {
            attemptFailed(Self.failure(of: error))
        }
    }

    private static func failure(of error: any Error) -> UpstreamFailure {
        switch error {
        case ChannelError.connectTimeout: return .connectTimedOut
        case let error as NIOConnectionError where error.connectionErrors.contains(where: { isTimeout($0.error) }): return .connectTimedOut
        case let error as NIOConnectionError:
            let cause = error.connectionErrors.first?.error ?? error.dnsAError ?? error.dnsAAAAError ?? error
            return .connectFailed(reason: String(String(describing: cause).prefix(200)))
        default: return .connectFailed(reason: String(String(describing: error).prefix(200)))
        }
    }

    private static func isTimeout(_ error: any Error) -> Bool {
        if case ChannelError.connectTimeout = error { true } else { false }
    }

    /// TCP was connected; TLS did not come about.
    func handshakeFailed(_ connection: UpstreamConnection, _ failure: UpstreamFailure) {
        handshaking -= 1
        remove(connection)
        attemptFailed(failure)
    }

    /// An attempt came to nothing. Unless there are attempts for all that wait, the call that has waited longest is told, in the loop's next
    /// turn, since the attempt may have failed inside `send`.
    private func attemptFailed(_ failure: UpstreamFailure) {
        owner.counters.failedDials += 1
        failuresInARow += 1
        let call = dialing + handshaking < waiters.count ? waiters.popFirst() : nil
        owner.eventLoop.assumeIsolated().execute {
            self.dialForWaiters()
            self.forgetIfEmpty()
            call?.failed(failure)
        }
    }

    /// A connection has come up.
    func connectionOpened(_ connection: UpstreamConnection) {
        handshaking -= 1
        failuresInARow = 0
        assign(connection)
    }

    /// A connection has finished an exchange.
    func connectionReleased(_ connection: UpstreamConnection) {
        if !waiters.isEmpty {
            owner.counters.reuses += 1
        }
        assign(connection)
    }

    private func assign(_ connection: UpstreamConnection) {
        if let call = waiters.popFirst() {
            begin(call, on: connection)
        } else if owner.isShutDown {
            connection.abandon()
        } else {
            idle.append(connection)
            let isWarm = isKeptWarm && idle.count <= endpoint.limits.warmConnections
            let lifetime = endpoint.limits.idleConnectionLifetime
            owner.watch(connection.stayIdle(for: isWarm ? max(lifetime, Self.warmLifetime) : lifetime))
        }
    }

    private func begin(_ call: UpstreamCall, on connection: UpstreamConnection) {
        connection.start(call)
        owner.watch(connection.deadline)
    }

    /// Sees to it that a connection's new deadline is not missed.
    func watch(_ deadline: NIODeadline) {
        owner.watch(deadline)
    }

    /// A connection is closed or about to be.
    func connectionClosed(_ connection: UpstreamConnection) {
        if let index = idle.lastIndex(where: { $0 === connection }) {
            idle.remove(at: index)
        }
        remove(connection)
        dialForWaiters()
        dialForWarmth()
        forgetIfEmpty()
    }

    private func remove(_ connection: UpstreamConnection) {
        connections.swapAt(connection.poolIndex, connections.count - 1)
        connections[connection.poolIndex].poolIndex = connection.poolIndex
        connections.removeLast()
    }

    func closeIdleConnections() {
        for connection in idle {
            connection.abandon()
        }
    }

    private func forgetIfEmpty() {
        if connections.isEmpty, dialing == 0, waiters.isEmpty, !isKeptWarm || owner.isShutDown {
            owner.forget(self)
        }
    }

    // MARK: Time

    /// Acts on every deadline that has passed and returns the next one.
    func sweep(now: NIODeadline) -> NIODeadline {
        var next = NIODeadline.distantFuture
        for connection in connections {
            if connection.deadline <= now {
                connection.deadlinePassed()
            } else {
                next = min(next, connection.deadline)
            }
        }
        var expired: [UpstreamCall] = []
        waiters.removeAll { call in
            guard call.queueDeadline <= now else {
                next = min(next, call.queueDeadline)
                return false
            }
            expired.append(call)
            return true
        }
        owner.counters.exhausted += expired.count
        dialForWarmth()
        if isKeptWarm, coldUntil > now { next = min(next, coldUntil) }
        forgetIfEmpty()
        for call in expired {
            call.failed(.poolExhausted)
        }
        return next
    }
}
