package import GatewayCore
package import GatewayCrypto

/// The ledger in PostgreSQL: movers append to it, commands and receipts read it.
package struct PostgresLedger: LedgerSink, LedgerArchive {
    private let driver: PostgresDriver
    /// `nil`: it is only read.
    private let chainSecret: Secret?
    private let timeout: Duration
    private static let columns = "position, tenant_id, sequence, id, kind, received_at, department_id, user_id, cost, hash, record"

    /// - Parameters:
    ///   - chainSecret: under which rows are chained; the one that the ledger was begun with.
    ///   - timeout: for one operation, with waiting and connecting.
    package init(_ driver: PostgresDriver, chainSecret: Secret? = nil, timeout: Duration = .seconds(10)) {
        self.driver = driver
        self.chainSecret = chainSecret
        self.timeout = timeout
    }

    package func append(_ entries: [LedgerEntry]) async throws(LedgerError) -> LedgerMove {
        guard let chainSecret else { throw .broken("it was opened for reading") }
        do throws(PostgresError) {
            return try await driver.run(LedgerAppend(entries, secret: chainSecret), timeout: timeout, isRepeatable: true)
        } catch {
            throw LedgerError(error)
        }
    }

    package func row(_ id: RequestID, tenant: String) async throws(LedgerError) -> LedgerRow? {
        try await rows("WHERE id = $1::uuid AND tenant_id = $2", [SQLValue(id.uuid), SQLValue(tenant)]).first
    }

    package func rows(_ query: LedgerQuery, after position: Int64) async throws(LedgerError) -> [LedgerRow] {
        try await rows(
            "WHERE \(Self.condition) AND position > $4::bigint ORDER BY position LIMIT \(LedgerLimits.maxPage)",
            Self.values(query) + [SQLValue(position)])
    }

    package func lastRows(_ query: LedgerQuery, count: Int) async throws(LedgerError) -> [LedgerRow] {
        let count = min(max(0, count), LedgerLimits.maxPage)
        return try await rows("WHERE \(Self.condition) ORDER BY position DESC LIMIT \(count)", Self.values(query)).reversed()
    }

    package func heads(after tenant: String) async throws(LedgerError) -> [LedgerHead] {
        try await heads("WHERE t.tenant_id > $1 COLLATE \"C\" ORDER BY t.tenant_id COLLATE \"C\" LIMIT \(LedgerLimits.maxPage)", tenant)
    }

    package func head(of tenant: String) async throws(LedgerError) -> LedgerHead? {
        try await heads("WHERE t.tenant_id = $1", tenant).first
    }

    package func chain(of tenant: String, after sequence: Int64) async throws(LedgerError) -> [LedgerRow] {
        try await rows(
            "WHERE tenant_id = $1 AND sequence > $2::bigint ORDER BY sequence LIMIT \(LedgerLimits.maxPage)",
            [SQLValue(tenant), SQLValue(sequence)])
    }

    package func spending(of tenant: String, since day: Int) async throws(LedgerError) -> [LedgerSpending] {
        var statement = Statement(
            """
            SELECT department_id, user_id, CASE WHEN received_at / 86400000 >= $2::bigint THEN received_at / 86400000 ELSE 0 END AS day,
                sum(cost)::bigint
            FROM agentshield.ledger_entries WHERE tenant_id = $1 AND cost <> 0 GROUP BY 1, 2, 3 ORDER BY 3
            """, [SQLValue(tenant), SQLValue(day)])
        statement.maxRows = 1_000_000
        statement.maxResultBytes = 128 << 20
        return try await all(statement) { row throws(PostgresError) in
            LedgerSpending(
                department: try row.optionalText(0), user: try row.optionalText(1), day: Int(try row.integer(2)),
                nanoUSD: try row.integer(3))
        }
    }

    package func close() async {
        await driver.closeAndWait()
    }

    private static let condition = """
        ($1::text IS NULL OR tenant_id = $1) AND ($2::bigint IS NULL OR received_at >= $2::bigint)
        AND ($3::bigint IS NULL OR received_at < $3::bigint)
        """

    private static func values(_ query: LedgerQuery) -> [SQLValue] {
        [SQLValue(query.tenant), SQLValue(query.since), SQLValue(query.until)]
    }

    private func rows(_ condition: String, _ parameters: [SQLValue]) async throws(LedgerError) -> [LedgerRow] {
        try await all(Statement("SELECT \(Self.columns) FROM agentshield.ledger_entries \(condition)", parameters)) {
            row throws(PostgresError) in try LedgerRow(row)
        }
    }

    /// A tenant whose head was taken away has rows still.
    private func heads(_ condition: String, _ tenant: String) async throws(LedgerError) -> [LedgerHead] {
        let statement = Statement(
            """
            SELECT t.tenant_id, coalesce(h.sequence, 0), coalesce(h.hash, '')
            FROM (SELECT tenant_id FROM agentshield.ledger_heads UNION SELECT tenant_id FROM agentshield.ledger_entries) t
            LEFT JOIN agentshield.ledger_heads h ON h.tenant_id = t.tenant_id \(condition)
            """, [SQLValue(tenant)])
        return try await all(statement) { row throws(PostgresError) in
            LedgerHead(tenant: try row.text(0), sequence: try row.integer(1), hash: try row.blob(2))
        }
    }

    private func all<Record>(
        _ statement: Statement, _ read: (Row) throws(PostgresError) -> Record
    ) async throws(LedgerError) -> [Record] {
        do throws(PostgresError) {
            var records: [Record] = []
            for row in try await driver.query(statement, timeout: timeout, isRepeatable: true).rows { records.append(try read(row)) }
            return records
        } catch {
            throw LedgerError(error)
        }
    }
}

extension LedgerRow {
    fileprivate init(_ row: Row) throws(PostgresError) {
        let kind = UInt8(exactly: try row.integer(4)) ?? 0
        guard let id = RequestID(uuid: try row.text(3)) else { throw .malformed("a row's id is none") }
        self.init(
            position: try row.integer(0), tenant: try row.text(1), sequence: try row.integer(2),
            columns: LedgerColumns(
                id: id, kind: kind, unixMilliseconds: try row.integer(5), department: try row.optionalText(6),
                user: try row.optionalText(7), costNanoUSD: try row.optionalInteger(8)),
            hash: try row.blob(9), bytes: try row.blob(10))
    }
}

extension LedgerError {
    fileprivate init(_ error: PostgresError) {
        switch (error.sqlState, error.kind) {
        case (let state?, _) where state.retry == .later: self = .unavailable("\(error)")
        case (.some, _), (nil, .malformed), (nil, .resultTooLarge): self = .broken(error.explanation)
        case (nil, _): self = .unavailable("\(error)")
        }
    }
}
