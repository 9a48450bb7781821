import Foundation
import GatewayCore
import PostgresStore
import ProcessSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

extension ServerTests {
    @Suite("Through a pooler, and across restarts")
    struct PoolerAndRestartTests {
        @Test("everything works through PgBouncer in transaction mode")
        func pooler() async throws {
            let cluster = try PostgresCluster.shared
            let database = try await cluster.createDatabase(isMigrated: false)
            try await Self.withPooler(to: cluster) { port in
                let driver = try PostgresDriver(cluster.location(database, port: port), settings: .connections(4))
                defer { driver.close() }
                #expect(try await Migrator(driver, timeout: patience).migrate() == Migration.all.count)
                let controlPlane = ControlPlane(driver, timeout: patience)
                _ = try await controlPlane.createTenant("t", name: "T")
                // More at a time than the pooler has servers.
                try await withThrowingTaskGroup { group in
                    for number in 0..<40 {
                        group.addTask { _ = try await controlPlane.createDepartment("d\(number)", name: "D", in: "t") }
                    }
                    try await group.waitForAll()
                }
                #expect(try await controlPlane.departments(of: "t").count == 40)
                _ = try await driver.rows("CREATE TABLE public.lines (n bigint PRIMARY KEY)")
                let table = BatchTable<Int>(
                    name: "public.lines", columns: [.init("n", "bigint")], key: { "\($0)" }, write: { $1.append($0) })
                #expect(try await driver.run(table.batch(0..<500), timeout: patience).inserted == 500)
                let again = try await driver.run(table.batch(400..<600), timeout: patience)
                #expect(again.inserted == 100 && again.duplicates == 100)
                let broken = await driver.failure(
                    Transaction([Statement("INSERT INTO public.lines VALUES (1000)"), Statement("SELECT 1 / 0")]))
                #expect(broken?.sqlState == SQLState("22012"))
                let count = try await driver.rows("SELECT count(*) FROM public.lines")
                #expect(count == [["600"]])
            }
        }

        @Test("a stopped server hangs nobody; one that was killed and came back is used again")
        func restart() async throws {
            try await withTemporaryDirectory { directory in
                try await PostgresCluster.prepare(directory)
                let port = try FreePort.find()
                let location = try await PostgresCluster.run(in: directory, port: port) { try $0.location("postgres") }
                let driver = try PostgresDriver(location, settings: .connections(2))
                defer { driver.close() }
                let gone = try await driver.failure("SELECT 1", timeout: .milliseconds(300))
                #expect(gone.kind == .unreachable)
                #expect(gone.retry == .later)

                try await PostgresCluster.run(in: directory, port: port) { cluster in
                    _ = try await driver.rows("CREATE TABLE t (n integer)")
                    let backend = try await driver.query(Statement("SELECT pg_backend_pid()"), timeout: patience).rows[0].integer(0)
                    kill(cluster.process.processIdentifier, SIGSTOP)
                    kill(Int32(backend), SIGSTOP)
                    let stopped = try await driver.failure("SELECT 1", timeout: .milliseconds(300))
                    #expect(stopped.kind == .deadlineExceeded)
                    let still = try await driver.failure("SELECT 1", timeout: .milliseconds(300))
                    #expect([.deadlineExceeded, .unreachable].contains(still.kind))
                    kill(cluster.process.processIdentifier, SIGCONT)
                    kill(Int32(backend), SIGCONT)
                    let resumed = try await driver.query(Statement("SELECT count(*) FROM t"), timeout: patience, isRepeatable: true)
                    #expect(resumed.rows == [Row(["0"])])
                }
                // What is asked while the server is away is answered when it is back.
                let waiting = Task { try await driver.query(Statement("SELECT count(*) FROM t"), timeout: patience, isRepeatable: true) }
                try await PostgresCluster.run(in: directory, port: port) { _ in
                    let answer = try await waiting.value
                    #expect(answer.rows == [Row(["0"])])
                }
            }
        }

        private static func withPooler(to cluster: PostgresCluster, _ body: (_ port: Int) async throws -> Void) async throws {
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
                try await ProductProcess.run(
                    command.path, arguments: command.arguments, directory: directory, ready: .errorOutput(containing: "process up")
                ) { process, _ in
                    try await body(port)
                    process.kill(SIGKILL)
                }
            }
        }
    }
}
