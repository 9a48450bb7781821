import ArgumentParser
import Foundation
import GatewayConfiguration
import GatewayCrypto
import NIOCore
import PostgresStore

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Runs a gateway for trying out, on this machine alone, with a key made for this run.",
        discussion: """
            With OPENAI_API_KEY (or OPENAI_API_KEY_FILE) set, requests go to OpenAI. Without, they go to the program `scripted-provider` beside this \
            one, a fake that repeats what it is told: no account is needed anywhere. With REDIS_URL (or REDIS_URL_FILE) set, limits are counted in \
            that Redis; with DATABASE_URL too, the ledger travels through it. With DATABASE_URL (or DATABASE_URL_FILE) set, tenants and keys of that PostgreSQL are good too, and its \
            schema is brought up to this version's first; set AGENTSHIELD_PEPPER to the pepper that its keys are hashed with.
            """)

    @Option(name: .long, help: "Port of the main listener (TLS). 0: any free one.")
    var port = 8443

    @Option(name: .long, help: "Port of the plain HTTP listener. 0: any free one.")
    var httpPort = 8080

    @Option(name: .long, help: "Port of the admin listener. 0: any free one.")
    var adminPort = 9090

    @Flag(name: .long, help: "Print one line of JSON with addresses and key instead of the text for people.")
    var json = false

    @OptionGroup var models: ModelOptions

    func run() async throws {
        let models = try models.load()
        try await Self.migrate()
        let usesOpenAI = Vault.process.holds("OPENAI_API_KEY")
        let provider = usesOpenAI ? nil : try ScriptedProviderProcess.start()
        defer { provider?.stop() }

        let vault = try Self.vaultWithPepper()
        let pepper = try EnvironmentSecret.read(Self.pepperName, from: vault, minimumCount: Vault.minimumPepperCount)
        guard let key = try NewKey.make(id: "dev", tenant: "dev", isDevelopment: true, pepper: pepper, random: secureRandom) else {
            throw ExitCode.failure
        }
        let text = DevConfiguration(
            port: port, httpPort: httpPort, adminPort: adminPort, keyEntry: key.entry, providerURL: provider?.address,
            ledgerFile: try Self.ledgerFile()
        ).text
        let source = ConfigurationSource.text(text, vault: vault)
        let configuration = try source.load().orExit()
        let guide = DevGuide(key: key.key, model: usesOpenAI ? "gpt-4o-mini" : "echo", provider: provider?.address, isJSON: json)
        try await GatewayRunner(source: source, configuration: configuration, models: models) { addresses in guide.show(addresses) }.run()
    }

    /// A gateway for trying out has no operator who would do it.
    private static func migrate() async throws {
        guard Vault.process.holds("DATABASE_URL") else { return }
        try await DatabaseSchema.with(command: "dev") { schema in
            _ = try await schema.migrate(timeout: .seconds(60)) { migration in
                FileHandle.standardError.write(Data("agentshield dev: applied \(migration.name) to \(schema.location)\n".utf8))
            }
        }
    }

    /// `nil`: with both stores the ledger is in PostgreSQL, and a file beside it would be another one.
    private static func ledgerFile() throws -> String? {
        if Vault.process.holds("REDIS_URL"), Vault.process.holds("DATABASE_URL") { return nil }
        return try RunFolder.make().appendingPathComponent("ledger.sqlite").path
    }

    private static let pepperName = "AGENTSHIELD_PEPPER"

    /// The environment's pepper, which keys of a store are hashed with; without one, a pepper for this run.
    private static func vaultWithPepper() throws -> Vault {
        if Vault.process.holds(pepperName) { return .process }
        return .process.overlaid(with: [pepperName: try secureRandom(32).map { String(format: "%02x", $0) }.joined()])
    }
}

/// The configuration of a development gateway.
struct DevConfiguration {
    var port: Int
    var httpPort: Int
    var adminPort: Int
    var keyEntry: String
    /// `nil`: OpenAI.
    var providerURL: String?
    /// Of this run alone: its rows are chained under this run's pepper. `nil`: the ledger is elsewhere.
    var ledgerFile: String?

    var text: String {
        """
        listen:
          tls: {address: "127.0.0.1:\(port)"}
          http: {address: "127.0.0.1:\(httpPort)"}
          admin: {address: "127.0.0.1:\(adminPort)"}
        auth:
          pepper_env: AGENTSHIELD_PEPPER
          keys:
            \(keyEntry)
        ledger: {\(ledgerFile.map { "file: \"\($0)\"" } ?? "")}
        limits: {requests_per_minute: 60000, burst: 10000}
        log: {level: warning, format: text}
        drain_deadline: 5s
        providers:
        \(providers)
        """
    }

    private var providers: String {
        guard let providerURL else {
            return """
                  openai: {dialect: openai, base_url: "https://api.openai.com/v1", api_key_env: OPENAI_API_KEY}
                models:
                  - {pattern: "*", provider: openai}
                """
        }
        return """
              scripted: {dialect: openai, base_url: "\(providerURL)/v1"}
            models:
              - {name: echo, provider: scripted, price: {input: 0.15, output: 0.60}, cache: {mode: always}}
              - {name: cheap, provider: scripted, upstream_name: "knows:easy", price: {input: 0.15, output: 0.60}, strength: 0.85}
              - {name: dear, provider: scripted, upstream_name: "knows:all", price: {input: 10, output: 40}, strength: 0.9}
              - {pattern: "*", provider: scripted, price: {input: 0.15, output: 0.60}}
            aliases:
              - {name: auto, arbitrage: {arms: [cheap, dear], lambda: 0.3, rewards: {retry: 0}}}
            arbitrage: {refresh: 100ms}
            scrub:
              policies:
                default: {restore_in_tool_arguments: [find_customer]}
            """
    }
}

/// What a newcomer needs to try the gateway.
struct DevGuide: Sendable {
    var key: String
    var model: String
    var provider: String?
    var isJSON: Bool

    func show(_ addresses: ListeningAddresses) {
        let tls = Self.text(addresses.tls)
        let http = Self.text(addresses.http)
        let authority = addresses.authorityFile ?? ""
        let shown =
            if isJSON {
                """
                {"tls":"\(tls)","http":"\(http)","admin":"\(Self.text(addresses.admin))","key":"\(key)","ca_file":"\(authority)",\
                "model":"\(model)","provider":"\(provider ?? "https://api.openai.com/v1")"}
                """
            } else {
                text(tls: tls, http: http, authority: authority)
            }
        FileHandle.standardOutput.write(Data((shown + "\n").utf8))
    }

    private func text(tls: String, http: String, authority: String) -> String {
        let upstream = provider.map { "scripted-provider at \($0): a fake that repeats what it is told, no real model" } ?? "OpenAI"
        return """

            AgentShield is up, on this machine only.

              wire, HTTP/2 and HTTP/1.1 over TLS   \(tls)
              plain HTTP                           \(http)
              development key (this run only)      \(key)
              CA file                              \(authority)
              upstream                             \(upstream)

            Try it with curl:

              curl --cacert \(authority) https://localhost:\(tls.split(separator: ":").last ?? "")/v1/chat/completions \\
                -H 'Authorization: Bearer \(key)' -H 'Content-Type: application/json' \\
                -d '{"model":"\(model)","messages":[{"role":"user","content":"Write to ana@example.com about card 4111 1111 1111 1111."}]}'

            Or with the Swift SDK, streamed over the wire protocol:

              cd examples && AGENTSHIELD_ADDRESS=localhost:\(tls.split(separator: ":").last ?? "") AGENTSHIELD_API_KEY=\(key) \
            AGENTSHIELD_CA_FILE=\(authority) swift run Chat --model \(model)

            Ctrl-C stops it.
            """
    }

    private static func text(_ address: SocketAddress?) -> String { address.map(\.hostAndPort) ?? "-" }
}

/// The fake upstream, started beside the gateway and stopped with it.
final class ScriptedProviderProcess {
    let address: String
    private let process: Process

    private init(process: Process, address: String) {
        self.process = process
        self.address = address
    }

    static func start() throws -> ScriptedProviderProcess {
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let program = own.deletingLastPathComponent().appendingPathComponent("scripted-provider")
        guard FileManager.default.isExecutableFile(atPath: program.path) else {
            throw ValidationError("scripted-provider is not beside agentshield; build it with `swift build`, or set OPENAI_API_KEY")
        }
        let process = Process()
        process.executableURL = program
        process.arguments = ["--port", "0"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        var text = ""
        while !text.contains("\n") {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw ValidationError("scripted-provider ended before it listened") }
            text += String(decoding: data, as: UTF8.self)
        }
        guard let start = text.range(of: "http://"), let line = text[start.lowerBound...].split(separator: "\n").first else {
            throw ValidationError("scripted-provider did not say where it listens")
        }
        return ScriptedProviderProcess(process: process, address: line.trimmingCharacters(in: .whitespaces))
    }

    func stop() {
        // Threads of Swift's tasks block SIGTERM, and a child inherits that: it would outlive us.
        kill(process.processIdentifier, SIGKILL)
    }
}
