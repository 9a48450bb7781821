import NIOCore
import NIOHTTP1
import NIOSSL
import NIOTLS
import NIOWebSocket
import Wire
import WireTransport

/// Makes a WebSocket of a connection, and lets the wire protocol begin only if the server took the upgrade for what it is: the credential goes to
/// nobody else.
final class UpgradeGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    static let subprotocol = "agentshield.v1"
    /// Offered alone in ALPN: an upgrade begins with HTTP/1.1.
    static let applicationProtocol = "http/1.1"

    private let connection: ClientChannel
    private let transport: NetworkTransport
    private let credential: String
    private let head: HTTPRequestHead
    private let isSecure: Bool

    private init(_ connection: ClientChannel, transport: NetworkTransport, credential: String, head: HTTPRequestHead, isSecure: Bool) {
        self.connection = connection
        self.transport = transport
        self.credential = credential
        self.head = head
        self.isSecure = isSecure
    }

    /// Adds the gate and what it needs to a connected channel.
    ///
    /// - Parameter tls: `nil`: plain HTTP.
    static func add(
        to channel: any Channel, tls: NIOSSLClientHandler?, _ connection: ClientChannel, transport: NetworkTransport, credential: String,
        head: HTTPRequestHead
    ) throws {
        let gate = UpgradeGate(connection, transport: transport, credential: credential, head: head, isSecure: tls != nil)
        let bound = NIOLoopBound(gate, eventLoop: channel.eventLoop)
        let upgrader = NIOWebSocketClientUpgrader(maxFrameSize: WebSocketRules.maxFrameBytes, automaticErrorHandling: false) {
            channel, response in
            channel.eventLoop.makeCompletedFuture { try bound.value.upgraded(channel, response) }
        }
        let encoder = HTTPRequestEncoder()
        let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes))
        let upgrade = NIOHTTPClientUpgradeHandler(
            upgraders: [upgrader], httpHandlers: [encoder, decoder], upgradeCompletionHandler: { _ in })
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(tls) }
        try pipeline.addHandlers([encoder, decoder, upgrade, gate])
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if !isSecure { begin(context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let agreed) = event as? TLSUserEvent else { return context.fireUserInboundEventTriggered(event) }
        guard agreed == nil || agreed == Self.applicationProtocol else { return fail(context, "the server does not speak HTTP/1.1") }
        begin(context)
    }

    private func begin(_ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// The server has agreed to a WebSocket, and its frames' codec is in place.
    private func upgraded(_ channel: any Channel, _ response: HTTPResponseHead) throws {
        guard response.headers["sec-websocket-protocol"] == [Self.subprotocol] else {
            refuse("the server's WebSocket does not speak \(Self.subprotocol)")
            throw ChannelError.ioOnClosedChannel
        }
        let handler = transport.makeHandler(for: connection, credential: credential)
        let pipeline = channel.pipeline.syncOperations
        pipeline.removeHandler(self, promise: nil)
        try pipeline.addHandler(WebSocketHandler(.client, now: channel.eventLoop.now) { false })
        try pipeline.addHandler(handler)
        connection.established(handler)
    }

    // MARK: - Failures

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Only an answer that is no upgrade comes here; of its parts the head says enough.
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        transport.connectionFailed(connection, AgentShieldError(upgradeStatus: Int(head.status.code), from: connection.address))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is NIOHTTPClientUpgradeError { return refuse("the server's answer to the WebSocket's upgrade is none: \(error)") }
        fail(context, isSecure && !(error is HTTPParserError) ? "TLS failed: \(error)" : "the server's answer cannot be read: \(error)")
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(context, "the server closed the connection before it was a WebSocket")
    }

    private func fail(_ context: ChannelHandlerContext, _ message: String) {
        let text = "\(connection.address.hostAndPort): \(message)"
        transport.connectionFailed(connection, AgentShieldError(.unreachable, text, isRetryable: true))
        context.close(promise: nil)
    }

    private func refuse(_ message: String) {
        transport.connectionFailed(connection, AgentShieldError(.upgradeRefused, "\(connection.address.hostAndPort): \(message)"))
    }
}

extension AgentShieldError {
    /// What an HTTP status in place of an upgrade means, and what can be done about it.
    init(upgradeStatus status: Int, from address: Address) {
        let advice =
            switch status {
            case 300..<400:
                "it sends to another place, as login pages do: give what the edge asks for, such as a service token, in upgradeHeaders"
            case 401, 403: "what the edge, or the gateway's proof of it, asks for is missing or wrong: see upgradeHeaders"
            case 404: "there is no gateway at this path; it is \(Address.webSocketPath), or what a proxy in front makes of it"
            case 400, 405, 426: "a proxy in between must speak HTTP/1.1 to the gateway, and pass the headers Upgrade and Connection on"
            case 429: "too many connections or requests for what stands in front of the gateway"
            case 500...: "what stands in front of the gateway does not reach it"
            default: "it is no WebSocket's"
            }
        self.init(
            .upgradeRefused, "\(address.hostAndPort) answered the WebSocket's upgrade with \(status): \(advice)",
            isRetryable: status == 429 || status >= 500)
    }
}
