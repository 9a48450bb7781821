import Foundation

/// Where things are: programs in the build folder, files in a folder of this run.
struct BenchFolders {
    var build: URL
    var work: URL
    /// Of this program's sources, for what is built from them.
    var sources = URL(fileURLWithPath: "Tests/Support/GatewayBench")

    /// A new folder that only this user can read; the caller removes it.
    static func makeWorkFolder() throws -> URL {
        let work = FileManager.default.temporaryDirectory.appendingPathComponent("gateway-bench-\(getpid())")
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return work
    }
}

/// The servers of a run. What is measured has core 0; its provider and the load share core 1.
enum BenchCores {
    static let measured = 0
    static let others = 1

    /// All threads of this program, those to come too.
    static func pinThisProcess() throws {
        _ = try Command.output(URL(fileURLWithPath: "/usr/bin/taskset"), ["-a", "-c", "-p", "\(others)", "\(getpid())"])
    }
}

/// ScriptedProvider, its constant answers.
struct ProviderServer {
    let process: PinnedProcess
    let port: Int

    init(_ folders: BenchFolders) throws {
        process = try PinnedProcess(
            folders.build.appendingPathComponent("scripted-provider"), ["--port", "0"], core: BenchCores.others, folder: folders.work)
        let address = try process.text(after: "listening on http://127.0.0.1:")
        guard let port = Int(address) else { throw BenchFailure(description: "the provider's port: \(address)") }
        self.port = port
    }
}

/// Redis, kept in memory alone.
struct RedisServer {
    let process: PinnedProcess
    let url: String

    init(_ folders: BenchFolders) throws {
        let candidates = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"]
        guard let program = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) else {
            throw BenchFailure(description: "redis-server is missing: Scripts/install-dependencies --bench")
        }
        let port = try LocalPort.free()
        process = try PinnedProcess(
            URL(fileURLWithPath: program), ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", folders.work.path],
            core: BenchCores.others, folder: folders.work)
        try process.waitForPort(port)
        url = "redis://127.0.0.1:\(port)"
    }
}

/// The gateway, with one event loop and everything on; the model `bench` has no cache, `memo` has.
struct GatewayServer {
    let process: PinnedProcess
    let probe: ProcessProbe
    let tlsPort: Int
    let httpPort: Int
    let key: String
    /// From its start to its first listening port.
    let startMilliseconds: Double

    /// - Parameters:
    ///   - redis: where limits and answers are; `nil`: in the gateway.
    ///   - countsAllocations: with a counter preloaded, which costs a little time itself.
    init(_ folders: BenchFolders, provider: ProviderServer, redis: RedisServer? = nil, countsAllocations: Bool) throws {
        let program = folders.build.appendingPathComponent("agentshield")
        var environment = ["AGENTSHIELD_PEPPER": "0123456789abcdef0123456789abcdef0123456789abcdef"]
        let (key, entry) = try Self.makeKey(program, environment)
        if let redis { environment["REDIS_URL"] = redis.url }
        self.key = key
        tlsPort = try LocalPort.free()
        httpPort = try LocalPort.free()
        let file = folders.work.appendingPathComponent("gateway.yaml")
        let text = Self.configuration(tlsPort: tlsPort, httpPort: httpPort, keyEntry: entry, providerPort: provider.port)
        try Data(text.utf8).write(to: file)
        var allocationFile: URL?
        if countsAllocations {
            let counter = try AllocationCounter(folders)
            environment.merge(counter.environment) { $1 }
            allocationFile = counter.file
        }
        let start = Date()
        process = try PinnedProcess(
            program, ["serve", "--config", file.path], core: BenchCores.measured, folder: folders.work, environment: environment)
        try process.waitForPort(tlsPort)
        startMilliseconds = Date().timeIntervalSince(start) * 1_000
        probe = ProcessProbe(identifier: process.identifier, allocationFile: allocationFile)
        try process.waitForPort(httpPort)
    }

    private static func makeKey(_ program: URL, _ environment: [String: String]) throws -> (key: String, entry: String) {
        let output = try Command.output(program, ["keys", "create", "--id", "bench", "--tenant", "bench", "--development"], environment)
        let lines = output.split(separator: "\n").filter { $0.hasPrefix("  ") }.map { $0.dropFirst(2) }
        guard lines.count == 2 else { throw BenchFailure(description: "keys create said:\n\(output)") }
        return (String(lines[0]), String(lines[1]))
    }

    private static func configuration(tlsPort: Int, httpPort: Int, keyEntry: String, providerPort: Int) -> String {
        """
        listen:
          tls: {address: "127.0.0.1:\(tlsPort)"}
          http: {address: "127.0.0.1:\(httpPort)"}
          admin: {enabled: false}
        auth:
          pepper_env: AGENTSHIELD_PEPPER
          keys:
            \(keyEntry)
        limits: {requests_per_minute: 6000000, burst: 1000000}
        log: {level: warning, format: text}
        event_loops: 1
        drain_deadline: 1s
        providers:
          scripted: {dialect: openai, base_url: "http://127.0.0.1:\(providerPort)/v1"}
        models:
          - {name: bench, provider: scripted, price: {input: 0.15, output: 0.60}}
          - {name: memo, provider: scripted, upstream_name: bench, price: {input: 0.15, output: 0.60}, cache: {mode: always}}

        """
    }
}

/// nginx as a plain proxy: one process, no log, connections to the provider kept.
struct NginxServer {
    let process: PinnedProcess
    let probe: ProcessProbe
    let tlsPort: Int
    let httpPort: Int

    init(_ folders: BenchFolders, provider: ProviderServer) throws {
        let candidates = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
        guard let program = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) else {
            throw BenchFailure(description: "nginx is missing: Scripts/install-dependencies --bench")
        }
        tlsPort = try LocalPort.free()
        httpPort = try LocalPort.free()
        let folder = folders.work.path
        let certificate = try CertificateFiles.make(in: folders.work)
        let file = folders.work.appendingPathComponent("nginx.conf")
        try Data(Self.configuration(folder, certificate, tlsPort: tlsPort, httpPort: httpPort, providerPort: provider.port).utf8).write(
            to: file)
        process = try PinnedProcess(
            URL(fileURLWithPath: program), ["-p", folder, "-e", "\(folder)/nginx.log", "-c", file.path], core: BenchCores.measured,
            folder: folders.work)
        probe = ProcessProbe(identifier: process.identifier)
        try process.waitForPort(tlsPort)
        try process.waitForPort(httpPort)
    }

    private static func configuration(
        _ folder: String, _ files: CertificateFiles, tlsPort: Int, httpPort: Int, providerPort: Int
    ) -> String {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "    \($0)_temp_path \(folder)/\($0);" }
        return """
            daemon off;
            master_process off;
            worker_processes 1;
            pid \(folder)/nginx.pid;
            error_log \(folder)/nginx.log crit;
            events { worker_connections 4096; }
            http {
            \(temporary.joined(separator: "\n"))
                access_log off;
                keepalive_requests 10000000;
                upstream provider {
                    server 127.0.0.1:\(providerPort);
                    keepalive 512;
                    keepalive_requests 10000000;
                }
                server {
                    listen 127.0.0.1:\(httpPort);
                    listen 127.0.0.1:\(tlsPort) ssl;
                    ssl_certificate \(files.certificate);
                    ssl_certificate_key \(files.key);
                    ssl_protocols TLSv1.3;
                    location / {
                        proxy_pass http://provider;
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_buffering off;
                    }
                }
            }

            """
    }
}

/// AllocationCounter/count.c, built for this run.
struct AllocationCounter {
    let file: URL
    let environment: [String: String]

    init(_ folders: BenchFolders) throws {
        let library = folders.work.appendingPathComponent("count.so")
        let source = folders.sources.appendingPathComponent("AllocationCounter/count.c")
        file = folders.work.appendingPathComponent("allocations-\(UUID().uuidString)")
        try Data(count: 8).write(to: file)
        _ = try Command.output(
            URL(fileURLWithPath: "/usr/bin/cc"), ["-O2", "-shared", "-fPIC", "-o", library.path, source.path])
        environment = ["LD_PRELOAD": library.path, "ALLOCATION_COUNT_FILE": file.path]
    }
}

/// A program that runs to its end.
enum Command {
    /// - Returns: its standard output.
    static func output(_ program: URL, _ arguments: [String], _ environment: [String: String] = [:]) throws -> String {
        let process = Process()
        let (output, errors) = (Pipe(), Pipe())
        process.executableURL = program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        // Short texts: neither pipe fills.
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchFailure(
                description: "\(program.lastPathComponent) \(arguments.first ?? ""): status \(process.terminationStatus)\n\(complaint)")
        }
        return text
    }
}
