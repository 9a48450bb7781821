package import Foundation

/// A store of tenants and keys, as gateways and commands are told of it.
package enum StoreKind: String, CaseIterable, Sendable {
    case sqlite, postgresql

    /// Runs the body with an empty store.
    ///
    /// - Parameter environment: of the commands on it, such as the pepper.
    package func with<Result>(
        in directory: URL, environment: [String: String], _ body: (StoreCommands) async throws -> Result
    ) async throws -> Result {
        switch self {
        case .sqlite:
            let file = directory.appendingPathComponent("control.sqlite").path
            return try await body(
                StoreCommands(
                    options: ["--store", file], environment: environment, configuration: "control: {file: \"\(file)\"}\n",
                    folder: directory, cluster: nil))
        case .postgresql:
            let folder = try await PostgresCluster.prepare(inside: directory)
            return try await PostgresCluster.run(in: folder, port: FreePort.find()) { cluster in
                let environment = environment.merging(["DATABASE_URL": cluster.url("postgres")]) { $1 }
                let store = StoreCommands(options: [], environment: environment, configuration: "", folder: folder, cluster: cluster)
                try await store.must("migrate")
                return try await body(store)
            }
        }
    }
}

/// The program's commands on a store.
package struct StoreCommands: Sendable {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    package let options: [String]
    package let environment: [String: String]
    /// For gateways that follow the store.
    package let configuration: String
    /// Where the store's files are.
    package let folder: URL
    package let cluster: PostgresCluster?

    package init(options: [String], environment: [String: String], configuration: String, folder: URL, cluster: PostgresCluster?) {
        self.options = options
        self.environment = environment
        self.configuration = configuration
        self.folder = folder
        self.cluster = cluster
    }

    package func run(_ arguments: String...) async throws -> (status: ProductProcess.ExitStatus, output: String, errorOutput: String) {
        try await run(arguments)
    }

    package func run(_ arguments: [String]) async throws -> (status: ProductProcess.ExitStatus, output: String, errorOutput: String) {
        let options = arguments.first == "migrate" ? [] : options
        return try await ProductProcess.runToEnd("agentshield", arguments: arguments + options, environment: environment)
    }

    /// Runs a command that must succeed.
    @discardableResult
    package func must(_ arguments: String...) async throws -> String {
        let end = try await run(arguments)
        guard end.status == .exited(0) else { throw Failure(description: "\(arguments): \(end.status), \(end.errorOutput)") }
        return end.output
    }

    /// A new key of a tenant.
    package func createKey(_ id: String, of tenant: String, _ more: String...) async throws -> String {
        let end = try await run(["keys", "create", "--id", id, "--tenant", tenant] + more)
        return try Self.key(end.output.isEmpty ? end.errorOutput : end.output)
    }

    /// The key in what `keys create` and `keys rotate` print.
    package static func key(_ output: String) throws -> String {
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("  ask_") }) else { throw Failure(description: output) }
        return line.trimmingCharacters(in: .whitespaces)
    }
}

extension PostgresCluster {
    /// Makes a cluster's folder in one of the test's own. The server may run as somebody else, who must come to it.
    package static func prepare(inside directory: URL) async throws -> URL {
        let folder = directory.appendingPathComponent("postgres")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: directory.path)
        try await prepare(folder)
        return folder
    }
}
