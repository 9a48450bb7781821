import GatewayCore
import GatewayPipeline
import NIOCore
import NIOHTTP1

/// What an HTTP/1.1 connection is bound to as a whole: how long it may be idle, how long a request's head may take, how many requests
/// may wait. Stands between the codec and the pipelining handler, where parts pass as they arrive and answers as they leave.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let backend: any ShimBackend
    private let watch: ByteWatch
    private var timer = LazyTimer()
    /// Requests whose answers are not written whole.
    private var unanswered = 0
    /// Whether a request's head has come and its end has not.
    private var isInsideRequest = false
    private var hasReadPart = false
    /// More requests came than may wait: nothing is read any more, and the connection ends with the last answer.
    private var isOverfull = false
    /// A read was asked for while the client took nothing of what was written.
    private var owesRead = false
    private var quietSince: NIODeadline
    /// Since when a part of a head has been there.
    private var headSince: NIODeadline?
    private var hasHadRequest = false
    /// When a connection that was told to drain is cut, whatever it still does.
    private var cutAt: NIODeadline?

    init(backend: any ShimBackend, watch: ByteWatch, now: NIODeadline) {
        self.backend = backend
        self.watch = watch
        quietSince = now
    }

    func handlerAdded(context: ChannelHandlerContext) { armTimer(context) }
    func handlerRemoved(context: ChannelHandlerContext) { timer.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        timer.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOverfull else { return }
        hasReadPart = true
        headSince = nil
        switch unwrapInboundIn(data) {
        case .head:
            guard unanswered <= ShimLimits.maxPipelinedRequests else {
                isOverfull = true
                return
            }
            unanswered += 1
            isInsideRequest = true
            hasHadRequest = true
            watch.headCame()
        case .end:
            isInsideRequest = false
            watch.requestEnded()
        case .body(let bytes): watch.bodyCame(bytes.readableBytes)
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Bytes came and no part of a request: they are the beginning of a head.
        if isQuiet, !hasReadPart, headSince == nil { headSince = context.eventLoop.now }
        hasReadPart = false
        armTimer(context)
        context.fireChannelReadComplete()
    }

    /// A client that does not read its answers is not read either: otherwise each small request that it goes on sending would leave an answer here.
    func read(context: ChannelHandlerContext) {
        guard !isOverfull else { return }
        guard context.channel.isWritable else {
            owesRead = true
            return
        }
        context.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        context.fireChannelWritabilityChanged()
        guard owesRead, context.channel.isWritable else { return }
        owesRead = false
        read(context: context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Answered here, since the pipelining handler would keep it back behind requests that wait.
        if case ChannelEvent.inputClosed = event { return context.close(promise: nil) }
        if event is ChannelShouldQuiesceEvent, cutAt == nil {
            cutAt = context.eventLoop.now + backend.settings.drainDeadline + ShimLimits.lingerTimeout
            armTimer(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError { watch.failed() }
        // The rest of what was given up, or of what a client that is gone had begun, is nobody's request.
        if error is HTTPParserError, isOverfull || !context.channel.isActive { return }
        context.fireErrorCaught(error)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where isOverfull && unanswered == 1 && head.status.code >= 200:
            head.headers.replaceOrAdd(name: "connection", value: "close")
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            unanswered = max(0, unanswered - 1)
            quietSince = context.eventLoop.now
            if isOverfull && unanswered == 0 {
                closeBehind(data, promise, context)
            } else {
                context.write(data, promise: promise)
                armTimer(context)
            }
        case .head, .body: context.write(data, promise: promise)
        }
    }

    private func closeBehind(_ data: NIOAny, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        let written = promise ?? context.eventLoop.makePromise(of: Void.self)
        let bound = context.loopBound
        written.futureResult.assumeIsolated().whenComplete { _ in bound.value.close(promise: nil) }
        context.write(data, promise: written)
    }

    // MARK: Time

    private var isQuiet: Bool { unanswered == 0 && !isInsideRequest }

    private var deadline: NIODeadline? {
        guard isQuiet else { return cutAt }
        let settings = backend.settings
        let quietUntil =
            if let headSince { headSince + settings.slowRequestTimeout } else {
                quietSince + (hasHadRequest ? settings.idleTimeout : settings.slowRequestTimeout)
            }
        return cutAt.map { min($0, quietUntil) } ?? quietUntil
    }

    private func armTimer(_ context: ChannelHandlerContext) {
        let bound = context.loopBound
        timer.ensure(deadline, on: context.eventLoop) { [weak self] in self?.timerFired(bound.value) }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        timer.fired()
        guard let deadline, context.eventLoop.now >= deadline else { return armTimer(context) }
        guard isQuiet, headSince != nil else { return context.close(promise: nil) }
        refuse(.requestTooSlow, context)
    }

    /// Answers what never became a request, beside the pipelining handler, and closes.
    private func refuse(_ fault: Fault, _ context: ChannelHandlerContext) {
        isOverfull = true
        var body = ByteBuffer()
        fault.writeErrorObject(into: &body)
        let headers = HTTPHeaders(
            requestID: backend.makeRequestID(), contentType: "application/json", contentLength: body.readableBytes, closing: true)
        let head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: fault.httpStatus), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        closeBehind(NIOAny(HTTPServerResponsePart.end(nil)), nil, context)
        context.flush()
    }
}
