import NIOCore

/// Lets a connection without TLS say by its first bytes which HTTP it speaks: those of a client that knows beforehand that the server speaks HTTP/2
/// (RFC 9113, 3.3) are that protocol's preface, and all others are HTTP/1.1's affair.
///
/// Bounds: it holds what one read brings and 23 bytes, for as long as a request's head may take; a connection that has not said anything by then, or
/// when the gateway drains, is closed.
final class VersionChoice: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    enum Version { case http1, http2 }

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private let timeout: TimeAmount
    private let install: (Version) throws -> Void
    private var timer: Scheduled<Void>?
    private var held = ByteBuffer()
    private var isOver = false

    /// - Parameters:
    ///   - timeout: for the first bytes.
    ///   - install: puts the version's handlers at the end of the pipeline.
    init(timeout: TimeAmount, install: @escaping (Version) throws -> Void) {
        self.timeout = timeout
        self.install = install
    }

    /// What the first bytes say; `nil`: they may become either.
    static func version(of bytes: ByteBufferView) -> Version? {
        guard zip(bytes, preface).allSatisfy({ $0 == $1 }) else { return .http1 }
        return bytes.count < preface.count ? nil : .http2
    }

    func handlerAdded(context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { [self] in giveUp(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        isOver = true
        timer?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent, !isOver { giveUp(context) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return context.fireChannelRead(data) }
        var bytes = unwrapInboundIn(data)
        held.writeBuffer(&bytes)
        guard let version = Self.version(of: held.readableBytesView) else { return }
        isOver = true
        timer?.cancel()
        do {
            try install(version)
        } catch {
            return context.close(promise: nil)
        }
        context.fireChannelRead(wrapInboundOut(held))
        held = ByteBuffer()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    private func giveUp(_ context: ChannelHandlerContext) {
        isOver = true
        held = ByteBuffer()
        context.close(promise: nil)
    }
}
