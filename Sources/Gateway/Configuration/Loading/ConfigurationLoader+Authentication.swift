internal import GatewayCrypto

extension ConfigurationLoader {
    static func authentication(
        _ section: Section, listen: Configuration.Listeners, control: Configuration.Control, limits: Configuration.Limits,
        scrub: Configuration.Scrubbing, catalogue: Catalogue
    ) -> Configuration.Authentication {
        let pepper = pepper(section, "pepper_env") ?? Secret([UInt8]())
        let pepperID = section.text("pepper_id")
        if !section.has("keys"), control == .none {
            section.refuse(
                "keys", "is missing, and there is no store of keys: nobody could call",
                remedy: "add a list `keys:`, or name a store with `control.file` or DATABASE_URL")
        }
        let exposed = [listen.tls?.address, listen.http?.address].compactMap { $0 }.first { !$0.isLoopback }
        var ids: Set<String> = []
        var hashes: Set<Digest> = []
        let keys: [Configuration.Key] = section.sections("keys").compactMap { entry in
            let key = draft(entry, limits: limits, scrub: scrub, catalogue: catalogue)
            if key.isDevelopment, let exposed {
                entry.refuse(
                    "development", "marks a development key, while the gateway listens on \(exposed), which other machines can reach",
                    remedy: "make a key of its own with `agentshield keys create`, or listen on 127.0.0.1")
            }
            if !key.id.isEmpty, !ids.insert(key.id).inserted { entry.refuse("id", "is another key's too", remedy: "choose another") }
            if let hash = key.hash, !hashes.insert(hash).inserted {
                entry.refuse("hash", "is another key's too", remedy: "make a key of its own with `agentshield keys create`")
            }
            return key.complete
        }
        return Configuration.Authentication(
            pepper: pepper, pepperID: pepperID, previousPepper: previousPepper(section, pepperID: pepperID),
            staleMax: section.duration("stale_max"), withoutStore: section.choice("without_store"), keys: keys, issuers: [], profiles: [:])
    }

    private static func pepper(_ section: Section, _ key: String) -> Secret? {
        guard let name = section.optionalText(key) else { return nil }
        do {
            return try section.reading.secret(named: name, minimumCount: Vault.minimumPepperCount)
        } catch {
            section.refuse(key, at: section.position(of: key), error)
            return nil
        }
    }

    private static func previousPepper(_ section: Section, pepperID: String) -> Configuration.PreviousPepper? {
        let (secret, id) = (pepper(section, "previous_pepper_env"), section.optionalText("previous_pepper_id"))
        let names = ["previous_pepper_env", "previous_pepper_id"]
        for (present, missing) in [(names[0], names[1]), (names[1], names[0])] where section.has(present) && !section.has(missing) {
            section.refuse(present, "stands without `\(missing)`", remedy: "give both, or neither")
        }
        if let id, id == pepperID {
            section.refuse("previous_pepper_id", "is `pepper_id` too", remedy: "give the new pepper an id of its own")
        }
        guard let secret, let id else { return nil }
        return Configuration.PreviousPepper(id: id, secret: secret)
    }

    /// A key whose hash may have been refused.
    private struct Draft {
        var id: String
        var hash: Digest?
        var isDevelopment: Bool
        var complete: Configuration.Key?
    }

    private static func draft(_ section: Section, limits: Configuration.Limits, scrub: Configuration.Scrubbing, catalogue: Catalogue)
        -> Draft
    {
        let id = section.text("id")
        let hash: Digest? = if case .digest(let digest) = section.optionalValue("hash") { digest } else { nil }
        let tenant = section.text("tenant")
        let department = section.optionalText("department")
        let user = section.optionalText("user")
        let models = section.texts("models")
        for (index, model) in models.enumerated() where !catalogue.models.isEmpty && !catalogue.offers(model.value) {
            section.refuse("models[\(index)]", at: model.position, catalogue.unknownModel(model.value))
        }
        let limits = keyLimits(section.section("limits"), default: limits.key)
        let expires = section.optionalInstant("expires")
        let policy = scrubPolicy(section, among: scrub) ?? ""
        let isDevelopment = section.flag("development")
        let complete = hash.map { hash in
            Configuration.Key(
                id: id, hash: hash, tenant: tenant, department: department, user: user, models: models.map(\.value), limits: limits,
                expiresAtUnixSeconds: expires, scrubPolicy: policy, isDevelopment: isDevelopment)
        }
        return Draft(id: id, hash: hash, isDevelopment: isDevelopment, complete: complete)
    }
}
