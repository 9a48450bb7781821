internal import GatewayCrypto

extension ConfigurationLoader {
    /// - Parameter pepper: what rows are chained under where no other secret is named.
    static func ledger(
        _ section: Section, pepper: Secret, control: Configuration.Control, redis: Configuration.Redis, replicas: Configuration.Replicas
    ) -> Configuration.Ledger {
        let withoutStore: Configuration.LedgerFallback = section.choice("without_store")
        let spool = section.optionalText("spool").map { section.reading.resolved($0) }
        if withoutStore == .spool, spool == nil {
            section.refuse("spool", "is missing, and `without_store` is `spool`", remedy: "name a folder of this machine's disk")
        }
        let file = section.optionalText("file").map { section.reading.resolved($0) }
        if file != nil, replicas == .many {
            section.refuse(
                "file", "is this machine's alone, and `replicas` is `many`: each would have a ledger of its own", remedy: "remove it")
        }
        if file != nil, redis.state != nil, case .database = control {
            section.refuse(
                "file", "stands beside Redis and DATABASE_URL, with which the ledger is in PostgreSQL",
                remedy: "remove it, or unset one of them")
        }
        if let file, control == .file(file) {
            section.refuse("file", "is the file of `control.file` too", remedy: "give the ledger a file of its own")
        }
        return Configuration.Ledger(
            file: file, chainSecret: chainSecret(section) ?? pepper, timeout: section.duration("timeout"),
            maxWaiting: section.integer("max_waiting"), withoutStore: withoutStore, spool: spool,
            maxSpoolBytes: section.integer("max_spool_bytes"), maxStreamLength: section.integer("max_stream_length"))
    }

    private static func chainSecret(_ section: Section) -> Secret? {
        guard let name = section.optionalText("key_env") else { return nil }
        do {
            return try section.reading.secret(named: name, minimumCount: Vault.minimumPepperCount)
        } catch {
            section.refuse("key_env", at: section.position(of: "key_env"), error)
            return nil
        }
    }
}
