import Foundation

/// PgBouncer in transaction mode, as Supabase and others put it in front of PostgreSQL: a session ends with each transaction.
package enum PostgresPooler {
    /// - Parameter body: is told the pooler's port; databases, users and passwords are the cluster's.
    package static func run<Result>(to cluster: PostgresCluster, _ body: (_ port: Int) async throws -> Result) async throws -> Result {
        try await withTemporaryDirectory { directory in
            try Unprivileged.own(directory)
            let port = try FreePort.find()
            let (settings, users) = (directory.appendingPathComponent("pgbouncer.ini"), directory.appendingPathComponent("users"))
            try Data("\"\(PostgresCluster.user)\" \"\(PostgresCluster.password)\"\n".utf8).write(to: users)
            try Data(
                """
                [databases]
                * = host=127.0.0.1 port=\(cluster.port)
                [pgbouncer]
                listen_addr = 127.0.0.1
                listen_port = \(port)
                unix_socket_dir =
                auth_type = scram-sha-256
                auth_file = \(users.path)
                pool_mode = transaction
                default_pool_size = 2
                """.utf8
            ).write(to: settings)
            for file in [settings, users] { try Unprivileged.own(file) }
            let command = try Unprivileged.command(Programs.pgbouncer, [settings.path])
            return try await ProductProcess.run(
                command.path, arguments: command.arguments, directory: directory, ready: .errorOutput(containing: "process up")
            ) { process, _ in
                let result = try await body(port)
                process.kill(SIGKILL)
                return result
            }
        }
    }
}
