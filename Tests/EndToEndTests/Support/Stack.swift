import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import ProcessSupport
import Testing

/// A scripted provider and a gateway in front of it, each a process of its own.
struct Stack: Sendable {
    struct NoStack: Error {}
    struct NoPort: Error { let line: String }

    let gateway: ProductProcess
    let provider: ProviderControl
    let keys: Keys
    let tlsPort: Int
    let httpPort: Int
    let adminPort: Int
    /// Where tenants and keys are administered, if it listens there.
    let controlPort: Int?
    /// The CA of the gateway's own certificate.
    let authority: String
    /// The gateway's configuration; a reload reads it anew.
    let configurationFile: URL
    /// What stood in it at the start.
    let configuration: String

    @TaskLocal private static var current: Stack?

    /// The stack of the suite that runs.
    static var shared: Stack {
        get throws {
            guard let current else { throw NoStack() }
            return current
        }
    }

    /// What this client shows of itself; `nil`: no certificate.
    var clientIdentity: (certificate: String, privateKey: String)?
    /// What this client's connections begin with, before TLS too.
    var preamble: [UInt8] = []

    /// - Parameters:
    ///   - environment: of the gateway, beside its pepper.
    ///   - configure: changes the configuration.
    static func run<Result>(
        drainDeadline: String = "20s", slowRequestTimeout: String = "20s", environment: [String: String] = [:],
        listen: String = "", staleMax: String = "60s", extra: String = "", configure: (String, URL) throws -> String = { text, _ in text },
        _ body: (Stack) async throws -> Result
    ) async throws -> Result {
        let keys = try await Keys.shared
        return try await withTemporaryDirectory { directory in
            try await ProductProcess.run("scripted-provider", readyPrefix: "listening on ") { _, line in
                let provider = try ProviderControl(address: line)
                let file = directory.appendingPathComponent("gateway.yaml")
                let text =
                    try configure(
                        GatewayFile(
                            providerURL: provider.url, keys: keys, drainDeadline: drainDeadline, slowRequestTimeout: slowRequestTimeout
                        ).text.replacing("auth:\n", with: listen + "auth:\n  stale_max: \(staleMax)\n", maxReplacements: 1), directory)
                    + extra
                try Data(text.utf8).write(to: file)
                return try await ProductProcess.run(
                    "agentshield", arguments: ["serve", "--config", file.path], environment: Keys.environment.merging(environment) { $1 },
                    ready: .errorOutput(containing: " listening ")
                ) { gateway, line in
                    try await body(try Stack(gateway, provider, keys, log: line, file: file, text: text))
                }
            }
        }
    }

    fileprivate static func share(while body: @Sendable () async throws -> Void) async throws {
        try await run { stack in try await $current.withValue(stack) { try await body() } }
    }

    private init(_ gateway: ProductProcess, _ provider: ProviderControl, _ keys: Keys, log line: String, file: URL, text: String) throws {
        var fields: [Substring: Substring] = [:]
        for field in line.split(separator: " ") {
            let parts = field.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        func port(_ name: Substring) throws -> Int {
            try #require(fields[name].flatMap { $0.split(separator: ":").last }.flatMap { Int($0) }, "\(line)")
        }
        self.gateway = gateway
        self.provider = provider
        self.keys = keys
        tlsPort = try port("tls")
        httpPort = try port("http")
        adminPort = try port("admin")
        controlPort = fields["control"].flatMap { $0.split(separator: ":").last }.flatMap { Int($0) }
        authority = try #require(fields["ca_file"].map(String.init))
        configurationFile = file
        configuration = text
    }

    /// TLS for a client that trusts this gateway and offers these protocols.
    func tls(_ protocols: [String], maximum: TLSVersion? = nil) throws -> NIOSSLClientHandler {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
        configuration.applicationProtocols = protocols
        configuration.maximumTLSVersion = maximum
        if let clientIdentity {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(clientIdentity.certificate.utf8)).map {
                .certificate($0)
            }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(clientIdentity.privateKey.utf8), format: .pem))
        }
        return try NIOSSLClientHandler(context: NIOSSLContext(configuration: configuration), serverHostname: "localhost")
    }

    /// Of a gateway that was killed; one that ends takes it away itself.
    func removeAuthority() throws {
        try FileManager.default.removeItem(at: URL(fileURLWithPath: authority).deletingLastPathComponent())
    }

    // MARK: what the operating system knows of the gateway

    /// Resident memory in bytes.
    var residentBytes: Int {
        get throws {
            let status = try String(contentsOfFile: "/proc/\(gateway.processIdentifier)/status", encoding: .utf8)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
            return try #require(line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }) * 1024
        }
    }

    /// Open connections to clients, counted by their descriptors together with idle ones to the provider.
    var openSockets: Int {
        get throws {
            let folder = "/proc/\(gateway.processIdentifier)/fd"
            return try FileManager.default.contentsOfDirectory(atPath: folder).count { name in
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)"))?.hasPrefix("socket:") ?? false
            }
        }
    }
}

/// Starts one stack for a suite and stops it after the last of its tests.
struct SharedStack: SuiteTrait, TestScoping {
    func provideScope(for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void) async throws {
        try await Stack.share(while: body)
    }
}

extension Trait where Self == SharedStack {
    static var sharedStack: SharedStack { SharedStack() }
}

/// API keys, made by the program itself.
struct Keys: Sendable {
    static let environment = ["AGENTSHIELD_PEPPER": "a pepper for tests, thirty-two bytes".replacing(" ", with: "-")]

    let main: String
    /// Two requests, then one a minute.
    let limited: String
    /// Of another tenant.
    let foreign: String
    let entries: [String]

    private static let made = Task { () async throws -> Keys in
        let main = try await create("main", tenant: "acme")
        let limited = try await create("limited", tenant: "acme")
        let foreign = try await create("foreign", tenant: "umbrella")
        let bounded = limited.entry.dropLast() + ", limits: {requests_per_minute: 1, burst: 2}}"
        return Keys(main: main.key, limited: limited.key, foreign: foreign.key, entries: [main.entry, String(bounded), foreign.entry])
    }

    static var shared: Keys { get async throws { try await made.value } }

    private static func create(_ id: String, tenant: String) async throws -> (key: String, entry: String) {
        let made = try await ProductProcess.runToEnd(
            "agentshield", arguments: ["keys", "create", "--id", id, "--tenant", tenant], environment: environment)
        let lines = made.output.split(separator: "\n").filter { $0.hasPrefix("  ") }.map { $0.trimmingCharacters(in: .whitespaces) }
        try #require(lines.count == 2, "\(made)")
        return (lines[0], lines[1])
    }
}

/// The configuration that most tests share.
struct GatewayFile {
    var providerURL: String
    var keys: Keys
    var drainDeadline = "20s"
    var slowRequestTimeout = "20s"

    /// Faults of the provider; each has an alias `rescued-…` that goes on to a provider that works.
    static let faults = [
        "fail-400", "fail-401", "fail-403", "fail-404", "fail-429", "fail-500", "fail-503", "hang", "hang-mid", "cut", "garbage", "empty",
        "html",
        "bad-sse", "gone",
    ]

    var text: String {
        """
        listen:
          tls: {address: "127.0.0.1:0"}
          http: {address: "127.0.0.1:0"}
          admin: {address: "127.0.0.1:0"}
        auth:
          keys:
            \(keys.entries.joined(separator: "\n    "))
        limits: {requests_per_minute: 6000000, burst: 6000000, max_request_bytes: 2MiB, max_answer_bytes: 64MiB, slow_request_timeout: \(slowRequestTimeout)}
        log: {level: notice, format: text}
        drain_deadline: \(drainDeadline)
        providers:
          scripted: {dialect: openai, base_url: "\(providerURL)/v1"}
          hasty: {dialect: openai, base_url: "\(providerURL)/v1", first_byte_timeout: 300ms, idle_timeout: 300ms}
          nowhere: {dialect: openai, base_url: "http://127.0.0.1:1/v1", connect_timeout: 1s}
        prices: {unknown: ceiling, ceiling: {input: 1, output: 4}}
        models:
          - {name: memo, provider: scripted, upstream_name: echo, cache: {mode: always}}
          - {name: slow-memo, provider: scripted, upstream_name: echo+delay-300ms, cache: {mode: always}}
          - {name: patient-hang, provider: scripted, upstream_name: hang}
          - {name: gone, provider: nowhere}
          - {name: hang, provider: hasty}
          - {name: hang-mid, provider: hasty, first_byte_timeout: 20s}
          - {name: cut, provider: scripted}
          - {name: garbage, provider: scripted}
          - {name: empty, provider: scripted}
          - {name: html, provider: scripted}
          - {name: bad-sse, provider: scripted}
          - {name: shadow, provider: scripted, upstream_name: echo, scrub: shadow}
          - {name: strict, provider: scripted, upstream_name: echo, scrub: strict}
          - {name: tenants-own, provider: scripted, upstream_name: "echo+pieces:2", scrub: own}
          - {name: leak, provider: scripted, cache: {mode: always}}
          - {name: cut-leak, provider: scripted, upstream_name: "leak+pieces:3"}
          - {name: strict-leak, provider: scripted, upstream_name: leak, scrub: strict}
          - {name: trusted-leak, provider: scripted, upstream_name: leak, scrub: trusting}
          - {name: calls, provider: scripted, upstream_name: "tool:find_customer,post_online", scrub: own}
          - {pattern: "fail-*", provider: scripted}
          - {pattern: "echo*", provider: scripted}
          - {pattern: "say:*", provider: scripted}
          - {pattern: "bench*", provider: scripted}
        aliases:
        \(Self.faults.map { "  - {name: rescued-\($0), fallback: [\($0), echo]}" }.joined(separator: "\n"))
          - {name: strict-rescue, fallback: [fail-500, strict]}
        scrub:
          policies:
            shadow: {kinds: {EMAIL: log, CARD: log}, answers: log}
            strict: {kinds: {CARD: block}}
            trusting: {answers: "off"}
            own:
              kinds: {EMAIL: placeholder, CARD: "mask:4", IBAN: hash}
              hash_key_env: AGENTSHIELD_PEPPER
              allow: {email_domains: [allowed.example]}
              restore_in_tool_arguments: [find_customer]
              patterns: [{name: EMPLOYEE, pattern: '\\bEMP-\\d{4}\\b'}]
        """ + "\n"
    }
}
