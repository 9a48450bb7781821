import NIOCore
import NIOHTTP1

/// `/healthz`: the process lives. `/readyz`: it takes new work; 503 while it starts or drains.
final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Between requests, and within one. Scrapers ask at least once a minute.
    static let idleTimeout = TimeAmount.seconds(75)

    private let readiness: Readiness
    private var head: HTTPRequestHead?

    init(readiness: Readiness) {
        self.readiness = readiness
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let (status, text): (HTTPResponseStatus, StaticString) =
            switch (head.method, head.uri) {
            case (.GET, "/healthz"), (.HEAD, "/healthz"): (.ok, "ok\n")
            case (.GET, "/readyz"), (.HEAD, "/readyz"):
                readiness.isReady ? (.ok, "ready\n") : (.serviceUnavailable, "not ready: starting or draining\n")
            default: (.notFound, "not found; this listener has GET /healthz and GET /readyz\n")
            }
        var body = context.channel.allocator.buffer(capacity: 64)
        body.writeStaticString(text)
        var headers = HTTPHeaders([("content-type", "text/plain; charset=utf-8"), ("content-length", String(body.readableBytes))])
        if !head.isKeepAlive { headers.add(name: "connection", value: "close") }
        context.write(wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: status, headers: headers))), promise: nil)
        if head.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let keepAlive = head.isKeepAlive
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            if !keepAlive { bound.value.close(promise: nil) }
        }
    }
}
