import GatewayPipeline
package import NIOCore
import NIOHTTP1
import NIOHTTP2

/// Makes a connection without TLS speak the HTTP that its first bytes say: 1.1, or 2 for a client that knows beforehand that the gateway speaks it. As
/// ``configureHTTP1(_:backend:needsEdgeProof:clientAddress:webSocket:)`` otherwise.
package func configurePlainHTTP(
    _ channel: any Channel, backend: any ShimBackend, needsEdgeProof: Bool, clientAddress: String?, webSocket: @escaping WebSocketDoor
) throws {
    let choice = VersionChoice(timeout: backend.settings.slowRequestTimeout) { version in
        switch version {
        case .http1:
            try configureHTTP1(
                channel, backend: backend, needsEdgeProof: needsEdgeProof, clientAddress: clientAddress, webSocket: webSocket)
        case .http2: try configureHTTP2(channel, backend: backend, needsEdgeProof: needsEdgeProof, clientAddress: clientAddress)
        }
    }
    try channel.pipeline.syncOperations.addHandler(choice)
}

/// Makes a connection speak HTTP/1.1. To be called on its event loop, when TLS, if any, has been settled in front.
///
/// - Parameters:
///   - needsEdgeProof: whether requests must prove that they came through the edge.
///   - clientAddress: of who opened the connection.
///   - webSocket: what takes the connection over when a request asks for the wire protocol in a WebSocket.
///
/// A `ChannelShouldQuiesceEvent` fired into the pipeline drains the connection: what is under way is answered with `connection: close`, and
/// what is not over shortly after the drain deadline is cut.
package func configureHTTP1(
    _ channel: any Channel, backend: any ShimBackend, needsEdgeProof: Bool, clientAddress: String?, webSocket: @escaping WebSocketDoor
) throws {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = ShimLimits.maxHeaderFieldBytes
    limits.maxHeaderListSize = ShimLimits.maxHeaderBytes
    limits.maxHeaderFieldCount = ShimLimits.maxHeaders
    // The decoder stops behind a request that asks for an upgrade, and keeps what follows: within a bound, since it may be a while until it is let go.
    let decoder = ByteToMessageHandler(
        HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits),
        maximumBufferSize: ShimLimits.maxBytesBehindUpgrade)
    let encoder = HTTPResponseEncoder()
    let watch = ByteWatch()
    let connectionGuard = ConnectionGuard(backend: backend, watch: watch, now: channel.eventLoop.now)
    let order = HTTPServerPipelineHandler()
    let edge = EdgeGate(needsProof: needsEdgeProof, socketAddress: clientAddress)
    let protocolSwitch = ProtocolSwitch(webSocket, decoder: decoder, handlers: [watch, encoder, connectionGuard, order])
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(watch)
    try pipeline.addHandler(encoder)
    try pipeline.addHandler(decoder)
    try pipeline.addHandler(connectionGuard)
    try pipeline.addHandler(order)
    try pipeline.addHandler(
        RequestHandler(backend: backend, routes: RouteTable(), kind: .connection(protocolSwitch, watch), edge: edge))
}

/// Makes a connection speak HTTP/2. As for HTTP/1.1, without WebSockets; a `ChannelShouldQuiesceEvent` sends GOAWAY.
package func configureHTTP2(_ channel: any Channel, backend: any ShimBackend, needsEdgeProof: Bool, clientAddress: String?) throws {
    let settings = backend.settings
    let management = NIOHTTP2ServerConnectionManagementHandler(
        eventLoop: channel.eventLoop, configuration: .init(maxIdleTime: nil, maxAge: nil, maxGraceTime: nil, keepalive: nil))
    let connectionGuard = HTTP2ConnectionGuard(backend: backend, now: channel.eventLoop.now)
    let watch = HTTP2ConnectionGuard.StreamWatch(connectionGuard, management, on: channel.eventLoop)
    var connection = NIOHTTP2Handler.ConnectionConfiguration()
    connection.initialSettings = [
        HTTP2Setting(parameter: .maxConcurrentStreams, value: settings.maxConcurrentStreams),
        HTTP2Setting(parameter: .maxHeaderListSize, value: ShimLimits.maxHeaderBytes),
        HTTP2Setting(parameter: .initialWindowSize, value: ShimLimits.streamWindowBytes),
    ]
    connection.targetWindowSize = ShimLimits.connectionWindowBytes
    // What is still on its way on streams that were reset must not be taken for a broken rule, however many were refused at once.
    connection.maximumRecentlyResetStreams = max(connection.maximumRecentlyResetStreams, 2 * settings.maxConcurrentStreams)
    var stream = NIOHTTP2Handler.StreamConfiguration()
    stream.targetWindowSize = ShimLimits.streamWindowBytes
    stream.outboundBufferSizeHighWatermark = 64 * 1024
    stream.outboundBufferSizeLowWatermark = 32 * 1024
    let routes = RouteTable()
    let edge = EdgeGate(needsProof: needsEdgeProof, socketAddress: clientAddress)
    try channel.pipeline.syncOperations.addHandler(HTTP2FrameWatch())
    let bound = NIOLoopBound((backend, routes, UnreadAnswers(backend: backend)), eventLoop: channel.eventLoop)
    _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
        mode: .server, connectionConfiguration: connection, streamConfiguration: stream, streamDelegate: watch
    ) { stream in
        stream.eventLoop.makeCompletedFuture {
            let (backend, routes, unread) = bound.value
            try stream.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
            try stream.pipeline.syncOperations.addHandler(
                RequestHandler(backend: backend, routes: routes, kind: .stream(unread), edge: edge))
        }
    }
    try channel.pipeline.syncOperations.addHandler(connectionGuard)
    try channel.pipeline.syncOperations.addHandler(management)
}
