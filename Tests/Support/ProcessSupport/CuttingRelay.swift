import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Stands between clients and a gateway, and cuts their connections when it is told to: neither side hears a goodbye.
package final class CuttingRelay: Sendable {
    private struct State {
        var pairs: [ObjectIdentifier: (client: any Channel, server: any Channel)] = [:]
        var target: Int
        var accepted = 0
    }

    private let state: NIOLockedValueBox<State>
    private let listener: any Channel
    package let port: Int

    private init(listener: any Channel, state: NIOLockedValueBox<State>, port: Int) {
        self.listener = listener
        self.state = state
        self.port = port
    }

    package static func run<Result>(to target: Int, _ body: (CuttingRelay) async throws -> Result) async throws -> Result {
        let state = NIOLockedValueBox(State(target: target))
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                let port = state.withLockedValue { state in
                    state.accepted += 1
                    return state.target
                }
                return ClientBootstrap(group: client.eventLoop)
                    .channelOption(.autoRead, value: false)
                    .connect(host: "127.0.0.1", port: port)
                    .flatMapThrowing { server in
                        state.withLockedValue { $0.pairs[ObjectIdentifier(client)] = (client, server) }
                        client.closeFuture.whenComplete { _ in
                            state.withLockedValue { $0.pairs[ObjectIdentifier(client)] = nil }
                            server.close(promise: nil)
                        }
                        server.closeFuture.whenComplete { _ in client.close(promise: nil) }
                        try client.pipeline.syncOperations.addHandler(Pump(to: server))
                        try server.pipeline.syncOperations.addHandler(Pump(to: client))
                        server.read()
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = listener.localAddress?.port ?? 0
        let relay = CuttingRelay(listener: listener, state: state, port: port)
        let result: Result
        do { result = try await body(relay) } catch {
            relay.cut()
            try? await listener.close()
            throw error
        }
        relay.cut()
        try? await listener.close()
        return result
    }

    /// Connections so far.
    package var accepted: Int { state.withLockedValue { $0.accepted } }

    /// What comes later goes there; what is open stays.
    package func lead(to target: Int) { state.withLockedValue { $0.target = target } }

    /// Cuts what is open; what comes later goes to `target`, if it is named.
    package func cut(thenTo target: Int? = nil) {
        let pairs = state.withLockedValue { state in
            if let target { state.target = target }
            return Array(state.pairs.values)
        }
        for pair in pairs { pair.client.close(promise: nil) }
    }

    /// Hands on what comes, as fast as the other side takes it.
    private final class Pump: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel

        init(to other: any Channel) {
            self.other = other
        }

        func channelActive(context: ChannelHandlerContext) {
            context.read()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let channel = context.channel
            other.writeAndFlush(unwrapInboundIn(data)).whenComplete { result in
                if case .success = result { channel.read() } else { channel.close(promise: nil) }
            }
        }
    }
}
