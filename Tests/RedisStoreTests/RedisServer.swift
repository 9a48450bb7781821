import Foundation
import NIOCore
import NIOPosix
import ProcessSupport

@testable import RedisStore

/// A real redis-server for one test, in a folder of its own and without snapshots.
struct RedisServer: Sendable {
    let port: Int
    let process: ProductProcess
    let directory: URL

    struct Missing: Error, CustomStringConvertible {
        var description: String { "redis-server is not installed: Scripts/install-dependencies --test" }
    }

    static func executable() throws -> URL {
        let folders = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
        guard let found = folders.map({ "\($0)/redis-server" }).first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            throw Missing()
        }
        return URL(fileURLWithPath: found)
    }

    /// - Parameters:
    ///   - port: `nil`: a free one.
    ///   - arguments: beside those that every test's server has.
    static func run<Result>(
        port: Int? = nil, _ arguments: [String] = [], prepare: (URL) throws -> Void = { _ in },
        body: (RedisServer) async throws -> Result
    ) async throws -> Result {
        try await withTemporaryDirectory { directory in
            try prepare(directory)
            let port = try port ?? FreePort.find()
            let common = [
                "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory.path,
                "--loglevel", "notice", "--enable-debug-command", "yes",
            ]
            return try await ProductProcess.run(
                executable: executable(), arguments: common + arguments, ready: .outputContaining("Ready to accept connections"),
                stopTimeout: .zero
            ) { process, _ in
                try await body(RedisServer(port: port, process: process, directory: directory))
            }
        }
    }

    /// On a machine that runs all tests at once every reply may be slow: that is not what they test.
    var options: RedisOptions {
        var options = RedisOptions(address: RedisAddress(host: "127.0.0.1", port: port))
        options.limits.breaker.slowAfter = .seconds(60)
        return options
    }
}

/// A client on an event loop of its own, closed at the end.
struct RedisRig: Sendable {
    let loop: any EventLoop
    let client: NIOLoopBound<RedisClient>

    static func run<Result>(_ options: RedisOptions, body: (RedisRig) async throws -> Result) async throws -> Result {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let client = try await loop.submit { NIOLoopBound(RedisClient(options: options, eventLoop: loop), eventLoop: loop) }.get()
        let rig = RedisRig(loop: loop, client: client)
        do {
            let result = try await body(rig)
            try await loop.submit { client.value.close() }.get()
            return result
        } catch {
            try await loop.submit { client.value.close() }.get()
            throw error
        }
    }

    /// A server and a client of it.
    static func run<Result>(
        server arguments: [String] = [], change: @Sendable (inout RedisOptions) -> Void = { _ in },
        body: (RedisServer, RedisRig) async throws -> Result
    ) async throws -> Result {
        try await RedisServer.run(arguments) { server in
            var options = server.options
            change(&options)
            return try await run(options) { try await body(server, $0) }
        }
    }

    func send(_ command: RedisCommand, timeout: TimeAmount = .seconds(20)) async throws -> RedisValue {
        try await loop.flatSubmit { client.value.send(command, timeout: timeout) }.get().value
    }

    func send(_ words: String..., timeout: TimeAmount = .seconds(20)) async throws -> RedisValue {
        try await send(RedisCommand(words), timeout: timeout)
    }

    /// Sends all at once, in one pipeline.
    func results(of commands: [RedisCommand], timeout: TimeAmount = .seconds(20)) async throws -> [Result<RedisReply, any Error>] {
        try await loop.flatSubmit {
            EventLoopFuture.whenAllComplete(commands.map { client.value.send($0, timeout: timeout) }, on: loop)
        }.get()
    }

    /// How the command fails; `nil`: it does not.
    func failure(of command: RedisCommand, timeout: TimeAmount = .seconds(20)) async throws -> RedisFailure? {
        do {
            _ = try await send(command, timeout: timeout)
            return nil
        } catch let failure as RedisFailure {
            return failure
        }
    }

    func failure(of words: String..., timeout: TimeAmount = .seconds(20)) async throws -> RedisFailure? {
        try await failure(of: RedisCommand(words), timeout: timeout)
    }

    var breaker: RedisBreaker.State {
        get async throws { try await loop.submit { client.value.breakerState }.get() }
    }

    /// Asks again until the answer is as wanted; ten milliseconds lie between two questions.
    func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        for _ in 0..<3_000 {
            if try await condition() { return }
            try await loop.scheduleTask(in: .milliseconds(10)) {}.futureResult.get()
        }
        throw NeverHappened(what: what)
    }

    struct NeverHappened: Error {
        var what: String
    }
}

extension RedisFailure {
    /// The kind of the server's error, if it is one.
    var serverKind: RedisServerError.Kind? {
        if case .server(let error) = self { error.kind } else { nil }
    }
}
