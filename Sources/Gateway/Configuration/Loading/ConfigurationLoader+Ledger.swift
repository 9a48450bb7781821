internal import GatewayCrypto

extension ConfigurationLoader {
    /// - Parameter pepper: what rows are chained under where no other secret is named.
    static func ledger(
        _ section: Section, pepper: Secret, control: Configuration.Control, replicas: Configuration.Replicas
    ) -> Configuration.Ledger {
        let file = section.optionalText("file").map { section.reading.resolved($0) }
        if file != nil, replicas == .many {
            section.refuse(
                "file", "is this machine's alone, and `replicas` is `many`: each would have a ledger of its own", remedy: "remove it")
        }
        if let file, control == .file(file) {
            section.refuse("file", "is the file of `control.file` too", remedy: "give the ledger a file of its own")
        }
        return Configuration.Ledger(
            file: file, chainSecret: chainSecret(section) ?? pepper, timeout: section.duration("timeout"),
            maxWaiting: section.integer("max_waiting"))
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
