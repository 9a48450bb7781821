import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import ProcessSupport
import Testing

/// Gateways, each a process of its own with the same configuration, in front of one scripted provider.
struct Replicas: Sendable {
    struct Setup: Sendable {
        var count = 1
        /// In `auth.keys[0].limits`.
        var keyLimits = "requests_per_minute: 6000000"
        /// When the file's key ends, as RFC 3339 writes it; `nil`: never.
        var keyExpires: String?
        /// Sections of the file.
        var sections = ""
        /// `REDIS_URL`; `nil`: none.
        var redis: String?
        /// As long as the slowest machine needs, where a test does not want Redis to be too slow.
        var redisTimeout = "20s"
        /// Who signed Redis' certificate, where it has one.
        var redisAuthority: String?
        var eventLoops = 1
        /// Of every model.
        var cacheMode = "off"
        /// Where tenants and keys are; `nil`: in the file alone.
        var store: StoreCommands?
        /// More lines of `auth`.
        var authentication: [String] = []
        /// More lines of `listen`.
        var listen: [String] = []
        /// More members of `listen.http`.
        var http = ""
        /// More members of the provider.
        var provider = ""
        /// More providers, given the scripted one's URL, and models before the one that matches all.
        var providers: @Sendable (_ url: String) -> [String] = { _ in [] }
        var models: [String] = []
        /// Beside the configuration, by name.
        var files: [String: Data] = [:]
        /// The listener for TLS.
        var tls = "{enabled: false}"
        var logLevel = "notice"
        /// What of the log comes to the test: commands of a shell between the gateway's standard error and ours; `nil`: all of it.
        var logFilter: String?
        /// Beside the pepper, and what Redis and the store need.
        var environment: [String: String] = [:]
    }

    struct Replica: Sendable {
        /// By which the provider's record tells its calls (``Replicas/providerCalls()``).
        let name: String
        let process: ProductProcess
        let port: Int
        /// Where it is administered, if it listens there.
        let controlPort: Int?
    }

    private(set) var members: [Replica]
    var key: String
    /// What callers' requests say besides.
    var headers = HTTPHeaders()
    private let providerPort: Int
    private let files: Files

    static let pepper = "a-pepper-for-tests-of-thirty-two-bytes"

    static func run<Result>(_ setup: Setup, _ body: (Replicas) async throws -> Result) async throws -> Result {
        let (key, entry) = try await makeKey()
        return try await withTemporaryDirectory { directory in
            try await ProductProcess.run(
                "scripted-provider", arguments: ["--record-limit", "\(recordLimit)"], readyPrefix: "listening on "
            ) { _, line in
                let url = String(try #require(line.split(separator: " ").last))
                let providerPort = try #require(url.split(separator: ":").last.flatMap { Int($0) })
                let files = Files(setup, directory, entry: entry, providerURL: url)
                for (name, data) in setup.files { try data.write(to: directory.appendingPathComponent(name)) }
                return try await start(files, running: []) { members in
                    try await body(Replicas(members: members, key: key, providerPort: providerPort, files: files))
                }
            }
        }
    }

    /// Requests that the provider remembers: all of the longest test.
    private static let recordLimit = 100_000

    /// Starts one after another, so that none waits for the others' start.
    private static func start<Result>(
        _ files: Files, running: [Replica], _ body: ([Replica]) async throws -> Result
    ) async throws -> Result {
        guard running.count < files.setup.count else { return try await body(running) }
        let launch = try Launch(files)
        return try await ProductProcess.run(
            executable: launch.executable, arguments: launch.arguments, environment: launch.environment, ready: Launch.ready,
            startTimeout: .seconds(120)
        ) { process, line in
            try await start(files, running: running + [try launch.replica(process, line)], body)
        }
    }

    /// One more gateway of the same configuration. It ends with the tests at the latest.
    func startAnother() async throws -> Replica {
        let launch = try Launch(files)
        let (process, line) = try await ProductProcess.start(
            executable: launch.executable, arguments: launch.arguments, environment: launch.environment, ready: Launch.ready,
            startTimeout: .seconds(120))
        return try launch.replica(process, line)
    }

    /// Writes each replica's configuration: all say the same but for the way to the provider.
    private final class Files: Sendable {
        let setup: Setup
        private let directory: URL
        private let entry: String
        private let providerURL: String
        private let count = NIOLockedValueBox(0)

        init(_ setup: Setup, _ directory: URL, entry: String, providerURL: String) {
            (self.setup, self.directory, self.entry, self.providerURL) = (setup, directory, entry, providerURL)
        }

        func next() throws -> (name: String, file: URL) {
            let number = count.withLockedValue { count in
                count += 1
                return count
            }
            let name = "replica-\(number)"
            let file = directory.appendingPathComponent("\(name)-gateway.yaml")
            try Data(Replicas.text(setup, entry: entry, providerURL: providerURL, name: name).utf8).write(to: file)
            return (name, file)
        }
    }

    /// How a gateway is started.
    private struct Launch {
        static let ready = ProductProcess.Readiness.errorOutput(containing: " listening ")

        let name: String
        let executable: URL
        let arguments: [String]
        let environment: [String: String]

        init(_ files: Files) throws {
            let setup = files.setup
            let file: URL
            (name, file) = try files.next()
            var environment = ["AGENTSHIELD_PEPPER": Replicas.pepper].merging(setup.environment) { $1 }
            environment.merge(setup.store?.environment ?? [:]) { $1 }
            environment["REDIS_URL"] = setup.redis
            self.environment = environment
            let program = try BuildProducts.executable("agentshield")
            let serve = ["serve", "--config", file.path]
            if let filter = setup.logFilter {
                executable = URL(fileURLWithPath: "/bin/bash")
                arguments = ["-c", "exec \"$0\" \"$@\" 2> >(\(filter))", program.path] + serve
            } else {
                executable = program
                arguments = serve
            }
        }

        /// - Parameter line: in which it said that it listens.
        func replica(_ process: ProductProcess, _ line: String) throws -> Replica {
            func port(_ name: String) -> Int? {
                line.split(separator: " ").first { $0.hasPrefix(name + "=") }?.split(separator: ":").last.flatMap { Int($0) }
            }
            return Replica(name: name, process: process, port: try #require(port("http")), controlPort: port("control"))
        }
    }

    private static func makeKey() async throws -> (key: String, entry: String) {
        let made = try await ProductProcess.runToEnd(
            "agentshield", arguments: ["keys", "create", "--id", "main", "--tenant", "acme"],
            environment: ["AGENTSHIELD_PEPPER": pepper])
        let lines = made.output.split(separator: "\n").filter { $0.hasPrefix("  ") }.map { $0.trimmingCharacters(in: .whitespaces) }
        try #require(lines.count == 2, "\(made)")
        return (lines[0], lines[1])
    }

    private static func text(_ setup: Setup, entry: String, providerURL: String, name: String) -> String {
        """
        listen:
          tls: \(setup.tls)
          http: {address: "127.0.0.1:0"\(setup.http)}
          admin: {enabled: false}
        \(lines(setup.listen))auth:
        \(lines(setup.authentication))  keys:
            \(entry.dropLast()), user: ana\(setup.keyExpires.map { ", expires: \($0)" } ?? ""), limits: {\(setup.keyLimits)}}
        log: {level: \(setup.logLevel), format: text}
        event_loops: \(setup.eventLoops)
        redis: {state: {timeout: \(setup.redisTimeout)\(setup.redisAuthority.map { ", ca_file: \($0)" } ?? "")}}
        providers:
          scripted: {dialect: openai, base_url: "\(providerURL)/v1/via/\(name)"\(setup.provider)}
        \(lines(setup.providers(providerURL)))models:
        \(lines(setup.models))  - {pattern: "*", provider: scripted, price: {input: 0.15, output: 0.60}, cache: {mode: "\(setup.cacheMode)"}}
        \(setup.sections)
        """ + "\n" + (setup.store?.configuration ?? "")
    }

    /// Lines of a section, each with its end.
    private static func lines(_ lines: [String]) -> String { lines.map { "  \($0)\n" }.joined() }

    /// The same gateways, for callers with another key.
    func calling(with key: String) -> Replicas {
        var replicas = self
        replicas.key = key
        return replicas
    }

    /// The same gateways, for callers who come with a secret of the edge's.
    func proving(_ secret: String) -> Replicas {
        var replicas = self
        replicas.headers = ["x-agentshield-origin-secret": secret]
        return replicas
    }

    /// All but one.
    func without(_ index: Int) -> Replicas {
        var replicas = self
        replicas.members.remove(at: index)
        return replicas
    }

    func connect(_ index: Int) async throws -> Connection {
        try await Connection.open(port: members[index % members.count].port, key: key, headers: headers)
    }

    /// One request over a connection of its own.
    func chat(
        _ index: Int = 0, _ model: String = "echo", _ text: String = "Hello", streamed: Bool = false, maxTokens: Int? = nil,
        deadlineMilliseconds: Int? = nil, idempotencyKey: String? = nil
    ) async throws -> Answer {
        let connection = try await connect(index)
        defer { connection.close() }
        return try await connection.chat(
            model, text, streamed: streamed, maxTokens: maxTokens, deadlineMilliseconds: deadlineMilliseconds,
            idempotencyKey: idempotencyKey)
    }

    /// A figure of the provider's: `active`, `peak_active`, `requests`.
    func providerFigure(_ name: String) async throws -> Int {
        let connection = try await Connection.open(port: providerPort, key: "")
        defer { connection.close() }
        let figures = try JSONSerialization.jsonObject(with: Data(try await connection.get("/_stats").body.utf8)) as? [String: Any]
        return try #require(figures?[name] as? Int)
    }

    /// Which replica called the provider with which body, in order.
    func providerCalls() async throws -> [(replica: String, body: String)] {
        let connection = try await Connection.open(port: providerPort, key: "")
        defer { connection.close() }
        let record = try JSONDecoder().decode(ProviderRecord.self, from: Data(try await connection.get("/_record").body.utf8))
        try #require(record.dropped == 0)
        return record.requests.compactMap { request in
            let path = request.path.split(separator: "/")
            guard path.count > 2, path[1] == "via", let body = request.body else { return nil }
            return (String(path[2]), body)
        }
    }
}

private struct ProviderRecord: Decodable {
    struct Request: Decodable {
        var path: String
        var body: String?
    }

    var requests: [Request]
    var dropped: Int
}
