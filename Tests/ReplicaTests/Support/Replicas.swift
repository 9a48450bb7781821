import Foundation
import NIOCore
import ProcessSupport
import Testing

/// Gateways, each a process of its own with the same configuration, in front of one scripted provider.
struct Replicas: Sendable {
    struct Setup: Sendable {
        var count = 1
        /// In `auth.keys[0].limits`.
        var keyLimits = "requests_per_minute: 6000000"
        /// Sections of the file.
        var sections = ""
        /// `REDIS_URL`; `nil`: none.
        var redis: String?
        /// As long as the slowest machine needs, where a test does not want Redis to be too slow.
        var redisTimeout = "20s"
        var eventLoops = 1
    }

    struct Replica: Sendable {
        let process: ProductProcess
        let port: Int
    }

    let members: [Replica]
    let key: String
    private let providerPort: Int

    static let pepper = "a-pepper-for-tests-of-thirty-two-bytes"

    static func run<Result>(_ setup: Setup, _ body: (Replicas) async throws -> Result) async throws -> Result {
        let (key, entry) = try await makeKey()
        return try await withTemporaryDirectory { directory in
            try await ProductProcess.run("scripted-provider", readyPrefix: "listening on ") { _, line in
                let url = String(try #require(line.split(separator: " ").last))
                let providerPort = try #require(url.split(separator: ":").last.flatMap { Int($0) })
                let file = directory.appendingPathComponent("gateway.yaml")
                try Data(text(setup, entry: entry, providerURL: url).utf8).write(to: file)
                return try await start(setup, file: file, running: []) { members in
                    try await body(Replicas(members: members, key: key, providerPort: providerPort))
                }
            }
        }
    }

    /// Starts one after another, so that none waits for the others' start.
    private static func start<Result>(
        _ setup: Setup, file: URL, running: [Replica], _ body: ([Replica]) async throws -> Result
    ) async throws -> Result {
        guard running.count < setup.count else { return try await body(running) }
        var environment = ["AGENTSHIELD_PEPPER": pepper]
        environment["REDIS_URL"] = setup.redis
        return try await ProductProcess.run(
            "agentshield", arguments: ["serve", "--config", file.path], environment: environment,
            ready: .errorOutput(containing: " listening "),
            startTimeout: .seconds(120)
        ) { process, line in
            let address = line.split(separator: " ").first { $0.hasPrefix("http=") }
            let port = try #require(address?.split(separator: ":").last.flatMap { Int($0) })
            return try await start(setup, file: file, running: running + [Replica(process: process, port: port)], body)
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

    private static func text(_ setup: Setup, entry: String, providerURL: String) -> String {
        """
        listen:
          tls: {enabled: false}
          http: {address: "127.0.0.1:0"}
          admin: {enabled: false}
        auth:
          keys:
            \(entry.dropLast()), user: ana, limits: {\(setup.keyLimits)}}
        log: {level: notice, format: text}
        event_loops: \(setup.eventLoops)
        redis: {state: {timeout: \(setup.redisTimeout)}}
        providers:
          scripted: {dialect: openai, base_url: "\(providerURL)/v1"}
        models:
          - {pattern: "*", provider: scripted, cache: {mode: "off"}}
        \(setup.sections)
        """ + "\n"
    }

    func connect(_ index: Int) async throws -> Connection {
        try await Connection.open(port: members[index % members.count].port, key: key)
    }

    /// One request over a connection of its own.
    func chat(
        _ index: Int = 0, _ model: String = "echo", _ text: String = "Hello", maxTokens: Int? = nil, deadlineMilliseconds: Int? = nil
    ) async throws -> Answer {
        let connection = try await connect(index)
        defer { connection.close() }
        return try await connection.chat(model, text, maxTokens: maxTokens, deadlineMilliseconds: deadlineMilliseconds)
    }

    /// A figure of the provider's: `active`, `peak_active`, `requests`.
    func providerFigure(_ name: String) async throws -> Int {
        let connection = try await Connection.open(port: providerPort, key: "")
        defer { connection.close() }
        let figures = try JSONSerialization.jsonObject(with: Data(try await connection.get("/_stats").body.utf8)) as? [String: Any]
        return try #require(figures?[name] as? Int)
    }
}

/// Asks again and again until a fact is there.
func until(_ what: String, within time: Duration = .seconds(90), _ isThere: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + time
    while try await !isThere() {
        guard ContinuousClock.now < end else { throw Overdue(what: what) }
        try await Task.sleep(for: .milliseconds(20))
    }
}

struct Overdue: Error { var what: String }
