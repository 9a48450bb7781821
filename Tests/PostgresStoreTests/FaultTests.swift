import Dispatch
import Foundation
import GatewayCrypto
import ProcessSupport
import Synchronization
import Testing

@testable import PostgresStore

#if canImport(Glibc)
import Glibc
#endif

extension ServerTests {
    @Suite("Driver when things go wrong")
    struct FaultTests {
        @Test("a statement that takes too long is given up, and others go on")
        func slowStatement() async throws {
            try await PostgresCluster.withDatabase(settings: .connections(1)) { driver, _ in
                let before = try await driver.backend()
                let error = try await driver.failure("SELECT pg_sleep(600)", timeout: .seconds(1))
                #expect(error.kind == .deadlineExceeded)
                #expect(error.retry == .ifRepeatable)
                let after = try await driver.backend()
                #expect(after != before)
            }
        }

        @Test("a server process that stands still hangs nobody")
        func stoppedBackend() async throws {
            try await PostgresCluster.withDatabase(settings: .connections(1)) { driver, _ in
                let backend = try await driver.backend()
                kill(backend, SIGSTOP)
                defer { kill(backend, SIGCONT) }
                let error = try await driver.failure("SELECT 1", timeout: .seconds(1))
                #expect(error.kind == .deadlineExceeded)
                let other = try await driver.backend()
                #expect(other != backend)
            }
        }

        @Test("a copy to a server that stands still ends at its deadline")
        func stoppedCopy() async throws {
            try await PostgresCluster.withDatabase(settings: .connections(1)) { driver, _ in
                _ = try await driver.rows("CREATE TABLE big (line text)")
                let backend = try await driver.backend()
                kill(backend, SIGSTOP)
                defer { kill(backend, SIGCONT) }
                // More than socket buffers take.
                let line = String(repeating: "x", count: 1_000)
                let table = BatchTable<String>(name: "big", columns: [.init("line", "text")], key: { $0 }, write: { $1.append($0) })
                let error = await driver.failure(table.batch(repeatElement(line, count: 20_000)), timeout: .seconds(1))
                #expect(error?.kind == .deadlineExceeded)
                let after = try await driver.rows("SELECT count(*) FROM big")
                #expect(after == [["0"]])
            }
        }

        @Test("whoever accepts a connection and says nothing is given up")
        func silentServer() async throws {
            let server = try SilentServer()
            var settings = PostgresDriver.Settings()
            settings.connectTimeout = .milliseconds(150)
            let driver = try PostgresDriver(PostgresLocation(Secret("postgresql://u:p@127.0.0.1:\(server.port)/d")), settings: settings)
            defer { driver.close() }
            let error = try await driver.failure("SELECT 1", timeout: .seconds(2))
            #expect(error.kind == .unreachable)
            #expect(error.retry == .later)
        }

        @Test("a name server that does not answer holds up nothing else, and one that knows nothing is told")
        func nameServer() async throws {
            let release = DispatchSemaphore(value: 0)
            let lookUps = Atomic(0)
            let location = try PostgresLocation(Secret("postgresql://u:p@db.example,db2.example/d"))
            var settings = PostgresDriver.Settings()
            settings.connections = 1
            settings.connectTimeout = .milliseconds(50)
            let driver = try PostgresDriver(location, settings: settings) { _ in
                lookUps.add(1, ordering: .relaxed)
                release.wait()
                release.signal()
                return []
            }
            defer { driver.close() }
            let error = try await driver.failure("SELECT 1", timeout: .seconds(2))
            #expect(error.kind == .unreachable)
            // However often it was tried.
            #expect(lookUps.load(ordering: .relaxed) == 1)
            release.signal()
            let unknown = try await driver.failure("SELECT 1", timeout: .seconds(2))
            #expect(unknown.kind == .unreachable)
            #expect(!"\(unknown)".contains("u:p"))
        }

        @Test("a host by name is reached at each of its addresses in turn")
        func severalAddresses() async throws {
            let cluster = try PostgresCluster.shared
            let location = try cluster.location("postgres", host: "db.example", options: "?sslmode=require")
            let driver = try PostgresDriver(location, settings: .init()) { $0 == "db.example" ? ["127.0.0.2", "127.0.0.1"] : [] }
            defer { driver.close() }
            let rows = try await driver.rows("SELECT host(inet_server_addr())")
            #expect(rows == [["127.0.0.1"]])
        }

        @Test("a full queue is answered at once, and takes more when there is room")
        func queueFull() async throws {
            try await PostgresCluster.withDatabase(settings: .connections(1, maxOperations: 2)) { driver, _ in
                let outcomes = Mutex<[PostgresError.Kind]>([])
                let sleep = SingleStatement(Statement("SELECT pg_sleep(600)"))
                let ids = (0..<2).map { _ in
                    driver.submit(sleep, timeout: patience) { result in
                        if case .failure(let error) = result { outcomes.withLock { $0.append(error.kind) } }
                    }
                }
                // Called back before `submit` returns.
                let refusal = Mutex<PostgresError?>(nil)
                driver.submit(sleep, timeout: patience) { result in
                    if case .failure(let error) = result { refusal.withLock { $0 = error } }
                }
                #expect(refusal.withLock { $0?.kind } == .queueFull)
                #expect(refusal.withLock { $0?.retry } == .later)
                ids.forEach { driver.cancel($0) }
                let after = try await driver.rowsWhenAdmitted("SELECT 1")
                #expect(after == [["1"]])
                #expect(outcomes.withLock { $0 } == [.cancelled, .cancelled])
            }
        }

        @Test("cancelling a task drops its connection and nobody else's work")
        func cancellation() async throws {
            try await PostgresCluster.withDatabase(settings: .connections(2)) { driver, _ in
                let task = Task { await driver.failure(SingleStatement(Statement("SELECT pg_advisory_lock(77), pg_sleep(600)"))) }
                try await driver.wait(for: "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 77 AND granted")
                task.cancel()
                #expect(await task.value?.kind == .cancelled)
                let after = try await driver.rows("SELECT 1")
                #expect(after == [["1"]])
            }
        }

        @Test("after close everything is answered, and nothing is taken")
        func closing() async throws {
            try await PostgresCluster.withDatabase { driver, _ in
                let task = Task { await driver.failure(SingleStatement(Statement("SELECT pg_sleep(600)"))) }
                _ = try await driver.rows("SELECT 1")
                driver.close()
                #expect(await task.value?.kind == .closed)
                let error = try await driver.failure("SELECT 1")
                #expect(error.kind == .closed)
            }
        }

        @Test("a connection that the server ended is replaced; a read notices nothing")
        func terminatedConnection() async throws {
            try await PostgresCluster.withDatabase(settings: .connections(1)) { driver, database in
                let cluster = try PostgresCluster.shared
                let backend = try await driver.backend()
                try await cluster.administer("SELECT pg_terminate_backend(\(backend))")
                let other = try await driver.query(Statement("SELECT pg_backend_pid()"), timeout: patience, isRepeatable: true)
                #expect(try other.rows[0].integer(0) != Int64(backend))

                // In the midst of a statement: told to who cannot repeat it, and repeated for who can.
                let sequence = "SELECT nextval('attempts'), CASE WHEN is_called THEN NULL ELSE pg_sleep(600) END FROM attempts"
                _ = try await driver.rows("CREATE SEQUENCE attempts")
                let killer = try PostgresDriver(cluster.location(database))
                defer { killer.close() }
                async let lost = driver.failure(SingleStatement(Statement("SELECT pg_sleep(600)")))
                try await killer.terminate(running: "SELECT pg_sleep(600)")
                #expect(await lost?.kind == .connectionLost)
                #expect(await lost?.retry == .ifRepeatable)
                async let repeated = driver.query(Statement(sequence), timeout: patience, isRepeatable: true)
                try await killer.terminate(running: sequence)
                #expect(try await repeated.rows[0].integer(0) == 2)
            }
        }

        @Test("a read-only transaction, a deadlock and a serialization failure are told apart by what to do")
        func classification() async throws {
            try await PostgresCluster.withDatabase(settings: .connections(3)) { driver, _ in
                _ = try await driver.rows("CREATE TABLE t (n integer)")
                let readOnly = await driver.failure(
                    Transaction([Statement("SET TRANSACTION READ ONLY"), Statement("INSERT INTO t VALUES (1)")]))
                #expect(readOnly?.sqlState == .readOnlyTransaction)
                #expect(readOnly?.retry == .later)

                async let first = driver.failure(Self.lockingBoth(1, 2))
                async let second = driver.failure(Self.lockingBoth(2, 1))
                let errors = await [first, second].compactMap { $0 }
                #expect(errors.map(\.sqlState) == [.deadlockDetected])
                #expect(errors.map(\.retry) == [.atOnce])

                _ = try await driver.rows("INSERT INTO t VALUES (1)")
                _ = try await driver.rows("CREATE SEQUENCE looked; ")
                _ = try await driver.rows("CREATE SEQUENCE changed")
                async let reader = driver.failure(
                    Transaction([
                        Statement("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"), Statement("SELECT n FROM t"),
                        Statement("SELECT nextval('looked')"), Self.waiting("SELECT is_called FROM changed"),
                        Statement("UPDATE t SET n = 3"),
                    ]))
                try await driver.wait(for: "SELECT is_called FROM looked")
                _ = try await driver.rows("UPDATE t SET n = 2")
                _ = try await driver.rows("SELECT nextval('changed')")
                #expect(await reader?.sqlState == .serializationFailure)
                #expect(await reader?.retry == .atOnce)
            }
        }

        @Test("what is repeatable comes through a deadlock")
        func repeatedDeadlock() async throws {
            try await PostgresCluster.withDatabase(settings: .connections(2)) { driver, _ in
                _ = try await driver.rows("CREATE SEQUENCE attempts")
                async let first = driver.run(Self.lockingBoth(1, 2, onlyOnce: true), timeout: patience, isRepeatable: true)
                async let second = driver.run(Self.lockingBoth(2, 1, onlyOnce: true), timeout: patience, isRepeatable: true)
                _ = try await (first, second)
            }
        }

        /// Takes one lock, waits until somebody else has the other, and asks for it.
        private static func lockingBoth(_ one: Int, _ other: Int, onlyOnce: Bool = false) -> Transaction {
            // Other tests' databases have locks of the same numbers.
            let isHeld = """
                SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND objid = \(other) AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """
            // The second time the other may have come and gone.
            let enough = onlyOnce ? " OR (SELECT last_value >= 2 FROM attempts)" : ""
            let count = onlyOnce ? [Statement("SELECT nextval('attempts')")] : []
            return Transaction(
                [Statement("SELECT pg_advisory_xact_lock(\(one))")] + count
                    + [waiting("SELECT (\(isHeld))\(enough)"), Statement("SELECT pg_advisory_xact_lock(\(other))")])
        }

        private static func waiting(_ condition: String) -> Statement {
            Statement("DO $$ BEGIN WHILE NOT (\(condition)) LOOP PERFORM pg_sleep(0.005); END LOOP; END $$")
        }
    }
}

extension PostgresDriver {
    fileprivate func backend() async throws -> Int32 {
        Int32(try await query(Statement("SELECT pg_backend_pid()"), timeout: patience).rows[0].integer(0))
    }

    /// Asks until the answer is yes.
    fileprivate func wait(for condition: String) async throws {
        try await until(condition) { try await rows(condition) == [["t"]] }
    }

    fileprivate func terminate(running sql: String) async throws {
        let statement = Statement(
            """
            SELECT count(pg_terminate_backend(pid)) > 0 FROM pg_stat_activity
            WHERE query = $1 AND state = 'active' AND wait_event = 'PgSleep' AND pid <> pg_backend_pid() AND datname = current_database()
            """, [SQLValue(sql)])
        try await until("its end") { try await query(statement, timeout: patience).rows[0].flag(0) }
    }

    /// Asks again while the queue is full.
    fileprivate func rowsWhenAdmitted(_ sql: String) async throws(PostgresError) -> [[String?]] {
        while true {
            do throws(PostgresError) {
                return try await rows(sql)
            } catch  where error.kind == .queueFull && !Task.isCancelled {
                await Task.yield()
            }
        }
    }
}

/// Takes connections on a free port and never says a word.
private final class SilentServer: Sendable {
    let port: Int
    private let descriptor: Int32

    init() throws {
        port = try FreePort.find()
        #if canImport(Glibc)
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        try #require(status == 0 && listen(descriptor, 8) == 0)
    }

    deinit { close(descriptor) }
}
