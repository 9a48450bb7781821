import Foundation
import GatewayCrypto
import PostgresStore
import ProcessSupport
import Testing

extension ServerTests {
    @Suite("Driver")
    struct DriverTests {
        @Test("parameters and results keep every text, NULL and the number of rows changed")
        func texts() async throws {
            try await PostgresCluster.withDatabase { driver, _ in
                let texts = ["", "plain", "'; DROP TABLE x; --", "\\x41\\", "tab\tline\nend\r", "🛡️ é \u{1}"]
                for text in texts {
                    #expect(
                        try await driver.rows("SELECT $1::text, NULL, length($1)", [SQLValue(text)])
                            == [[text, nil, String(text.unicodeScalars.count)]])
                }
                let changed = try await driver.query(Statement("CREATE TABLE t AS SELECT generate_series(1, 7) AS n"), timeout: patience)
                #expect(changed.affectedRows == 7)
                let result = try await driver.query(Statement("SELECT n, -n AS m FROM t ORDER BY n LIMIT 2"), timeout: patience)
                #expect(result.columns == ["n", "m"])
                #expect(result.rows == [Row(["1", "-1"]), Row(["2", "-2"])])
            }
        }

        @Test("arrays of texts come back as they went in")
        func arrays() async throws {
            try await PostgresCluster.withDatabase { driver, _ in
                for elements in [[], ["a"], ["", "NULL", "null", "a,b", "\"q\"", "\\", "{x}", " "]] {
                    let result = try await driver.query(Statement("SELECT $1::text[]", [.array(elements)]), timeout: patience)
                    #expect(try result.rows[0].optionalArray(0) == elements)
                }
                let null = try await driver.query(Statement("SELECT $1::text[]", [.array(nil)]), timeout: patience)
                #expect(try null.rows[0].optionalArray(0) == nil)
            }
        }

        @Test("a text with a NUL character is refused, not cut off")
        func nul() async throws {
            try await PostgresCluster.withDatabase { driver, _ in
                let error = await driver.failure(SingleStatement(Statement("SELECT $1::text", [SQLValue("a\u{0}b")])))
                #expect(error?.kind == .malformed)
                #expect(error?.retry == .never)
                let after = try await driver.rows("SELECT 1")
                #expect(after == [["1"]])
            }
        }

        @Test("many operations at once each get their own answer")
        func concurrency() async throws {
            try await PostgresCluster.withDatabase(settings: .connections(3)) { driver, _ in
                let answers = try await withThrowingTaskGroup(of: (Int, String?).self) { group in
                    for number in 0..<200 {
                        group.addTask { (number, try await driver.rows("SELECT $1::integer", [SQLValue(number)])[0][0]) }
                    }
                    return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
                }
                #expect(answers == Dictionary(uniqueKeysWithValues: (0..<200).map { ($0, "\($0)") }))
            }
        }

        @Test("a transaction is all or nothing, and leaves the connection fit for use")
        func transactions() async throws {
            try await PostgresCluster.withDatabase(settings: .connections(1)) { driver, _ in
                let backend = try await driver.rows("SELECT pg_backend_pid()")
                _ = try await driver.rows("CREATE TABLE t (n integer PRIMARY KEY)")
                let good = Transaction([Statement("INSERT INTO t VALUES (1)"), Statement("SELECT count(*) FROM t")])
                #expect(try await driver.run(good, timeout: patience).last?.rows == [Row(["1"])])
                let bad = await driver.failure(Transaction([Statement("INSERT INTO t VALUES (2)"), Statement("INSERT INTO t VALUES (1)")]))
                #expect(bad?.sqlState == .uniqueViolation)
                #expect(bad?.constraint == "t_pkey")
                #expect(try await driver.rows("SELECT n FROM t") == [["1"]])
                #expect(try await driver.rows("SELECT pg_backend_pid()") == backend)
            }
        }

        @Test("errors hold names and codes, not values")
        func errors() async throws {
            try await PostgresCluster.withDatabase { driver, _ in
                let error = try await driver.failure("SELECT 'secret-value'::integer")
                #expect(error.sqlState == SQLState("22P02"))
                #expect(error.retry == .never)
                #expect(!"\(error)".contains("secret-value"))
                #expect(!String(reflecting: error).contains("secret-value"))
                let syntax = try await driver.failure("SELEKT")
                #expect(syntax.sqlState == SQLState("42601"))
                #expect(syntax.retry == .never)
            }
        }

        @Test("a result beyond its limits is refused")
        func limits() async throws {
            try await PostgresCluster.withDatabase { driver, _ in
                for sql in ["SELECT generate_series(1, 100000)", "SELECT repeat('x', 20000000)"] {
                    let error = try await driver.failure(sql)
                    #expect(error.kind == .resultTooLarge)
                    #expect(error.retry == .never)
                }
                let after = try await driver.rows("SELECT 1")
                #expect(after == [["1"]])
            }
        }

        @Test("a wrong password and an unknown database are told at once, without the password")
        func refusedConnections() async throws {
            let cluster = try PostgresCluster.shared
            let wrong = try PostgresDriver(cluster.location("postgres", password: "not-the-password"))
            defer { wrong.close() }
            let error = try await wrong.failure("SELECT 1")
            #expect(error.kind == .refused(.invalidPassword))
            #expect(error.retry == .never)
            #expect(!"\(error)".contains("not-the-password"))
            #expect("\(error)".contains("password authentication failed"))
            let absent = try PostgresDriver(cluster.location("no_such_database"))
            defer { absent.close() }
            #expect(try await absent.failure("SELECT 1").sqlState == SQLState("3D000"))
        }

        @Test("a location that is none is refused without being quoted")
        func locations() throws {
            for text in ["", "not a location password", "postgresql://user:hidden@host:port:port/x?nonsense=hidden", "host=a\u{0}b"] {
                #expect(throws: PostgresError.self) { _ = try PostgresLocation(Secret(text)) }
                do {
                    _ = try PostgresLocation(Secret(text))
                } catch {
                    #expect(error.kind == .malformed)
                    #expect(!"\(error)".contains("hidden"))
                }
            }
            let location = try PostgresLocation(Secret("postgresql://user:hidden@db.example:6543/app"))
            #expect("\(location)" == "db.example:6543/app")
            #expect(!String(reflecting: location).contains("hidden"))
        }

        @Test("verify-full takes the certificate of the right host from the right authority, and no other")
        func tls() async throws {
            let cluster = try PostgresCluster.shared
            let root = cluster.directory.appendingPathComponent("ca.pem").path
            let verified = "?sslmode=verify-full&sslrootcert=\(root)"
            let good = try PostgresDriver(cluster.location("postgres", host: "localhost", options: verified))
            defer { good.close() }
            let version = try await good.rows("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            #expect(version == [["t", "TLSv1.3"]])
            // Many TLS records in one result.
            let long = try await good.rows("SELECT repeat(n::text, 1000) FROM generate_series(100000, 100999) AS n")
            #expect(long.count == 1_000 && long.allSatisfy { $0[0]?.count == 6_000 })

            let otherHost = try PostgresDriver(cluster.location("postgres", host: "127.0.0.1", options: verified))
            defer { otherHost.close() }
            let mismatch = try await otherHost.failure("SELECT 1", timeout: .seconds(5))
            #expect(mismatch.kind == .unreachable)
            #expect(mismatch.detail.contains("does not match host name"))

            let otherRoot = cluster.directory.appendingPathComponent("server.pem").path
            let untrusted = try PostgresDriver(
                cluster.location("postgres", host: "localhost", options: "?sslmode=verify-full&sslrootcert=\(otherRoot)"))
            defer { untrusted.close() }
            let stranger = try await untrusted.failure("SELECT 1", timeout: .seconds(5))
            #expect(stranger.kind == .unreachable)
            #expect(stranger.detail.contains("certificate verify failed"))
        }
    }
}
