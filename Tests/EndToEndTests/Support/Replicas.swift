import Foundation
import ProcessSupport
import Testing

/// A store of tenants and keys, and gateways that follow it, each a process of its own.
struct Replicas: Sendable {
    let stacks: [Stack]
    let store: StoreCommands

    /// - Parameter extra: more lines of each gateway's configuration.
    static func run(
        _ count: Int, over kind: StoreKind, extra: @escaping @Sendable (_ index: Int) -> String = { _ in "" }, staleMax: String = "60s",
        _ body: (Replicas) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await kind.with(in: directory) { store in
                func start(_ stacks: [Stack]) async throws {
                    guard stacks.count < count else { return try await body(Replicas(stacks: stacks, store: store)) }
                    try await Stack.run(
                        environment: store.environment, staleMax: staleMax, extra: store.configuration + extra(stacks.count)
                    ) { stack in
                        try await start(stacks + [stack])
                    }
                }
                try await start([])
            }
        }
    }
}

enum StoreKind: String, CaseIterable, Sendable {
    case sqlite, postgresql

    fileprivate func with(in directory: URL, _ body: (StoreCommands) async throws -> Void) async throws {
        switch self {
        case .sqlite:
            let file = directory.appendingPathComponent("control.sqlite").path
            try await body(
                StoreCommands(
                    options: ["--store", file], environment: Keys.environment, configuration: "control: {file: \"\(file)\"}\n",
                    folder: directory, cluster: nil))
        case .postgresql:
            let folder = directory.appendingPathComponent("postgres")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            // The server may run as somebody else, who must come to its folder.
            try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: directory.path)
            try await PostgresCluster.prepare(folder)
            try await PostgresCluster.run(in: folder, port: FreePort.find()) { cluster in
                let environment = Keys.environment.merging(["DATABASE_URL": cluster.url("postgres")]) { $1 }
                let store = StoreCommands(options: [], environment: environment, configuration: "", folder: folder, cluster: cluster)
                let migration = try await store.run("migrate")
                try #require(migration.status == .exited(0), "\(migration)")
                try await body(store)
            }
        }
    }
}

/// The program's commands on a store.
struct StoreCommands: Sendable {
    let options: [String]
    let environment: [String: String]
    /// For gateways that follow the store.
    let configuration: String
    /// Where the store's files are.
    let folder: URL
    let cluster: PostgresCluster?

    func run(_ arguments: String...) async throws -> (status: ProductProcess.ExitStatus, output: String, errorOutput: String) {
        let options = arguments.first == "migrate" ? [] : options
        return try await ProductProcess.runToEnd("agentshield", arguments: arguments + options, environment: environment)
    }

    /// Runs a command that must succeed.
    @discardableResult
    func must(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
        let end = try await ProductProcess.runToEnd("agentshield", arguments: arguments + options, environment: environment)
        try #require(end.status == .exited(0), "\(arguments): \(end.errorOutput)", sourceLocation: sourceLocation)
        return end.output
    }

    /// A new key of a tenant.
    func createKey(_ id: String, of tenant: String, _ more: String...) async throws -> String {
        let arguments = ["keys", "create", "--id", id, "--tenant", tenant] + more + options
        return try Self.key(try await ProductProcess.runToEnd("agentshield", arguments: arguments, environment: environment).output)
    }

    static func key(_ output: String) throws -> String {
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("  ask_") }, "\(output)")
        return line.trimmingCharacters(in: .whitespaces)
    }
}
