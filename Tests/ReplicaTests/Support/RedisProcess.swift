import Foundation
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

    /// - Parameter port: `nil`: a free one.
    static func run<Result>(
        port: Int? = nil, _ arguments: [String] = [], body: (RedisProcess) async throws -> Result
    ) async throws -> Result {
        let folders = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
        guard let executable = folders.map({ "\($0)/redis-server" }).first(where: { FileManager.default.isExecutableFile(atPath: $0) })
        else {
            throw Missing()
        }
        return try await withTemporaryDirectory { directory in
            let port = try port ?? FreePort.find()
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

    /// Ends the gateways' connections, not the test's.
    func endGatewayConnections() async throws {
        let list = try await send("CLIENT", "LIST").string ?? ""
        for line in list.split(separator: "\n") where line.contains("name=agentshield") {
            guard let id = line.split(separator: " ").first(where: { $0.hasPrefix("id=") })?.dropFirst(3) else { continue }
            _ = try await send("CLIENT", "KILL", "ID", String(id))
        }
    }
}
