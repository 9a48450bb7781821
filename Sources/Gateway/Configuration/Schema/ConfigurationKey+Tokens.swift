internal import GatewayAuthentication
internal import GatewayCrypto

extension ConfigurationKey {
    /// Tokens as credentials: who issues them, and what their bearers may do.
    static let tokens: [ConfigurationKey] =
        [
            ConfigurationKey(
                "auth.profiles", .namedSections, .means("none"),
                "What bearers of tokens may do, under names that `auth.issuers` and claims refer to."),
            ConfigurationKey(
                "auth.profiles.*.models", .list(.pattern), .defaultText("*"), "The models and aliases that may be named. `*` alone: all."),
            ConfigurationKey(
                "auth.profiles.*.limits", .section, .means("`limits` of the file"), "Limits of each user with this profile."),
            ConfigurationKey(
                "auth.profiles.*.limits.requests_per_minute", .integer(1...6_000_000), .means("`limits.requests_per_minute`"),
                "Requests per minute in the long run."),
            ConfigurationKey(
                "auth.profiles.*.limits.burst", .integer(1...6_000_000), .means("`limits.burst`, and at most `requests_per_minute`"),
                "Requests that may come at once after a rest."),
            ConfigurationKey(
                "auth.profiles.*.limits.tokens_per_minute", .integer(1...100_000_000), .means("`limits.tokens_per_minute`"),
                "Model tokens per minute in the long run, input and output together."),
            ConfigurationKey(
                "auth.profiles.*.limits.token_burst", .integer(1...100_000_000),
                .means("`tokens_per_minute`; `limits.token_burst` where that is the file's too"),
                "Tokens that may be used at once after a rest."),
            ConfigurationKey(
                "auth.profiles.*.limits.concurrent_requests", .integer(1...1_000_000), .means("`limits.concurrent_requests`"),
                "Requests that may be under way at once."),
            ConfigurationKey(
                "auth.profiles.*.scrub", .identifier, .defaultText("default"), "Name of the scrubbing policy in `scrub.policies`."),
            ConfigurationKey(
                "auth.issuers", .sections, .means("API keys only"),
                "Whose JSON Web Tokens are credentials besides API keys; see `docs/authentication.md`."),
            ConfigurationKey("auth.issuers[].id", .identifier, .required, "What logs and ledger call the issuer. Unique."),
            ConfigurationKey(
                "auth.issuers[].issuer", .text(512), .required, "The claim `iss` of its tokens, byte for byte. Unique."),
            ConfigurationKey("auth.issuers[].audiences", .list(.label), .required, "The claim `aud` must name one of these."),
            ConfigurationKey(
                "auth.issuers[].algorithm", .choice(SignatureAlgorithm.allCases.map(\.rawValue)), .required,
                "The one algorithm of its tokens; what a token's header says never chooses."),
            ConfigurationKey(
                "auth.issuers[].secret_env", .environmentName, .means("the keys come from elsewhere"),
                "For HS256: names the shared secret, at least 32 bytes: this variable, or the file that it names with `_FILE` after it."),
            ConfigurationKey(
                "auth.issuers[].public_key_file", .path, .means("the keys come from elsewhere"),
                "For RS256 and ES256: a public key or certificate in PEM."),
        ] + keySource("auth.issuers[]")
        + [
            ConfigurationKey("auth.issuers[].tenant", .identifier, .means("`tenant_claim`"), "The tenant of all its tokens."),
            ConfigurationKey(
                "auth.issuers[].tenant_claim", .label, .means("`tenant`"), "The claim that names the tenant, one of `tenants`."),
            ConfigurationKey(
                "auth.issuers[].tenants", .list(.identifier), .means("`tenant` alone"),
                "The tenants that the issuer speaks for. Needed with `tenant_claim`."),
            ConfigurationKey(
                "auth.issuers[].user_claim", .label, .defaultText("sub"), "The claim that names the user; tokens without it are refused."),
            ConfigurationKey(
                "auth.issuers[].department_claim", .label, .means("none"), "The claim that names the part of the tenant that pays."),
            ConfigurationKey(
                "auth.issuers[].models_claim", .label, .means("the profile's models"),
                "A claim that lists names of models: of those the profile allows, only these may be named. Tokens without it are refused."),
            ConfigurationKey(
                "auth.issuers[].profile_claim", .label, .means("`profile`"),
                "A claim that names a profile of `auth.profiles`, or lists names of which the first that is one counts."),
            ConfigurationKey(
                "auth.issuers[].profile", .identifier, .means("tokens whose claim names none are refused"),
                "The profile where no claim names one. One of `profile` and `profile_claim` is needed."),
        ]

    /// What proves that a request came through the edge.
    static let edge: [ConfigurationKey] =
        [
            ConfigurationKey(
                "edge", .section, .means("nothing is proven"),
                "What proves that a request came through the edge; listeners with `edge_proof` ask for all that stands here. See `docs/deployment.md`."
            ),
            ConfigurationKey(
                "edge.access", .section, .means("not asked for"), "The signed token that Cloudflare Access adds: `Cf-Access-Jwt-Assertion`."
            ),
            ConfigurationKey(
                "edge.access.team_domain", .label, .required,
                "The team's domain, such as `acme.cloudflareaccess.com`; `https://` and this is the token's `iss`."),
            ConfigurationKey(
                "edge.access.audiences", .list(.label), .required, "The application's audience tags; the token must name one."),
        ] + keySource("edge.access")
        + [
            ConfigurationKey(
                "edge.origin_secret", .section, .means("not asked for"),
                "A secret that the edge adds in the header `x-agentshield-origin-secret`."),
            ConfigurationKey(
                "edge.origin_secret.secret_env", .environmentName, .required,
                "Names the secret, at least 32 bytes: this variable, or the file that it names with `_FILE` after it."),
            ConfigurationKey(
                "edge.origin_secret.previous_secret_env", .environmentName, .means("none"),
                "Names the secret that is being replaced, which is accepted as long as this stands here."),
        ]

    private static func keySource(_ section: String) -> [ConfigurationKey] {
        let isEdge = section == "edge.access"
        return [
            ConfigurationKey(
                "\(section).jwks_file", .path, .means(isEdge ? "`jwks_url`" : "the keys come from elsewhere"),
                "A JSON Web Key Set; read at start and on SIGHUP."),
            ConfigurationKey(
                "\(section).jwks_url", .url,
                .means(isEdge ? "`https://`, the team's domain and `/cdn-cgi/access/certs`" : "the keys come from elsewhere"),
                "Where the key set is published. `http://` only on this machine."),
            ConfigurationKey(
                "\(section).ca_file", .path, .means("the system's trust store"),
                "PEM certificates to trust for `jwks_url` instead of the system's."),
            ConfigurationKey(
                "\(section).refresh_interval", .duration(.seconds(1)...(.seconds(86_400))), .defaultText("15m"),
                "How often the published set is fetched."),
            ConfigurationKey(
                "\(section).minimum_refresh_interval", .duration(.seconds(1)...(.seconds(3600))), .defaultText("30s"),
                "Between two fetches at least, also when tokens name keys that are not in the set."),
            ConfigurationKey(
                "\(section).fetch_timeout", .duration(.milliseconds(100)...(.seconds(60))), .defaultText("5s"),
                "For one fetch, from name resolution to the last byte."),
            ConfigurationKey(
                "\(section).maximum_age", .duration(.seconds(1)...(.seconds(30 * 86_400))), .defaultText("1d"),
                "How long the last good set serves when no newer can be had. Then: `authority_unavailable` (503)."),
            ConfigurationKey(
                "\(section).clock_skew", .duration(.seconds(0)...(.seconds(300))), .defaultText("30s"),
                "By how much the issuer's clock and this one may differ."),
        ]
    }
}
