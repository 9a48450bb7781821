import GatewayPipeline
package import NIOCore
import NIOHTTP1
import NIOHTTP2

/// Makes a connection speak HTTP/1.1. To be called on its event loop, when TLS, if any, has been settled in front.
///
/// - Parameter needsEdgeProof: whether requests must prove that they came through the edge.
///
/// A `ChannelShouldQuiesceEvent` fired into the pipeline drains the connection: what is under way is answered with `connection: close`, and
/// what is not over shortly after the drain deadline is cut.
package func configureHTTP1(_ channel: any Channel, backend: any ShimBackend, needsEdgeProof: Bool) throws {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = ShimLimits.maxHeaderFieldBytes
    limits.maxHeaderListSize = ShimLimits.maxHeaderBytes
    limits.maxHeaderFieldCount = ShimLimits.maxHeaders
    let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
    let pipeline = channel.pipeline.syncOperations
    let edge = EdgeGate(needsProof: needsEdgeProof, socketAddress: channel.remoteAddress?.ipAddress)
    try pipeline.addHandler(HTTPResponseEncoder())
    try pipeline.addHandler(ByteToMessageHandler(decoder))
    try pipeline.addHandler(ConnectionGuard(backend: backend, now: channel.eventLoop.now))
    try pipeline.addHandler(HTTPServerPipelineHandler())
    try pipeline.addHandler(RequestHandler(backend: backend, routes: RouteTable(), unread: nil, edge: edge))
}

/// Makes a connection speak HTTP/2. As for ``configureHTTP1(_:backend:)``; a `ChannelShouldQuiesceEvent` sends GOAWAY.
package func configureHTTP2(_ channel: any Channel, backend: any ShimBackend, needsEdgeProof: Bool) throws {
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
    var stream = NIOHTTP2Handler.StreamConfiguration()
    stream.targetWindowSize = ShimLimits.streamWindowBytes
    stream.outboundBufferSizeHighWatermark = 64 * 1024
    stream.outboundBufferSizeLowWatermark = 32 * 1024
    let routes = RouteTable()
    let edge = EdgeGate(needsProof: needsEdgeProof, socketAddress: channel.remoteAddress?.ipAddress)
    let bound = NIOLoopBound((backend, routes, UnreadAnswers(backend: backend)), eventLoop: channel.eventLoop)
    _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
        mode: .server, connectionConfiguration: connection, streamConfiguration: stream, streamDelegate: watch
    ) { stream in
        stream.eventLoop.makeCompletedFuture {
            let (backend, routes, unread) = bound.value
            try stream.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
            try stream.pipeline.syncOperations.addHandler(RequestHandler(backend: backend, routes: routes, unread: unread, edge: edge))
        }
    }
    try channel.pipeline.syncOperations.addHandler(connectionGuard)
    try channel.pipeline.syncOperations.addHandler(management)
}
