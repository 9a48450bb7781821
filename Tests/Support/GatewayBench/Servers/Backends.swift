import Foundation
import ProcessSupport

/// The bench's provider: this program's own `upstream`.
struct UpstreamServer {
    let process: PinnedProcess
    let port: Int

    init(_ folders: BenchFolders) throws {
        process = try PinnedProcess(
            URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath(), ["upstream"], core: BenchCores.others,
            folder: folders.work)
        let text = try process.text(after: "listening on ")
        guard let port = Int(text) else { throw BenchFailure(description: "the provider's port: \(text)") }
        self.port = port
    }

    /// How many requests it had so far.
    func requests() throws -> Int {
        let answer = try Command.output(Command.find("curl"), ["-s", "http://127.0.0.1:\(port)/_stats"])
        guard let figure = answer.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) }) else {
            throw BenchFailure(description: "the provider tells no figures: \(answer)")
        }
        return figure
    }
}

/// Redis, kept in memory alone.
struct RedisServer {
    let process: PinnedProcess
    let url: String

    init(_ folders: BenchFolders) throws {
        let port = try LocalPort.free()
        process = try PinnedProcess(
            try Command.find("redis-server"), ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", folders.work.path],
            core: BenchCores.others, folder: folders.work)
        try process.waitForPort(port)
        url = "redis://127.0.0.1:\(port)"
    }
}

/// PostgreSQL with a database for the ledger, beside the load.
struct LedgerDatabase {
    let cluster: PostgresCluster
    var url: String { cluster.url("postgres") }

    init(_ folders: BenchFolders) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("gateway-bench-pg-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try await PostgresCluster.prepare(directory)
        cluster = try await PostgresCluster.start(in: directory, port: try FreePort.find())
        _ = try Command.output(
            folders.program, ["migrate"], ["DATABASE_URL": url, "AGENTSHIELD_PEPPER": GatewaySetup.pepper])
    }

    func stop() async {
        await cluster.stop()
        try? FileManager.default.removeItem(at: cluster.directory)
    }
}
