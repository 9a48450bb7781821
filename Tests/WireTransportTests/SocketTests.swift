import NIOCore
import NIOPosix
import Testing
import Wire
import WireTransport

/// Handlers on loopback sockets.
@Suite("Handlers on sockets")
struct SocketTests {
    /// Starts a server and gives its port and what its first connection's end resolves.
    private func startServer(on group: any EventLoopGroup) async throws -> (channel: any Channel, ended: EventLoopFuture<Void>) {
        let ended = group.any().makePromise(of: Void.self)
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let application = EchoServer(whenClosed: { ended.succeed() })
                    try channel.pipeline.syncOperations.addHandler(
                        WireServerHandler(ServerConnection(compressor: LZ4Compressor(), now: .now()), delegate: application))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return (channel, ended.futureResult)
    }

    private func withGroup(_ body: (any EventLoopGroup) async throws -> Void) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            try await body(group)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    @Test("a megabyte there and back, in compressed frames under flow control")
    func megabyte() async throws {
        try await withGroup { group in
            let server = try await startServer(on: group)
            let text = String(repeating: "a megabyte of the same few words, again. ", count: 25_000)
            let answer = group.any().makePromise(of: String.self)
            let port = try #require(server.channel.localAddress?.port)
            let client = try await ClientBootstrap(group: group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        var received = ""
                        let recorder = Recorder(whenTold: { event, handler in
                            switch event {
                            case .deltaReceived(let id, let delta, let cost):
                                received += String(buffer: delta.data)
                                handler.perform { $0.consumed(cost, on: id) }
                            case .endReceived: answer.succeed(received)
                            default: break
                            }
                        })
                        let handler = WireClientHandler(
                            ClientConnection(credential: "key", compressor: LZ4Compressor(), now: .now()), delegate: recorder)
                        try channel.pipeline.syncOperations.addHandler(handler)
                        _ = try handler.perform { try $0.send(.chat("echo", text)) }
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
            #expect(try await answer.futureResult.get() == text)
            try await client.close()
            try await server.ended.get()
            try await server.channel.close()
        }
    }

    /// Reads everything until the server closes.
    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private var bytes = ByteBuffer()
        private let whenClosed: EventLoopPromise<ByteBuffer>

        init(whenClosed: EventLoopPromise<ByteBuffer>) {
            self.whenClosed = whenClosed
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var read = unwrapInboundIn(data)
            bytes.writeBuffer(&read)
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event as? ChannelEvent == .inputClosed { context.close(promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            whenClosed.fail(error)
        }

        func channelInactive(context: ChannelHandlerContext) {
            whenClosed.succeed(bytes)
        }
    }

    @Test("the reason of a failure reaches a client that goes on sending")
    func lastWords() async throws {
        try await withGroup { group in
            let server = try await startServer(on: group)
            let everything = group.any().makePromise(of: ByteBuffer.self)
            let port = try #require(server.channel.localAddress?.port)
            let client = try await ClientBootstrap(group: group)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Collector(whenClosed: everything))
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
            // No HELLO, but more than the server will read before it answers: a plain close would reset the connection.
            client.writeAndFlush(ByteBuffer(repeating: 0x01, count: 4_000_000), promise: nil)
            var bytes = try await everything.futureResult.get()
            let header = bytes.readFrameHeader()
            #expect(header?.type == .error)
            let error = try ErrorBody.decode(from: bytes.readSlice(length: header?.length ?? 0) ?? ByteBuffer())
            #expect(error.code == .frameTooLarge)
            try await server.ended.get()
            try await server.channel.close()
        }
    }
}
