import HTTPShim
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTP2
import Testing

/// A client and the door, joined in one thread and in virtual time, speaking HTTP/2.
final class HTTP2Connection {
    let server = EmbeddedChannel()
    let client = EmbeddedChannel()
    let backend: ScriptedBackend
    private let multiplexer: NIOHTTP2Handler.StreamMultiplexer
    let events = ClientEvents()

    /// - Parameter isPlain: whether the connection has still to say which HTTP it speaks.
    init(
        _ backend: ScriptedBackend = ScriptedBackend(), clientWindow: Int = 65_535, needsEdgeProof: Bool = false, isPlain: Bool = false
    ) throws {
        self.backend = backend
        if isPlain {
            try configurePlainHTTP(server, backend: backend, needsEdgeProof: needsEdgeProof, clientAddress: nil) { channel, _ in
                channel.close(promise: nil)
            }
        } else {
            try configureHTTP2(server, backend: backend, needsEdgeProof: needsEdgeProof, clientAddress: nil)
        }
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings.append(HTTP2Setting(parameter: .initialWindowSize, value: clientWindow))
        // So that the client can lie about a body's length.
        connection.contentLengthValidation = .disabled
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.targetWindowSize = clientWindow
        multiplexer = try client.pipeline.syncOperations.configureHTTP2Pipeline(
            mode: .client, connectionConfiguration: connection, streamConfiguration: stream
        ) { $0.eventLoop.makeSucceededVoidFuture() }
        try client.pipeline.syncOperations.addHandler(events)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        client.connect(to: address, promise: nil)
        server.connect(to: address, promise: nil)
        try exchangeBytes()
    }

    deinit {
        _ = try? client.finish(acceptAlreadyClosed: true)
        _ = try? server.finish(acceptAlreadyClosed: true)
    }

    /// Carries bytes both ways until nothing moves any more.
    func exchangeBytes() throws {
        var moved = true
        while moved {
            moved = false
            client.embeddedEventLoop.run()
            server.embeddedEventLoop.run()
            while let bytes = try client.readOutbound(as: ByteBuffer.self) {
                moved = true
                if server.isActive { try server.writeInbound(bytes) }
            }
            while let bytes = try server.readOutbound(as: ByteBuffer.self) {
                moved = true
                if client.isActive { try client.writeInbound(bytes) }
            }
        }
    }

    func advance(_ time: TimeAmount) throws {
        server.embeddedEventLoop.advanceTime(by: time)
        try exchangeBytes()
    }

    /// Opens a stream and sends a request's head, and its body if there is one.
    func open(
        _ method: HTTPMethod = .POST, _ path: String = "/v1/chat/completions",
        _ headers: [(String, String)] = [("x-api-key", ScriptedBackend.key)],
        body: String? = "{}", isReading: Bool = true, ends: Bool = true
    ) throws -> ClientStream {
        let promise = client.eventLoop.makePromise(of: (any Channel).self)
        let stream = ClientStream()
        let bound = NIOLoopBound(stream, eventLoop: client.eventLoop)
        multiplexer.createStreamChannel(promise: promise) { channel in
            channel.eventLoop.makeCompletedFuture {
                if !isReading { try channel.syncOptions?.setOption(.autoRead, value: false) }
                try channel.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTP1ClientCodec(httpProtocol: .https))
                try channel.pipeline.syncOperations.addHandler(bound.value)
            }
        }
        client.embeddedEventLoop.run()
        let channel = try promise.futureResult.wait()
        var head = HTTPRequestHead(version: .http2, method: method, uri: path)
        head.headers = HTTPHeaders([("host", "gateway")] + headers)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if let body { channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil) }
        if ends { channel.write(HTTPClientRequestPart.end(nil), promise: nil) }
        channel.flush()
        stream.channel = channel
        try exchangeBytes()
        return stream
    }
}

/// What the client sees of one stream.
final class ClientStream: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    fileprivate(set) var channel: (any Channel)?
    private(set) var informational: [Int] = []
    private(set) var head: HTTPResponseHead?
    private(set) var body = ""
    private(set) var trailers: HTTPHeaders?
    private(set) var isEnded = false
    private(set) var isReset = false

    var status: Int? { head.map { Int($0.status.code) } }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head) where head.status.code < 200: informational.append(Int(head.status.code))
        case .head(let head): self.head = head
        case .body(let bytes): body += String(buffer: bytes)
        case .end(let trailers):
            self.trailers = trailers
            isEnded = true
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { isReset = true }
}

/// What the client sees of the connection.
final class ClientEvents: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    private(set) var goAways = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .goAway = unwrapInboundIn(data).payload { goAways += 1 }
        context.fireChannelRead(data)
    }
}
