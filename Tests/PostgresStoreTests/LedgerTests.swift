import Foundation
import GatewayCore
import GatewayCrypto
import ProcessSupport
import Testing

@testable import PostgresStore

extension ServerTests {
    @Suite("The ledger")
    struct LedgerTests {
        private static let secret = Secret("a secret for chains")

        private static func entry(_ number: UInt64, tenant: String = "acme", user: String? = nil, cost: UInt64? = 5) -> LedgerEntry {
            var summary = AnswerSummary(requestID: RequestID(high: 0x0123_4567_89AB_CDEF, low: number))
            summary.costNanoUSD = cost
            return .request(
                LedgerRecord(
                    summary: summary, tenant: tenant, department: "d\\\t", user: user, keyID: "k", endUser: nil, callerRequestID: nil,
                    requestedModel: "m", usedModel: "m", provider: "p", outcome: .answered, fault: nil,
                    receivedUnixMilliseconds: 1_000 + number))
        }

        private static func with(_ body: (PostgresLedger, PostgresDriver, _ database: String) async throws -> Void) async throws {
            try await PostgresCluster.withDatabase(isMigrated: true) { driver, database in
                try await body(PostgresLedger(driver, chainSecret: secret, timeout: patience), driver, database)
            }
        }

        private static func fault(of tenant: String, in archive: any LedgerArchive) async throws -> ChainFault? {
            let chain = LedgerChain(secret: secret)
            var check = ChainCheck(tenant: tenant) { previous, sequence, bytes in
                (try? chain.hash(tenant: tenant, previous: previous, sequence: sequence, bytes: bytes).bytes) ?? []
            }
            while true {
                let rows = try await archive.chain(of: tenant, after: check.head.sequence)
                for row in rows {
                    if let fault = check.check(row) { return fault }
                }
                if rows.isEmpty { return check.finish(try await archive.head(of: tenant) ?? LedgerHead(tenant: tenant)) }
            }
        }

        private static func move(appended: Int = 0, known: Int = 0, dead: Int = 0) -> LedgerMove {
            var move = LedgerMove()
            (move.appended, move.known, move.dead) = (appended, known, dead)
            return move
        }

        @Test("entries are chained and read back; those that are there already are left out")
        func life() async throws {
            try await Self.with { ledger, _, _ in
                let entries = (1...3).map { Self.entry($0) } + [Self.entry(4, tenant: "umbrella", user: "u", cost: nil)]
                #expect(try await ledger.append(entries) == Self.move(appended: 4))
                #expect(try await ledger.append([entries[2], Self.entry(5), Self.entry(5)]) == Self.move(appended: 1, known: 2))
                #expect(try await ledger.append(entries) == Self.move(known: 4))
                #expect(try await ledger.append([]) == LedgerMove())
                let rows = try await ledger.rows(LedgerQuery(), after: 0)
                #expect(try rows.map { try LedgerEntry(decoding: $0.bytes) } == entries + [Self.entry(5)])
                #expect(rows.map(\.sequence) == [1, 2, 3, 1, 4])
                #expect(rows[3].columns == LedgerColumns(of: entries[3]))
                #expect(try await ledger.row(entries[1].id, tenant: "acme") == rows[1])
                #expect(try await ledger.row(entries[1].id, tenant: "umbrella") == nil)
                #expect(try await ledger.lastRows(LedgerQuery(tenant: "acme"), count: 2).map(\.sequence) == [3, 4])
                #expect(try await ledger.rows(LedgerQuery(since: 1_002, until: 1_004), after: 0).map(\.sequence) == [2, 3])
                #expect(try await ledger.heads(after: "").map(\.tenant) == ["acme", "umbrella"])
                for tenant in ["acme", "umbrella"] { #expect(try await Self.fault(of: tenant, in: ledger) == nil) }
            }
        }

        @Test("replicas that append at once, the same entries too, make one chain with each entry once")
        func concurrent() async throws {
            try await Self.with { ledger, _, database in
                let cluster = try PostgresCluster.shared
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for replica in 0..<4 as Range<UInt64> {
                        group.addTask {
                            let driver = try PostgresDriver(cluster.location(database))
                            defer { driver.close() }
                            let own = PostgresLedger(driver, chainSecret: Self.secret, timeout: patience)
                            for batch in 0..<10 as Range<UInt64> {
                                // Half of each batch is its neighbour's too.
                                let first = (batch * 4 + replica) * 10
                                _ = try await own.append(
                                    (first..<first + 20).map { Self.entry($0, tenant: $0 % 2 == 0 ? "acme" : "umbrella") })
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let heads = try await ledger.heads(after: "")
                #expect(heads.map(\.sequence).reduce(0, +) == 410)
                for head in heads { #expect(try await Self.fault(of: head.tenant, in: ledger) == nil) }
            }
        }

        @Test("rows about arbitrated requests stand among the others, each once, and are seen by nobody but their owner")
        func arbitrated() async throws {
            try await PostgresCluster.withDatabase(isMigrated: true, settings: .connections(1)) { driver, _ in
                let ledger = PostgresLedger(driver, chainSecret: Self.secret, timeout: patience)
                let answer = ArbitratedAnswer(
                    id: RequestID(high: 0x0123_4567_89AB_CDEF, low: 1), tenant: "acme", department: "d", user: nil, keyID: "k",
                    route: "auto", arm: "cheap", features: FeatureVector(SIMD32(repeating: 0.5)))
                var elsewhere = answer
                elsewhere.arm = "broken"
                let decision = LedgerDecision(
                    requestID: answer.id, tenant: "acme", department: "d", user: nil, keyID: "k", route: "auto", model: "cheap",
                    record: #"{"quoted":"\\t, \"and\" \\N"}"#, signals: [ObservedQuality(.truncation, quality: 0, weight: 0.25)])
                let entries: [LedgerEntry] = [
                    Self.entry(1), .decision(decision), .reward(LedgerReward(elsewhere, ObservedQuality(.error, quality: 0, weight: 0.5))),
                    .reward(LedgerReward(answer, ObservedQuality(.feedback, quality: 0.75, weight: 1))),
                ]
                #expect(try await ledger.append(entries) == Self.move(appended: 4))
                // Feedback that was carried out again has the same id, whatever was said.
                let again = LedgerEntry.reward(LedgerReward(answer, ObservedQuality(.feedback, quality: 0.25, weight: 1)))
                #expect(try await ledger.append([entries[1], again]) == Self.move(known: 2))
                let rows = try await ledger.rows(LedgerQuery(tenant: "acme"), after: 0)
                #expect(try rows.map { try LedgerEntry(decoding: $0.bytes) } == entries)
                #expect(rows.map(\.columns) == entries.map { LedgerColumns(of: $0) })
                #expect(try await ledger.row(entries[3].id, tenant: "umbrella") == nil)
                #expect(try await Self.fault(of: "acme", in: ledger) == nil)
                for change in [
                    "UPDATE agentshield.ledger_entries SET cost = 1", "DELETE FROM agentshield.ledger_entries WHERE sequence > 1",
                ] {
                    #expect(try await driver.failure(change).sqlState?.description == "23001")
                }
                // Whoever is given the table by mistake sees no row of it.
                _ = try await driver.rows("DO $$ BEGIN CREATE ROLE onlooker; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
                _ = try await driver.rows("GRANT USAGE ON SCHEMA agentshield TO onlooker")
                _ = try await driver.rows("GRANT SELECT ON agentshield.ledger_entries TO onlooker")
                _ = try await driver.rows("SET ROLE onlooker")
                #expect(try await driver.rows("SELECT count(*) FROM agentshield.ledger_entries") == [["0"]])
                _ = try await driver.rows("RESET ROLE")
                #expect(try await driver.rows("SELECT count(*) FROM agentshield.ledger_entries") == [["4"]])
            }
        }

        @Test("rows that PostgreSQL refuses become dead letters, take no number, and hold up no other")
        func poison() async throws {
            try await Self.with { ledger, driver, _ in
                _ = try await driver.rows("ALTER TABLE agentshield.ledger_entries ADD CONSTRAINT for_this_test CHECK (cost < 100)")
                let entries = (0..<100 as Range<UInt64>).map {
                    Self.entry($0, user: $0 == 9 ? "a\u{0}b" : nil, cost: $0 % 31 == 30 ? 100 : 5)
                }
                #expect(try await ledger.append(entries) == Self.move(appended: 96, dead: 4))
                #expect(try await ledger.head(of: "acme")?.sequence == 96)
                #expect(try await Self.fault(of: "acme", in: ledger) == nil)
                let letters = try await driver.rows(
                    "SELECT row_key, encode(row_text, 'hex'), sql_state, constraint_name FROM agentshield.dead_letters ORDER BY row_key")
                #expect(letters.map { $0[0] } == [9, 30, 61, 92].map { entries[$0].id.description })
                #expect(letters.map { $0[2] } == ["22021", "23514", "23514", "23514"])
                let hexadecimal = entries[30].encoded().map { String(format: "%02x", $0) }.joined()
                #expect(letters[1][1] == hexadecimal && letters[1][3] == "for_this_test")
            }
        }

        @Test("another key is refused, a change of rows too, and a table that is missing loses nothing")
        func refusals() async throws {
            try await Self.with { ledger, driver, _ in
                _ = try await ledger.append([Self.entry(1)])
                let other = PostgresLedger(driver, chainSecret: Secret("another secret, as long"), timeout: patience)
                await #expect(throws: LedgerError.self) { try await other.append([Self.entry(2)]) }
                for change in ["UPDATE agentshield.ledger_entries SET cost = 1", "DELETE FROM agentshield.ledger_entries"] {
                    #expect(try await driver.failure(change).sqlState?.description == "23001")
                }
                #expect(try await Self.fault(of: "acme", in: ledger) == nil)
                _ = try await driver.rows("ALTER TABLE agentshield.ledger_heads RENAME TO away")
                await #expect(throws: LedgerError.self) { try await ledger.append([Self.entry(2)]) }
                _ = try await driver.rows("ALTER TABLE agentshield.away RENAME TO ledger_heads")
                #expect(try await ledger.append([Self.entry(2)]) == Self.move(appended: 1))
                #expect(try await driver.rows("SELECT count(*) FROM agentshield.dead_letters") == [["0"]])
            }
        }
    }
}
