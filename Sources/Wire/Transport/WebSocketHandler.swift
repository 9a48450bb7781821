package import NIOCore
package import NIOWebSocket

/// Makes a WebSocket of a channel look like the plain channel of bytes that ``WireHandler`` runs on: frames in and out on one side, bytes on
/// the other. What a frame means, ``WebSocketRules`` decides.
///
/// Closing the output is saying Close and waiting for the peer's, which ends the connection. Whoever stands behind bounds that wait, as
/// ``WireHandlerLimits/closeTimeout`` does. Everything happens on the channel's event loop.
package final class WebSocketHandler: ChannelDuplexHandler {
    package typealias InboundIn = WebSocketFrame
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = WebSocketFrame

    /// Payload of a frame that we send, at most. Far below what a peer must take, so that no proxy minds.
    private static let maxSentFrameBytes = 65_536
    /// How long a peer that broke a rule may take to read the Close that says so.
    private static let lingerTimeout = TimeAmount.seconds(2)

    private let side: WebSocketRules.Side
    private var rules: WebSocketRules
    private let isGoingAway: () -> Bool
    /// The answer to the latest ping, while the peer does not read: earlier ones need none (RFC 6455, 5.5.3), and they would pile up.
    private var pendingPong: ByteBuffer?
    private var needsFlush = false
    /// The peer broke a rule, and has not been given the time to read our Close.
    private var owesLinger = false

    /// - Parameter isGoingAway: asked when this side closes in order: whether that is for its own end (`1001`), and not for the connection's (`1000`).
    package init(_ side: WebSocketRules.Side, now: NIODeadline, isGoingAway: @escaping () -> Bool) {
        self.side = side
        rules = WebSocketRules(side, now: now)
        self.isGoingAway = isGoingAway
    }

    /// Adds what a channel needs behind the HTTP upgrade, `bytes` last: the handler that reads and writes the WebSocket's bytes.
    package static func add(
        _ side: WebSocketRules.Side, and bytes: any ChannelHandler, to channel: any Channel, isGoingAway: @escaping () -> Bool
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(WebSocketFrameEncoder())
        try pipeline.addHandler(ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: WebSocketRules.maxFrameBytes)))
        try pipeline.addHandler(WebSocketHandler(side, now: channel.eventLoop.now, isGoingAway: isGoingAway))
        try pipeline.addHandler(bytes)
    }

    // MARK: - In

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        perform(rules.frameReceived(unwrapInboundIn(data), now: context.eventLoop.now), context)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        flushPong(context)
        context.fireChannelReadComplete()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Of what comes behind bytes that it could not read, the decoder only says that it drops them.
        if !rules.isOpen, error is ByteToMessageDecoderError { return }
        guard let error = error as? NIOWebSocketError else { return context.fireErrorCaught(error) }
        perform(rules.decodingFailed(error), context)
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, let pong = pendingPong, rules.isOpen {
            pendingPong = nil
            write(.pong, pong, context)
            context.flush()
        }
        context.fireChannelWritabilityChanged()
    }

    private func perform(_ action: WebSocketRules.Action, _ context: ChannelHandlerContext) {
        switch action {
        case .none: break
        case .deliver(let bytes): context.fireChannelRead(wrapInboundOut(bytes))
        case .pong(let bytes): answerPing(bytes, context)
        case .fail(let code):
            owesLinger = true
            say(code, nil, context)
            context.fireErrorCaught(WebSocketClosed(code: code, byPeer: false))
        case .answerClose(let code):
            say(code, nil, context)
            context.fireErrorCaught(WebSocketClosed(code: code, byPeer: true))
        case .end: context.close(promise: nil)
        }
    }

    private func answerPing(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard context.channel.isWritable else {
            pendingPong = bytes
            return
        }
        write(.pong, bytes, context)
        needsFlush = true
    }

    private func flushPong(_ context: ChannelHandlerContext) {
        guard needsFlush else { return }
        needsFlush = false
        context.flush()
    }

    // MARK: - Out

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard rules.isOpen else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        var bytes = unwrapOutboundIn(data)
        while bytes.readableBytes > Self.maxSentFrameBytes, let piece = bytes.readSlice(length: Self.maxSentFrameBytes) {
            write(.binary, piece, context)
        }
        // Nothing is no message: what waits for it to be written is about to close, and Close goes out behind the rest by itself.
        guard bytes.readableBytes > 0 else {
            promise?.succeed(())
            return
        }
        write(.binary, bytes, context, promise)
    }

    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .output:
            guard rules.closeRequested() else {
                promise?.succeed(())
                return
            }
            say(isGoingAway() ? .goingAway : .normalClosure, promise, context)
        case .all where owesLinger:
            owesLinger = false
            linger(context, promise)
        case .all, .input: context.close(mode: mode, promise: promise)
        }
    }

    /// Closes so that the peer comes to read our Close: at once, with its bytes unread, would reset the connection. What still comes is dropped.
    private func linger(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.lingerTimeout) { context.close(promise: nil) }
        context.channel.closeFuture.assumeIsolated().whenComplete { _ in timer.cancel() }
        if let promise { context.channel.closeFuture.cascade(to: promise) }
        let halfClosed = context.eventLoop.makePromise(of: Void.self)
        context.close(mode: .output, promise: halfClosed)
        halfClosed.futureResult.assumeIsolated().whenFailure { _ in context.close(promise: nil) }
    }

    /// Sends Close behind everything that was written.
    private func say(_ code: WebSocketErrorCode?, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        var payload = ByteBuffer()
        if let code { payload.write(webSocketErrorCode: code) }
        write(.connectionClose, payload, context, promise)
        context.flush()
    }

    private func write(
        _ opcode: WebSocketOpcode, _ payload: ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>? = nil
    ) {
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: side == .client ? .random() : nil, data: payload)
        context.write(wrapOutboundOut(frame), promise: promise)
    }
}

/// A WebSocket was closed, by a peer or for what the peer sent.
package struct WebSocketClosed: Error, CustomStringConvertible {
    /// `nil`: the peer gave none.
    package var code: WebSocketErrorCode?
    package var byPeer: Bool

    package var description: String {
        let number = code.map { "code \(UInt16(webSocketErrorCode: $0))" } ?? "no code"
        return byPeer
            ? "the other side closed the WebSocket with \(number)" : "the other side broke the WebSocket's rules: closed with \(number)"
    }
}
