import GatewayCore
import GatewayCrypto
import Scrubbing
import Testing

@testable import GatewayConfiguration

@Suite("Loading a configuration")
struct LoadingTests {
    @Test("a file with only what is required gets the documented defaults")
    func minimal() throws {
        let loaded = try Fixture.load(Fixture.minimal).get()
        #expect(loaded.listen.tls?.address == ListenAddress(host: "127.0.0.1", port: 8443))
        #expect(loaded.listen.tls?.identity == nil)
        #expect(loaded.listen.http == nil)
        #expect(loaded.listen.admin == ListenAddress(host: "127.0.0.1", port: 9090))
        #expect(loaded.limits.maxRequestBytes == 4 << 20)
        #expect(loaded.limits.defaultDeadline == .seconds(120))
        #expect(loaded.limits.wire.maxFrameBytes == 65_536)
        #expect(loaded.drainDeadline == .seconds(20))
        #expect(loaded.eventLoops == nil)
        #expect(loaded.log == Configuration.Log(level: .info, format: .json, hasClientAddress: false))
        #expect(loaded.cache.scope == .tenant)
        #expect(loaded.scrub.policies.keys.sorted() == ["default"])
        #expect(loaded.scrub.policies["default"]?.actions["EMAIL"] == .placeholder)
        #expect(loaded.scrub.policies["default"]?.actions["SECRET"] == .redact)
        let key = try #require(loaded.auth.keys.first)
        #expect(key.models == ["*"])
        #expect(key.limits == SubjectLimits(requests: RateLimit(permits: 600, periodNanoseconds: 60_000_000_000, burst: 60)))
        #expect(key.expiresAtUnixSeconds == nil)
        #expect(key.scrubPolicy == "default")
        let provider = try #require(loaded.providers["main"])
        #expect(provider.baseURL == ProviderURL(usesTLS: true, host: "api.example.com", port: 443, path: "/v1"))
        #expect(provider.credential == Secret("credential-of-main"))
        #expect(loaded.models.first?.cacheMode == .deterministic)
        #expect(loaded.models.first?.cacheTTL == .seconds(3600))
        #expect(loaded.models.first?.firstByteTimeout == .seconds(120))
    }

    @Test("values that are given are what comes out")
    func given() throws {
        let loaded = try Fixture.load(
            CompleteFile.yaml, path: "/etc/agentshield/gateway.yaml", environment: CompleteFile.environment, files: CompleteFile.files
        ).get()
        #expect(loaded.listen.tls?.address.description == "0.0.0.0:443")
        #expect(loaded.listen.tls?.identity?.certificateChain == CompleteFile.identity.certificate)
        #expect(loaded.listen.http?.address.description == "[::1]:8081")
        let balancers = try #require(loaded.listen.tls?.balancers.networks)
        #expect(balancers.map { $0.contains([10, 255, 0, 1]) } == [true, false, false])
        #expect(balancers.map { $0.contains([192, 0, 2, 7]) } == [false, false, true])
        #expect(loaded.listen.http?.balancers.networks.count == 1)
        #expect(loaded.listen.admin == nil)
        let key = try #require(loaded.auth.keys.first)
        #expect(key.models == ["smart", "oai-*"])
        #expect(
            key.limits
                == SubjectLimits(
                    requests: RateLimit(permits: 30, periodNanoseconds: 60_000_000_000, burst: 3),
                    tokens: RateLimit(permits: 90_000, periodNanoseconds: 60_000_000_000, burst: 9_000), concurrentRequests: 2))
        #expect(key.expiresAtUnixSeconds == 1_893_456_000)
        #expect(key.department == "support" && key.user == "ana@example.com")
        let model = try #require(loaded.models.first)
        #expect(model.name == .exact("small"))
        #expect(model.upstreamName == "small-2026")
        #expect(
            model.price == Price(input: 150_000_000, cacheRead: 37_500_000, cacheWrite: 187_500_000, output: 600_000_000)
        )
        #expect(model.cacheMode == .always && model.cacheTTL == .seconds(60))
        #expect(model.firstByteTimeout == .seconds(7) && model.idleTimeout == .milliseconds(800))
        #expect(loaded.aliases.first == Configuration.Alias(name: "smart", models: ["small", "oai-large"]))
        checkArbitrage(loaded)
        #expect(loaded.scrub.policies["strict"]?.actions["CARD"] == .block)
        try checkPolicy(try #require(loaded.scrub.policies["strict"]))
        #expect(model.scrubPolicy == "strict")
        #expect(loaded.providers["other"]?.trustRoots == CompleteFile.identity.authority)
        #expect(loaded.providers["other"]?.credential == Secret("from-a-file"))
        #expect(loaded.eventLoops == 2)
        #expect(loaded.replica == Configuration.Replica(id: "r1", region: "eu-west"))
    }

    private func checkArbitrage(_ loaded: Configuration) {
        let auto = loaded.aliases.first { $0.name == "auto" }?.arbitrage
        #expect(auto?.arms == ["small", "oai-large"] && auto?.replaces == ["oai-large"])
        #expect(
            auto?.settings
                == ArbitrationSettings(
                    policy: .thompson, dials: ArbitrageDials(qualityPerMilliUSD: 0.2, qualityPerSecond: 0.01), floor: Double(Float(0.3)),
                    explorationShare: Double(Float(0.1)), explorationNanoUSDPerHour: 500_000_000, halfLifeHours: 72, isSticky: false,
                    seed: 7,
                    weights: SignalWeights(
                        structuredOutput: Double(Float(0.6)), toolCall: Double(Float(0.7)), truncation: Double(Float(0.1)),
                        refusal: Double(Float(0.2)), error: Double(Float(0.3)), retry: Double(Float(0.4)))))
        #expect(loaded.aliases.first { $0.name == "table" }?.arbitrage?.settings.policy == .epsilonGreedy(Double(Float(0.05))))
        #expect(loaded.aliases.first { $0.name == "dice" }?.arbitrage?.settings.policy == .weighted([3, 1]))
        #expect(
            loaded.arbitrage
                == Configuration.Arbitrage(
                    file: "/etc/agentshield/learned.sqlite", refresh: .seconds(5), feedbackTimeToLive: .seconds(172_800),
                    tenants: [
                        "acme": TenantArbitration(
                            allowsSubstitution: true, regions: ["eu", "us"], qualityPerMilliUSD: 0.4, qualityPerSecond: 0.02)
                    ]))
        let traits = loaded.models.first?.traits
        #expect(traits?.contextTokens == 128_000 && traits?.supports == [.tools, .structuredOutput] && traits?.region == "eu")
        #expect(traits?.strength == Double(Float(0.55)))
    }

    private func checkPolicy(_ strict: Configuration.NamedPolicy) throws {
        #expect(strict.restoreInToolArguments == ["create_ticket"])
        let policy = strict.policy
        #expect(policy.minimumScore(of: .email) == 0.6 && policy.minimumScore(of: .phone) == 0.7)
        let custom = try #require(policy.kind(named: "CASE"))
        #expect(policy.minimumScore(of: custom) == 0.4 && policy.action(for: custom) == .mask(keepLast: 2))
        #expect(policy.kinds.contains(.dni) && !policy.kinds.contains(.nir) && !policy.kinds.contains(.ipv4))
        #expect(policy.answers == .logOnly && policy.keys == .logOnly)
        #expect(policy.customPatterns.first?.contextWords == ["file"])
    }

    @Test("a policy alone has the keys of a policy of the file, and its faults have their places")
    func policyAlone() throws {
        func load(_ text: String) -> Result<Configuration.NamedPolicy, ConfigurationFaults> {
            ConfigurationLoader.loadPolicy(path: "p.yaml", bytes: Array(text.utf8), vault: Fixture.vault(Fixture.environment))
        }
        let policy = try load("kinds: {EMAIL: hash}\nhash_key_env: AGENTSHIELD_PEPPER\npatterns: [{name: A, pattern: abc}]").get().policy
        #expect(policy.action(for: .email) == .hash)
        #expect(policy.kind(named: "A") != nil)
        guard case .failure(let faults) = load("kinds:\n  EMIAL: block") else {
            Issue.record("accepted")
            return
        }
        #expect(faults.faults.map(\.line) == [2] && faults.faults.map(\.key) == ["kinds.EMIAL"])
    }

    @Test("exact names come first, then the longest pattern")
    func order() throws {
        let yaml =
            Fixture.minimal + """

                  - {pattern: "*", provider: main}
                  - {pattern: "oai-*", provider: main}
                  - {pattern: "oai-g*", provider: main}
                  - {name: oai-g, provider: main}
                """
        let models = try Fixture.load(yaml).get().models
        #expect(models.map(\.name) == [.exact("small"), .exact("oai-g"), .prefix("oai-g"), .prefix("oai-"), .prefix("")])
        for (name, index) in [("small", 0), ("oai-g", 1), ("oai-gpt", 2), ("oai-x", 3), ("else", 4)] {
            #expect(models.firstIndex { $0.matches(name) } == index, "\(name)")
        }
    }

    @Test("an alias of aliases stands for their models, each once")
    func aliases() throws {
        let yaml =
            Fixture.minimal + """

                  - {name: large, provider: main}
                aliases:
                  - {name: best, fallback: [quick, large, small]}
                  - {name: quick, fallback: [small]}
                """
        let aliases = try Fixture.load(yaml).get().aliases
        #expect(aliases.map(\.models) == [["small", "large"], ["small"]])
    }

    @Test("a key's own rate without a burst never gets a burst above the rate")
    func burst() throws {
        let yaml = Fixture.minimal.replacing("tenant: acme", with: "tenant: acme, limits: {requests_per_minute: 5}")
        #expect(
            try Fixture.load(yaml).get().auth.keys.first?.limits.requests
                == RateLimit(permits: 5, periodNanoseconds: 60_000_000_000, burst: 5))
    }

    @Test("PORT replaces the port of plain HTTP, never its address, and turns nothing on")
    func port() throws {
        var environment = Fixture.environment
        environment["PORT"] = "3000"
        #expect(try Fixture.load(Fixture.minimal, environment: environment).get().listen.http == nil)
        #expect(
            try Fixture.load(Fixture.minimal + "\nlisten: {http: {}}", environment: environment).get().listen.http?.address.description
                == "127.0.0.1:3000")
        let open = Fixture.minimal + "\nlisten: {http: {address: 0.0.0.0:8080}}"
        #expect(try Fixture.load(open, environment: environment).get().listen.http?.address.description == "0.0.0.0:3000")
        environment["PORT"] = "http"
        let fault = try #require(Fixture.faults(open, environment: environment).first)
        #expect(fault.key == "listen.http.address")
        #expect(fault.problem.contains("PORT"))
    }

    @Test("a development key goes with loopback listeners")
    func development() throws {
        let yaml = Fixture.minimal.replacing("tenant: acme", with: "tenant: acme, development: true") + "\nlisten: {http: {}}"
        #expect(try Fixture.load(yaml).get().auth.keys.first?.isDevelopment == true)
    }

    @Test("a new key's entry loads, and its hash is the key's")
    func newKey() throws {
        let pepper = Secret("0123456789abcdef0123456789abcdef")
        let made = try #require(try NewKey.make(id: "k9", tenant: "acme", isDevelopment: true, pepper: pepper, random: secureRandom))
        #expect(APIKey.isWellFormed(made.key))
        #expect(!made.entry.contains(made.key))
        let yaml = Fixture.minimal.replacing("providers:", with: "    \(made.entry)\nproviders:")
        let key = try #require(try Fixture.load(yaml).get().auth.keys.last)
        #expect(key.id == "k9" && key.isDevelopment)
        #expect(key.hash == APIKey.hash(made.key, pepper: try KeyedHash(key: pepper)))
        #expect(try NewKey.make(id: "k 9", tenant: "acme", isDevelopment: false, pepper: pepper, random: secureRandom) == nil)
    }
}
