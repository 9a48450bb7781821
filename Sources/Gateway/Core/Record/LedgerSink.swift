/// What became of entries that were to be brought into a ledger.
package struct LedgerMove: Sendable, Equatable {
    package var appended = 0
    /// Were there already.
    package var known = 0
    /// Refused for what they hold, and kept among the dead letters.
    package var dead = 0

    package init() {}
}

/// A ledger that movers bring entries into: a SQLite file, or PostgreSQL.
package protocol LedgerSink: Sendable {
    /// Appends the entries that are not there yet. When it returns, each is durable: in the ledger, or among the dead letters.
    func append(_ entries: [LedgerEntry]) async throws(LedgerError) -> LedgerMove
}
