/// What was found or done about one migration.
package enum MigrationOutcome: Sendable, Equatable {
    /// One migration was applied; there may be more.
    case applied(Migration)
    /// Nothing is left to apply.
    case upToDate
    /// What would be applied, in order. Of a dry run only.
    case pending([Migration])
    case refused(MigrationRefusal)
}

/// Why nothing was changed.
package enum MigrationRefusal: Error, Sendable, Equatable, CustomStringConvertible {
    /// A migration that was applied is not what this program has under its number.
    case changed(name: String)
    /// The database is ahead of this program.
    case unknown(version: Int, name: String)

    package var description: String {
        switch self {
        case .changed(let name):
            "migration \(name) was applied to this database with other contents than this program has: "
                + "restore the file, or use the program that applied it"
        case .unknown(let version, let name):
            "the database has migration \(version) (\(name)), which this program does not know: use a newer program"
        }
    }
}

/// Applies the first migration that a database lacks, or only looks.
///
/// One transaction for each migration, with an advisory lock that ends with the transaction: of programs that migrate at the same time one
/// works and the others wait, also behind a pooler in transaction mode. Nothing of our schema is asked to exist before.
package struct MigrationConversation: Conversation {
    /// Any number that no other program's lock has.
    static let lockKey = 7_002_316_452_981_337

    private enum Stage {
        case beginning
        case locking
        case lookingForTable
        case creatingTable
        case reading
        case applying(Migration)
        case recording(Migration)
        case committing(MigrationOutcome)
        case rollingBack(Result<MigrationOutcome, PostgresError>)
    }

    private let migrations: [Migration]
    private let isDryRun: Bool
    private var stage = Stage.beginning

    /// - Parameter migrations: by version, from 1 without gaps.
    package init(_ migrations: [Migration], isDryRun: Bool) {
        self.migrations = migrations
        self.isDryRun = isDryRun
    }

    package var weight: Int { 1_024 }

    package mutating func next(after previous: Result<StatementResult, PostgresError>?) -> ConversationMove<MigrationOutcome> {
        guard let previous else { return .send(.script(isDryRun ? "BEGIN READ ONLY" : "BEGIN")) }
        if case .rollingBack(let outcome) = stage { return .end(outcome) }
        let result: StatementResult
        switch previous {
        case .success(let value): result = value
        case .failure(let error): return fail(error)
        }
        switch stage {
        case .beginning:
            stage = .locking
            // A dry run only reads what one statement shows, so it waits for nobody.
            return isDryRun ? lookForTable() : send("SELECT pg_advisory_xact_lock(\(Self.lockKey))")
        case .locking: return lookForTable()
        case .lookingForTable:
            guard result.rows.first?.cells.first.flatMap({ $0 }) == nil else { return read() }
            guard !isDryRun else { return rollBack(.success(.pending(migrations))) }
            stage = .creatingTable
            return .send(.script(Self.creation))
        case .creatingTable: return read()
        case .reading: return decide(result)
        case .applying(let migration):
            stage = .recording(migration)
            return send(
                "INSERT INTO agentshield.migrations (version, name, checksum) VALUES ($1::integer, $2, $3)",
                [SQLValue(migration.version), SQLValue(migration.name), SQLValue(migration.checksum)])
        case .recording(let migration):
            stage = .committing(.applied(migration))
            return .send(.script(Self.seal + "COMMIT"))
        case .committing(let outcome): return .end(.success(outcome))
        case .rollingBack(let outcome): return .end(outcome)
        }
    }

    private mutating func lookForTable() -> ConversationMove<MigrationOutcome> {
        stage = .lookingForTable
        return send("SELECT to_regclass('agentshield.migrations')")
    }

    private mutating func read() -> ConversationMove<MigrationOutcome> {
        stage = .reading
        return send("SELECT version, name, checksum FROM agentshield.migrations ORDER BY version")
    }

    private mutating func decide(_ result: StatementResult) -> ConversationMove<MigrationOutcome> {
        var count = 0
        do throws(PostgresError) {
            for row in result.rows {
                let (version, name) = (try row.integer(0), try row.text(1))
                guard let migration = migrations.first(where: { $0.version == version }) else {
                    return rollBack(.success(.refused(.unknown(version: Int(version), name: name))))
                }
                guard migration.checksum == (try row.text(2)) else { return rollBack(.success(.refused(.changed(name: name)))) }
                count += 1
            }
        } catch {
            return rollBack(.failure(error))
        }
        let pending = Array(migrations.dropFirst(count))
        if isDryRun { return rollBack(.success(.pending(pending))) }
        guard let migration = pending.first else { return rollBack(.success(.upToDate)) }
        stage = .applying(migration)
        return .send(.script(migration.sql))
    }

    private mutating func fail(_ error: PostgresError) -> ConversationMove<MigrationOutcome> {
        switch stage {
        case .beginning, .committing: return .end(.failure(error))
        case .applying(let migration):
            var error = error
            error.detail = "in migration \(migration.name)"
            return rollBack(.failure(error))
        default: return rollBack(.failure(error))
        }
    }

    private mutating func rollBack(_ outcome: Result<MigrationOutcome, PostgresError>) -> ConversationMove<MigrationOutcome> {
        stage = .rollingBack(outcome)
        return .send(.script("ROLLBACK"))
    }

    private func send(_ sql: String, _ parameters: [SQLValue] = []) -> ConversationMove<MigrationOutcome> {
        .send(.statement(Statement(sql, parameters)))
    }

    private static let creation = """
        CREATE SCHEMA IF NOT EXISTS agentshield;
        CREATE TABLE agentshield.migrations (
            version integer PRIMARY KEY,
            name text NOT NULL,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        );
        """

    /// After every migration, whatever it forgot: row-level security on every table, and nothing for PUBLIC and for the roles that Supabase
    /// lends to browsers. The tables' owner, as whom the gateway connects, is not bound by row-level security.
    private static let seal = """
        DO $seal$
        DECLARE
            relation record;
            grantee text;
        BEGIN
            FOR relation IN
                SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'agentshield' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
            LOOP
                EXECUTE 'ALTER TABLE ' || relation.name || ' ENABLE ROW LEVEL SECURITY';
            END LOOP;
            FOR grantee IN
                SELECT 'PUBLIC' UNION ALL
                SELECT quote_ident(rolname) FROM pg_roles
                WHERE rolname IN ('anon', 'authenticated', 'service_role') AND rolname <> current_user
            LOOP
                EXECUTE 'REVOKE ALL ON SCHEMA agentshield FROM ' || grantee;
                EXECUTE 'REVOKE ALL ON ALL TABLES IN SCHEMA agentshield FROM ' || grantee;
                EXECUTE 'REVOKE ALL ON ALL SEQUENCES IN SCHEMA agentshield FROM ' || grantee;
                EXECUTE 'REVOKE ALL ON ALL FUNCTIONS IN SCHEMA agentshield FROM ' || grantee;
            END LOOP;
        END
        $seal$;

        """
}
