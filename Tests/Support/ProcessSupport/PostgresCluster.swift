package import Foundation

/// A PostgreSQL server of the tests' own, with TLS, on a free port, its data in a temporary folder.
package struct PostgresCluster: Sendable {
    package static let user = "gateway"
    package static let password = "correct-horse-battery"

    @TaskLocal package static var current: PostgresCluster?

    package let port: Int
    /// With `ca.pem`, which signed the server's certificate for `localhost`, and `data`.
    package let directory: URL
    package let process: ProductProcess

    /// Where a database of it is. The password is the right one unless another is given.
    package func url(
        _ database: String, host: String = "127.0.0.1", port: Int? = nil, password: String = Self.password, options: String = ""
    )
        -> String
    {
        "postgresql://\(Self.user):\(password)@\(host):\(port ?? self.port)/\(database)\(options)"
    }

    /// Runs the body with the cluster whose folder has been prepared.
    package static func run<Result>(in directory: URL, port: Int, body: (PostgresCluster) async throws -> Result) async throws -> Result {
        let cluster = try await start(in: directory, port: port)
        do {
            let result = try await body(cluster)
            await cluster.stop()
            return result
        } catch {
            await cluster.stop()
            throw error
        }
    }

    /// Starts the cluster whose folder has been prepared; its caller stops it.
    package static func start(in directory: URL, port: Int) async throws -> PostgresCluster {
        let settings = [
            "listen_addresses=127.0.0.1", "port=\(port)", "unix_socket_directories=", "fsync=off", "full_page_writes=off", "ssl=on",
            "ssl_cert_file=\(directory.path)/server.pem", "ssl_key_file=\(directory.path)/server.key", "shared_buffers=32MB",
            "max_connections=100", "deadlock_timeout=50ms", "autovacuum=off", "logging_collector=off", "log_destination=stderr",
        ]
        let arguments = ["-D", "\(directory.path)/data"] + settings.flatMap { ["-c", $0] }
        let command = try Unprivileged.command(Programs.postgres("postgres"), arguments)
        let (process, _) = try await ProductProcess.start(
            executable: URL(fileURLWithPath: command.path), arguments: command.arguments, directory: directory,
            ready: .errorOutput(containing: "ready to accept connections"))
        return PostgresCluster(port: port, directory: directory, process: process)
    }

    /// To the server and to all that serve connections, each of which is a process of its own.
    package func signalAll(_ signal: Int32) {
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let child = Int32(entry), Self.parent(of: child) == process.processIdentifier else { continue }
            Foundation.kill(child, signal)
        }
        process.kill(signal)
    }

    private static func parent(of child: Int32) -> Int32? {
        guard let status = try? String(contentsOfFile: "/proc/\(child)/status", encoding: .utf8) else { return nil }
        let line = status.split(separator: "\n").first { $0.hasPrefix("PPid:") }
        return line?.split(whereSeparator: \.isWhitespace).last.flatMap { Int32($0) }
    }

    /// At once, whoever is connected.
    package func stop() async {
        process.kill(SIGCONT)
        process.kill(SIGQUIT)
        _ = await process.waitForExit()
    }

    /// An empty folder becomes one with certificates and an initialised cluster.
    package static func prepare(_ directory: URL) async throws {
        try Unprivileged.own(directory)
        try await createCertificates(in: directory)
        let passwordFile = directory.appendingPathComponent("password")
        try Data(password.utf8).write(to: passwordFile)
        try Unprivileged.own(passwordFile)
        try await Programs.run(
            Programs.postgres("initdb"),
            [
                "-D", "\(directory.path)/data", "-U", user, "-A", "scram-sha-256", "--pwfile", passwordFile.path, "--no-sync", "-E", "UTF8",
                "--locale=C",
            ])
    }

    private static func createCertificates(in directory: URL) async throws {
        let key = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        func path(_ name: String) -> String { directory.appendingPathComponent(name).path }
        try await Programs.run(
            Programs.openssl,
            key + ["-x509", "-days", "2", "-subj", "/CN=agentshield test root", "-keyout", path("ca.key"), "-out", path("ca.pem")])
        try await Programs.run(
            Programs.openssl, key + ["-subj", "/CN=localhost", "-keyout", path("server.key"), "-out", path("server.csr")])
        try Data("subjectAltName=DNS:localhost\n".utf8).write(to: URL(fileURLWithPath: path("server.ext")))
        try await Programs.run(
            Programs.openssl,
            [
                "x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial", "-days", "2",
                "-extfile", path("server.ext"), "-out", path("server.pem"),
            ])
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("server.key"))
        try Unprivileged.own(URL(fileURLWithPath: path("server.key")))
    }
}

/// Programs that are no products of this package; `Scripts/install-dependencies --test` brings them.
package enum Programs {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    package static var openssl: String { get throws { try find("openssl", in: []) } }
    package static var pgbouncer: String { get throws { try find("pgbouncer", in: ["/usr/sbin"]) } }

    package static func postgres(_ name: String) throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).sorted {
            $0.count == $1.count ? $0 > $1 : $0.count > $1.count
        }
        return try find(name, in: versions.map { "\(root)/\($0)/bin" })
    }

    private static func find(_ name: String, in folders: [String]) throws -> String {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let candidates = (folders + path.split(separator: ":").map(String.init)).map { "\($0)/\(name)" }
        guard let found = candidates.first(where: FileManager.default.isExecutableFile) else {
            throw Failure(description: "\(name) is not installed: run Scripts/install-dependencies --test")
        }
        return found
    }

    package static func run(_ program: String, _ arguments: [String]) async throws {
        let command = program.hasSuffix("openssl") ? (path: program, arguments: arguments) : try Unprivileged.command(program, arguments)
        let end = try await ProductProcess.runToEnd(
            command.path, arguments: command.arguments, directory: FileManager.default.temporaryDirectory)
        guard end.status == .exited(0) else {
            throw Failure(description: "\(program) ended with \(end.status):\n\(end.output)\n\(end.errorOutput)")
        }
    }
}

/// PostgreSQL and PgBouncer refuse to run as root: then they run as `nobody`.
package enum Unprivileged {
    private static let nobody = 65_534

    package static func command(_ program: String, _ arguments: [String]) throws -> (path: String, arguments: [String]) {
        guard geteuid() == 0 else { return (program, arguments) }
        return ("/usr/bin/setpriv", ["--reuid=\(nobody)", "--regid=\(nobody)", "--clear-groups", program] + arguments)
    }

    package static func own(_ file: URL) throws {
        guard geteuid() == 0 else { return }
        try FileManager.default.setAttributes([.ownerAccountID: nobody, .groupOwnerAccountID: nobody], ofItemAtPath: file.path)
    }
}
