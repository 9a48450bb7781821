import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Passes bytes on between gateways and a server, and what the server says later than it said it.
final class SlowRelay: Sendable {
    let port: Int
    private let channel: any Channel
    private let delay: NIOLockedValueBox<TimeAmount>

    /// - Parameter port: the server's, on this machine.
    static func run<Result>(to port: Int, _ body: (SlowRelay) async throws -> Result) async throws -> Result {
        let relay = try await SlowRelay(to: port)
        do {
            let result = try await body(relay)
            try await relay.channel.close()
            return result
        } catch {
            try await relay.channel.close()
            throw error
        }
    }

    private init(to target: Int) async throws {
        let delay = NIOLockedValueBox(TimeAmount.zero)
        self.delay = delay
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { client in
                // On the same loop, so that each may write to the other.
                ClientBootstrap(group: client.eventLoop)
                    .connect(host: "127.0.0.1", port: target)
                    .flatMapThrowing { server in
                        try client.pipeline.syncOperations.addHandler(Forwarder(to: server) { .zero })
                        try server.pipeline.syncOperations.addHandler(Forwarder(to: client) { delay.withLockedValue { $0 } })
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    /// From now on every answer comes so much later.
    func setDelay(_ time: TimeAmount) { delay.withLockedValue { $0 = time } }

    private final class Forwarder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let delay: @Sendable () -> TimeAmount
        /// Nothing overtakes what was read before it.
        private var notBefore = NIODeadline.uptimeNanoseconds(0)

        init(to other: any Channel, delay: @escaping @Sendable () -> TimeAmount) {
            self.other = other
            self.delay = delay
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let (other, bytes) = (other, unwrapInboundIn(data))
            notBefore = max(notBefore, .now() + delay())
            guard notBefore > .now() else { return other.writeAndFlush(bytes, promise: nil) }
            context.eventLoop.scheduleTask(deadline: notBefore) { other.writeAndFlush(bytes, promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
