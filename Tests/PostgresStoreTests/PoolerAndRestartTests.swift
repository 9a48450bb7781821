import Foundation
import GatewayCore
import GatewayCrypto
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
            try await PostgresPooler.run(to: cluster) { port in
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
                try await Self.keys(controlPlane)
                try await Self.money(controlPlane)
                try await Self.records(driver)
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

        /// Keys are made, looked up, rotated and revoked, and each change is told.
        private static func keys(_ plane: ControlPlane) async throws {
            let start = try await plane.changes(after: nil).revision
            _ = try await plane.createKey(
                "k", in: "t", hash: try TestHash.make(1), department: "d1", user: nil, permissions: KeyPermissions(),
                expiresAtUnixSeconds: nil)
            #expect(try await plane.lookUp([try TestHash.make(1)]).found?.isValid == true)
            #expect(try await plane.rotateKey("k", in: "t", hash: try TestHash.make(2), overlapSeconds: 60)?.id == "k")
            #expect(try await plane.lookUp([try TestHash.make(2), try TestHash.make(1)]).found?.key.id == "k")
            #expect(try await plane.revokeKey("k", in: "t")?.revokedAtUnixSeconds != nil)
            #expect(try await plane.lookUp([try TestHash.make(2)]).found?.isValid == false)
            let news = try await plane.changes(after: start)
            #expect(news.revision > start && news.changes?.contains(.key(tenant: "t", id: "k")) == true)
            try await plane.setStopped(true)
            #expect(try await plane.changes(after: news.revision).isStopped)
            try await plane.setStopped(false)
        }

        private static func money(_ plane: ControlPlane) async throws {
            let day = UTCDay(number: 20_000)
            let entry = PriceEntry(provider: "p", model: "m", from: day, price: Price(input: 1, cacheRead: 0, cacheWrite: 0, output: 2))
            try await plane.setPrices([entry])
            #expect(try await plane.prices() == [entry])
            let budget = Budget(tenant: "t", subject: .department("d1"), period: .day, limitNanoUSD: 5)
            try await plane.setBudget(budget)
            #expect(try await plane.budgets() == [budget])
            #expect(try await plane.removeBudget(tenant: "t", subject: .department("d1"), period: .day))
        }

        /// Appends at the same time, one after another by the lock that ends with each transaction.
        private static func records(_ driver: PostgresDriver) async throws {
            let ledger = PostgresLedger(driver, chainSecret: Secret("a secret for chains of thirty-two"), timeout: patience)
            @Sendable func entry(_ number: UInt64) -> LedgerEntry {
                .request(
                    LedgerRecord(
                        summary: AnswerSummary(requestID: RequestID(high: 7, low: number)), tenant: "t", department: nil, user: nil,
                        keyID: "k", endUser: nil, callerRequestID: nil, requestedModel: "m", usedModel: nil, provider: nil,
                        outcome: .answered, fault: nil, receivedUnixMilliseconds: 1))
            }
            let appended = try await withThrowingTaskGroup(of: Int.self) { group in
                for batch in 0..<8 as Range<UInt64> {
                    // Each batch overlaps with the next: what is known already is not appended again.
                    group.addTask { try await ledger.append((batch * 10..<batch * 10 + 15).map { entry($0) }).appended }
                }
                return try await group.reduce(0, +)
            }
            #expect(appended == 85)
            let rows = try await driver.rows("SELECT count(*), max(sequence) FROM agentshield.ledger_entries WHERE tenant_id = 't'")
            #expect(rows == [["85", "85"]])
        }

        @Test("a stopped server hangs nobody; one that was killed and came back is used again")
        func restart() async throws {
            try await withTemporaryDirectory { directory in
                try await PostgresCluster.prepare(directory)
                let port = try FreePort.find()
                let location = try await PostgresCluster.run(in: directory, port: port) { try $0.location("postgres") }
                let driver = try PostgresDriver(location, settings: .connections(2))
                defer { driver.close() }
                let gone = try await driver.failure("SELECT 1", timeout: .seconds(2))
                #expect(gone.kind == .unreachable)
                #expect(gone.retry == .later)

                try await PostgresCluster.run(in: directory, port: port) { cluster in
                    _ = try await driver.rows("CREATE TABLE t (n integer)")
                    let backend = try await driver.query(Statement("SELECT pg_backend_pid()"), timeout: patience).rows[0].integer(0)
                    kill(cluster.process.processIdentifier, SIGSTOP)
                    kill(Int32(backend), SIGSTOP)
                    let stopped = try await driver.failure("SELECT 1", timeout: .seconds(2))
                    #expect(stopped.kind == .deadlineExceeded)
                    let still = try await driver.failure("SELECT 1", timeout: .seconds(2))
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
    }
}
