import NIOCore
import NIOTLS

/// Tells what a TLS handshake agreed on, and how much came afterwards.
final class HandshakeWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let chosen: EventLoopPromise<String?>
    private let received: EventLoopPromise<Int>
    private var count = 0

    init(chosen: EventLoopPromise<String?>, received: EventLoopPromise<Int>) {
        self.chosen = chosen
        self.received = received
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let name) = event as? TLSUserEvent { chosen.succeed(name) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        count += unwrapInboundIn(data).readableBytes
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        chosen.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        chosen.fail(ChannelError.eof)
        received.succeed(count)
        context.fireChannelInactive()
    }
}
