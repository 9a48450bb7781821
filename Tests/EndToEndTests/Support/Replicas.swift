import Foundation
import ProcessSupport
import Testing

/// A store of tenants and keys, and gateways that follow it, each a process of its own.
struct Replicas: Sendable {
    let stacks: [Stack]
    let store: StoreCommands

    /// - Parameters:
    ///   - extra: more lines of each gateway's configuration.
    ///   - configure: as ``Stack/run`` has it.
    static func run(
        _ count: Int, over kind: StoreKind, extra: @escaping @Sendable (_ index: Int) -> String = { _ in "" }, staleMax: String = "60s",
        configure: @escaping @Sendable (String, URL) throws -> String = { text, _ in text }, _ body: (Replicas) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await kind.with(in: directory, environment: Keys.environment) { store in
                func start(_ stacks: [Stack]) async throws {
                    guard stacks.count < count else { return try await body(Replicas(stacks: stacks, store: store)) }
                    try await Stack.run(
                        environment: store.environment, staleMax: staleMax, extra: store.configuration + extra(stacks.count),
                        configure: configure
                    ) { stack in
                        try await start(stacks + [stack])
                    }
                }
                try await start([])
            }
        }
    }
}
