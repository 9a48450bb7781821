import GatewayCore

/// The tables of tenants, keys, prices and budgets in a SQLite file: the same as PostgreSQL's, whose checks have the same names.
enum EmbeddedControlSchema {
    /// In `PRAGMA user_version`. A file of a later version is refused.
    static let version: Int64 = 3

    /// Brings a file up to this version; of processes at once one does it.
    static func prepare(_ connection: SQLiteConnection) throws(SQLiteError) {
        try connection.execute("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")
        guard try version(of: connection) < version else { return }
        try connection.transaction { () throws(SQLiteError) in
            let found = try version(of: connection)
            if found < 1 { try connection.execute(tables + triggers) }
            if found < 2 { try connection.execute(prices) }
            if found < 3 { try connection.execute(budgets) }
            try connection.execute("PRAGMA user_version = \(version);")
        }
    }

    private static func version(of connection: SQLiteConnection) throws(SQLiteError) -> Int64 {
        let found = try connection.run("PRAGMA user_version").first?.integer(0) ?? 0
        guard found <= version else { throw SQLiteError(code: 1, message: "the file was made by a later version of agentshield") }
        return found
    }

    /// Seconds since 1970. Not `unixepoch()`, which SQLite has from 3.38 on: the tables need 3.37.
    static let now = "CAST(strftime('%s', 'now') AS INTEGER)"

    private static func identifier(_ column: String, _ name: String) -> String {
        "CONSTRAINT \(name) CHECK (length(\(column)) BETWEEN 1 AND 64 AND \(column) NOT GLOB '*[^A-Za-z0-9._-]*')"
    }

    private static let tables = """
        CREATE TABLE tenants (
            id TEXT NOT NULL PRIMARY KEY \(identifier("id", "tenants_id_check")),
            name TEXT NOT NULL CONSTRAINT tenants_name_check CHECK (length(name) <= 256),
            region TEXT \(identifier("region", "tenants_region_check")),
            created_at INTEGER NOT NULL DEFAULT (\(now)),
            paused_at INTEGER,
            stopped_at INTEGER
        ) STRICT;

        CREATE TABLE departments (
            tenant_id TEXT NOT NULL REFERENCES tenants (id),
            id TEXT NOT NULL \(identifier("id", "departments_id_check")),
            name TEXT NOT NULL CONSTRAINT departments_name_check CHECK (length(name) <= 256),
            created_at INTEGER NOT NULL DEFAULT (\(now)),
            PRIMARY KEY (tenant_id, id)
        ) STRICT;

        CREATE TABLE users (
            tenant_id TEXT NOT NULL REFERENCES tenants (id),
            id TEXT NOT NULL CONSTRAINT users_id_check CHECK (length(id) BETWEEN 1 AND 128 AND id NOT GLOB '*[^A-Za-z0-9._@+-]*'),
            department_id TEXT,
            name TEXT NOT NULL CONSTRAINT users_name_check CHECK (length(name) <= 256),
            created_at INTEGER NOT NULL DEFAULT (\(now)),
            PRIMARY KEY (tenant_id, id),
            FOREIGN KEY (tenant_id, department_id) REFERENCES departments (tenant_id, id)
        ) STRICT;

        CREATE TABLE api_keys (
            tenant_id TEXT NOT NULL REFERENCES tenants (id),
            id TEXT NOT NULL \(identifier("id", "api_keys_id_check")),
            department_id TEXT,
            user_id TEXT,
            -- Patterns of model names, one a line; NULL: every model.
            allowed_models TEXT,
            requests_per_minute INTEGER CONSTRAINT api_keys_requests_per_minute_check CHECK (requests_per_minute > 0),
            tokens_per_minute INTEGER CONSTRAINT api_keys_tokens_per_minute_check CHECK (tokens_per_minute > 0),
            concurrent_streams INTEGER CONSTRAINT api_keys_concurrent_streams_check CHECK (concurrent_streams > 0),
            scrub_policy TEXT \(identifier("scrub_policy", "api_keys_scrub_policy_check")),
            created_at INTEGER NOT NULL DEFAULT (\(now)),
            expires_at INTEGER,
            revoked_at INTEGER,
            epoch INTEGER NOT NULL DEFAULT 1,
            PRIMARY KEY (tenant_id, id),
            FOREIGN KEY (tenant_id, department_id) REFERENCES departments (tenant_id, id),
            FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
        ) STRICT;

        CREATE TABLE api_key_hashes (
            pepper_id TEXT NOT NULL \(identifier("pepper_id", "api_key_hashes_pepper_id_check")),
            hash BLOB NOT NULL CONSTRAINT api_key_hashes_hash_check CHECK (length(hash) = 32),
            tenant_id TEXT NOT NULL,
            key_id TEXT NOT NULL,
            created_at INTEGER NOT NULL DEFAULT (\(now)),
            -- NULL: the current one.
            expires_at INTEGER,
            PRIMARY KEY (pepper_id, hash),
            FOREIGN KEY (tenant_id, key_id) REFERENCES api_keys (tenant_id, id)
        ) STRICT, WITHOUT ROWID;

        CREATE UNIQUE INDEX api_key_hashes_current ON api_key_hashes (tenant_id, key_id) WHERE expires_at IS NULL;
        CREATE INDEX api_key_hashes_by_key ON api_key_hashes (tenant_id, key_id);

        -- The last change of all, and whether everybody's traffic is to stop.
        CREATE TABLE control_state (
            only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
            revision INTEGER NOT NULL,
            stopped_at INTEGER
        ) STRICT;
        INSERT INTO control_state (only_row, revision) VALUES (1, 0);

        -- The last changes: of a tenant, of a key of it, or (neither) of everything.
        CREATE TABLE control_changes (
            revision INTEGER NOT NULL PRIMARY KEY,
            tenant_id TEXT,
            key_id TEXT,
            changed_at INTEGER NOT NULL DEFAULT (\(now))
        ) STRICT;

        """

    /// Since version 2.
    private static let prices =
        """
        CREATE TABLE prices (
            provider TEXT NOT NULL CONSTRAINT prices_provider_check CHECK (length(provider) BETWEEN 1 AND 64),
            -- A name, or the start of names and `*`.
            model TEXT NOT NULL CONSTRAINT prices_model_check CHECK (length(model) BETWEEN 1 AND 128),
            -- A day: 2026-11-30.
            effective_from TEXT NOT NULL,
            -- Nano-USD per million tokens, as the others.
            input INTEGER NOT NULL CONSTRAINT prices_input_check CHECK (input >= 0),
            cache_read INTEGER NOT NULL CONSTRAINT prices_cache_read_check CHECK (cache_read >= 0),
            cache_write INTEGER NOT NULL CONSTRAINT prices_cache_write_check CHECK (cache_write >= 0),
            output INTEGER NOT NULL CONSTRAINT prices_output_check CHECK (output >= 0),
            PRIMARY KEY (provider, model, effective_from)
        ) STRICT, WITHOUT ROWID;

        """
        + ["INSERT", "UPDATE", "DELETE"].map { trigger("prices_\($0.lowercased())", "\($0) ON prices", tenant: "NULL", key: "'prices'") }
        .joined()

    /// Since version 3.
    private static let budgets =
        """
        CREATE TABLE budgets (
            tenant_id TEXT NOT NULL \(identifier("tenant_id", "budgets_tenant_id_check")),
            level TEXT NOT NULL CONSTRAINT budgets_level_check CHECK (level IN ('tenant', 'department', 'user')),
            -- The department's or the user's; empty for the tenant itself.
            name TEXT NOT NULL CONSTRAINT budgets_name_check CHECK (length(name) <= 256 AND (level = 'tenant') = (name = '')),
            period TEXT NOT NULL CONSTRAINT budgets_period_check CHECK (period IN ('day', 'month', 'total')),
            -- Nano-USD.
            spending_limit INTEGER NOT NULL
                CONSTRAINT budgets_spending_limit_check CHECK (spending_limit BETWEEN 0 AND \(Budget.maxNanoUSD)),
            PRIMARY KEY (tenant_id, level, name, period)
        ) STRICT, WITHOUT ROWID;

        """
        + ["INSERT", "UPDATE", "DELETE"].map { trigger("budgets_\($0.lowercased())", "\($0) ON budgets", tenant: "NULL", key: "'budgets'") }
        .joined()

    /// Whatever changes, by whatever program, has its revision.
    private static let triggers =
        trigger(on: "tenants", tenant: "id", key: nil) + trigger(on: "api_keys", tenant: "tenant_id", key: "id")
        + trigger(on: "api_key_hashes", tenant: "tenant_id", key: "key_id")
        + trigger("control_state_stopped", "UPDATE OF stopped_at ON control_state", tenant: "NULL", key: "NULL")

    private static func trigger(on table: String, tenant: String, key: String?) -> String {
        [("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")].map { event, row in
            trigger(
                "\(table)_\(event.lowercased())", "\(event) ON \(table)", tenant: "\(row).\(tenant)",
                key: key.map { "\(row).\($0)" } ?? "NULL")
        }.joined()
    }

    private static func trigger(_ name: String, _ event: String, tenant: String, key: String) -> String {
        """
        CREATE TRIGGER \(name) AFTER \(event) BEGIN
            UPDATE control_state SET revision = revision + 1;
            INSERT INTO control_changes (revision, tenant_id, key_id) SELECT revision, \(tenant), \(key) FROM control_state;
            DELETE FROM control_changes WHERE revision <= (SELECT revision FROM control_state) - 1000;
        END;

        """
    }
}
