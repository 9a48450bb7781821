extension ConfigurationKey {
    static let ledger: [ConfigurationKey] = [
        ConfigurationKey(
            "ledger", .section, .means("the defaults below"), "The durable record of every request: [ledger.md](ledger.md)."),
        ConfigurationKey(
            "ledger.file", .path, .means("no file: records are kept in memory, the last 10,000, until the process ends"),
            "The SQLite file that records are kept in, made if it is not there. An answer ends when its record is on the disk."),
        ConfigurationKey(
            "ledger.key_env", .environmentName, .means("`auth.pepper_env`"),
            """
            Names the secret under which the ledger's rows are chained: this variable, or the file that it names with `_FILE` after it. At least 16 \
            bytes. It stays the same as long as the ledger: when the pepper is replaced, name the old one here.
            """),
        ConfigurationKey(
            "ledger.timeout", .duration(.milliseconds(10)...(.seconds(60))), .defaultText("5s"),
            "How long the end of an answer waits for its record to be durable. Over: `ledger_unavailable` (503)."),
        ConfigurationKey(
            "ledger.max_waiting", .integer(100...1_000_000), .defaultText("10000"),
            "Records that may wait for the disk. From then on new requests are refused, before anything is done for them: `ledger_unavailable` (503)."
        ),
        ConfigurationKey(
            "ledger.without_store", .choice(Configuration.LedgerFallback.allCases.map(\.rawValue)), .defaultText("refuse"),
            """
            While Redis cannot take records on their way to PostgreSQL. `refuse`: new requests are refused, and answers under way end with an error. \
            `spool`: records are kept in `spool` until it can.
            """),
        ConfigurationKey(
            "ledger.spool", .path, .means("none"),
            "A folder on a disk of this machine that outlives the process, for `without_store: spool`. Each process has its own."),
        ConfigurationKey(
            "ledger.max_spool_bytes", .size(1 << 20...64 << 30), .defaultText("256MiB"),
            "Of records that are spooled. From then on new requests are refused."),
        ConfigurationKey(
            "ledger.max_stream_length", .integer(100...100_000_000), .defaultText("100000"),
            "Records in one of the 256 streams in Redis that wait for PostgreSQL. From then on requests of its tenants are refused."),
    ]
}
