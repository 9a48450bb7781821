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

    /// A request with a budget that has been admitted, and is not settled yet.
    package struct Hold: Sendable, Equatable {
        package var id: RequestID
        /// When it ends, in milliseconds since 1970.
        package var endsAt: Int64
        /// The row of a request that is never settled, encoded.
        package var record: [UInt8]

        package init(id: RequestID, endsAt: Int64, record: [UInt8]) {
            self.id = id
            self.endsAt = endsAt
            self.record = record
        }
    }

    enum Write: Sendable {
        case entry(LedgerEntry)
        case hold(Hold)
    }

    private let writer: GroupCommit<Write>
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
        var commits = GroupCommit<Write>.Settings()
        commits.mark = max(1, settings.mark)
        commits.closingTime = settings.closingTime
        writer = GroupCommit(
            settings: commits, commit: { writes throws(SQLiteError) in try owned.writer.append(writes) }, report: report)
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
        writer.append(.entry(entry), waiter: waiter)
    }

    /// Keeps a hold until its request's entry comes, or its own. Blocks nobody.
    package func keep(_ hold: Hold, waiter: DurabilityWaiter?) {
        writer.append(.hold(hold), waiter: waiter)
    }

    package func append(_ entries: [LedgerEntry]) async throws(LedgerError) -> LedgerMove {
        guard let last = entries.last else { return LedgerMove() }
        for entry in entries.dropLast() { writer.append(.entry(entry), waiter: nil) }
        // In their order: when the last is durable, all are.
        let isDurable = await withCheckedContinuation { continuation in
            writer.append(.entry(last), waiter: DurabilityWaiter(eventLoop: nil) { continuation.resume(returning: $0) })
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

    package func spending(of tenant: String, since day: Int) async throws(LedgerError) -> [LedgerSpending] {
        try await reader.spending(of: tenant, since: day)
    }

    package func holds() async throws(LedgerError) -> [Hold] { try await reader.holds() }

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
    private let holdInsertion: SQLiteStatement
    private let holdRemoval: SQLiteStatement

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
        holdInsertion = try connection.prepare("INSERT INTO holds (id, ends_at, record) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING")
        holdRemoval = try connection.prepare("DELETE FROM holds WHERE id = ?1")
    }

    /// All of it, or nothing.
    func append(_ writes: [LedgerFile.Write]) throws(SQLiteError) {
        try connection.transaction { () throws(SQLiteError) in
            // Read anew each time: another process may have appended.
            var heads: [String: LedgerHead] = [:]
            for write in writes {
                guard case .entry(let entry) = write else {
                    try keep(write)
                    continue
                }
                // What was decided for a request, or said of its answer, does not say what it cost.
                if entry.isOfCost { try holdRemoval.run([.blob(entry.requestID.bytes)]) }
                var head = if let head = heads[entry.tenant] { head } else { try storedHead(of: entry.tenant) }
                try append(entry, to: &head)
                heads[entry.tenant] = head
            }
            for head in heads.values where head.sequence > 0 {
                try headChange.run([.text(head.tenant), .integer(head.sequence), .blob(head.hash)])
            }
        }
    }

    private func keep(_ write: LedgerFile.Write) throws(SQLiteError) {
        guard case .hold(let hold) = write else { return }
        try holdInsertion.run([.blob(hold.id.bytes), .integer(hold.endsAt), .blob(hold.record)])
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
