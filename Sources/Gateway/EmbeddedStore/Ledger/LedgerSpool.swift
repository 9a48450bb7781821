package import GatewayCore
import NIOCore
import NIOPosix
import Synchronization

/// Records that Redis could not take, durable in a SQLite file of this machine until it can.
package final class LedgerSpool: Sendable {
    private enum Write: Sendable {
        case add(LedgerEntry, charge: String?)
        /// Everything up to a position is where it belongs.
        case remove(through: Int64)
    }

    /// An entry that waits.
    package struct Waiting: Sendable, Equatable {
        package var position: Int64
        package var bytes: [UInt8]
        /// How wallets are to be charged for it, in the words of the store of wallets; `nil`: they were.
        package var charge: String?
    }

    private let writer: GroupCommit<Write>
    private let tables: Tables
    private let size: Size
    private let maxBytes: Int
    private let threads = NIOThreadPool(numberOfThreads: 1)
    /// Of an entry beside its record, about.
    private static let overhead = 64

    /// Bytes of entries that wait.
    private final class Size: Sendable {
        let bytes = Atomic<Int>(0)
    }

    /// `@unchecked Sendable`: each connection is used on one thread: `writing` on the writer's, `reading` on the reader's.
    private final class Tables: @unchecked Sendable {
        let writing: SQLiteConnection
        let reading: SQLiteConnection
        private let insertion: SQLiteStatement
        private let removal: SQLiteStatement

        init(path: String) throws(SQLiteError) {
            writing = try SQLiteConnection(path: path)
            // FULL: a commit is on the disk when it returns.
            try writing.execute(
                """
                PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;
                CREATE TABLE IF NOT EXISTS spool (position INTEGER PRIMARY KEY AUTOINCREMENT, record BLOB NOT NULL, charge TEXT) STRICT;
                """)
            if try writing.number("SELECT count(*) FROM pragma_table_info('spool') WHERE name = 'charge'") == 0 {
                try writing.execute("ALTER TABLE spool ADD COLUMN charge TEXT")
            }
            insertion = try writing.prepare("INSERT INTO spool (record, charge) VALUES (?1, ?2)")
            removal = try writing.prepare("DELETE FROM spool WHERE position <= ?1")
            reading = try SQLiteConnection(path: path, isMade: false)
        }

        func commit(_ writes: [Write]) throws(SQLiteError) {
            try writing.transaction { () throws(SQLiteError) in
                for write in writes {
                    switch write {
                    case .add(let entry, let charge): try insertion.run([.blob(entry.encoded()), SQLiteValue(charge)])
                    case .remove(let position): try removal.run([.integer(position)])
                    }
                }
            }
        }

        func size() throws(SQLiteError) -> Int {
            Int(try writing.number("SELECT coalesce(sum(length(record) + \(LedgerSpool.overhead)), 0) FROM spool"))
        }
    }

    /// Opens the folder's spool, which is made if it is not there. Waits for the disk: for start-up, never for an event loop.
    ///
    /// - Parameters:
    ///   - maxBytes: of entries, from which on nothing new should begin.
    ///   - report: called on the writing thread.
    package init(
        folder: String, maxBytes: Int, mark: Int, report: @escaping @Sendable (DurabilityReport) -> Void
    ) throws(LedgerError) {
        let (tables, size) = try Self.open(folder + "/spool.sqlite")
        var settings = GroupCommit<Write>.Settings()
        settings.mark = max(1, mark)
        self.tables = tables
        self.size = size
        self.maxBytes = maxBytes
        writer = GroupCommit(
            settings: settings,
            commit: { writes throws(SQLiteError) in
                try tables.commit(writes)
                if writes.contains(where: { if case .remove = $0 { true } else { false } }) {
                    size.bytes.store(try tables.size(), ordering: .relaxed)
                }
            }, report: report)
        threads.start()
    }

    private static func open(_ path: String) throws(LedgerError) -> (Tables, Size) {
        do throws(SQLiteError) {
            let (tables, size) = (try Tables(path: path), Size())
            size.bytes.store(try tables.size(), ordering: .relaxed)
            return (tables, size)
        } catch {
            throw LedgerError(error)
        }
    }

    /// Whether something new may begin.
    package var isAccepting: Bool { writer.isAccepting && bytes < maxBytes }

    /// Bytes of entries that wait, about.
    package var bytes: Int { size.bytes.load(ordering: .relaxed) }

    /// Appends an entry. Blocks nobody.
    ///
    /// - Parameter charge: as ``Waiting/charge``.
    package func append(_ entry: LedgerEntry, charge: String? = nil, waiter: DurabilityWaiter?) {
        // Most are shorter; the right size comes with the next removal.
        size.bytes.wrappingAdd(512, ordering: .relaxed)
        writer.append(.add(entry, charge: charge), waiter: waiter)
    }

    /// The entries that wait longest.
    package func first(_ count: Int) async throws(LedgerError) -> [Waiting] {
        do {
            return try await threads.runIfActive { [tables] in
                try tables.reading.run("SELECT position, record, charge FROM spool ORDER BY position LIMIT ?1", [.integer(Int64(count))])
                    .each { row throws(SQLiteError) in
                        Waiting(position: try row.integer(0), bytes: try row.blob(1), charge: try row.optionalText(2))
                    }
            }
        } catch let error as SQLiteError {
            throw LedgerError(error)
        } catch {
            throw .unavailable("the spool is closed")
        }
    }

    /// Takes away what is where it belongs; returns when it is gone.
    package func remove(through position: Int64) async {
        await withCheckedContinuation { continuation in
            writer.append(.remove(through: position), waiter: DurabilityWaiter(eventLoop: nil) { _ in continuation.resume() })
        }
    }

    package func close() async {
        await writer.close()
        try? await threads.shutdownGracefully()
    }
}
