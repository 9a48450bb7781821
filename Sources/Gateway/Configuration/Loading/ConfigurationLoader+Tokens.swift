internal import GatewayAuthentication
internal import GatewayCrypto

extension ConfigurationLoader {
    // MARK: profiles

    static func profiles(
        _ section: Section, limits: Configuration.Limits, scrub: Configuration.Scrubbing, catalogue: Catalogue
    ) -> [String: Configuration.Profile] {
        var profiles: [String: Configuration.Profile] = [:]
        for (name, entry) in section.namedSections("profiles") {
            let models = entry.texts("models")
            for (index, model) in models.enumerated() where !catalogue.models.isEmpty && !catalogue.offers(model.value) {
                entry.refuse("models[\(index)]", at: model.position, catalogue.unknownModel(model.value))
            }
            profiles[name] = Configuration.Profile(
                models: models.map(\.value), limits: keyLimits(entry.section("limits"), default: limits.key),
                scrubPolicy: scrubPolicy(entry, among: scrub) ?? "")
        }
        return profiles
    }

    // MARK: issuers

    static func issuers(
        _ section: Section, profiles: [String: Configuration.Profile], _ sources: inout [Configuration.PublishedKeySource]
    ) -> [Configuration.Issuer] {
        var ids: Set<String> = []
        var names: Set<String> = []
        let known = Set(profiles.keys).union(section.names(below: "profiles"))
        return section.sections("issuers").compactMap { entry in
            let id = entry.text("id")
            let name = entry.text("issuer")
            let audiences = entry.texts("audiences").map(\.value)
            let algorithm: SignatureAlgorithm = entry.choice("algorithm")
            if !id.isEmpty, !ids.insert(id).inserted { entry.refuse("id", "is another issuer's too", remedy: "choose another") }
            if !name.isEmpty, !names.insert(name).inserted {
                entry.refuse("issuer", "is another entry's too: which of them a token means could not be told", remedy: "keep one of them")
            }
            let keys = keySource(entry, algorithm, &sources)
            let profile = entry.optionalText("profile")
            let profileClaim = entry.optionalText("profile_claim")
            if let profile, !known.contains(profile) {
                let meant = Suggestion.closest(to: profile, among: known.sorted()).map { "did you mean `\($0)`? " } ?? ""
                entry.refuse("profile", "names a profile that is not in `auth.profiles`: \(profile)", remedy: "\(meant)add it there")
            }
            if profile == nil, profileClaim == nil {
                entry.refuse(
                    "profile", "is missing, and so is `profile_claim`", remedy: "say which profile of `auth.profiles` its tokens have")
            }
            guard let keys, let tenant = tenant(entry) else { return nil }
            return Configuration.Issuer(
                id: id,
                rules: TokenRules(
                    issuer: name, audiences: audiences, algorithm: algorithm,
                    clockSkewSeconds: entry.duration("clock_skew").components.seconds,
                    keys: keys),
                tenant: tenant, userClaim: entry.text("user_claim"), departmentClaim: entry.optionalText("department_claim"),
                modelsClaim: entry.optionalText("models_claim"), profileClaim: profileClaim, profile: profile)
        }
    }

    private static func tenant(_ section: Section) -> ClaimMapping.Tenant? {
        let fixed = section.optionalText("tenant")
        let claim = section.optionalText("tenant_claim")
        let allowed = Set(section.texts("tenants").map(\.value))
        switch (fixed, claim) {
        case (let fixed?, nil):
            if section.has("tenants") { section.refuse("tenants", "stands without `tenant_claim`", remedy: "remove it") }
            return .fixed(fixed)
        case (nil, let claim?):
            if !section.has("tenants") {
                section.refuse(
                    "tenant_claim", "stands without `tenants`: the issuer could speak for everybody",
                    remedy: "list its tenants in `tenants`")
            }
            return .claim(claim, among: allowed)
        case (nil, nil), (.some, .some):
            section.refuse("tenant", "and `tenant_claim` are there both, or neither is", remedy: "give one of them")
            return nil
        }
    }

    /// Of an issuer: exactly one of the ways to its keys.
    private static func keySource(
        _ section: Section, _ algorithm: SignatureAlgorithm, _ sources: inout [Configuration.PublishedKeySource]
    ) -> KeySource? {
        let ways = algorithm == .hs256 ? ["secret_env"] : ["jwks_url", "jwks_file", "public_key_file"]
        for other in ["secret_env", "jwks_url", "jwks_file", "public_key_file"] where section.has(other) && !ways.contains(other) {
            section.refuse(
                other, "gives no key for \(algorithm.rawValue)",
                remedy: "give \(ways.map { "`\($0)`" }.joined(separator: " or ")): a public key is no shared secret, and the reverse")
        }
        let secretName = section.optionalText("secret_env")
        let pem = section.optionalText("public_key_file")
        let published = publishedOrFile(section, algorithm, defaultURL: nil, &sources)
        guard ways.count(where: section.has) == 1 else {
            section.refuse(
                ways[0], "is one of \(ways.count == 1 ? "one way" : "\(ways.count) ways") to the keys, of which exactly one must be there",
                remedy: "give \(ways.map { "`\($0)`" }.joined(separator: " or "))")
            return nil
        }
        if let secretName, ways == ["secret_env"] { return secretKey(section, secretName) }
        if let pem, ways.contains("public_key_file") { return publicKey(section, pem, algorithm) }
        return published
    }

    private static func secretKey(_ section: Section, _ name: String) -> KeySource? {
        do {
            let secret = try section.reading.secret(named: name, minimumCount: VerificationKey.minimumSharedBytes)
            return .fixed(KeySet(single: try VerificationKey(shared: secret)))
        } catch let problem as ValueProblem {
            section.refuse("secret_env", at: section.position(of: "secret_env"), problem)
        } catch {
            section.refuse("secret_env", "names a secret that is no key", remedy: "make one, for example with `openssl rand -hex 32`")
        }
        return nil
    }

    private static func publicKey(_ section: Section, _ path: String, _ algorithm: SignatureAlgorithm) -> KeySource? {
        guard let bytes = file(section, "public_key_file", path) else { return nil }
        do throws(VerificationKeyProblem) {
            return .fixed(KeySet(single: try VerificationKey(pem: bytes, algorithm: algorithm)))
        } catch {
            let problem =
                switch error {
                case .unreadable: "names a file without a public key or certificate in PEM"
                case .unsuitable: "names a key that cannot verify \(algorithm.rawValue)"
                case .tooShort: "names an RSA key of less than 2048 bits"
                case .tooLong: "names an RSA key of more than 4096 bits"
                }
            section.refuse("public_key_file", problem, remedy: "give the issuer's public key, as `openssl pkey -pubout` writes it")
            return nil
        }
    }

    /// A key set from a file, or one that is fetched.
    private static func publishedOrFile(
        _ section: Section, _ algorithm: SignatureAlgorithm, defaultURL: ProviderURL?, _ sources: inout [Configuration.PublishedKeySource]
    ) -> KeySource? {
        let path = section.optionalText("jwks_file")
        let url = section.optionalURL("jwks_url") ?? defaultURL
        let roots = certificateFile(section, "ca_file")
        let refresh = KeyRefresh.Settings(
            interval: section.duration("refresh_interval").components.seconds,
            minimumInterval: section.duration("minimum_refresh_interval").components.seconds,
            maximumAge: section.duration("maximum_age").components.seconds)
        let timeout = section.duration("fetch_timeout")
        if refresh.maximumAge < refresh.interval {
            section.refuse(
                "maximum_age", "is shorter than `refresh_interval`: the keys would be too old before they are fetched again",
                remedy: "lengthen it, or shorten `refresh_interval`")
        }
        if let path {
            if section.has("jwks_url") { section.refuse("jwks_file", "stands beside `jwks_url`", remedy: "keep one of them") }
            return keySetFile(section, path, algorithm)
        }
        guard let url else { return nil }
        if !url.usesTLS, !url.isLoopback {
            section.refuse(
                "jwks_url", "is fetched without TLS, so that anybody on the way could replace the keys", remedy: "give an https:// URL")
        }
        let name = "\(section.path) \(url.text)"
        sources.append(
            Configuration.PublishedKeySource(
                name: name, url: url, algorithm: algorithm, trustRoots: roots, refresh: refresh, fetchTimeout: timeout))
        return .published(name)
    }

    private static func keySetFile(_ section: Section, _ path: String, _ algorithm: SignatureAlgorithm) -> KeySource? {
        guard let bytes = file(section, "jwks_file", path) else { return nil }
        do throws(KeySetProblem) {
            return .fixed(try KeySetDocument.keys(in: bytes, for: algorithm))
        } catch {
            section.refuse("jwks_file", "names a file that \(error.text)", remedy: "save what the issuer publishes at its `jwks_uri`")
            return nil
        }
    }

    // MARK: edge

    static func edgePolicy(_ section: Section, _ sources: inout [Configuration.PublishedKeySource]) -> EdgePolicy? {
        let access = section.optionalSection("access").flatMap { accessRules($0, &sources) }
        var secrets: [Secret] = []
        if let entry = section.optionalSection("origin_secret") {
            for key in ["secret_env", "previous_secret_env"] {
                guard let name = entry.optionalText(key) else { continue }
                do {
                    secrets.append(try entry.reading.secret(named: name, minimumCount: 32))
                } catch {
                    entry.refuse(key, at: entry.position(of: key), error)
                }
            }
        }
        if !section.has("access"), !section.has("origin_secret") {
            section.refuse("", "proves nothing", remedy: "add `access`, `origin_secret` or both, or remove the section")
        }
        return EdgePolicy(access: access, originSecrets: secrets)
    }

    private static func accessRules(_ section: Section, _ sources: inout [Configuration.PublishedKeySource]) -> TokenRules? {
        let domain = section.text("team_domain")
        let audiences = section.texts("audiences").map(\.value)
        let url = try? ProviderURL(parsing: "https://\(domain)/cdn-cgi/access/certs")
        if !domain.isEmpty, url == nil || domain.contains("/") {
            section.refuse("team_domain", "is no domain", remedy: "write it as `acme.cloudflareaccess.com`, without `https://`")
        }
        guard let keys = publishedOrFile(section, .rs256, defaultURL: url, &sources) else { return nil }
        return TokenRules(
            issuer: "https://\(domain)", audiences: audiences, algorithm: .rs256,
            clockSkewSeconds: section.duration("clock_skew").components.seconds, keys: keys)
    }
}
