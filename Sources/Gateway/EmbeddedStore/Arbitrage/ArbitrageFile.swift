import CSQLite
package import GatewayCore
import NIOPosix

/// What arbitrated names learn in one process: in a SQLite file, or in memory until the process ends.
///
/// One thread reads and writes; nothing here is on a request's way.
package final class ArbitrageFile: ArbitrageStore {
    package struct Settings: Sendable {
        package var feedbackMilliseconds: Int64
        /// Answers that are kept for feedback; of more, the oldest go.
        package var maxAnswers = 100_000
        /// The time, in milliseconds since 1970.
        package var now: @Sendable () -> Int64

        package init(feedbackMilliseconds: Int64, now: @escaping @Sendable () -> Int64) {
            self.feedbackMilliseconds = feedbackMilliseconds
            self.now = now
        }
    }

    /// `@unchecked Sendable`: after it was made it is used on the pool's one thread alone.
    private final class ThreadOwned: @unchecked Sendable {
        let connection: SQLiteConnection

        init(path: String?) throws(SQLiteError) {
            if let path {
                connection = try SQLiteConnection(path: path)
            } else {
                connection = try SQLiteConnection(path: ":memory:", isMade: false)
            }
            try ArbitrageFileSchema.prepare(connection, isFile: path != nil)
        }
    }

    private let owned: ThreadOwned
    private let threads = NIOThreadPool(numberOfThreads: 1)
    private let settings: Settings

    /// Opens the file, which is made if it is not there. Waits for the disk: for start-up.
    ///
    /// - Parameter path: `nil`: in memory.
    package init(path: String?, settings: Settings) throws(LedgerError) {
        do throws(SQLiteError) {
            owned = try ThreadOwned(path: path)
        } catch {
            throw LedgerError(error)
        }
        self.settings = settings
        threads.start()
    }

    package var isShared: Bool { false }

    package func add(_ increments: [LearnedHour]) async -> [LearnedHour] {
        let oldest = RouteStatistics.Hour(unixSeconds: settings.now() / 1_000).index - Int64(RouteStatistics.mostHours)
        let added: Void? = try? await perform { connection throws(SQLiteError) in
            try connection.transaction { () throws(SQLiteError) in
                for increment in increments { try Self.add(increment, to: connection) }
                try connection.run("DELETE FROM learned WHERE hour <= ?1", [.integer(oldest)])
            }
        }
        return added == nil ? increments : []
    }

    private static func add(_ increment: LearnedHour, to connection: SQLiteConnection) throws(SQLiteError) {
        let place = place(increment.name) + [.integer(increment.hour.index)]
        let found = try connection.run(
            "SELECT words FROM learned WHERE route = ?1 AND arm = ?2 AND cell = ?3 AND version = ?4 AND hour = ?5", place)
        var statistics = increment.statistics
        if let row = found.first, let before = ArmStatistics(bytes: try row.blob(0), form: increment.name.form) { statistics += before }
        try connection.run(
            """
            INSERT INTO learned (route, arm, cell, version, hour, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (route, arm, cell, version, hour) DO UPDATE SET words = excluded.words
            """, place + [.blob(statistics.bytes)])
    }

    private static func place(_ name: LearnedName) -> [SQLiteValue] {
        [.text(name.route), .text(name.arm), .integer(Int64(name.cell ?? -1)), .integer(Int64(name.version))]
    }

    package func learned(
        _ names: [LearnedName], in hours: ClosedRange<RouteStatistics.Hour>
    ) async throws(ArbitrageStoreError) -> [LearnedHour] {
        try await perform { connection throws(SQLiteError) in
            var learned: [LearnedHour] = []
            for name in names {
                let rows = try connection.run(
                    """
                    SELECT hour, words FROM learned WHERE route = ?1 AND arm = ?2 AND cell = ?3 AND version = ?4 AND hour BETWEEN ?5 AND ?6
                    ORDER BY hour
                    """, Self.place(name) + [.integer(hours.lowerBound.index), .integer(hours.upperBound.index)])
                for row in rows {
                    guard let statistics = ArmStatistics(bytes: try row.blob(1), form: name.form) else { continue }
                    learned.append(LearnedHour(name: name, hour: RouteStatistics.Hour(index: try row.integer(0)), statistics: statistics))
                }
            }
            return learned
        }
    }

    package func keep(_ answers: [ArbitratedAnswer]) async -> [ArbitratedAnswer] {
        let (now, lifetime, most) = (settings.now(), settings.feedbackMilliseconds, settings.maxAnswers)
        let kept: Void? = try? await perform { connection throws(SQLiteError) in
            try connection.transaction { () throws(SQLiteError) in
                for answer in answers {
                    try connection.run(
                        "INSERT INTO answers (id, tenant_id, ends_at, answer) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING",
                        [.blob(answer.id.bytes), .text(answer.tenant), .integer(now + lifetime), .blob(answer.encoded())])
                }
                try connection.run("DELETE FROM answers WHERE ends_at <= ?1", [.integer(now)])
                let surplus = try connection.number("SELECT count(*) FROM answers") - Int64(most)
                if surplus > 0 {
                    try connection.run(
                        "DELETE FROM answers WHERE id IN (SELECT id FROM answers ORDER BY ends_at, id LIMIT ?1)", [.integer(surplus)])
                }
            }
        }
        return kept == nil ? answers : []
    }

    package func claim(
        _ id: RequestID, tenant: String, scoreMillionths score: UInt64
    ) async throws(ArbitrageStoreError) -> FeedbackClaim {
        let now = settings.now()
        return try await perform { connection throws(SQLiteError) in
            try connection.transaction { () throws(SQLiteError) in
                let place: [SQLiteValue] = [.blob(id.bytes), .text(tenant)]
                let rows = try connection.run(
                    "SELECT answer FROM answers WHERE id = ?1 AND tenant_id = ?2 AND ends_at > ?3", place + [.integer(now)])
                guard let bytes = try rows.first?.blob(0) else { return .unknown }
                guard !bytes.isEmpty else { return .given }
                guard let (before, kept) = FeedbackLease.split(Array(bytes)), let answer = ArbitratedAnswer(decoding: kept) else {
                    return .unknown
                }
                if let before {
                    guard before.scoreMillionths == score else { return .given }
                    guard before.endUnixMilliseconds <= now else { return .underWay }
                }
                let lease = FeedbackLease(scoreMillionths: score, endUnixMilliseconds: now + FeedbackClaim.leaseMilliseconds)
                try connection.run(
                    "UPDATE answers SET answer = ?3 WHERE id = ?1 AND tenant_id = ?2", place + [.blob(lease.encoded(before: kept))])
                return .answer(answer)
            }
        }
    }

    package func settle(_ id: RequestID, tenant: String) async throws(ArbitrageStoreError) {
        _ = try await perform { connection throws(SQLiteError) in
            try connection.run("UPDATE answers SET answer = x'' WHERE id = ?1 AND tenant_id = ?2", [.blob(id.bytes), .text(tenant)])
        }
    }

    package func close() async {
        try? await threads.shutdownGracefully()
    }

    private func perform<Result: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws(SQLiteError) -> Result
    ) async throws(ArbitrageStoreError) -> Result {
        let owned = owned
        do {
            return try await threads.runIfActive { try body(owned.connection) }
        } catch {
            throw ArbitrageStoreError((error as? SQLiteError).map { "\($0.message) (\($0.code))" } ?? "\(error)", mayHaveRun: false)
        }
    }
}

/// The tables of what was learned.
enum ArbitrageFileSchema {
    static let version: Int64 = 1
    private static let applicationID: Int64 = 0x4153_4142

    static func prepare(_ connection: SQLiteConnection, isFile: Bool) throws(SQLiteError) {
        // A second's learning is lost with the machine, and nothing else: a commit need not be on the disk.
        if isFile { try connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = OFF;") }
        try connection.transaction { () throws(SQLiteError) in
            if try connection.number("PRAGMA application_id") == 0, try connection.number("SELECT count(*) FROM sqlite_schema") == 0 {
                try connection.execute(tables + "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version);")
            }
        }
        guard try connection.number("PRAGMA application_id") == applicationID else {
            throw SQLiteError(code: SQLITE_NOTADB, message: "the file is something else than what arbitrated names have learned")
        }
        guard try connection.number("PRAGMA user_version") <= version else {
            throw SQLiteError(code: SQLITE_ERROR, message: "the file was made by a later version of agentshield")
        }
    }

    private static let tables = """
        CREATE TABLE learned (
            route TEXT NOT NULL,
            arm TEXT NOT NULL,
            -- Of epsilon-greedy's table; -1: none.
            cell INTEGER NOT NULL,
            -- Of the features.
            version INTEGER NOT NULL,
            -- Since 1970.
            hour INTEGER NOT NULL,
            words BLOB NOT NULL,
            PRIMARY KEY (route, arm, cell, version, hour)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE answers (
            id BLOB NOT NULL PRIMARY KEY,
            tenant_id TEXT NOT NULL,
            -- Milliseconds since 1970.
            ends_at INTEGER NOT NULL,
            -- Behind a lease while feedback is carried out; empty: it was given.
            answer BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX answers_by_end ON answers (ends_at);

        """
}
