import CSQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Lets the calling thread, which must be no event loop's, do nothing for a while.
func threadSleep(milliseconds: Int) {
    usleep(UInt32(clamping: milliseconds * 1_000))
}

/// What SQLite said. Its messages name tables, columns and constraints, never values.
struct SQLiteError: Error, Sendable, Equatable {
    /// An extended result code.
    var code: Int32
    var message: String

    /// The code without what makes it extended.
    var primaryCode: Int32 { code & 0xFF }
}

enum SQLiteValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])

    init(_ text: String?) { self = text.map { .text($0) } ?? .null }
    init(_ number: Int64?) { self = number.map { .integer($0) } ?? .null }
}

/// One row of a result; values in the order of the statement's columns.
struct SQLiteRow: Sendable, Equatable {
    var values: [SQLiteValue]

    func optionalText(_ column: Int) throws(SQLiteError) -> String? {
        switch try value(column) {
        case .null: nil
        case .text(let text): text
        case .integer, .blob: throw mismatch(column)
        }
    }

    func text(_ column: Int) throws(SQLiteError) -> String {
        guard let text = try optionalText(column) else { throw mismatch(column) }
        return text
    }

    func blob(_ column: Int) throws(SQLiteError) -> [UInt8] {
        guard case .blob(let bytes) = try value(column) else { throw mismatch(column) }
        return bytes
    }

    func optionalInteger(_ column: Int) throws(SQLiteError) -> Int64? {
        switch try value(column) {
        case .null: nil
        case .integer(let number): number
        case .text, .blob: throw mismatch(column)
        }
    }

    func integer(_ column: Int) throws(SQLiteError) -> Int64 {
        guard let number = try optionalInteger(column) else { throw mismatch(column) }
        return number
    }

    private func value(_ column: Int) throws(SQLiteError) -> SQLiteValue {
        guard values.indices.contains(column) else { throw mismatch(column) }
        return values[column]
    }

    private func mismatch(_ column: Int) -> SQLiteError {
        SQLiteError(code: SQLITE_MISMATCH, message: "column \(column) is not as it should be")
    }
}

/// A connection to one file. Used on one thread.
final class SQLiteConnection {
    private let handle: OpaquePointer
    /// How long a statement waits for another process that writes.
    private static let busyTimeoutMilliseconds: Int32 = 2_000

    /// Opens the file.
    ///
    /// - Parameter isMade: whether it is made, for its owner alone, if it is not there.
    init(path: String, isMade: Bool = true) throws(SQLiteError) {
        if isMade { try Self.makePrivate(path) }
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE
        let status = sqlite3_open_v2(path, &opened, flags, nil)
        guard status == SQLITE_OK, let opened else {
            sqlite3_close_v2(opened)
            throw SQLiteError(code: status, message: "the file cannot be opened")
        }
        handle = opened
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, Self.busyTimeoutMilliseconds)
    }

    deinit {
        sqlite3_close_v2(handle)
    }

    /// SQLite gives the files beside it (`-wal`, `-shm`) the same permissions.
    ///
    /// A file that is there is not opened here: closing it would take away the locks that this process may hold on it already (POSIX).
    private static func makePrivate(_ path: String) throws(SQLiteError) {
        let created = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if created >= 0 {
            close(created)
            return
        }
        var status = stat()
        guard errno == EEXIST, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw SQLiteError(code: SQLITE_CANTOPEN, message: "the file cannot be made, or is none")
        }
        guard status.st_mode & 0o077 == 0 || chmod(path, 0o600) == 0 else {
            throw SQLiteError(code: SQLITE_CANTOPEN, message: "others may read the file, and this user may not change that")
        }
    }

    /// Carries out one statement and gives back its rows.
    @discardableResult
    func run(_ sql: String, _ values: [SQLiteValue] = []) throws(SQLiteError) -> [SQLiteRow] {
        try prepare(sql).run(values)
    }

    /// Makes a statement that is carried out many times.
    func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        var prepared: OpaquePointer?
        guard sqlite3_prepare_v2(handle, sql, -1, &prepared, nil) == SQLITE_OK, let prepared else { throw lastError }
        return SQLiteStatement(prepared, of: self)
    }

    /// The first value of the first row.
    func number(_ sql: String) throws(SQLiteError) -> Int64 {
        try run(sql).first?.integer(0) ?? 0
    }

    /// Rows that the last statement changed.
    var changes: Int { Int(sqlite3_changes(handle)) }

    /// Carries out statements without values and results.
    func execute(_ script: String) throws(SQLiteError) {
        guard sqlite3_exec(handle, script, nil, nil, nil) == SQLITE_OK else { throw lastError }
    }

    /// All of what `body` does, or nothing.
    func transaction<Result>(_ body: () throws(SQLiteError) -> Result) throws(SQLiteError) -> Result {
        // From the beginning as a writer: a reader that becomes one meets those who were quicker.
        try execute("BEGIN IMMEDIATE")
        do throws(SQLiteError) {
            let result = try body()
            try execute("COMMIT")
            return result
        } catch {
            // The first error counts, and it may have ended the transaction already.
            if sqlite3_get_autocommit(handle) == 0 { try? execute("ROLLBACK") }
            throw error
        }
    }

    fileprivate var lastError: SQLiteError {
        SQLiteError(code: sqlite3_extended_errcode(handle), message: String(cString: sqlite3_errmsg(handle)))
    }
}

/// A statement of a connection, used on its thread.
final class SQLiteStatement {
    private let statement: OpaquePointer
    private let connection: SQLiteConnection

    fileprivate init(_ statement: OpaquePointer, of connection: SQLiteConnection) {
        self.statement = statement
        self.connection = connection
    }

    deinit {
        sqlite3_finalize(statement)
    }

    /// Carries it out with these values and gives back its rows.
    @discardableResult
    func run(_ values: [SQLiteValue]) throws(SQLiteError) -> [SQLiteRow] {
        defer { sqlite3_reset(statement) }
        for (index, value) in values.enumerated() {
            guard Self.bind(value, at: Int32(index + 1), of: statement) == SQLITE_OK else { throw connection.lastError }
        }
        var rows: [SQLiteRow] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: rows.append(Self.row(of: statement))
            case SQLITE_DONE: return rows
            default: throw connection.lastError
            }
        }
    }

    private static func bind(_ value: SQLiteValue, at index: Int32, of statement: OpaquePointer) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(statement, index)
        case .integer(let number): return sqlite3_bind_int64(statement, index, number)
        case .text(let text):
            var text = text
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { characters in
                    // An empty text may have no address, which would be NULL.
                    characters.baseAddress.map { csqlite_bind_text(statement, index, $0, Int32(clamping: characters.count)) }
                        ?? csqlite_bind_text(statement, index, "", 0)
                }
            }
        case .blob(let bytes): return csqlite_bind_blob(statement, index, bytes, Int32(clamping: bytes.count))
        }
    }

    private static func row(of statement: OpaquePointer) -> SQLiteRow {
        SQLiteRow(
            values: (0..<sqlite3_column_count(statement)).map { column in
                switch sqlite3_column_type(statement, column) {
                case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, column))
                case SQLITE_TEXT:
                    let bytes = UnsafeBufferPointer(
                        start: sqlite3_column_text(statement, column), count: Int(sqlite3_column_bytes(statement, column)))
                    return .text(String(decoding: bytes, as: UTF8.self))
                case SQLITE_BLOB:
                    let bytes = UnsafeRawBufferPointer(
                        start: sqlite3_column_blob(statement, column), count: Int(sqlite3_column_bytes(statement, column)))
                    return .blob(Array(bytes))
                default: return .null
                }
            })
    }
}

extension [SQLiteRow] {
    func each<Record>(_ read: (SQLiteRow) throws(SQLiteError) -> Record) throws(SQLiteError) -> [Record] {
        var records: [Record] = []
        records.reserveCapacity(count)
        for row in self { records.append(try read(row)) }
        return records
    }

    func one<Record>(_ read: (SQLiteRow) throws(SQLiteError) -> Record) throws(SQLiteError) -> Record {
        guard let row = first else { throw SQLiteError(code: SQLITE_MISMATCH, message: "no row came back") }
        return try read(row)
    }
}
