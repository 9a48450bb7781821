import GatewayAuthentication
import GatewayCrypto
import Testing

@testable import GatewayConfiguration

@Suite("Tokens and the edge in the configuration")
struct TokenConfigurationTests {
    private static let profiles = "  profiles:\n    staff: {}\n"

    /// The minimal file with an issuer of these members.
    private static func issuer(_ members: String) -> String {
        Fixture.minimal.replacing("auth:\n", with: "auth:\n" + profiles + "  issuers:\n    - {\(members)}\n")
    }

    private static let url = "jwks_url: \"https://i.example/keys\""
    private static let good = "id: corp, issuer: i, audiences: [a], algorithm: ES256, \(url), tenant: acme, profile: staff"

    @Test("an issuer has what its entry says, and defaults for the rest")
    func issuer() throws {
        let loaded = try Fixture.load(Self.issuer(Self.good)).get()
        let issuer = try #require(loaded.auth.issuers.first)
        #expect(issuer.rules.issuer == "i" && issuer.rules.audiences == ["a"] && issuer.rules.algorithm == .es256)
        #expect(issuer.rules.clockSkewSeconds == 30 && issuer.userClaim == "sub" && issuer.tenant == .fixed("acme"))
        let source = try #require(loaded.publishedKeys.first)
        #expect(source.url.text == "https://i.example:443/keys" && source.algorithm == .es256)
        #expect(source.refresh == KeyRefresh.Settings(interval: 900, minimumInterval: 30, maximumAge: 86_400))
        guard case .published(source.name) = issuer.rules.keys else {
            Issue.record("keys from elsewhere")
            return
        }
        #expect(loaded.edge == nil)
    }

    struct Change: Sendable, CustomTestStringConvertible {
        var old: String
        var new: String
        var key: String
        var problem: String

        var testDescription: String { "\(old) → \(new)" }

        init(_ old: String, _ new: String, _ key: String, _ problem: String) {
            (self.old, self.new, self.key, self.problem) = (old, new, key, problem)
        }
    }

    private static let changes = [
        Change("ES256, \(url)", "ES256", "jwks_url", "exactly one"),
        Change(url, "\(url), public_key_file: /key.pem", "jwks_url", "exactly one"),
        Change(url, "secret_env: TOKEN_SECRET", "secret_env", "gives no key for ES256"),
        Change("ES256", "HS256", "jwks_url", "gives no key for HS256"),
        Change("ES256, \(url)", "HS256, secret_env: MAIN_KEY", "secret_env", "less than 32 bytes"),
        Change(url, "public_key_file: /key.pem", "public_key_file", "cannot be read"),
        Change(url, "public_key_file: /rsa.pem", "public_key_file", "without a public key"),
        Change(url, "jwks_file: /set.json", "jwks_file", "no key for the configured"),
        Change("https://i.example", "http://i.example", "jwks_url", "without TLS"),
        Change("ES256", "none", "algorithm", "none of its choices"),
        Change("tenant: acme", "tenant_claim: org", "tenant_claim", "could speak for everybody"),
        Change("tenant: acme", "tenant: acme, tenants: [acme]", "tenants", "without `tenant_claim`"),
        Change("tenant: acme, ", "", "tenant", "both, or neither"),
        Change(", profile: staff", "", "profile", "is missing"),
        Change("profile: staff", "profile: stuff", "profile", "not in `auth.profiles`"),
        Change("audiences: [a]", "audiences: []", "audiences", "empty list"),
        Change("tenant: acme", "tenant: acme, clock_skew: 6m", "clock_skew", "out of range"),
        Change("tenant: acme", "tenant: acme, maximum_age: 1m", "maximum_age", "shorter than `refresh_interval`"),
    ]

    @Test("an issuer that could be taken in two ways, or believed too much, is refused", arguments: changes)
    func refusedIssuers(change: Change) throws {
        let yaml = Self.issuer(Self.good.replacing(change.old, with: change.new))
        let faults = Fixture.faults(yaml, files: ["/rsa.pem": "none", "/set.json": "{\"keys\":[]}"])
        #expect(faults.contains { $0.key == "auth.issuers[0].\(change.key)" && $0.problem.contains(change.problem) }, "\(faults)")
        #expect(faults.allSatisfy { !$0.remedy.isEmpty })
    }

    @Test("two issuers of one name cannot be told apart")
    func twice() {
        let second = Self.good.replacing("corp", with: "corp2")
        let yaml = Self.issuer(Self.good).replacing("  issuers:\n", with: "  issuers:\n    - {\(second)}\n")
        #expect(Fixture.faults(yaml).contains { $0.problem.contains("is another entry's too") })
    }

    private static let edge = "edge: {origin_secret: {secret_env: ORIGIN_SECRET}}"

    @Test(
        "a listener without the edge's proof beside one with it is a way round, and refused",
        arguments: [
            ("{}", nil, nil), ("{edge_proof: true}", nil, nil), ("{edge_proof: true}", "{edge_proof: true}", nil),
            ("{edge_proof: true}", "{}", "listen.http.address"), ("{}", "{edge_proof: true}", "listen.tls.address"),
            ("{client_ca: /ca.pem}", "{edge_proof: true}", nil), ("{edge_proof: true, client_ca: /ca.pem}", "{}", "listen.http.address"),
            ("{enabled: false}", "{edge_proof: true}", nil), ("{enabled: false, edge_proof: true}", "{}", nil),
        ] as [(String, String?, String?)])
    func waysRound(tls: String, http: String?, key: String?) {
        let listen = "\nlisten:\n  tls: \(tls)\n" + (http.map { "  http: \($0)\n" } ?? "")
        let files = ["/ca.pem": String(decoding: CompleteFile.identity.authority, as: UTF8.self)]
        let faults = Fixture.faults(Fixture.minimal + listen + Self.edge, files: files)
        #expect(faults.map(\.key) == (key.map { [$0] } ?? []), "\(faults)")
        #expect(faults.allSatisfy { $0.problem.contains("way round") })
    }

    @Test(
        "an edge that proves nothing, or is asked for and not there, is refused",
        arguments: [
            ("listen: {tls: {edge_proof: true}}", "listen.tls.edge_proof", "nothing says what proves it"),
            ("edge: {}", "edge", "proves nothing"), ("edge: {origin_secret: {}}", "edge.origin_secret.secret_env", "is missing"),
            ("edge: {origin_secret: {secret_env: NONE}}", "edge.origin_secret.secret_env", "not there"),
            ("edge: {origin_secret: {secret_env: MAIN_KEY}}", "edge.origin_secret.secret_env", "less than 32 bytes"),
            ("edge: {access: {team_domain: acme.example}}", "edge.access.audiences", "is missing"),
            ("edge: {access: {team_domain: \"https://acme.example\", audiences: [t]}}", "edge.access.team_domain", "is no domain"),
            ("edge: {access: {team_domain: \"a/b\", audiences: [t]}}", "edge.access.team_domain", "is no domain"),
            (
                "edge: {access: {team_domain: a.example, audiences: [t], jwks_url: \"http://a.example/\"}}", "edge.access.jwks_url",
                "without TLS"
            ),
        ])
    func refusedEdges(text: String, key: String, problem: String) {
        let faults = Fixture.faults(Fixture.minimal + "\n" + text)
        #expect(faults.contains { $0.key == key && $0.problem.contains(problem) }, "\(faults)")
    }

    @Test("the edge's rules follow from the team's domain")
    func access() throws {
        let loaded = try Fixture.load(Fixture.minimal + "\nedge: {access: {team_domain: acme.example, audiences: [t]}}").get()
        #expect(loaded.edge?.access?.issuer == "https://acme.example" && loaded.edge?.access?.algorithm == .rs256)
        #expect(loaded.publishedKeys.map(\.url.text) == ["https://acme.example:443/cdn-cgi/access/certs"])
        var shown = ""
        dump(try Fixture.load(Fixture.minimal + "\n" + Self.edge).get(), to: &shown)
        #expect(!shown.contains("origin-secret-of"))
    }
}
