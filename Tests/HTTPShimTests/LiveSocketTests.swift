import GatewayCore
import GatewayPipeline
import HTTPShim
import NIOCore
import NIOPosix
import Testing

/// The door on real sockets, where a client's leaving is seen as the kernel tells it.
@Suite struct LiveSocketTests {
    /// A server on a free port of the loopback address, on one event loop, which is the backend's.
    private final class Server: Sendable {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel: any Channel
        let backend: NIOLoopBoundBox<ScriptedBackend>

        init() async throws {
            let loop = group.next()
            let backend = try await loop.submit { NIOLoopBoundBox(ScriptedBackend(), eventLoop: loop) }.get()
            self.backend = backend
            channel = try await ServerBootstrap(group: group)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try configureHTTP1(channel, backend: backend.value, needsEdgeProof: false, clientAddress: nil) { channel, _ in
                            channel.close(promise: nil)
                        }
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
        }

        func withBackend<Result: Sendable>(_ body: @escaping @Sendable (ScriptedBackend) throws -> Result) async throws -> Result {
            try await channel.eventLoop.submit { try body(self.backend.value) }.get()
        }

        func connect() async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
            let address = try #require(channel.localAddress)
            return try await ClientBootstrap(group: group).connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel(wrappingChannelSynchronously: channel) }
            }
        }

        func stop() async throws {
            try await channel.close()
            try await group.shutdownGracefully()
        }
    }

    private static let request =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: \(ScriptedBackend.key)\r\ncontent-length: 2\r\n\r\n{}"

    @Test("requests on a kept connection are answered over TCP")
    func answers() async throws {
        let server = try await Server()
        try await server.withBackend { backend in
            backend.onBegin = { exchange in backend.answerLater(exchange) }
        }
        try await server.connect().executeThenClose { inbound, outbound in
            var iterator = inbound.makeAsyncIterator()
            for _ in 0..<3 {
                try await outbound.write(ByteBuffer(string: Self.request))
                var text = ""
                while !text.hasSuffix(#"{"id":"chatcmpl-1"}"#) { text += String(buffer: try #require(try await iterator.next())) }
                #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            }
        }
        try await server.stop()
    }

    @Test("a client that closes its socket has its request cancelled, though the door reads nothing meanwhile")
    func cancels() async throws {
        let server = try await Server()
        let loop = server.channel.eventLoop
        let begun = loop.makePromise(of: Void.self)
        let cancelled = loop.makePromise(of: Void.self)
        try await server.withBackend { backend in
            backend.isStreamed = true
            backend.onBegin = { exchange in
                exchange.onCancel = { cancelled.succeed() }
                begun.succeed()
            }
        }
        try await server.connect().executeThenClose { _, outbound in
            try await outbound.write(ByteBuffer(string: Self.request))
            try await begun.futureResult.get()
        }
        try await cancelled.futureResult.get()
        try await server.stop()
    }
}

extension ScriptedBackend {
    /// Answers in the event loop's next tick, as the pipeline does at the earliest.
    fileprivate func answerLater(_ exchange: ScriptedExchange) {
        // swift-format-ignore: NeverForceUnwrap
        let bound = NIOLoopBound(exchange, eventLoop: MultiThreadedEventLoopGroup.currentEventLoop!)
        bound.eventLoop.execute { bound.value.answer() }
    }
}
