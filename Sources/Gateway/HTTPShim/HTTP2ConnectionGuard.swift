import GatewayPipeline
import NIOCore
import NIOHTTP2

/// How long an HTTP/2 connection may be without a stream, and how long it may drain.
///
/// NIOHTTP2's own connection handler, behind this one, sends GOAWAY and follows its protocol; but it waits for the peer's answer to a ping
/// without a limit, and counts idle time only from the first stream's end.
final class HTTP2ConnectionGuard: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    private let backend: any ShimBackend
    private var context: ChannelHandlerContext?
    private var timer = LazyTimer()
    /// Bound: the concurrent streams that the settings allow.
    private var openStreams: Set<HTTP2StreamID> = []
    /// Streams that ended while they began, whose beginning is yet to be told: NIOHTTP2 does so when a request's pseudo-headers cannot be read.
    private var streamsOverEarly: Set<HTTP2StreamID> = []
    private var hasHadStream = false
    private var quietSince: NIODeadline
    /// When a connection that drains is cut, whatever it still does.
    private var cutAt: NIODeadline?

    init(backend: any ShimBackend, now: NIODeadline) {
        self.backend = backend
        quietSince = now
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        armTimer(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer.cancel()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent { startDraining(context) }
        // Where nobody drains it, NIOHTTP2 has seen a rule broken, and takes nothing more from the peer. What kind of error it reports does not always tell.
        if event is HTTP2FrameWatch.GoAwaySent, cutAt == nil {
            cutAt = context.eventLoop.now + ShimLimits.lingerTimeout
            armTimer(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// - Returns: whether the stream is open now.
    private func streamCreated(_ id: HTTP2StreamID) -> Bool {
        hasHadStream = true
        guard streamsOverEarly.remove(id) == nil else { return false }
        openStreams.insert(id)
        return true
    }

    /// - Returns: whether the stream's beginning was told before.
    private func streamClosed(_ id: HTTP2StreamID) -> Bool {
        defer { becameQuieter() }
        guard openStreams.remove(id) == nil else { return true }
        streamsOverEarly.insert(id)
        return false
    }

    private func becameQuieter() {
        guard let context else { return }
        quietSince = context.eventLoop.now
        armTimer(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // NIOHTTP2 reports both kinds here, having sent RST_STREAM for the one and GOAWAY for the other. Nothing good follows the latter.
        if !Self.endsStreamOnly(error) { context.close(promise: nil) }
    }

    /// Whether only the stream that broke a rule is over: header blocks and declared lengths are each stream's own affair.
    private static func endsStreamOnly(_ error: any Error) -> Bool {
        switch error {
        case is NIOHTTP2Errors.StreamClosed, is NIOHTTP2Errors.NoSuchStream, is NIOHTTP2Errors.ContentLengthViolated,
            is NIOHTTP2Errors.ContentLengthHeadersMismatch, is NIOHTTP2Errors.ContentLengthHeaderNegative,
            is NIOHTTP2Errors.ContentLengthHeaderMalformedValue, is NIOHTTP2Errors.MissingPseudoHeader,
            is NIOHTTP2Errors.DuplicatePseudoHeader,
            is NIOHTTP2Errors.PseudoHeaderAfterRegularHeader, is NIOHTTP2Errors.UnknownPseudoHeader,
            is NIOHTTP2Errors.UnsupportedPseudoHeader,
            is NIOHTTP2Errors.InvalidPseudoHeaders, is NIOHTTP2Errors.InvalidPseudoHeaderValue, is NIOHTTP2Errors.EmptyPathHeader,
            is NIOHTTP2Errors.InvalidHTTP2HeaderFieldName, is NIOHTTP2Errors.InvalidHTTP2HeaderFieldValue,
            is NIOHTTP2Errors.ForbiddenHeaderField,
            is NIOHTTP2Errors.TrailersWithoutEndStream:
            true
        default: false
        }
    }

    private func startDraining(_ context: ChannelHandlerContext) {
        guard cutAt == nil else { return }
        cutAt = context.eventLoop.now + backend.settings.drainDeadline + ShimLimits.lingerTimeout
        armTimer(context)
    }

    private var deadline: NIODeadline? {
        if let cutAt { return cutAt }
        guard openStreams.isEmpty else { return nil }
        return quietSince + (hasHadStream ? backend.settings.idleTimeout : backend.settings.slowRequestTimeout)
    }

    private func armTimer(_ context: ChannelHandlerContext) {
        let bound = context.loopBound
        timer.ensure(deadline, on: context.eventLoop) { [weak self] in self?.timerFired(bound.value) }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        timer.fired()
        guard let deadline, context.eventLoop.now >= deadline else { return armTimer(context) }
        guard cutAt == nil, hasHadStream else { return context.close(promise: nil) }
        startDraining(context)
        context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }
}

extension HTTP2ConnectionGuard {
    /// Hears of streams for the guard and for NIOHTTP2's connection handler: the multiplexer tells one delegate only.
    struct StreamWatch: NIOHTTP2StreamDelegate {
        private let connection: NIOLoopBound<HTTP2ConnectionGuard>
        private let management: NIOHTTP2ServerConnectionManagementHandler.HTTP2StreamDelegate

        init(_ connection: HTTP2ConnectionGuard, _ management: NIOHTTP2ServerConnectionManagementHandler, on eventLoop: any EventLoop) {
            self.connection = NIOLoopBound(connection, eventLoop: eventLoop)
            self.management = management.http2StreamDelegate
        }

        func streamCreated(_ id: HTTP2StreamID, channel: any Channel) {
            if connection.value.streamCreated(id) { management.streamCreated(id, channel: channel) }
        }

        func streamClosed(_ id: HTTP2StreamID, channel: any Channel) {
            // The handler counts streams, and one that ends before it begins would be counted for ever.
            if connection.value.streamClosed(id) { management.streamClosed(id, channel: channel) }
        }
    }
}
