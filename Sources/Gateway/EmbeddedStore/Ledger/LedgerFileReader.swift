package import GatewayCore
import NIOPosix
import Synchronization

/// Reads a ledger's file, on a thread of its own; a process that appends is not disturbed.
package final class LedgerFileReader: LedgerArchive {
    private let threads: NIOThreadPool
    private let connection: ThreadOwned
    private let waiting = Atomic<Int>(0)
    /// Questions that wait or run; one more is refused.
    private static let maxWaiting = 1_024
    private static let columns =
        "position, tenant_id, sequence, id, kind, received_at, department_id, user_id, cost, hash, record"

    /// `@unchecked Sendable`: after it was opened the connection is used on the pool's one thread alone.
    private final class ThreadOwned: @unchecked Sendable {
        let connection: SQLiteConnection

        init(path: String) throws(SQLiteError) {
            connection = try SQLiteConnection(path: path, isMade: false)
            try LedgerFileSchema.check(connection)
        }
    }

    /// Opens a file that is there. Waits for the disk.
    package init(path: String) throws(LedgerError) {
        do throws(SQLiteError) {
            connection = try ThreadOwned(path: path)
        } catch {
            throw LedgerError(error)
        }
        threads = NIOThreadPool(numberOfThreads: 1)
        threads.start()
    }

    package func close() async {
        try? await threads.shutdownGracefully()
    }

    package func row(_ id: RequestID, tenant: String) async throws(LedgerError) -> LedgerRow? {
        try await rows("WHERE id = ?1 AND tenant_id = ?2", [.blob(id.bytes), .text(tenant)]).first
    }

    package func rows(_ query: LedgerQuery, after position: Int64) async throws(LedgerError) -> [LedgerRow] {
        let (condition, values) = Self.condition(query)
        return try await rows(
            "WHERE \(condition) AND position > ?4 ORDER BY position LIMIT \(LedgerLimits.maxPage)", values + [.integer(position)])
    }

    package func lastRows(_ query: LedgerQuery, count: Int) async throws(LedgerError) -> [LedgerRow] {
        let (condition, values) = Self.condition(query)
        let count = min(max(0, count), LedgerLimits.maxPage)
        return try await rows("WHERE \(condition) ORDER BY position DESC LIMIT \(count)", values).reversed()
    }

    package func heads(after tenant: String) async throws(LedgerError) -> [LedgerHead] {
        try await heads("WHERE t.tenant_id > ?1 ORDER BY t.tenant_id LIMIT \(LedgerLimits.maxPage)", tenant)
    }

    package func head(of tenant: String) async throws(LedgerError) -> LedgerHead? {
        try await heads("WHERE t.tenant_id = ?1", tenant).first
    }

    package func chain(of tenant: String, after sequence: Int64) async throws(LedgerError) -> [LedgerRow] {
        try await rows(
            "WHERE tenant_id = ?1 AND sequence > ?2 ORDER BY sequence LIMIT \(LedgerLimits.maxPage)", [.text(tenant), .integer(sequence)])
    }

    package func spending(of tenant: String, since day: Int) async throws(LedgerError) -> [LedgerSpending] {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                """
                SELECT department_id, user_id, CASE WHEN received_at / 86400000 >= ?2 THEN received_at / 86400000 ELSE 0 END AS day, sum(cost)
                FROM entries WHERE tenant_id = ?1 AND cost <> 0 GROUP BY 1, 2, 3 ORDER BY 3
                """, [.text(tenant), .integer(Int64(day))]
            ).each { row throws(SQLiteError) in
                LedgerSpending(
                    department: try row.optionalText(0), user: try row.optionalText(1), day: Int(try row.integer(2)),
                    nanoUSD: try row.integer(3))
            }
        }
    }

    /// What requests under way may cost at most, by when it ends. A file of the version before has none.
    package func holds() async throws(LedgerError) -> [LedgerFile.Hold] {
        try await perform { connection throws(SQLiteError) in
            guard try connection.number("PRAGMA user_version") > 1 else { return [] }
            return try connection.run("SELECT id, ends_at, record FROM holds ORDER BY ends_at").each { row throws(SQLiteError) in
                LedgerFile.Hold(
                    id: RequestID(bytes: try row.blob(0)) ?? RequestID(high: 0, low: 0), endsAt: try row.integer(1),
                    record: try row.blob(2))
            }
        }
    }

    private static func condition(_ query: LedgerQuery) -> (String, [SQLiteValue]) {
        (
            "(?1 IS NULL OR tenant_id = ?1) AND (?2 IS NULL OR received_at >= ?2) AND (?3 IS NULL OR received_at < ?3)",
            [SQLiteValue(query.tenant), SQLiteValue(query.since), SQLiteValue(query.until)]
        )
    }

    private func rows(_ condition: String, _ values: [SQLiteValue]) async throws(LedgerError) -> [LedgerRow] {
        try await perform { connection throws(SQLiteError) in
            try connection.run("SELECT \(Self.columns) FROM entries \(condition)", values)
                .each { row throws(SQLiteError) in try LedgerRow(row) }
        }
    }

    private func heads(_ condition: String, _ tenant: String) async throws(LedgerError) -> [LedgerHead] {
        try await perform { connection throws(SQLiteError) in
            // A tenant whose head was taken away has rows still.
            try connection.run(
                """
                SELECT t.tenant_id, coalesce(h.sequence, 0), coalesce(h.hash, x'')
                FROM (SELECT tenant_id FROM heads UNION SELECT tenant_id FROM entries) t LEFT JOIN heads h ON h.tenant_id = t.tenant_id
                \(condition)
                """, [.text(tenant)]
            )
            .each { row throws(SQLiteError) in
                LedgerHead(tenant: try row.text(0), sequence: try row.integer(1), hash: try row.blob(2))
            }
        }
    }

    private func perform<Result: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws(SQLiteError) -> Result
    ) async throws(LedgerError) -> Result {
        guard waiting.wrappingAdd(1, ordering: .relaxed).newValue <= Self.maxWaiting else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            throw .unavailable("too much waits for the file")
        }
        defer { waiting.wrappingSubtract(1, ordering: .relaxed) }
        do {
            return try await threads.runIfActive { [connection] in try body(connection.connection) }
        } catch let error as SQLiteError {
            throw LedgerError(error)
        } catch {
            throw .unavailable("the file is closed")
        }
    }
}

extension LedgerRow {
    fileprivate init(_ row: SQLiteRow) throws(SQLiteError) {
        // What is none is told by a check of the chain, which finds that it does not agree with the record.
        let id = RequestID(bytes: try row.blob(3)) ?? RequestID(high: 0, low: 0)
        let kind = UInt8(exactly: try row.integer(4)) ?? 0
        self.init(
            position: try row.integer(0), tenant: try row.text(1), sequence: try row.integer(2),
            columns: LedgerColumns(
                id: id, kind: kind, unixMilliseconds: try row.integer(5), department: try row.optionalText(6),
                user: try row.optionalText(7), costNanoUSD: try row.optionalInteger(8)),
            hash: try row.blob(9), bytes: try row.blob(10))
    }
}
