internal import GatewayCrypto

extension ConfigurationLoader {
    /// `DATABASE_URL` is not named by a key: it is where platforms put it.
    static func control(_ section: Section, replicas: Configuration.Replicas) -> Configuration.Control {
        let file = section.optionalText("file")
        let name = "DATABASE_URL"
        guard section.reading.vault.holds(name) else {
            guard let file else { return .none }
            if replicas == .many {
                section.refuse(
                    "file", "is this machine's alone, and `replicas` is `many`",
                    remedy: "set DATABASE_URL to a PostgreSQL database that all replicas reach, and remove `file`")
            }
            return .file(section.reading.resolved(file))
        }
        if file != nil {
            section.refuse("file", "stands beside the environment's \(name)", remedy: "remove it, or unset \(name)")
        }
        do {
            return .database(try section.reading.secret(named: name, minimumCount: 1))
        } catch {
            section.refuse("", at: section.position, error)
            return .none
        }
    }

    /// What would be counted and known by each replica alone.
    static func refuseOwnState(_ root: Section, _ control: Configuration.Control, _ redis: Configuration.Redis) {
        if redis.state == nil {
            root.refuse(
                "replicas", "is `many`, and there is no Redis: each replica would count limits, budgets and idempotency keys alone",
                remedy: "set REDIS_URL, or what `redis.state.url_env` names, to a Redis that all replicas reach")
        }
        if control == .none {
            root.refuse(
                "replicas", "is `many`, and there is no database: tenants, keys and the ledger would be each replica's own",
                remedy: "set DATABASE_URL to a PostgreSQL database that all replicas reach, after `agentshield migrate`")
        }
    }

    /// Clients of many replicas need one certificate that they trust.
    static func refuseOwnCertificate(_ section: Section, _ listen: Configuration.Listeners) {
        guard let tls = listen.tls else { return }
        guard let identity = tls.identity else {
            return section.refuse(
                "certificate", "is missing, and `replicas` is `many`: each would make one of its own",
                remedy: "give `certificate` and `private_key`, the same for all replicas")
        }
        if CertificateCheck.isSelfSigned(identity.certificateChain) {
            section.refuse(
                "certificate", "is signed by itself, and `replicas` is `many`",
                remedy: "give one that an authority signed which clients trust")
        }
    }

    static func controlListener(_ section: Section) -> Configuration.ControlListener? {
        let address = section.optionalAddress("address")
        let hosts = section.texts("hosts").map(\.value)
        let allowsPlaintext = section.flag("allow_plaintext")
        if let address, !address.isLoopback, !allowsPlaintext {
            section.refuse(
                "address", "can be reached from other machines, and would carry the credential and new keys unencrypted",
                remedy: "listen on 127.0.0.1 behind a proxy that ends TLS, or write `allow_plaintext: true` if the network is trusted")
        }
        guard let name = section.optionalText("credential_env"), let address else { return nil }
        do {
            let credential = try section.reading.secret(named: name, minimumCount: 32)
            return Configuration.ControlListener(address: address, credential: credential, hosts: hosts)
        } catch {
            section.refuse("credential_env", at: section.position(of: "credential_env"), error)
            return nil
        }
    }
}
