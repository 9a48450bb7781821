/// The tables of a ledger in a SQLite file.
enum LedgerFileSchema {
    /// In `PRAGMA user_version`. A file of a later version is refused.
    static let version: Int64 = 2
    /// In `PRAGMA application_id`, so that another program's file, or our own of tenants and keys, is not taken for a ledger.
    private static let applicationID: Int64 = 0x4153_4C47

    /// Brings a file up to this version; of processes at once one does it.
    ///
    /// - Parameter chainCheck: what the ledger keeps to know its key again. Another key than the ledger's is refused: rows under two keys would be a chain
    ///   that nobody can verify.
    static func prepare(_ connection: SQLiteConnection, chainCheck: [UInt8]) throws(SQLiteError) {
        // FULL: a commit is on the disk when it returns.
        try connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;")
        try connection.transaction { () throws(SQLiteError) in
            if try connection.number("PRAGMA application_id") == 0, try connection.number("SELECT count(*) FROM sqlite_schema") == 0 {
                try connection.execute(tables + holds + "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version);")
                try connection.run("INSERT INTO ledger_state (only_row, chain_check) VALUES (1, ?1)", [.blob(chainCheck)])
            }
            if try connection.number("PRAGMA application_id") == applicationID, try connection.number("PRAGMA user_version") < 2 {
                try connection.execute(holds + "PRAGMA user_version = 2;")
            }
        }
        try check(connection)
        let known = try connection.run("SELECT chain_check FROM ledger_state").first?.values.first
        guard known == .blob(chainCheck) else {
            throw SQLiteError(code: 1, message: "it was begun with another key: `ledger.key_env` must name the one that it was begun with")
        }
    }

    /// Refuses a file that is no ledger of a version that is known here.
    static func check(_ connection: SQLiteConnection) throws(SQLiteError) {
        guard try connection.number("PRAGMA application_id") == applicationID else {
            throw SQLiteError(code: 26, message: "the file is something else than a ledger")
        }
        guard try connection.number("PRAGMA user_version") <= version else {
            throw SQLiteError(code: 1, message: "the file was made by a later version of agentshield")
        }
    }

    private static let tables = """
        CREATE TABLE entries (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            tenant_id TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            id BLOB NOT NULL,
            kind INTEGER NOT NULL,
            -- Milliseconds since 1970.
            received_at INTEGER NOT NULL,
            department_id TEXT,
            user_id TEXT,
            -- Nano-USD. NULL: there was no price.
            cost INTEGER,
            hash BLOB NOT NULL,
            record BLOB NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX entries_by_id ON entries (id);
        CREATE UNIQUE INDEX entries_by_sequence ON entries (tenant_id, sequence);
        CREATE INDEX entries_by_time ON entries (tenant_id, received_at);

        CREATE TABLE heads (
            tenant_id TEXT NOT NULL PRIMARY KEY,
            sequence INTEGER NOT NULL,
            hash BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE ledger_state (
            only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
            chain_check BLOB NOT NULL
        ) STRICT;

        """

    /// Since version 2: what requests under way may cost at most.
    private static let holds = """
        CREATE TABLE holds (
            -- The request's.
            id BLOB NOT NULL PRIMARY KEY,
            -- Milliseconds since 1970.
            ends_at INTEGER NOT NULL,
            -- The row of a request that is never settled.
            record BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;

        """
}
