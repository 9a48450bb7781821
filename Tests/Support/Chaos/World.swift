import Foundation
import ProcessSupport

/// Whose key calls.
struct Tenant: Sendable {
    var name: String
    var key: String
    /// The key's line of the configuration.
    var entry: String
}

/// A gateway that runs.
struct Gateway: Sendable {
    let process: ProductProcess
    let tlsPort: Int
    let httpPort: Int
    /// The CA of its own certificate.
    let authority: String
}

/// The servers that a run is about, each a process of its own: a provider, gateways, and perhaps Redis and PostgreSQL.
actor World {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    struct Setup: Sendable {
        /// Redis and PostgreSQL, and several gateways; or one gateway with a file.
        var isShared: Bool
        var gateways: Int
        /// While Redis is away records are spooled.
        var spools: Bool
    }

    static let pepper = "a-pepper-for-chaos-of-thirty-two-bytes"
    let setup: Setup
    let directory: URL
    private(set) var tenants: [Tenant] = []
    private var provider: ProductProcess?
    private var providerPort = 0
    private var redis: ProductProcess?
    private var redisPort = 0
    private var postgres: PostgresCluster?
    private var postgresPort = 0
    private(set) var gateways: [Gateway?]

    init(_ setup: Setup, directory: URL) {
        self.setup = setup
        self.directory = directory
        gateways = Array(repeating: nil, count: setup.gateways)
    }

    nonisolated var ledgerFile: String { directory.appendingPathComponent("ledger.sqlite").path }

    /// The size of the ledger's file.
    var ledgerKiB: Int {
        ((try? FileManager.default.attributesOfItem(atPath: ledgerFile))?[.size] as? Int ?? 0) / 1_024
    }

    var databaseURL: String? { postgres?.url("ledger") }

    // MARK: start and end

    func start() async throws {
        tenants = [try await makeTenant("acme", ", department: sales, user: ana"), try await makeTenant("umbrella")]
        let (provider, line) = try await ProductProcess.start(
            executable: BuildProducts.executable("scripted-provider"), arguments: ["--port", "0", "--record-limit", "100000"],
            ready: .output(prefix: "listening on "))
        self.provider = provider
        providerPort = try Self.port(line)
        guard setup.isShared else { return }
        redisPort = try FreePort.find()
        try await startRedis()
        postgresPort = try FreePort.find()
        let folder = directory.appendingPathComponent("postgres")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try await PostgresCluster.prepare(folder)
        try await startPostgres()
        try await sql("CREATE DATABASE ledger", database: "postgres")
        let migrated = try await ProductProcess.runToEnd("agentshield", arguments: ["migrate"], environment: environment())
        guard migrated.status == .exited(0) else { throw Failure(description: "migrate: \(migrated.errorOutput)") }
    }

    func end() async {
        for gateway in gateways { await gateway?.process.stop() }
        await provider?.stop()
        await redis?.stop(timeout: .zero)
        await postgres?.stop()
    }

    /// - Parameter members: more of the key's line.
    private func makeTenant(_ name: String, _ members: String = "") async throws -> Tenant {
        let made = try await ProductProcess.runToEnd(
            "agentshield", arguments: ["keys", "create", "--id", "key-of-\(name)", "--tenant", name],
            environment: ["AGENTSHIELD_PEPPER": Self.pepper])
        let lines = made.output.split(separator: "\n").filter { $0.hasPrefix("  ") }.map { $0.trimmingCharacters(in: .whitespaces) }
        guard lines.count == 2 else { throw Failure(description: "keys create: \(made)") }
        return Tenant(name: name, key: lines[0], entry: "\(lines[1].dropLast())\(members)}")
    }

    // MARK: stores

    func startRedis() async throws {
        let folders = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
        guard let executable = folders.map({ "\($0)/redis-server" }).first(where: FileManager.default.isExecutableFile) else {
            throw Failure(description: "redis-server is not installed: Scripts/install-dependencies --test")
        }
        let arguments = [
            "--port", String(redisPort), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir",
            directory.path,
        ]
        redis = try await ProductProcess.start(
            executable: URL(fileURLWithPath: executable), arguments: arguments, ready: .outputContaining("Ready to accept connections")
        ).process
    }

    func killRedis() async {
        redis?.kill(SIGKILL)
        _ = await redis?.waitForExit()
    }

    func startPostgres() async throws {
        postgres = try await PostgresCluster.start(in: directory.appendingPathComponent("postgres"), port: postgresPort)
    }

    func stopPostgres() async { await postgres?.stop() }

    func sql(_ text: String, database: String = "ledger") async throws {
        guard let postgres else { return }
        let driver = try PostgresStatements(url: postgres.url(database))
        try await driver.run(text)
    }

    // MARK: gateways

    /// Starts those that do not run.
    ///
    /// - Parameter maxFileKiB: beyond which no file of a gateway may grow, as if the disk were full; `nil`: as the disk has room.
    func startGateways(maxFileKiB: Int? = nil) async throws {
        for index in gateways.indices where gateways[index] == nil {
            gateways[index] = try await startGateway(index, maxFileKiB: maxFileKiB)
        }
    }

    func kill(_ index: Int) async {
        let gateway = gateways[index]
        gateways[index] = nil
        gateway?.process.kill(SIGKILL)
        _ = await gateway?.process.waitForExit()
    }

    /// Lets all gateways end in peace.
    func stopGateways() async {
        for index in gateways.indices {
            await gateways[index]?.process.stop(timeout: .seconds(30))
            gateways[index] = nil
        }
    }

    private func startGateway(_ index: Int, maxFileKiB: Int?) async throws -> Gateway {
        let file = directory.appendingPathComponent("gateway-\(index).yaml")
        try Data(configuration(index).utf8).write(to: file)
        let program = try BuildProducts.executable("agentshield")
        var (executable, arguments) = (program, ["serve", "--config", file.path])
        if let maxFileKiB {
            // Ignored, the signal becomes an error of the write.
            let script = "trap '' XFSZ; ulimit -f \(maxFileKiB); exec \"$0\" \"$@\""
            (executable, arguments) = (URL(fileURLWithPath: "/bin/bash"), ["-c", script, program.path] + arguments)
        }
        let (process, line) = try await ProductProcess.start(
            executable: executable, arguments: arguments, environment: environment(), ready: .errorOutput(containing: " listening "))
        var fields: [Substring: Substring] = [:]
        for field in line.split(separator: " ") {
            let parts = field.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        return Gateway(
            process: process, tlsPort: try Self.port(fields["tls"] ?? ""), httpPort: try Self.port(fields["http"] ?? ""),
            authority: String(fields["ca_file"] ?? ""))
    }

    private func environment() -> [String: String] {
        // Files of the run go with its folder.
        var environment = ["AGENTSHIELD_PEPPER": Self.pepper, "TMPDIR": directory.path]
        if setup.isShared {
            environment["REDIS_URL"] = "redis://127.0.0.1:\(redisPort)"
            environment["DATABASE_URL"] = databaseURL
        }
        return environment
    }

    private func configuration(_ index: Int) -> String {
        let ledger =
            !setup.isShared
            ? "file: \"\(ledgerFile)\""
            : setup.spools ? "without_store: spool, spool: \"\(directory.path)/spool-\(index)\"" : "without_store: refuse"
        return """
            listen:
              tls: {address: "127.0.0.1:0"}
              http: {address: "127.0.0.1:0"}
              admin: {enabled: false}
            auth:
              keys:
                \(tenants.map(\.entry).joined(separator: "\n    "))
            limits: {default_deadline: 5s, requests_per_minute: 6000000, burst: 6000000, concurrent_requests: 1000}
            ledger: {\(ledger)}
            tenants:
              acme: {budget: {day: 1000000, total: 1000000}, department_budget: {month: 1000000}, user_budget: {day: 1000000}}
              umbrella: {budget: {month: 1000000}}
            log: {level: notice, format: text}
            drain_deadline: 10s
            event_loops: 2
            replica: {id: gateway-\(index)}
            providers:
              scripted: {dialect: openai, base_url: "http://127.0.0.1:\(providerPort)/v1"}
            models:
              - {name: memo, provider: scripted, upstream_name: echo, cache: {mode: always}, price: {input: 0.30, output: 1.20}}
              - {pattern: "say:*", provider: scripted, price: {input: 0.15, output: 0.60}}

            """
    }

    /// Compares wallets with the ledger and what is reserved.
    ///
    /// - Returns: what is wrong; `nil`: nothing.
    func reconcile() async throws -> String? {
        let end = try await reconciliation()
        return end.status == .exited(0) ? nil : "budgets do not reconcile: \(end.output)\(end.errorOutput)"
    }

    /// What every wallet has counted.
    func wallets() async throws -> [Wallet] {
        let end = try await reconciliation("--json")
        return try end.output.split(separator: "\n").map { try Wallet(json: String($0)) }
    }

    private func reconciliation(_ options: String...) async throws -> (
        status: ProductProcess.ExitStatus, output: String, errorOutput: String
    ) {
        let arguments = ["budgets", "reconcile"] + options + (setup.isShared ? [] : ["--file", ledgerFile])
        return try await ProductProcess.runToEnd("agentshield", arguments: arguments, environment: environment())
    }

    // MARK: the provider

    /// What the provider would bill so far.
    func bill() async throws -> ProviderBill {
        try ProviderBill(json: try await ShimCall.get("/_bill", port: providerPort))
    }

    /// What it was asked for behind the request of a number.
    func calls(after number: Int) async throws -> [ProviderCall] {
        try ProviderCall.list(json: try await ShimCall.get("/_record?after=\(number)", port: providerPort), after: number)
    }

    private static func port(_ text: some StringProtocol) throws -> Int {
        guard let port = text.split(separator: ":").last.flatMap({ Int($0) }) else { throw Failure(description: "no port in \(text)") }
        return port
    }
}
