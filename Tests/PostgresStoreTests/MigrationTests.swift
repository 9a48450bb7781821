import Foundation
import GatewayCrypto
import PostgresStore
import ProcessSupport
import Testing

extension ServerTests {
    @Suite("Migrations")
    struct MigrationTests {
        private static func migration(_ version: Int, _ sql: String) -> Migration {
            Migration(version: version, name: "000\(version)_test", sql: Array(sql.utf8))
        }

        private static let first = migration(1, "CREATE TABLE agentshield.a (n integer); INSERT INTO agentshield.a VALUES (1)")

        @Test("each is applied once, in order, and a dry run changes nothing")
        func inOrder() async throws {
            try await PostgresCluster.withDatabase { driver, _ in
                let second = Self.migration(2, "ALTER TABLE agentshield.a ADD COLUMN m integer")
                let migrator = Migrator(driver, migrations: [Self.first, second], timeout: patience)
                #expect(try await migrator.pending() == [Self.first, second])
                let nothing = try await driver.rows("SELECT to_regnamespace('agentshield')")
                #expect(nothing == [[nil]])
                #expect(try await Migrator(driver, migrations: [Self.first], timeout: patience).migrate() == 1)
                #expect(try await migrator.pending() == [second])
                var applied: [Migration] = []
                #expect(try await migrator.migrate { applied.append($0) } == 1)
                #expect(applied == [second])
                #expect(try await migrator.migrate() == 0)
                let rows = try await driver.rows("SELECT n, m FROM agentshield.a")
                #expect(rows == [["1", nil]])
            }
        }

        @Test("one that was changed after it was applied is refused by name, and so is a database that is ahead")
        func refusals() async throws {
            try await PostgresCluster.withDatabase { driver, _ in
                let second = Self.migration(2, "SELECT 1")
                _ = try await Migrator(driver, migrations: [Self.first, second], timeout: patience).migrate()
                let changed = Migrator(driver, migrations: [Self.migration(1, "SELECT 1"), second], timeout: patience)
                await #expect(throws: Migrator.Failure.refused(.changed(name: "0001_test"))) { try await changed.migrate() }
                await #expect(throws: Migrator.Failure.refused(.changed(name: "0001_test"))) { try await changed.pending() }
                let behind = Migrator(driver, migrations: [Self.first], timeout: patience)
                await #expect(throws: Migrator.Failure.refused(.unknown(version: 2, name: "0002_test"))) { try await behind.migrate() }
            }
        }

        @Test("one that fails leaves nothing of itself, and says which it was")
        func failure() async throws {
            try await PostgresCluster.withDatabase { driver, _ in
                let bad = Self.migration(2, "CREATE TABLE agentshield.b (n integer); SELECT 1 / 0")
                do throws(Migrator.Failure) {
                    _ = try await Migrator(driver, migrations: [Self.first, bad], timeout: patience).migrate()
                    Issue.record("a division by zero was applied")
                } catch {
                    guard case .store(let error) = error else { throw error }
                    #expect(error.sqlState == SQLState("22012"))
                    #expect(error.detail.contains("0002_test"))
                }
                let tables = try await driver.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'agentshield' ORDER BY 1")
                #expect(tables == [["a"], ["migrations"]])
            }
        }

        @Test("every table has row-level security, and public roles have nothing")
        func sealed() async throws {
            try await PostgresCluster.withDatabase(settings: .connections(1)) { driver, database in
                // As on Supabase: roles for browsers, to which new tables are granted by default.
                let cluster = try PostgresCluster.shared
                let roles = ["anon", "authenticated", "service_role"]
                for role in roles {
                    try await cluster.administer("DO $$ BEGIN CREATE ROLE \(role); EXCEPTION WHEN duplicate_object THEN NULL; END $$")
                }
                for grantee in roles + ["PUBLIC"] {
                    for kind in ["TABLES", "SEQUENCES", "FUNCTIONS", "SCHEMAS"] where kind != "SCHEMAS" || grantee != "PUBLIC" {
                        _ = try await driver.rows("ALTER DEFAULT PRIVILEGES GRANT ALL ON \(kind) TO \(grantee)")
                    }
                }
                _ = try await Migrator(driver, timeout: patience).migrate()
                let open = try await driver.rows(
                    """
                    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname = 'agentshield' AND c.relkind = 'r' AND NOT (c.relrowsecurity)
                    """)
                #expect(open.isEmpty)
                let granted = try await driver.rows(
                    """
                    SELECT relname, grantee::regrole FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
                        aclexplode(coalesce(c.relacl, acldefault((CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", c.relowner)))
                    WHERE n.nspname = 'agentshield' AND c.relkind IN ('r', 'p', 'v', 'S') AND grantee <> c.relowner
                    UNION ALL
                    SELECT proname, grantee::regrole FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
                        aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))
                    WHERE n.nspname = 'agentshield' AND grantee <> p.proowner
                    UNION ALL
                    SELECT nspname, grantee::regrole FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner)))
                    WHERE n.nspname = 'agentshield' AND grantee <> n.nspowner
                    """)
                #expect(granted.isEmpty, "\(granted)")
                // Nobody of them sees a row, whatever the lists say.
                for role in roles {
                    let refused = await driver.failure(
                        Transaction([Statement("SET LOCAL ROLE \(role)"), Statement("SELECT * FROM agentshield.api_keys")]))
                    #expect(refused?.sqlState == .insufficientPrivilege, "\(role)")
                }
                let tables = try await driver.rows("SELECT count(*) > 6 FROM pg_tables WHERE schemaname = 'agentshield'")
                #expect(tables == [["t"]])
            }
        }

        @Test("a role without superuser rights can migrate, and one without any is told so")
        func rights() async throws {
            let cluster = try PostgresCluster.shared
            let database = try await cluster.createDatabase(isMigrated: false)
            let role = "r\(database)"
            try await cluster.administer("CREATE ROLE \(role) LOGIN PASSWORD 'pass'")
            let url = "postgresql://\(role):pass@127.0.0.1:\(cluster.port)/\(database)"
            let denied = try await Self.migrate(url)
            #expect(denied.status == .exited(77))
            #expect(denied.errorOutput.contains("42501"))
            try await cluster.administer("GRANT CREATE ON DATABASE \(database) TO \(role)")
            #expect(try await Self.migrate(url).status == .exited(0))
        }

        @Test("of several processes at once each applies what the others have not")
        func processes() async throws {
            let cluster = try PostgresCluster.shared
            let database = try await cluster.createDatabase(isMigrated: false)
            let url = cluster.url(database)
            let ends = try await withThrowingTaskGroup { group in
                for _ in 0..<4 { group.addTask { try await Self.migrate(url) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(ends.allSatisfy { $0.status == .exited(0) }, "\(ends)")
            let applied = ends.flatMap { $0.output.split(separator: "\n") }.filter { $0.hasPrefix("applied ") }
            #expect(applied.sorted() == Migration.all.map { "applied \($0.name)" }.sorted())
        }

        @Test("the command lists, applies, and says with its status why it could not")
        func command() async throws {
            let cluster = try PostgresCluster.shared
            let database = try await cluster.createDatabase(isMigrated: false)
            let url = cluster.url(database)
            let dry = try await Self.migrate(url, ["--dry-run"])
            #expect(dry.status == .exited(0))
            #expect(dry.output.contains("would apply 0001_control_plane"))
            try await withTemporaryDirectory { directory in
                let file = directory.appendingPathComponent("url")
                try Data("\(url)\n".utf8).write(to: file)
                let real = try await Self.run(["DATABASE_URL_FILE": file.path])
                #expect(real.status == .exited(0))
                #expect(real.output.contains("applied 0001_control_plane"))
            }
            let again = try await Self.migrate(url)
            #expect(again.output.hasSuffix("up to date, 0 applied\n"))
            let outcomes: [(end: End, status: Int32)] = [
                (try await Self.run([:]), 78), (try await Self.migrate("nonsense \(PostgresCluster.password)"), 78),
                (try await Self.migrate(cluster.url(database, port: 1), ["--timeout", "1"]), 69),
                (try await Self.migrate(cluster.url(database, password: "wrong-\(PostgresCluster.password)")), 77),
            ]
            for (end, status) in outcomes {
                #expect(end.status == .exited(status), "\(end)")
                #expect(end.errorOutput.hasPrefix("agentshield migrate: "))
            }
            for end in [dry, again] + outcomes.map(\.end) {
                #expect(!(end.output + end.errorOutput).contains(PostgresCluster.password))
            }
        }

        private struct End: Sendable {
            var status: ProductProcess.ExitStatus
            var output: String
            var errorOutput: String
        }

        private static func migrate(_ url: String, _ arguments: [String] = []) async throws -> End {
            try await run(["DATABASE_URL": url], arguments)
        }

        private static func run(_ environment: [String: String], _ arguments: [String] = []) async throws -> End {
            let end = try await ProductProcess.runToEnd("agentshield", arguments: ["migrate"] + arguments, environment: environment)
            return End(status: end.status, output: end.output, errorOutput: end.errorOutput)
        }
    }
}

@Suite("Migrations of this program")
struct ShippedMigrationTests {
    @Test("every SQL file is compiled in, numbered from 1 without gaps, and no file is there that is not")
    func all() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Sources/Gateway/PostgresStore/Migrations/SQL")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(files == Migration.all.map { "\($0.name).sql" })
        #expect(Migration.all.map(\.version) == Array(1...Migration.all.count))
        for migration in Migration.all {
            #expect(migration.sql == (try String(contentsOf: folder.appendingPathComponent("\(migration.name).sql"), encoding: .utf8)))
            #expect(migration.name.hasPrefix("000\(migration.version)_"))
        }
    }
}
