import CSQLite
package import GatewayCore
package import GatewayCrypto
package import NIOCore
import NIOPosix

/// The ledger in a SQLite file of this machine: entries are durable when their waiters are told, many in one commit.
///
/// One thread writes and another reads; nothing here blocks a caller. Other processes may read and append at the same time.
package final class LedgerFile: LedgerArchive, LedgerSink {
    package struct Settings: Sendable {
        /// Entries that wait for the disk, from which on nothing new should begin.
        package var mark: Int
        /// How long a process that ends tries to write what waits.
        package var closingTime: TimeAmount
        /// The largest size of the file, in pages of 4 KiB; `nil`: as the disk has room.
        package var maxPages: Int?

        package init(mark: Int = 10_000, closingTime: TimeAmount = .seconds(5), maxPages: Int? = nil) {
            self.mark = mark
            self.closingTime = closingTime
            self.maxPages = maxPages
        }
    }

    private let writer: GroupCommit<LedgerEntry>
    private let reader: LedgerFileReader

    /// Opens the file, which is made if it is not there. Waits for the disk: for start-up, never for an event loop.
    ///
    /// - Parameters:
    ///   - chainSecret: under which rows are chained; the one that the file was begun with.
    ///   - report: called on the writing thread.
    package init(
        path: String, chainSecret: Secret, settings: Settings = Settings(),
        report: @escaping @Sendable (DurabilityReport) -> Void = { _ in }
    ) throws(LedgerError) {
        let owned: ThreadOwned
        do throws(SQLiteError) {
            owned = try ThreadOwned(path: path, chainSecret: chainSecret, maxPages: settings.maxPages)
        } catch {
            throw LedgerError(error)
        }
        reader = try LedgerFileReader(path: path)
        var commits = GroupCommit<LedgerEntry>.Settings()
        commits.mark = max(1, settings.mark)
        commits.closingTime = settings.closingTime
        writer = GroupCommit(
            settings: commits, commit: { entries throws(SQLiteError) in try owned.writer.append(entries) }, report: report)
    }

    /// `@unchecked Sendable`: after it was made it is used on the writing thread alone.
    private final class ThreadOwned: @unchecked Sendable {
        let writer: LedgerWriter

        init(path: String, chainSecret: Secret, maxPages: Int?) throws(SQLiteError) {
            let connection = try SQLiteConnection(path: path)
            do {
                try LedgerFileSchema.prepare(connection, chainCheck: LedgerChain.check(of: chainSecret).bytes)
            } catch let error as SQLiteError {
                throw error
            } catch {
                throw SQLiteError(code: SQLITE_ERROR, message: "\(error)")
            }
            if let maxPages { try connection.execute("PRAGMA max_page_count = \(maxPages)") }
            writer = try LedgerWriter(connection, chain: LedgerChain(secret: chainSecret))
        }
    }

    /// Whether something new may begin: the disk takes entries, and not too many wait for it.
    package var isAccepting: Bool { writer.isAccepting }

    /// Entries that wait for the disk.
    package var waiting: Int { writer.count }

    /// Appends an entry; one that is there already, by its id, changes nothing. Blocks nobody.
    ///
    /// - Parameter waiter: told when the entry is durable.
    package func append(_ entry: LedgerEntry, waiter: DurabilityWaiter?) {
        writer.append(entry, waiter: waiter)
    }

    package func append(_ entries: [LedgerEntry]) async throws(LedgerError) -> LedgerMove {
        guard let last = entries.last else { return LedgerMove() }
        for entry in entries.dropLast() { writer.append(entry, waiter: nil) }
        // In their order: when the last is durable, all are.
        let isDurable = await withCheckedContinuation { continuation in
            writer.append(last, waiter: DurabilityWaiter(eventLoop: nil) { continuation.resume(returning: $0) })
        }
        guard isDurable else { throw .unavailable("the process ends") }
        var move = LedgerMove()
        move.appended = entries.count
        return move
    }

    package func close() async {
        await writer.close()
        await reader.close()
    }

    package func row(_ id: RequestID, tenant: String) async throws(LedgerError) -> LedgerRow? {
        try await reader.row(id, tenant: tenant)
    }

    package func rows(_ query: LedgerQuery, after position: Int64) async throws(LedgerError) -> [LedgerRow] {
        try await reader.rows(query, after: position)
    }

    package func lastRows(_ query: LedgerQuery, count: Int) async throws(LedgerError) -> [LedgerRow] {
        try await reader.lastRows(query, count: count)
    }

    package func heads(after tenant: String) async throws(LedgerError) -> [LedgerHead] { try await reader.heads(after: tenant) }

    package func head(of tenant: String) async throws(LedgerError) -> LedgerHead? { try await reader.head(of: tenant) }

    package func chain(of tenant: String, after sequence: Int64) async throws(LedgerError) -> [LedgerRow] {
        try await reader.chain(of: tenant, after: sequence)
    }
}

/// Appends entries to the tables, chained. Used on one thread.
final class LedgerWriter {
    private let connection: SQLiteConnection
    private let chain: LedgerChain
    private let insertion: SQLiteStatement
    private let headOf: SQLiteStatement
    private let headChange: SQLiteStatement

    init(_ connection: SQLiteConnection, chain: LedgerChain) throws(SQLiteError) {
        self.connection = connection
        self.chain = chain
        insertion = try connection.prepare(
            """
            INSERT INTO entries (tenant_id, sequence, id, kind, received_at, department_id, user_id, cost, hash, record)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING
            """)
        headOf = try connection.prepare("SELECT sequence, hash FROM heads WHERE tenant_id = ?1")
        headChange = try connection.prepare(
            """
            INSERT INTO heads (tenant_id, sequence, hash) VALUES (?1, ?2, ?3)
            ON CONFLICT (tenant_id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash
            """)
    }

    /// All of the entries, or none.
    func append(_ entries: [LedgerEntry]) throws(SQLiteError) {
        try connection.transaction { () throws(SQLiteError) in
            // Read anew each time: another process may have appended.
            var heads: [String: LedgerHead] = [:]
            for entry in entries {
                var head = if let head = heads[entry.tenant] { head } else { try storedHead(of: entry.tenant) }
                try append(entry, to: &head)
                heads[entry.tenant] = head
            }
            for head in heads.values where head.sequence > 0 {
                try headChange.run([.text(head.tenant), .integer(head.sequence), .blob(head.hash)])
            }
        }
    }

    private func storedHead(of tenant: String) throws(SQLiteError) -> LedgerHead {
        guard let row = try headOf.run([.text(tenant)]).first else { return LedgerHead(tenant: tenant) }
        return LedgerHead(tenant: tenant, sequence: try row.integer(0), hash: try row.blob(1))
    }

    private func append(_ entry: LedgerEntry, to head: inout LedgerHead) throws(SQLiteError) {
        let (bytes, columns) = (entry.encoded(), LedgerColumns(of: entry))
        let sequence = head.sequence + 1
        let hash: Digest
        do throws(CryptoError) {
            hash = try chain.hash(tenant: entry.tenant, previous: head.hash, sequence: sequence, bytes: bytes)
        } catch {
            throw SQLiteError(code: SQLITE_ERROR, message: "the chain's hash cannot be computed")
        }
        try insertion.run([
            .text(entry.tenant), .integer(sequence), .blob(columns.id.bytes), .integer(Int64(columns.kind)),
            .integer(columns.unixMilliseconds), SQLiteValue(columns.department), SQLiteValue(columns.user),
            SQLiteValue(columns.costNanoUSD), .blob(hash.bytes), .blob(bytes),
        ])
        // An entry that was there takes no number.
        guard connection.changes == 1 else { return }
        head.sequence = sequence
        head.hash = hash.bytes
    }
}

extension LedgerError {
    init(_ error: SQLiteError) {
        switch ControlError(error) {
        case .unavailable(let detail): self = .unavailable(detail)
        case .broken(let detail): self = .broken(detail)
        case .alreadyExists, .unknownReference, .invalid: self = .broken("SQLite: \(error.message) (\(error.code))")
        }
    }
}
