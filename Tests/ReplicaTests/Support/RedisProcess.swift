import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ProcessSupport
import RedisStore

/// A real redis-server for one test, and a connection of the test's own to it.
struct RedisProcess: Sendable {
    struct Missing: Error, CustomStringConvertible {
        var description: String { "redis-server is not installed: Scripts/install-dependencies --test" }
    }

    let port: Int
    let process: ProductProcess
    private let client: NIOLoopBound<RedisClient>

    var url: String { "redis://127.0.0.1:\(port)" }

    /// - Parameters:
    ///   - port: `nil`: a free one.
    ///   - prepare: puts files into its folder before it starts.
    static func run<Result>(
        port: Int? = nil, _ arguments: [String] = [], prepare: (URL) throws -> Void = { _ in }, body: (RedisProcess) async throws -> Result
    ) async throws -> Result {
        let folders = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
        guard let executable = folders.map({ "\($0)/redis-server" }).first(where: { FileManager.default.isExecutableFile(atPath: $0) })
        else {
            throw Missing()
        }
        return try await withTemporaryDirectory { directory in
            let port = try port ?? FreePort.find()
            try prepare(directory)
            let common = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory.path]
            return try await ProductProcess.run(
                executable: URL(fileURLWithPath: executable), arguments: common + arguments,
                ready: .outputContaining("Ready to accept connections"), stopTimeout: .zero
            ) { process, _ in
                let loop = MultiThreadedEventLoopGroup.singleton.next()
                var options = RedisOptions(address: RedisAddress(host: "127.0.0.1", port: port), clientName: "the-test")
                options.limits.breaker.maxFailures = 1_000_000
                let fixed = options
                let client = try await loop.submit { NIOLoopBound(RedisClient(options: fixed, eventLoop: loop), eventLoop: loop) }.get()
                let redis = RedisProcess(port: port, process: process, client: client)
                do {
                    let result = try await body(redis)
                    try await loop.submit { client.value.close() }.get()
                    return result
                } catch {
                    try await loop.submit { client.value.close() }.get()
                    throw error
                }
            }
        }
    }

    @discardableResult
    func send(_ words: String...) async throws -> RedisValue {
        let command = RedisCommand(words)
        return try await client.eventLoop.flatSubmit { client.value.send(command, timeout: .seconds(60)) }.get().value
    }

    /// The names of its keys.
    func keys(_ pattern: String = "*") async throws -> [String] {
        try await send("KEYS", pattern).elements.map { $0.compactMap(\.string).sorted() } ?? []
    }

    /// Ends the gateways' connections, not the test's.
    func endGatewayConnections() async throws {
        let list = try await send("CLIENT", "LIST").string ?? ""
        for line in list.split(separator: "\n") where line.contains("name=agentshield") {
            guard let id = line.split(separator: " ").first(where: { $0.hasPrefix("id=") })?.dropFirst(3) else { continue }
            _ = try await send("CLIENT", "KILL", "ID", String(id))
        }
    }

    /// Listens to every command that the server is given.
    func monitor() async throws -> RedisMonitor { try await RedisMonitor.start(port: port, after: self) }
}

/// What `MONITOR` has told so far.
final class RedisMonitor: Sendable {
    private let channel: any Channel
    private let collected: NIOLockedValueBox<String>

    private init(channel: any Channel, collected: NIOLockedValueBox<String>) {
        self.channel = channel
        self.collected = collected
    }

    var text: String { collected.withLockedValue { $0 } }

    fileprivate static func start(port: Int, after redis: RedisProcess) async throws -> RedisMonitor {
        let collected = NIOLockedValueBox("")
        let password = try await redis.send("CONFIG", "GET", "requirepass").elements.map { Array($0) }?.last?.string ?? ""
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(collected))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let words = (password.isEmpty ? "" : "AUTH \(password)\r\n") + "MONITOR\r\n"
        try await channel.writeAndFlush(ByteBuffer(string: words))
        let monitor = RedisMonitor(channel: channel, collected: collected)
        try await until("MONITOR") {
            try await redis.send("ECHO", "the monitor listens")
            return monitor.text.contains("the monitor listens")
        }
        return monitor
    }

    func stop() { channel.close(promise: nil) }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let collected: NIOLockedValueBox<String>

        init(_ collected: NIOLockedValueBox<String>) { self.collected = collected }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: unwrapInboundIn(data))
            collected.withLockedValue { $0 += text }
        }
    }
}
