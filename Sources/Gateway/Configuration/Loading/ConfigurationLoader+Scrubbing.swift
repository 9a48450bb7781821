internal import GatewayCrypto
internal import Scrubbing

extension ConfigurationLoader {
    /// Reads a file that is one scrubbing policy: what stands under a name in `scrub.policies`.
    package static func loadPolicy(
        path: String, bytes: [UInt8], vault: Vault
    ) -> Result<Configuration.NamedPolicy, ConfigurationFaults> {
        let reading = ConfigurationReading(file: path, vault: vault)
        let policy = root(bytes, reading, pattern: "scrub.policies.*").map { namedPolicy($0) }
        guard let policy, reading.faults.isEmpty else {
            return .failure(ConfigurationFaults(faults: reading.faults.sorted { ($0.line, $0.column) < ($1.line, $1.column) }))
        }
        return .success(policy)
    }

    static func scrubbing(_ section: Section) -> Configuration.Scrubbing {
        var policies = ["default": Configuration.NamedPolicy.standard]
        for (name, policy) in section.namedSections("policies") { policies[name] = namedPolicy(policy) }
        return Configuration.Scrubbing(policies: policies)
    }

    /// The policy that a key or a model names.
    static func scrubPolicy(_ section: Section, among scrub: Configuration.Scrubbing) -> String? {
        let policy = section.optionalText("scrub")
        if let policy, scrub.policies[policy] == nil {
            let meant = Suggestion.closest(to: policy, among: scrub.policies.keys.sorted()).map { "did you mean `\($0)`? " } ?? ""
            section.refuse(
                "scrub", "names a policy that is not in `scrub.policies`: \(policy)",
                remedy: "\(meant)add it there, or remove the key for `default`")
        }
        return policy
    }

    private static func namedPolicy(_ section: Section) -> Configuration.NamedPolicy {
        var policy = ScrubPolicy()
        var version = ""
        if let digest = digest(section) { policy.setDigest(digest) }
        setPatterns(of: &policy, section, &version)
        let actions = setActions(of: &policy, section, &version)
        setScores(of: &policy, section, &version)
        let locales = section.texts("locales")
        if !locales.isEmpty { policy.setLocales(Set(locales.compactMap { ScrubLocale(rawValue: $0.value) })) }
        setAllowed(of: &policy, section.section("allow"), &version)
        let answers = section.text("answers")
        policy.answers = answers == "off" ? .off : answers == "log" ? .logOnly : .scrub
        policy.keys = section.text("object_keys") == "log" ? .logOnly : .block
        policy.foldsLookalikes = section.flag("fold_lookalikes")
        let tools = section.texts("restore_in_tool_arguments").map(\.value)
        version += "\(locales.map(\.value)) \(policy.answers) \(policy.keys) \(policy.foldsLookalikes) \(tools)"
        return Configuration.NamedPolicy(
            actions: actions, policy: policy, restoreInToolArguments: tools, version: Digest.sha256(Array(version.utf8)).hex)
    }

    /// HMAC-SHA256 of a value, its first 64 bits.
    private static func digest(_ section: Section) -> ValueDigest? {
        guard let name = section.optionalText("hash_key_env") else { return nil }
        do {
            let key = try section.reading.secret(named: name, minimumCount: Vault.minimumPepperCount)
            return { value in
                // A prepared hash is for one thread; a hash per finding is rare enough to prepare it each time.
                guard let hash = try? KeyedHash(key: key) else { return nil }
                return hash.hash(value).withUnsafeBytes { $0.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
            }
        } catch {
            section.refuse("hash_key_env", at: section.position(of: "hash_key_env"), error)
            return nil
        }
    }

    private static func setActions(of policy: inout ScrubPolicy, _ section: Section, _ version: inout String) -> [String: ScrubAction] {
        let kinds = section.section("kinds")
        var actions: [String: ScrubAction] = [:]
        for kind in EntityKind.builtIn {
            let action = kinds.scrubAction(kind.name)
            actions[kind.name] = action
            version += "\(kind.name)=\(action.configured),"
            do {
                try policy.setAction(action, for: kind)
            } catch {
                refuse(error, kinds, kind.name)
            }
        }
        return actions
    }

    private static func setScores(of policy: inout ScrubPolicy, _ section: Section, _ version: inout String) {
        // The readers keep scores within their range.
        let minimum = section.score("minimum_score")
        try? policy.setMinimumScore(minimum)
        version += "\(minimum);"
        for (name, score) in section.scores("minimum_scores") {
            guard let kind = policy.kind(named: name) else {
                let names = EntityKind.builtIn.map(\.name) + policy.customPatterns.map(\.name)
                let meant = Suggestion.closest(to: name, among: names).map { "did you mean `\($0)`?" }
                section.refuse(
                    "minimum_scores.\(name)", at: score.position,
                    ValueProblem("names a kind that there is not", remedy: meant ?? "use a name from `kinds` or `patterns`"))
                continue
            }
            try? policy.setMinimumScore(score.value, for: kind)
            version += "\(name)=\(score.value),"
        }
    }

    private static func setAllowed(of policy: inout ScrubPolicy, _ section: Section, _ version: inout String) {
        let values = section.texts("values")
        let domains = section.texts("email_domains")
        version += "\(values.map(\.value)) \(domains.map(\.value));"
        do {
            try policy.setAllowed(values: values.map(\.value), emailDomains: domains.map(\.value))
        } catch .allowedEntry(let entry) {
            let place = (values + domains).first { $0.value == entry }?.position ?? section.position
            section.refuse(
                "email_domains", at: place,
                ValueProblem("has an entry that is no domain", remedy: "write example.com, or \"*.example.com\""))
        } catch {
            refuse(error, section, "")
        }
    }

    private static func setPatterns(of policy: inout ScrubPolicy, _ section: Section, _ version: inout String) {
        let sections = section.sections("patterns")
        let patterns = sections.map { entry in
            CustomPattern(
                name: entry.text("name"), pattern: entry.text("pattern"), isCaseInsensitive: entry.flag("case_insensitive"),
                score: entry.score("score"), contextWords: entry.texts("context").map(\.value), action: entry.scrubAction("action"))
        }
        // What is missing was refused; nothing else should be said about it.
        guard patterns.allSatisfy({ !$0.name.isEmpty && !$0.pattern.isEmpty }) else { return }
        version += "\(patterns)"
        do {
            try policy.setCustomPatterns(patterns)
        } catch .pattern(let name, let error) {
            guard let entry = zip(patterns, sections).first(where: { $0.0.name == name })?.1 else {
                return section.refuse("patterns", error.problem, remedy: error.remedy)
            }
            entry.refuse("pattern", "\(error.problem), at character \(error.position + 1)", remedy: error.remedy)
        } catch .patternName(let name) {
            let entry = zip(patterns, sections).reversed().first { $0.0.name == name }?.1 ?? section
            entry.refuse(
                "name", "is another kind's, or of the wrong form",
                remedy: "use capitals, digits and _, begin with a capital, and do not end with _ and a number")
        } catch {
            refuse(error, section, "patterns")
        }
    }

    /// What the table of keys cannot know of a policy.
    private static func refuse(_ error: PolicyError, _ section: Section, _ key: String) {
        switch error {
        case .noDigest: section.refuse(key, "is `hash` without a key for it", remedy: "name the secret in `hash_key_env` of the policy")
        case .tooManyPatterns: section.refuse(key, "has more than 64 entries", remedy: "remove some, or join them with `|`")
        case .patternContext: section.refuse(key, "has more than 32 context words", remedy: "remove some")
        case .allowListTooLong: section.refuse(key, "has more than 4096 entries", remedy: "remove some")
        case .actionNotForSecrets: section.refuse(key, "is a secret", remedy: "use redact, block, log or ignore")
        case .keepLastOutOfRange, .scoreOutOfRange, .allowedEntry, .patternName, .pattern:
            section.refuse(key, "cannot be kept", remedy: "see docs/configuration.md")
        }
    }
}

extension Configuration.NamedPolicy {
    /// The policy of a file that gives none.
    package static var standard: Configuration.NamedPolicy {
        let actions = EntityKind.builtIn.map { ($0.name, ScrubPolicy.defaultAction(for: $0)) }
        return Configuration.NamedPolicy(
            actions: Dictionary(uniqueKeysWithValues: actions), policy: ScrubPolicy(), restoreInToolArguments: [], version: "standard")
    }
}
