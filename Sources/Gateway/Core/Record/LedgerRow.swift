/// What a store keeps of an entry beside its bytes, to find and to add up. All of it stands in the bytes too, and must agree with them.
package struct LedgerColumns: Sendable, Equatable {
    package var id: RequestID
    package var kind: UInt8
    /// Milliseconds since 1970.
    package var unixMilliseconds: Int64
    package var department: String?
    package var user: String?
    package var costNanoUSD: Int64?

    package init(
        id: RequestID, kind: UInt8, unixMilliseconds: Int64, department: String?, user: String?, costNanoUSD: Int64?
    ) {
        self.id = id
        self.kind = kind
        self.unixMilliseconds = unixMilliseconds
        self.department = department
        self.user = user
        self.costNanoUSD = costNanoUSD
    }

    package init(of entry: LedgerEntry) {
        self.init(
            id: entry.id, kind: entry.kind.rawValue, unixMilliseconds: Int64(clamping: entry.unixMilliseconds),
            department: entry.department, user: entry.user, costNanoUSD: entry.costNanoUSD)
    }
}

/// An entry as a ledger keeps it.
package struct LedgerRow: Sendable, Equatable {
    /// Rises from row to row of the whole ledger, perhaps with gaps.
    package var position: Int64
    package var tenant: String
    /// Rises by one from row to row of the tenant, from 1.
    package var sequence: Int64
    package var columns: LedgerColumns
    /// The keyed hash of the row before it and this one.
    package var hash: [UInt8]
    /// The entry, encoded.
    package var bytes: [UInt8]

    package init(position: Int64, tenant: String, sequence: Int64, columns: LedgerColumns, hash: [UInt8], bytes: [UInt8]) {
        self.position = position
        self.tenant = tenant
        self.sequence = sequence
        self.columns = columns
        self.hash = hash
        self.bytes = bytes
    }
}

/// The last row of a tenant's chain.
package struct LedgerHead: Sendable, Equatable {
    package var tenant: String
    /// 0: there is no row.
    package var sequence: Int64
    package var hash: [UInt8]

    package init(tenant: String, sequence: Int64 = 0, hash: [UInt8] = []) {
        self.tenant = tenant
        self.sequence = sequence
        self.hash = hash
    }
}

/// Which rows are asked for.
package struct LedgerQuery: Sendable, Equatable {
    package var tenant: String?
    /// Milliseconds since 1970, of the requests' arrival.
    package var since: Int64?
    /// Before this instant.
    package var until: Int64?

    package init(tenant: String? = nil, since: Int64? = nil, until: Int64? = nil) {
        self.tenant = tenant
        self.since = since
        self.until = until
    }
}

/// What was spent on one day, by a tenant's rows in the ledger.
package struct LedgerSpending: Sendable, Equatable {
    package var department: String?
    package var user: String?
    /// Days since 1970, in UTC; 0: all days before those that were asked for.
    package var day: Int
    package var nanoUSD: Int64

    package init(department: String?, user: String?, day: Int, nanoUSD: Int64) {
        self.department = department
        self.user = user
        self.day = day
        self.nanoUSD = nanoUSD
    }

    package var time: SpendingTime { SpendingTime(unixMilliseconds: UTCDay(number: day).unixMilliseconds) }
}

/// A ledger that can be read: a SQLite file, or PostgreSQL.
package protocol LedgerArchive: Sendable {
    /// The row of an entry of the tenant; `nil`: there is none, or it is another tenant's.
    func row(_ id: RequestID, tenant: String) async throws(LedgerError) -> LedgerRow?
    /// Rows behind a position, by position; at most ``LedgerLimits/maxPage``.
    func rows(_ query: LedgerQuery, after position: Int64) async throws(LedgerError) -> [LedgerRow]
    /// The last rows, by position; at most ``LedgerLimits/maxPage``.
    func lastRows(_ query: LedgerQuery, count: Int) async throws(LedgerError) -> [LedgerRow]
    /// By tenant; at most ``LedgerLimits/maxPage``.
    func heads(after tenant: String) async throws(LedgerError) -> [LedgerHead]
    func head(of tenant: String) async throws(LedgerError) -> LedgerHead?
    /// The tenant's rows behind a sequence number, in their order; at most ``LedgerLimits/maxPage``.
    func chain(of tenant: String, after sequence: Int64) async throws(LedgerError) -> [LedgerRow]
    /// What a tenant has spent, by department, user and day, days in their order. Reads each of its rows.
    ///
    /// - Parameter since: days since 1970: all days before are taken together.
    func spending(of tenant: String, since day: Int) async throws(LedgerError) -> [LedgerSpending]
    /// Gives connections and threads back.
    func close() async
}

package enum LedgerLimits {
    /// Rows in one answer.
    package static let maxPage = 500
}

package enum LedgerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Out of reach, or too slow; trying again may help.
    case unavailable(String)
    /// Not as it should be; trying again will not help.
    case broken(String)

    package var description: String {
        switch self {
        case .unavailable(let reason): "the ledger cannot be reached: \(reason)"
        case .broken(let reason): "the ledger cannot be used: \(reason)"
        }
    }
}
