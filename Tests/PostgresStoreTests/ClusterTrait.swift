import Foundation
import GatewayCrypto
import PostgresStore
import ProcessSupport
import Testing

extension PostgresCluster {
    /// Where a database of it is. The password is the right one unless another is given.
    func location(
        _ database: String, host: String = "127.0.0.1", port: Int? = nil, password: String = Self.password, options: String = ""
    ) throws -> PostgresLocation {
        try PostgresLocation(Secret(url(database, host: host, port: port, password: password, options: options)))
    }
}

/// Runs a suite with one cluster for all of its tests, which have databases of their own in it.
struct ClusterTrait: SuiteTrait, TestScoping {
    func provideScope(for test: Test, testCase: Test.Case?, performing body: @Sendable () async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            try await PostgresCluster.prepare(directory)
            try await PostgresCluster.run(in: directory, port: FreePort.find()) { cluster in
                try await cluster.createTemplate()
                try await PostgresCluster.$current.withValue(cluster) { try await body() }
            }
        }
    }
}

extension Trait where Self == ClusterTrait {
    static var cluster: ClusterTrait { ClusterTrait() }
}

/// Everything that needs a server.
@Suite("With a real PostgreSQL", .cluster)
enum ServerTests {}
