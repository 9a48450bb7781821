import NIOCore
import NIOPosix

/// A server that answers as its script says, so that it can also do what no Redis would. Each connection starts the script anew.
final class ScriptedRedis: Sendable {
    enum Step: Sendable {
        case write(String)
        /// The text, this server's port and a line end.
        case writeWithOwnPort(String)
        case close
    }

    let port: Int
    private let listener: any Channel

    /// - Parameter script: what the n-th command of a connection is answered with; the greeting's is the first. After the script there is silence.
    init(_ script: [[Step]]) async throws {
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton.next())
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler(script)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
    }

    func stop() async throws {
        try await listener.close().get()
    }

    static func run<Result>(_ script: [[Step]], body: (ScriptedRedis) async throws -> Result) async throws -> Result {
        let server = try await ScriptedRedis(script)
        do {
            let result = try await body(server)
            try await server.stop()
            return result
        } catch {
            try await server.stop()
            throw error
        }
    }

    /// Counts commands by their first bytes: no argument of a test's command begins a line with `*`.
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private var script: ArraySlice<[Step]>
        private var previous = UInt8(ascii: "\n")

        init(_ script: [[Step]]) {
            self.script = script[...]
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            for byte in unwrapInboundIn(data).readableBytesView {
                if previous == UInt8(ascii: "\n"), byte == UInt8(ascii: "*"), let steps = script.popFirst() {
                    for step in steps {
                        switch step {
                        case .write(let text): context.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
                        case .writeWithOwnPort(let text):
                            let line = "\(text)\(context.channel.localAddress?.port ?? 0)\r\n"
                            context.writeAndFlush(NIOAny(ByteBuffer(string: line)), promise: nil)
                        case .close: context.close(promise: nil)
                        }
                    }
                }
                previous = byte
            }
        }
    }
}
