import Foundation
import ProcessSupport
import SeededRandomness
import Testing

@testable import PostgresStore

extension ServerTests {
    @Suite("Batches")
    struct BatchTests {
        private struct Event: Sendable {
            var id: Int
            var amount: Int
            var note: String?
        }

        private static let table = BatchTable<Event>(
            name: "public.events", columns: [.init("id", "bigint"), .init("amount", "bigint"), .init("note", "text")],
            key: { "event \($0.id)" },
            write: { event, text in
                text.append(event.id)
                text.append(event.amount)
                text.append(SQLValue(event.note))
            })
        private static let creation =
            "CREATE TABLE public.events (id bigint PRIMARY KEY, amount bigint CHECK (amount >= 0), note text)"

        @Test("a good batch is copied with every character as it was")
        func copying() async throws {
            try await PostgresCluster.withDatabase(isMigrated: true) { driver, _ in
                var random = SeededRandom(seed: 1)
                let events = (0..<2_000).map { Event(id: $0, amount: $0, note: anyText(using: &random)) }
                _ = try await driver.rows(Self.creation)
                let outcome = try await driver.run(Self.table.batch(events), timeout: patience)
                #expect(outcome == Self.outcome(inserted: 2_000))
                let notes = try await driver.rows("SELECT note FROM public.events ORDER BY id")
                #expect(notes == events.map { [$0.note] })
                let none = try await driver.run(Self.table.batch([]), timeout: patience)
                #expect(none == BatchOutcome())
            }
        }

        @Test("rows that PostgreSQL refuses become dead letters, the others arrive, and nothing is lost or doubled", arguments: 0..<12)
        func poison(_ seed: UInt64) async throws {
            try await PostgresCluster.withDatabase(isMigrated: true, settings: .connections(1)) { driver, _ in
                var random = SeededRandom(seed: seed)
                _ = try await driver.rows(Self.creation)
                var kept: [Int: Event] = [:]
                var dead: Set<Int> = []
                for batch in 0..<3 {
                    // The later batches bring rows of the ones before again.
                    let ids = Set((0..<100).map { _ in Int.random(in: 0..<(batch + 1) * 100, using: &random) })
                    let events = ids.map { Self.event(id: $0, poisonedOneIn: 6 << Int(seed % 6), using: &random) }
                    let poisoned = events.filter(Self.isPoisoned).filter { kept[$0.id] == nil || $0.amount >= 0 }
                    let fresh = events.filter { !Self.isPoisoned($0) && kept[$0.id] == nil }
                    let outcome = try await driver.run(Self.table.batch(events), timeout: patience, isRepeatable: true)
                    fresh.forEach { kept[$0.id] = $0 }
                    #expect(outcome.inserted == fresh.count)
                    #expect(outcome.inserted + outcome.duplicates + outcome.deadLetters == events.count)
                    #expect(outcome.deadLetters >= poisoned.count { $0.amount >= 0 })
                    dead.formUnion(events.filter(Self.isPoisoned).map(\.id))
                }
                let rows = try await driver.rows("SELECT id, amount, note FROM public.events ORDER BY id")
                #expect(rows == kept.values.sorted { $0.id < $1.id }.map { ["\($0.id)", "\($0.amount)", $0.note] })
                let letters = try await driver.rows("SELECT row_key FROM agentshield.dead_letters WHERE source_table = 'public.events'")
                #expect(Set(letters.map { $0[0] }) == Set(dead.map { "event \($0)" }))
            }
        }

        @Test("a dead letter says what it was and why")
        func letters() async throws {
            try await PostgresCluster.withDatabase(isMigrated: true) { driver, _ in
                _ = try await driver.rows(Self.creation)
                let events = [Event(id: 1, amount: -1, note: "a\tb"), Event(id: 2, amount: 1, note: "\u{0}"), Event(id: 3, amount: 3)]
                let outcome = try await driver.run(Self.table.batch(events), timeout: patience)
                #expect(outcome.inserted == 1 && outcome.deadLetters == 2)
                let rows = try await driver.rows(
                    """
                    SELECT row_key, encode(row_text, 'escape'), sql_state, constraint_name FROM agentshield.dead_letters ORDER BY row_key
                    """)
                #expect(
                    rows == [
                        ["event 1", "1\t-1\ta\\\\tb\n", "23514", "events_amount_check"], ["event 2", "2\t1\t\\000\n", "22021", nil],
                    ])
            }
        }

        @Test("a row of too few cells is buried, not filled up")
        func tooFewCells() async throws {
            try await PostgresCluster.withDatabase(isMigrated: true) { driver, _ in
                _ = try await driver.rows(Self.creation)
                let table = BatchTable<Int>(
                    name: "public.events", columns: Self.table.columns, key: { "event \($0)" },
                    write: { id, text in
                        text.append(id)
                        text.append(id)
                        if id != 2 { text.append("whole") }
                    })
                let outcome = try await driver.run(table.batch(1...3), timeout: patience)
                #expect(outcome.inserted == 2 && outcome.deadLetters == 1)
                let letters = try await driver.rows("SELECT row_key, sql_state FROM agentshield.dead_letters")
                #expect(letters == [["event 2", "22P04"]])
            }
        }

        @Test("what is no row's fault fails the batch and buries nothing")
        func systemicFailure() async throws {
            try await PostgresCluster.withDatabase(isMigrated: true) { driver, _ in
                let error = await driver.failure(Self.table.batch([Event(id: 1, amount: 1)]))
                #expect(error?.sqlState == SQLState("42P01"))
                let letters = try await driver.rows("SELECT count(*) FROM agentshield.dead_letters")
                #expect(letters == [["0"]])
            }
        }

        private static func outcome(inserted: Int) -> BatchOutcome {
            var outcome = BatchOutcome()
            outcome.inserted = inserted
            return outcome
        }

        private static func event(id: Int, poisonedOneIn odds: Int, using random: inout SeededRandom) -> Event {
            var event = Event(id: id, amount: id, note: anyText(using: &random))
            guard Int.random(in: 0..<odds, using: &random) == 0 else { return event }
            // Never an id that another row has: whether a poisoned duplicate counts as poison or as duplicate is PostgreSQL's choice.
            event.id += 1_000_000
            if Bool.random(using: &random) { event.amount = -1 } else { event.note = "nul \u{0}" }
            return event
        }

        private static func isPoisoned(_ event: Event) -> Bool {
            event.amount < 0 || event.note?.utf8.contains(0) == true
        }
    }
}
