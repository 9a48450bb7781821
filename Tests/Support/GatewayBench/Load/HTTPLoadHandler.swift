import NIOCore
import NIOTLS

/// A connection of HTTP/1.1: one request at a time, its bytes made in advance.
final class HTTPLoadHandler: ChannelInboundHandler, LoadConnection {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let run: LoadRun
    private let isTLS: Bool
    private let ready: EventLoopPromise<Void>
    private let lost: () -> Void
    private var isReady = false
    private var context: ChannelHandlerContext?
    private var call: LoadCall?
    private var scanner = HTTPAnswerScanner()
    private var clocks = DeltaClock.Scanner()

    init(_ run: LoadRun, ready: EventLoopPromise<Void>, lost: @escaping () -> Void) {
        self.run = run
        self.ready = ready
        self.lost = lost
        isTLS = run.plan.target.door == .https
    }

    func send(_ call: LoadCall) {
        self.call = call
        context?.writeAndFlush(wrapOutboundOut(run.pool.http(call.number)), promise: nil)
    }

    func close() {
        context?.close(promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        if !isTLS { becomeReady() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(TLSUserEvent.handshakeCompleted) = event as? TLSUserEvent { becomeReady() }
    }

    private func becomeReady() {
        isReady = true
        run.opened(self)
        ready.succeed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard var call else { return context.close(promise: nil) }
        let bytes = unwrapInboundIn(data)
        run.received(bytes.readableBytes)
        run.began(&call)
        if run.plan.clockedDeltas != nil { clocks.scan(bytes.readableBytesView) { run.delta(sent: $0, &call) } }
        self.call = call
        switch scanner.take(bytes) {
        case .more: break
        case .whole(let status, let closes):
            self.call = nil
            let outcome = status == 200 ? LoadOutcome.answered : status == 503 ? .shed : .failed("status \(status)")
            run.ended(call, on: self, outcome, staysOpen: !closes)
            if closes { context.close(promise: nil) }
        case .unreadable: context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isReady { ready.fail(error) }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if isReady {
            run.lost(self, calls: call.map { [$0] } ?? [])
            call = nil
            lost()
        } else {
            ready.fail(ChannelError.eof)
        }
    }
}

/// Says when a connection is up.
final class HandshakeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let ready: EventLoopPromise<Void>
    private let isTLS: Bool

    init(_ ready: EventLoopPromise<Void>, isTLS: Bool) {
        self.ready = ready
        self.isTLS = isTLS
    }

    func channelActive(context: ChannelHandlerContext) {
        if !isTLS { ready.succeed() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(TLSUserEvent.handshakeCompleted) = event as? TLSUserEvent { ready.succeed() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ready.fail(ChannelError.eof)
    }
}
