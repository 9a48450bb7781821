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

    /// Makes a key in the store, beside so many others of a thousand tenants.
    ///
    /// - Returns: the key.
    func makeKey(_ folders: BenchFolders, besides others: Int) throws -> String {
        let environment = ["DATABASE_URL": url, "AGENTSHIELD_PEPPER": GatewaySetup.pepper]
        _ = try Command.output(folders.program, ["tenants", "create", "bench"], environment)
        let told = try Command.output(folders.program, ["keys", "create", "--id", "k", "--tenant", "bench", "--json"], environment)
        struct Told: Decodable {
            var key: String
        }
        let sql = """
            INSERT INTO agentshield.tenants (id, name) SELECT 't' || i, 'T' FROM generate_series(0, 999) i;
            INSERT INTO agentshield.api_keys (tenant_id, id) SELECT 't' || i % 1000, 'k' || i FROM generate_series(1, \(others)) i;
            INSERT INTO agentshield.api_key_hashes (pepper_id, hash, tenant_id, key_id)
            SELECT own.pepper_id, sha256(i::text::bytea), 't' || i % 1000, 'k' || i
            FROM generate_series(1, \(others)) i, (SELECT pepper_id FROM agentshield.api_key_hashes LIMIT 1) own;
            """
        _ = try Command.output(
            URL(fileURLWithPath: try Programs.postgres("psql")), [url, "--quiet", "--set", "ON_ERROR_STOP=1", "--command", sql])
        return try JSONDecoder().decode(Told.self, from: Data(told.utf8)).key
    }

    func stop() async {
        await cluster.stop()
        try? FileManager.default.removeItem(at: cluster.directory)
    }
}
