import Foundation
import GatewayCrypto
import PostgresStore
import ProcessSupport
import Testing

extension ServerTests {
    /// Where a database is and how to enter stands in DATABASE_URL, and nowhere else.
    @Suite("What stands around in the environment and the user's home")
    struct SurroundingsTests {
        /// What libpq would obey, had it the chance.
        private static let hostile = [
            "PGHOST": "/nowhere", "PGHOSTADDR": "203.0.113.7", "PGPORT": "1", "PGDATABASE": "another", "PGUSER": "mallory",
            "PGPASSWORD": "of mallory", "PGSERVICE": "mallory", "PGSERVICEFILE": "/nowhere", "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": "/nowhere", "PGSSLCERT": "/nowhere", "PGSSLKEY": "/nowhere", "PGSSLCRL": "/nowhere",
            "PGOPTIONS": "-c default_transaction_read_only=on", "PGTARGETSESSIONATTRS": "standby", "PGCHANNELBINDING": "require",
            "PGCLIENTENCODING": "LATIN1", "PGDATESTYLE": "no style", "PGTZ": "no zone", "PGGEQO": "maybe", "PGCONNECT_TIMEOUT": "-x",
            "PGREQUIREPEER": "mallory", "PGGSSENCMODE": "require", "PGSSLMINPROTOCOLVERSION": "TLSv9", "PGREQUIREAUTH": "none",
        ]

        private static func migrate(_ url: String, _ environment: [String: String]) async throws -> (
            status: ProductProcess.ExitStatus, output: String, errorOutput: String
        ) {
            try await ProductProcess.runToEnd(
                "agentshield", arguments: ["migrate", "--timeout", "20"],
                environment: environment.merging(["DATABASE_URL": url]) { $1 })
        }

        @Test("no variable changes where a connection goes, who it is, or what it may")
        func variables() async throws {
            let cluster = try PostgresCluster.shared
            #expect(Set(Self.hostile.keys).subtracting(PostgresLocation.environmentVariables).isSubset(of: ["PGREQUIREAUTH"]))
            // One at a time, so that none hides another, and all together.
            let database = try await cluster.createDatabase(isMigrated: false)
            for (name, value) in Self.hostile.sorted(by: { $0.key < $1.key }) {
                let end = try await Self.migrate(cluster.url(database), [name: value])
                #expect(end.status == .exited(0), "\(name): \(end.errorOutput)")
            }
            let all = try await Self.migrate(cluster.url(try await cluster.createDatabase(isMigrated: false)), Self.hostile)
            #expect(all.status == .exited(0), "\(all.errorOutput)")
        }

        @Test("no password is found outside of the URL, and no certificate")
        func files() async throws {
            let cluster = try PostgresCluster.shared
            try await withTemporaryDirectory { home in
                let passwords = home.appendingPathComponent(".pgpass")
                try Data("*:*:*:*:\(PostgresCluster.password)\n".utf8).write(to: passwords)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: passwords.path)
                let certificates = home.appendingPathComponent(".postgresql")
                try FileManager.default.createDirectory(at: certificates, withIntermediateDirectories: true)
                // Not who signed the server's: with it, `require` would be more than that, and fail.
                try FileManager.default.copyItem(
                    at: cluster.directory.appendingPathComponent("server.pem"), to: certificates.appendingPathComponent("root.crt"))
                try Data("no certificate".utf8).write(to: certificates.appendingPathComponent("postgresql.crt"))
                let environment = ["HOME": home.path, "PGPASSFILE": passwords.path, "PGPASSWORD": PostgresCluster.password]
                let database = try await cluster.createDatabase(isMigrated: false)

                let without = "postgresql://\(PostgresCluster.user)@127.0.0.1:\(cluster.port)/\(database)"
                let refused = try await Self.migrate(without, environment)
                #expect(refused.status != .exited(0) && refused.errorOutput.contains("no password supplied"), "\(refused.errorOutput)")
                let named = try await Self.migrate(without + "?passfile=\(passwords.path)", environment)
                #expect(named.status == .exited(0), "\(named.errorOutput)")
                let encrypted = try await Self.migrate(cluster.url(database, options: "?sslmode=require"), environment)
                #expect(encrypted.status == .exited(0), "\(encrypted.errorOutput)")
            }
        }

        @Test("a location that is defined elsewhere is refused")
        func service() {
            #expect(throws: PostgresError.self) { try PostgresLocation(Secret("service=somewhere")) }
            #expect(throws: PostgresError.self) { try PostgresLocation(Secret("postgresql://u@h/d?service=somewhere")) }
        }
    }
}
