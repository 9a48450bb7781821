import GatewayCore
import NIOCore
import NIOHTTP1

/// `/healthz`: the process lives. `/readyz`: it takes new work; 503 while it starts or drains. `/metrics`: what is counted, for Prometheus.
final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Between requests, and within one. Scrapers ask at least once a minute.
    static let idleTimeout = TimeAmount.seconds(75)
    private static let plainText = "text/plain; charset=utf-8"

    private let readiness: Readiness
    private let report: MetricsReport
    private var head: HTTPRequestHead?

    init(readiness: Readiness, report: MetricsReport) {
        self.readiness = readiness
        self.report = report
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
        // Scrapers may ask with parameters, which change nothing.
        let path = head.uri.prefix { $0 != "?" }
        guard head.method == .GET || head.method == .HEAD else {
            return send(.methodNotAllowed, "only GET and HEAD are answered here\n", to: head, context, allow: "GET, HEAD")
        }
        switch path {
        case "/healthz": send(.ok, "ok\n", to: head, context)
        case "/readyz":
            let isReady = readiness.isReady
            send(isReady ? .ok : .serviceUnavailable, isReady ? "ready\n" : "not ready: starting or draining\n", to: head, context)
        case "/metrics": sendMetrics(to: head, context)
        default: send(.notFound, "not found; this listener has GET /healthz, GET /readyz and GET /metrics\n", to: head, context)
        }
    }

    /// The text is made beside the event loop. The pipeline holds the connection's next request back meanwhile.
    private func sendMetrics(to head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let text = context.eventLoop.makeFutureWithTask { [report] in try await report.text() }
        text.whenComplete { result in
            let (handler, context) = bound.value
            guard context.channel.isActive else { return }
            switch result {
            case .success(let body): handler.send(.ok, body, MetricsText.contentType, to: head, context)
            case .failure: handler.send(.serviceUnavailable, "the event loops are stopping\n", to: head, context)
            }
        }
    }

    private func send(
        _ status: HTTPResponseStatus, _ text: String, to head: HTTPRequestHead, _ context: ChannelHandlerContext, allow: String? = nil
    ) {
        send(status, ByteBuffer(string: text), Self.plainText, to: head, context, allow: allow)
    }

    private func send(
        _ status: HTTPResponseStatus, _ body: ByteBuffer, _ contentType: String, to head: HTTPRequestHead,
        _ context: ChannelHandlerContext, allow: String? = nil
    ) {
        var headers = HTTPHeaders([("content-type", contentType), ("content-length", String(body.readableBytes))])
        if let allow { headers.add(name: "allow", value: allow) }
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
