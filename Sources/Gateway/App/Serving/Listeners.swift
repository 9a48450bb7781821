import GatewayConfiguration
import GatewayCore
import GatewayPipeline
import HTTPShim
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOTLS
import WireServer

/// Opens the gateway's sockets and gives each connection to the door that it asks for.
struct Listeners: Sendable {
    private let group: any EventLoopGroup
    private let loops: LoopDirectory
    /// Callers' connections: those that a drain waits for.
    let callers: ConnectionCount
    /// Of the listeners for operators: a flood of callers does not shut them out.
    private let operators = ConnectionCount(limit: 64)
    private let addresses: AddressCount
    /// Connections that are only told why they are not taken.
    private let refused = ConnectionCount(limit: 64)
    private let logger: Logger

    init(group: any EventLoopGroup, loops: LoopDirectory, maxConnections: Int, maxPerAddress: Int?, logger: Logger) {
        self.group = group
        self.loops = loops
        self.logger = logger
        callers = ConnectionCount(limit: maxConnections)
        addresses = AddressCount(limit: maxPerAddress)
    }

    /// The main port: TLS, then wire, HTTP/2 or HTTP/1.1 as ALPN says; without ALPN HTTP/1.1.
    func openTLS(_ listener: Configuration.TLSListener, _ tls: CurrentTLS, logsAddresses: Bool) async throws -> any Channel {
        let needsEdgeProof = listener.needsEdgeProof
        let balancers = BalancerGate(listener.balancers, listener: "listen.tls", logsAddresses: logsAddresses, logger: logger)
        return try await open(listener.address, counting: callers) { [self] channel, loop in
            try balancers.admit(channel, timeout: loop.gateway.settings.slowRequestTimeout) { channel, clientAddress in
                if !needsEdgeProof { try count(channel, clientAddress) }
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandler(NIOSSLServerHandler(context: tls.context))
                let timer = channel.eventLoop.scheduleTask(in: loop.gateway.settings.slowRequestTimeout) { channel.close(promise: nil) }
                channel.closeFuture.whenComplete { _ in timer.cancel() }
                try pipeline.addHandler(
                    ApplicationProtocolNegotiationHandler { result, channel in
                        timer.cancel()
                        let installed = channel.eventLoop.makeCompletedFuture {
                            guard let loop = loops.context(of: channel.eventLoop) else { throw ChannelError.ioOnClosedChannel }
                            try Self.install(result, on: channel, loop, needsEdgeProof: needsEdgeProof, clientAddress: clientAddress)
                        }
                        installed.whenFailure { _ in channel.close(promise: nil) }
                        return installed
                    })
            }
        }
    }

    /// The plain port, for use behind a proxy that ends TLS: HTTP/1.1, or HTTP/2 for clients that begin with it.
    func openHTTP(_ listener: Configuration.HTTPListener, logsAddresses: Bool) async throws -> any Channel {
        let needsEdgeProof = listener.needsEdgeProof
        let balancers = BalancerGate(listener.balancers, listener: "listen.http", logsAddresses: logsAddresses, logger: logger)
        return try await open(listener.address, counting: callers, whenFull: { [self] in try refuse($0, .full, $1) }) {
            [self] channel, loop in
            try balancers.admit(channel, timeout: loop.gateway.settings.slowRequestTimeout) { channel, clientAddress in
                do throws(AddressFull) {
                    if !needsEdgeProof { try count(channel, clientAddress) }
                } catch {
                    return try refuse(channel, .addressFull, loop)
                }
                try configurePlainHTTP(
                    channel, backend: loop.gateway, needsEdgeProof: needsEdgeProof, clientAddress: clientAddress,
                    webSocket: Self.webSocket(loop))
                loop.add(http: channel)
            }
        }
    }

    /// Counts a connection for its address until it closes.
    private func count(_ channel: any Channel, _ clientAddress: String?) throws(AddressFull) {
        guard let group = try addresses.open(clientAddress) else { return }
        channel.closeFuture.whenComplete { [addresses] _ in addresses.close(group) }
    }

    /// Tells a client of plain HTTP why its connection is not taken; a few at a time, the others are closed without a word.
    private func refuse(_ channel: any Channel, _ refusal: ConnectionRefusal, _ loop: LoopContext) throws {
        guard refused.open() else { throw TooManyConnections() }
        channel.closeFuture.whenComplete { [refused] _ in refused.close() }
        try refuseHTTP1(channel, refusal, requestID: loop.gateway.makeRequestID())
    }

    /// Health and metrics, for operators and platforms.
    func openAdmin(_ address: ListenAddress, readiness: Readiness, report: MetricsReport) async throws -> any Channel {
        try await open(address, counting: operators) { channel, _ in
            try channel.pipeline.syncOperations.addHandler(IdleStateHandler(allTimeout: AdminHandler.idleTimeout))
            try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
            try channel.pipeline.syncOperations.addHandler(AdminHandler(readiness: readiness, report: report))
        }
    }

    /// For administering tenants and keys.
    func openControl(_ listener: Configuration.ControlListener, api: ControlAPI) async throws -> any Channel {
        let logger = logger
        return try await open(listener.address, counting: operators) { channel, loop in
            let gate = ControlGate(listener, port: channel.localAddress?.port ?? listener.address.port)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(IdleStateHandler(allTimeout: ControlHandler.idleTimeout))
            try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
            let gateway = loop.gateway
            try pipeline.addHandler(ControlHandler(api: api, gate: gate, logger: logger) { gateway.makeRequestID() })
        }
    }

    private static func install(
        _ result: ALPNResult, on channel: any Channel, _ loop: LoopContext, needsEdgeProof: Bool, clientAddress: String?
    ) throws {
        switch result {
        case .negotiated(ServerTLS.wire):
            let tls = try channel.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
            guard tls.tlsVersion == .tlsv13 else { throw WireNeedsTLS13() }
            // The handshake has verified the certificate, if there is one.
            let refusal = needsEdgeProof && tls.peerCertificate == nil ? Fault.clientCertificateNeeded : nil
            let handler = WireDoor.makeHandler(
                loop: loop.gateway, compressor: loop.compressor, connections: loop.connections, resumable: loop.resumable,
                clientAddress: clientAddress, refusal: refusal)
            try channel.pipeline.syncOperations.addHandler(handler)
        case .negotiated("h2"):
            try configureHTTP2(channel, backend: loop.gateway, needsEdgeProof: needsEdgeProof, clientAddress: clientAddress)
            loop.add(http: channel)
        case .negotiated, .fallback:
            try configureHTTP1(
                channel, backend: loop.gateway, needsEdgeProof: needsEdgeProof, clientAddress: clientAddress, webSocket: webSocket(loop))
            loop.add(http: channel)
        }
    }

    /// The wire protocol's door in a WebSocket.
    private static func webSocket(_ loop: LoopContext) -> WebSocketDoor {
        { channel, address in
            try WireDoor.addWebSocket(
                to: channel, loop: loop.gateway, compressor: loop.compressor, connections: loop.connections, resumable: loop.resumable,
                clientAddress: address)
        }
    }

    private func open(
        _ address: ListenAddress, counting connections: ConnectionCount,
        whenFull: (@Sendable (any Channel, LoopContext) throws -> Void)? = nil,
        _ initialise: @escaping @Sendable (any Channel, LoopContext) throws -> Void
    ) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            // With no file left to open, accepting is tried again in a while, not without end.
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(AcceptBackoffHandler()) }
            }
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // A connection keeps the room of the most that it has read at once, and TLS several times as much beside it: 16 and 64 KiB, and with the
            // library's defaults 64 and 512.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 2_048, maximum: 16_384))
            .childChannelInitializer { [loops] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let loop = loops.context(of: channel.eventLoop) else { throw TooManyConnections() }
                    guard connections.open() else {
                        guard let whenFull else { throw TooManyConnections() }
                        return try whenFull(channel, loop)
                    }
                    channel.closeFuture.whenComplete { _ in connections.close() }
                    try initialise(channel, loop)
                }
            }
            .bind(host: address.host, port: address.port).get()
    }
}

extension Fault {
    fileprivate static let clientCertificateNeeded = Fault(
        .edgeProofRequired, origin: .downstream,
        message: "This gateway takes the wire protocol from clients with a certificate of its CA only, and the connection presented none.")
}

/// The wire protocol was agreed on over an older TLS.
struct WireNeedsTLS13: Error {}

/// The listener's limit is reached: the connection is closed at once.
struct TooManyConnections: Error {}

/// How many connections are open; shared by all listeners and loops.
final class ConnectionCount: Sendable {
    private let count = NIOLockedValueBox(0)
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    func open() -> Bool {
        count.withLockedValue { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
    }

    func close() {
        count.withLockedValue { $0 -= 1 }
    }

    var current: Int { count.withLockedValue { $0 } }
}

/// Whether new work is welcome.
final class Readiness: Sendable {
    private let ready = NIOLockedValueBox(false)

    var isReady: Bool {
        get { ready.withLockedValue { $0 } }
        set { ready.withLockedValue { $0 = newValue } }
    }
}
