import NIOCore
import NIOHTTP1
import NIOSSL
import NIOTLS

/// One HTTP/1.1 connection to an upstream: the last handler of its channel. Carries one exchange after another and never two at once.
///
/// The request's head is written straight in its wire form, past NIOHTTP1's encoder; the answer, which a stranger writes, is parsed by
/// NIOHTTP1's decoder. Pausing withholds the channel's `read`, which costs nothing while nobody pauses.
final class UpstreamConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = ByteBuffer

    private enum State {
        /// TCP or TLS handshake.
        case connecting
        case idle
        /// The request is written.
        case awaitingHead(UpstreamCall)
        case receivingBody(UpstreamCall, reusable: Bool)
        /// The answer is whole; the read that brought its end is not over yet. What else it brings belongs to no request.
        case completing(UpstreamCall, reusable: Bool)
        case closed
    }

    private let limits: UpstreamLimits
    private var state = State.connecting
    private let eventLoop: any EventLoop
    /// `nil` before the connection is there and once it is closed or given up.
    private var pool: EndpointPool?
    private let decoder: HTTPResponseDecoder
    private let decoderHandler: ByteToMessageHandler<HTTPResponseDecoder>
    private var tlsHandler: NIOSSLClientHandler?
    /// Writes leave below the decoder, closing leaves below TLS. Set while the channel is open.
    private var writeContext: ChannelHandlerContext?
    private var socketContext: ChannelHandlerContext?
    private var ownContext: ChannelHandlerContext?

    /// When the current stage has taken too long. The pool's one timer watches it.
    private(set) var deadline = NIODeadline.distantFuture
    /// Where the pool keeps this connection among all of its endpoint's.
    var poolIndex = -1
    private var exchanges = 0
    /// From then on it takes no further request.
    private let endOfLife: NIODeadline
    private var requestSentAt = NIODeadline.uptimeNanoseconds(0)
    private var isReadPaused = false
    private var hasWithheldRead = false
    private var isWritingRequest = false
    /// The transport reported an error or ended inside a message: a body that runs to the connection's end is not whole.
    private var isTruncated = false
    private var hasPartialHead = false
    private var isHandshakeComplete = false
    private var handshakeError: String?

    init(endpoint: UpstreamEndpoint, eventLoop: any EventLoop) throws {
        self.limits = endpoint.limits
        self.eventLoop = eventLoop
        endOfLife = eventLoop.now + limits.maxConnectionAge
        var decoderLimits = NIOHTTPDecoderLimitConfiguration()
        decoderLimits.maxHeaderListSize = limits.maxHeaderBytes
        decoderLimits.maxHeaderFieldSize = min(decoderLimits.maxHeaderFieldSize, limits.maxHeaderBytes)
        decoder = HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoderLimits)
        decoderHandler = ByteToMessageHandler(decoder)
        tlsHandler = try endpoint.tls?.makeHandler(for: endpoint)
    }

    /// Adds this connection's handlers to a new channel.
    func install(in pipeline: ChannelPipeline.SynchronousOperations) throws {
        if let tlsHandler {
            try pipeline.addHandler(tlsHandler)
        }
        try pipeline.addHandler(decoderHandler)
        try pipeline.addHandler(self)
        writeContext = try pipeline.context(handler: decoderHandler)
        socketContext = try tlsHandler.map { try pipeline.context(handler: $0) } ?? writeContext
    }

    // MARK: For the pool

    /// TCP is connected. Plain connections are ready with that; TLS has until the deadline.
    func attach(to pool: EndpointPool, handshakeDeadline: NIODeadline) {
        self.pool = pool
        if tlsHandler == nil || isHandshakeComplete {
            state = .idle
            pool.connectionOpened(self)
        } else {
            deadline = handshakeDeadline
        }
    }

    /// Sends the request. Must be idle.
    func start(_ call: UpstreamCall) {
        guard case .idle = state, let writeContext, let pool else {
            preconditionFailure("only an idle connection takes a request")
        }
        let request = call.request
        let now = eventLoop.now
        state = .awaitingHead(call)
        exchanges += 1
        requestSentAt = now
        deadline = now + request.timeouts.firstByte
        call.attach(to: self)

        // The decoder wants to know which methods answers belong to; GET and POST are alike to it.
        decoder.write(data: .head(Self.anyRequestHead))
        isWritingRequest = true
        pool.scratch.clear()
        request.writeHead(into: &pool.scratch)
        if request.body.readableBytes <= Self.copiedBodyBytes {
            pool.scratch.writeImmutableBuffer(request.body)
            writeContext.write(NIOAny(pool.scratch), promise: nil)
        } else {
            writeContext.write(NIOAny(pool.scratch), promise: nil)
            writeContext.write(NIOAny(request.body), promise: nil)
        }
        writeContext.flush()
        isWritingRequest = false
    }

    /// - Parameter lifetime: after which it closes, if it is not used; earlier, when it is too old for another request.
    /// - Returns: when that is.
    func stayIdle(for lifetime: TimeAmount) -> NIODeadline {
        deadline = min(eventLoop.now + lifetime, endOfLife)
        return deadline
    }

    /// Whether the other side may have the whole request: not where it has left some of it unacknowledged for too long.
    var mayHaveArrived: Bool {
        guard case .awaitingHead = state, eventLoop.now >= requestSentAt + limits.acknowledgementGrace, let ownContext else { return true }
        return Acknowledgement.isComplete(on: ownContext.channel) ?? true
    }

    /// Closes without the goodbyes of TLS.
    func closeAtOnce() {
        socketContext?.close(promise: nil)
    }

    func deadlinePassed() {
        deadline = .distantFuture
        switch state {
        case .connecting:
            giveUpConnecting(.connectTimedOut)
        case .idle:
            closeAtOnce()
        case .awaitingHead(let call):
            fail(call, mayHaveArrived ? .firstByteTimedOut : .requestNotTaken)
        case .receivingBody(let call, _):
            fail(call, .idleTimedOut)
        case .completing, .closed:
            break
        }
    }

    // MARK: For the call

    /// The call was cancelled, or the connection is not wanted any more.
    func abandon() {
        leavePool()
        closeAtOnce()
    }

    func pauseReading() {
        isReadPaused = true
        deadline = .distantFuture
    }

    func resumeReading() {
        isReadPaused = false
        switch state {
        case .awaitingHead(let call): setDeadline(after: call.request.timeouts.firstByte)
        case .receivingBody(let call, _): setDeadline(after: call.request.timeouts.idle)
        case .connecting, .idle, .completing, .closed: break
        }
        if hasWithheldRead {
            hasWithheldRead = false
            ownContext?.read()
        }
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        ownContext = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ownContext = nil
        writeContext = nil
        socketContext = nil
        tlsHandler = nil
    }

    func read(context: ChannelHandlerContext) {
        if isReadPaused {
            hasWithheldRead = true
        } else {
            context.read()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .connecting = state, case .handshakeCompleted? = event as? TLSUserEvent {
            isHandshakeComplete = true
            if let pool {
                deadline = .distantFuture
                state = .idle
                pool.connectionOpened(self)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .awaitingHead(let call)):
            headReceived(head, call: call)
        case (.body(let bytes), .receivingBody(let call, _)):
            guard bytes.readableBytes > 0 else { return }
            if !isReadPaused {
                // Later than the one before, which the pool's timer is set for.
                deadline = eventLoop.now + call.request.timeouts.idle
            }
            call.bodyReceived(bytes)
            if call.heldBytes > limits.maxHeldBytes {
                fail(call, .closedMidBody)
            }
        case (.end, .receivingBody(let call, let reusable)):
            if isTruncated {
                fail(call, .closedMidBody)
            } else {
                deadline = .distantFuture
                state = .completing(call, reusable: reusable)
            }
        default:
            // After a cancellation or a failure the decoder still empties its buffer.
            break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .completing(let call, let reusable) = state {
            complete(call, reusable: reusable)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.invalidEOFState:
            // The channel became inactive inside a message; `channelInactive` follows.
            isTruncated = true
            hasPartialHead = true
        case is HTTPParserError, is NIOHTTPDecoderError, is ByteToMessageDecoderError:
            answerIsMalformed(error)
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            isTruncated = true
            handshakeError = handshakeError ?? String(describing: error)
            if case NIOSSLError.uncleanShutdown = error { return }
            closeAtOnce()
        default:
            isTruncated = true
            closeAtOnce()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch state {
        case .connecting:
            giveUpConnecting(.tlsFailed(reason: String((handshakeError ?? "the connection was closed during the handshake").prefix(200))))
        case .idle:
            leavePool()
        case .awaitingHead(let call):
            closedBeforeAnswer(call)
        case .receivingBody(let call, _):
            fail(call, .closedMidBody)
        case .completing(let call, _):
            complete(call, reusable: false)
        case .closed:
            break
        }
        context.fireChannelInactive()
    }

    // MARK: What they mean

    private func headReceived(_ head: HTTPResponseHead, call: UpstreamCall) {
        let status = Int(head.status.code)
        guard status >= 200, status <= 599 else {
            fail(call, .malformedAnswer(reason: "the status code is \(status)"))
            return
        }
        state = .receivingBody(call, reusable: head.isKeepAlive)
        if !isReadPaused {
            setDeadline(after: call.request.timeouts.idle)
        }
        call.headReceived(status: status, headers: head.headers)
    }

    private func complete(_ call: UpstreamCall, reusable: Bool) {
        call.detach()
        // A request that is still being written when its answer is over would hold up the next one.
        if reusable, !isTruncated, eventLoop.now < endOfLife, ownContext?.channel.isActive == true, ownContext?.channel.isWritable == true {
            state = .idle
            resumeReading()
            pool?.connectionReleased(self)
        } else {
            leavePool()
            closeAtOnce()
        }
        call.ended()
    }

    private func closedBeforeAnswer(_ call: UpstreamCall) {
        let isReused = exchanges > 1
        let isStale = isReused && !hasPartialHead && eventLoop.now <= requestSentAt + limits.staleWindow
        guard isStale, call.request.retriesOnStaleConnection, !call.hasRetried, let pool else {
            fail(call, .closedBeforeAnswer(reusedConnection: isReused))
            return
        }
        call.prepareRetry()
        pool.retry(call)
        leavePool()
    }

    private func answerIsMalformed(_ error: any Error) {
        switch state {
        case .awaitingHead(let call), .receivingBody(let call, _):
            fail(call, .malformedAnswer(reason: String(describing: error)))
        case .completing(let call, _):
            // The answer itself was whole; bytes that belong to nothing came after it.
            complete(call, reusable: false)
        case .connecting, .idle, .closed:
            // `channelInactive` follows.
            closeAtOnce()
        }
    }

    /// Closes the connection and tells the call why. Accounts are settled first: the call may send again from its callback.
    private func fail(_ call: UpstreamCall, _ failure: UpstreamFailure) {
        leavePool()
        call.detach()
        closeAtOnce()
        if isWritingRequest {
            // Still inside `send`, whose caller does not know the call yet.
            eventLoop.assumeIsolated().execute { call.failed(failure) }
        } else {
            call.failed(failure)
        }
    }

    private func giveUpConnecting(_ failure: UpstreamFailure) {
        let pool = depart()
        pool?.handshakeFailed(self, failure)
        closeAtOnce()
    }

    private func leavePool() {
        let pool = depart()
        pool?.connectionClosed(self)
    }

    /// Nothing reaches the pool any more after this.
    private func depart() -> EndpointPool? {
        defer { pool = nil }
        state = .closed
        deadline = .distantFuture
        return pool
    }

    private func setDeadline(after timeout: TimeAmount) {
        deadline = eventLoop.now + timeout
        pool?.watch(deadline)
    }

    private static let anyRequestHead = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")
    /// Bodies up to this size travel in one piece with their head: one write and one TLS record.
    private static let copiedBodyBytes = 16 * 1024
}
