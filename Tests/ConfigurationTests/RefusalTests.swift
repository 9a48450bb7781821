import GatewayCrypto
import Testing

@testable import GatewayConfiguration

/// A change to the minimal file that makes one thing wrong, on the line marked `# HERE`.
struct Refusal: Sendable, CustomTestStringConvertible {
    var name: String
    /// Appended to the minimal file, unless `replace` says what it stands in for.
    var text: String
    var replace: String?
    var key: String
    var problem: String
    var remedy = ""

    var testDescription: String { name }

    var yaml: String {
        replace.map { Fixture.minimal.replacing($0, with: text) } ?? Fixture.minimal + "\n" + text
    }
}

private let keyEntry = "- {id: k1, hash: \"\(Fixture.zeroHash)\", tenant: acme}"
private let modelEntry = "- {name: small, provider: main}"
private let providerEntry = "main: {dialect: openai, base_url: \"https://api.example.com/v1\", api_key_env: MAIN_KEY}"

private let shapes = [
    Refusal(
        name: "an unknown key at the top", text: "colour: red # HERE", key: "colour", problem: "is no key", remedy: "here may stand listen"),
    Refusal(
        name: "a mistyped key", text: "cache:\n  max_byte: 1MiB # HERE", key: "cache.max_byte", problem: "is no key",
        remedy: "did you mean `max_bytes`?"),
    Refusal(name: "swapped letters", text: "lgo: {} # HERE", key: "lgo", problem: "is no key", remedy: "did you mean `log`?"),
    Refusal(
        name: "a key in the wrong section", text: "limits:\n  max_frame_bytes: 64KiB # HERE", key: "limits.max_frame_bytes",
        problem: "is no key here", remedy: "there is `limits.wire.max_frame_bytes`"),
    Refusal(
        name: "an unknown kind", text: "scrub:\n  policies:\n    default:\n      kinds:\n        EMIAL: block # HERE",
        key: "scrub.policies.default.kinds.EMIAL", problem: "is no key", remedy: "did you mean `EMAIL`?"),
    Refusal(
        name: "a key twice", text: "log: {level: info} # HERE\nlog: {level: debug}", key: "",
        problem: "same key twice in one section: `log`"),
    Refusal(name: "invalid YAML", text: "log: {level: info\ncache: {} # HERE", key: "", problem: "is not valid YAML"),
    Refusal(
        name: "a key without a value", text: "log:\n  level: # HERE", key: "log.level", problem: "has no value", remedy: "remove the key"),
    Refusal(name: "a section without keys", text: "cache: # HERE", key: "cache", problem: "is no section", remedy: "`{}`"),
    Refusal(
        name: "a section where a value belongs", text: "drain_deadline: {} # HERE", key: "drain_deadline", problem: "is not a single value"),
    Refusal(
        name: "an unquoted IPv6 address", text: "listen: {admin: {address: [::1]}} # HERE", key: "", problem: "is not valid YAML",
        remedy: "may need quotes"),
    Refusal(
        name: "a list where a value belongs", text: "drain_deadline: [1s] # HERE", key: "drain_deadline", problem: "is not a single value",
        remedy: "write a duration"),
    Refusal(name: "a value where a list belongs", text: "aliases: small # HERE", key: "aliases", problem: "is no list"),
    Refusal(name: "an empty list", text: "aliases: [] # HERE", key: "aliases", problem: "is an empty list"),
    Refusal(name: "a list entry that is no section", text: "aliases:\n  - small # HERE", key: "aliases[0]", problem: "is no section"),
    Refusal(
        name: "a provider's name that is no identifier", text: "main: {dialect: openai, base_url: \"https://a.example\"}\n  a b: {} # HERE",
        replace: providerEntry, key: "providers", problem: "has a name that is no identifier"),
]

private let values = [
    Refusal(name: "a number with letters", text: "event_loops: four # HERE", key: "event_loops", problem: "is not a whole number"),
    Refusal(
        name: "a number out of range", text: "event_loops: 257 # HERE", key: "event_loops", problem: "is out of range", remedy: "1 to 256"),
    Refusal(
        name: "a duration without a unit", text: "drain_deadline: 20 # HERE", key: "drain_deadline", problem: "is not a duration",
        remedy: "250ms, 20s, 5m"),
    Refusal(
        name: "a duration out of range", text: "drain_deadline: 2h # HERE", key: "drain_deadline", problem: "is out of range",
        remedy: "0ms to 1h"),
    Refusal(
        name: "a size in KB", text: "cache: {max_bytes: 64MB} # HERE", key: "cache.max_bytes", problem: "is not a size",
        remedy: "1,024 bytes"),
    Refusal(
        name: "a size out of range", text: "limits: {max_request_bytes: 1GiB} # HERE", key: "limits.max_request_bytes",
        problem: "is out of range", remedy: "1KiB to 64MiB"),
    Refusal(
        name: "a choice that is none", text: "log: {level: debgu} # HERE", key: "log.level", problem: "is none of its choices",
        remedy: "did you mean `debug`?"),
    Refusal(
        name: "yes for true", text: "listen: {admin: {enabled: yes}} # HERE", key: "listen.admin.enabled",
        problem: "is neither true nor false"),
    Refusal(
        name: "an address without a port", text: "listen: {admin: {address: 127.0.0.1}} # HERE", key: "listen.admin.address",
        problem: "is not an address to listen on"),
    Refusal(
        name: "a host name to listen on", text: "listen: {admin: {address: example.com:80}} # HERE", key: "listen.admin.address",
        problem: "is not an address to listen on"),
    Refusal(
        name: "an expiry that is no instant",
        text: "- {id: k1, hash: \"\(Fixture.zeroHash)\", tenant: acme, expires: 2027-02-30T00:00:00Z} # HERE", replace: keyEntry,
        key: "auth.keys[0].expires", problem: "is not an instant"),
    Refusal(
        name: "a hash that is none", text: "- {id: k1, hash: abc, tenant: acme} # HERE", replace: keyEntry, key: "auth.keys[0].hash",
        problem: "is not a key's hash", remedy: "agentshield keys create"),
    Refusal(
        name: "a price with a currency", text: "- {name: small, provider: main, price: {input: $1, output: 2}} # HERE", replace: modelEntry,
        key: "models[0].price.input", problem: "is not a price"),
    Refusal(
        name: "a price of which half is missing", text: "- {name: small, provider: main, price: {input: 1}} # HERE", replace: modelEntry,
        key: "models[0].price.output", problem: "is missing"),
    Refusal(
        name: "a price that is another word than free", text: "- {name: small, provider: main, price: cheap} # HERE", replace: modelEntry,
        key: "models[0].price", problem: "is neither a section nor `free`"),
    Refusal(
        name: "a ceiling that is announced and not there", text: "prices: {unknown: ceiling} # HERE", key: "prices.ceiling",
        problem: "is missing"),
    Refusal(
        name: "a ceiling that nobody asks", text: "prices: {ceiling: {input: 1, output: 2}} # HERE", key: "prices.ceiling",
        problem: "stands beside `unknown: refuse`"),
    Refusal(
        name: "secrets as placeholders", text: "scrub: {policies: {default: {kinds: {SECRET: placeholder}}}} # HERE",
        key: "scrub.policies.default.kinds.SECRET", problem: "is none of its choices"),
    policy("secrets with their last characters", "kinds: {JWT: 'mask:2'}", "kinds.JWT", "is none of its choices"),
    policy("a mask that keeps too much", "kinds: {CARD: 'mask:9'}", "kinds.CARD", "is none of its choices", remedy: "`mask:8`"),
    policy("a hash without a key", "kinds: {EMAIL: hash}", "kinds.EMAIL", "without a key", remedy: "`hash_key_env`"),
    policy("a score beyond 1", "minimum_score: 1.5", "minimum_score", "is no score"),
    policy("a score of no kind", "minimum_scores: {PHONES: 0.5}", "minimum_scores.PHONES", "a kind that there is not", remedy: "`PHONE`"),
    policy("no country", "locales: [xx]", "locales[0]", "is none of its choices"),
    policy("no domain", "allow: {email_domains: [localhost]}", "allow.email_domains", "no domain"),
    policy(
        "a pattern that looks back", "patterns: [{name: MINE, pattern: '(?<=x)y'}]", "patterns[0].pattern", "looks behind, at character 1",
        remedy: "context words"),
    policy("a pattern of a kind that there is", "patterns: [{name: EMAIL, pattern: 'xyz'}]", "patterns[0].name", "another kind's"),
    policy("two patterns of one name", "patterns: [{name: A, pattern: xy}, {name: A, pattern: yz}]", "patterns[1].name", "another kind's"),
    policy("a pattern without its name", "patterns: [{pattern: xy}]", "patterns[0].name", "is missing"),
    Refusal(
        name: "a key id with a space", text: "- {id: k 1, hash: \"\(Fixture.zeroHash)\", tenant: acme} # HERE", replace: keyEntry,
        key: "auth.keys[0].id", problem: "is not a valid identifier"),
]

private func policy(_ name: String, _ text: String, _ key: String, _ problem: String, remedy: String = "") -> Refusal {
    Refusal(
        name: name, text: "scrub: {policies: {default: {\(text)}}} # HERE", key: "scrub.policies.default.\(key)", problem: problem,
        remedy: remedy)
}

private let relations = [
    Refusal(
        name: "a model with an unknown policy", text: "- {name: small, provider: main, scrub: defualt} # HERE", replace: modelEntry,
        key: "models[0].scrub", problem: "not in `scrub.policies`: defualt", remedy: "did you mean `default`?"),
    Refusal(
        name: "a model of an unknown provider", text: "- {name: small, provider: mian} # HERE", replace: modelEntry,
        key: "models[0].provider", problem: "not in `providers`: mian", remedy: "did you mean `main`?"),
    Refusal(
        name: "two models of one name", text: modelEntry + "\n  - {name: small, provider: main} # HERE", replace: modelEntry,
        key: "models[1].name", problem: "another model's too"),
    Refusal(
        name: "two equal patterns", text: "- {pattern: \"a*\", provider: main}\n  - {pattern: \"a*\", provider: main} # HERE",
        replace: modelEntry, key: "models[1].pattern", problem: "another model's too"),
    Refusal(
        name: "a pattern without a star", text: "- {pattern: small, provider: main} # HERE", replace: modelEntry, key: "models[0].pattern",
        problem: "has no `*`"),
    Refusal(
        name: "a star in the middle", text: "- {pattern: \"a*b*\", provider: main} # HERE", replace: modelEntry, key: "models[0].pattern",
        problem: "is not a valid name or pattern"),
    Refusal(
        name: "a pattern as a name", text: "- {name: \"a*\", provider: main} # HERE", replace: modelEntry, key: "models[0].name",
        problem: "is not a valid name"),
    Refusal(
        name: "a model with name and pattern", text: "- {name: small, pattern: \"a*\", provider: main} # HERE", replace: modelEntry,
        key: "models[0].pattern", problem: "stands beside `name`"),
    Refusal(
        name: "a model with neither", text: "- {provider: main} # HERE", replace: modelEntry, key: "models[0]",
        problem: "has neither `name` nor `pattern`"),
    Refusal(
        name: "another name for a pattern", text: "- {pattern: \"a*\", provider: main, upstream_name: b} # HERE", replace: modelEntry,
        key: "models[0].upstream_name", problem: "stands beside `pattern`"),
    Refusal(
        name: "an alias of nothing", text: "aliases:\n  - {name: smart, fallback: [smal]} # HERE", key: "aliases[0].fallback[0]",
        problem: "not in `models` or `aliases`: smal", remedy: "did you mean `small`?"),
    Refusal(
        name: "an alias with a model's name", text: "aliases:\n  - {name: small, fallback: [small]} # HERE", key: "aliases[0].name",
        problem: "another model's or alias's too"),
    Refusal(
        name: "an alias of itself", text: "aliases:\n  - {name: a, fallback: [small, a]} # HERE", key: "aliases[0].fallback",
        problem: "comes back to itself: a → a"),
    Refusal(
        name: "a model twice in a fallback", text: "aliases:\n  - {name: a, fallback: [small, small]} # HERE",
        key: "aliases[0].fallback[1]", problem: "is there twice"),
    Refusal(
        name: "a key for an unknown model", text: "- {id: k1, hash: \"\(Fixture.zeroHash)\", tenant: acme, models: [small, big]} # HERE",
        replace: keyEntry, key: "auth.keys[0].models[1]", problem: "not in `models` or `aliases`: big"),
    Refusal(
        name: "a key for a pattern that fits nothing",
        text: "- {id: k1, hash: \"\(Fixture.zeroHash)\", tenant: acme, models: [\"big-*\"]} # HERE", replace: keyEntry,
        key: "auth.keys[0].models[0]", problem: "big-*"),
    Refusal(
        name: "a key with an unknown policy", text: "- {id: k1, hash: \"\(Fixture.zeroHash)\", tenant: acme, scrub: defualt} # HERE",
        replace: keyEntry, key: "auth.keys[0].scrub", problem: "not in `scrub.policies`: defualt", remedy: "did you mean `default`?"),
    Refusal(
        name: "two keys of one id", text: keyEntry + "\n    - {id: k1, hash: \"\(Fixture.oneHash)\", tenant: acme} # HERE",
        replace: keyEntry, key: "auth.keys[1].id", problem: "another key's too"),
    Refusal(
        name: "two keys of one hash", text: keyEntry + "\n    - {id: k2, hash: \"\(Fixture.zeroHash)\", tenant: acme} # HERE",
        replace: keyEntry, key: "auth.keys[1].hash", problem: "another key's too"),
    Refusal(
        name: "a request that never fits", text: "limits: {max_request_bytes: 8MiB, max_in_flight_bytes: 4MiB} # HERE",
        key: "limits.max_request_bytes", problem: "is larger than `max_in_flight_bytes`"),
    Refusal(
        name: "a default deadline over the longest", text: "limits: {default_deadline: 2m, max_deadline: 1m} # HERE",
        key: "limits.default_deadline", problem: "is longer than `max_deadline`"),
    Refusal(
        name: "a stream's credit over the connection's", text: "limits: {wire: {initial_stream_credit: 2MiB}} # HERE",
        key: "limits.wire.initial_stream_credit", problem: "is larger than `initial_connection_credit`"),
    Refusal(
        name: "an entry larger than the cache", text: "cache: {max_bytes: 64KiB} # HERE", key: "cache.max_entry_bytes",
        problem: "is larger than `max_bytes`"),
]

private let listeners = [
    Refusal(
        name: "a made certificate on a public address", text: "listen: {tls: {address: 0.0.0.0:8443}} # HERE", key: "listen.tls.address",
        problem: "no certificate is given", remedy: "listen on 127.0.0.1"),
    Refusal(
        name: "a development key behind a public plain listener",
        text: "- {id: k1, hash: \"\(Fixture.zeroHash)\", tenant: acme, development: true} # HERE\nlisten: {http: {address: 0.0.0.0:80}}",
        replace: keyEntry, key: "auth.keys[0].development", problem: "0.0.0.0:80"),
    Refusal(
        name: "a certificate without its key", text: "listen: {tls: {certificate: /good.pem}} # HERE", key: "listen.tls.certificate",
        problem: "stands without `private_key`"),
    Refusal(
        name: "a key without its certificate", text: "listen: {tls: {private_key: /good.key}} # HERE", key: "listen.tls.private_key",
        problem: "stands without `certificate`"),
    Refusal(
        name: "a certificate that is not there", text: "listen: {tls: {certificate: /none.pem, private_key: /good.key}} # HERE",
        key: "listen.tls.certificate", problem: "cannot be read"),
    Refusal(
        name: "a certificate file with something else in it",
        text: "listen: {tls: {certificate: /good.key, private_key: /good.key}} # HERE", key: "listen.tls.certificate",
        problem: "without a PEM certificate"),
    Refusal(
        name: "a broken certificate", text: "listen: {tls: {certificate: /broken.pem, private_key: /good.key}} # HERE",
        key: "listen.tls.certificate", problem: "holds a certificate that cannot be read"),
    Refusal(
        name: "a broken key", text: "listen: {tls: {certificate: /good.pem, private_key: /broken.key}} # HERE",
        key: "listen.tls.private_key", problem: "holds a key that cannot be read"),
    Refusal(
        name: "an encrypted key", text: "listen: {tls: {certificate: /good.pem, private_key: /encrypted.key}} # HERE",
        key: "listen.tls.private_key", problem: "names an encrypted key"),
    Refusal(
        name: "another certificate's key", text: "listen: {tls: {certificate: /good.pem, private_key: /other.key}} # HERE",
        key: "listen.tls.private_key", problem: "does not belong to the certificate"),
    Refusal(
        name: "two listeners on one address", text: "listen: {http: {address: 127.0.0.1:9090}} # HERE", key: "listen.admin.address",
        problem: "is the address of `listen.http` too"),
    Refusal(
        name: "balancers that are nowhere", text: "listen: {tls: {proxy_protocol: {}}} # HERE", key: "listen.tls.proxy_protocol.from",
        problem: "is missing"),
    Refusal(
        name: "a balancer without an address", text: "listen: {tls: {proxy_protocol: {from: [balancer.internal]}}} # HERE",
        key: "listen.tls.proxy_protocol.from[0]", problem: "is no network", remedy: "10.0.0.0/8"),
    Refusal(
        name: "a network with bits behind its length", text: "listen: {http: {proxy_protocol: {from: [10.0.0.1/8]}}} # HERE",
        key: "listen.http.proxy_protocol.from[0]", problem: "has bits set behind it", remedy: "set them to zero"),
    Refusal(name: "no listener at all", text: "listen: {tls: {enabled: false}} # HERE", key: "listen.tls", problem: "no plain HTTP either"),
]

private let providers = [
    Refusal(
        name: "a URL with a password", text: "main: {dialect: openai, base_url: \"https://u:hunter2@api.example.com\"} # HERE",
        replace: providerEntry, key: "providers.main.base_url", problem: "password in it", remedy: "api_key_env"),
    Refusal(
        name: "a URL with a query", text: "main: {dialect: openai, base_url: \"https://api.example.com/?key=hunter2\"} # HERE",
        replace: providerEntry, key: "providers.main.base_url", problem: "query or fragment"),
    Refusal(
        name: "a URL of another scheme", text: "main: {dialect: openai, base_url: \"ftp://api.example.com\"} # HERE",
        replace: providerEntry, key: "providers.main.base_url", problem: "is not an http:// or https:// URL"),
    Refusal(
        name: "a URL without a host", text: "main: {dialect: openai, base_url: \"https:///v1\"} # HERE", replace: providerEntry,
        key: "providers.main.base_url", problem: "has no valid host or port"),
    Refusal(
        name: "plain HTTP over the network", text: "main: {dialect: openai, base_url: \"http://api.example.com/v1\"} # HERE",
        replace: providerEntry, key: "providers.main.base_url", problem: "unencrypted", remedy: "allow_plaintext: true"),
    Refusal(
        name: "an unknown dialect", text: "main: {dialect: opneai, base_url: \"https://a.example\"} # HERE", replace: providerEntry,
        key: "providers.main.dialect", problem: "is none of its choices", remedy: "did you mean `openai`?"),
    Refusal(
        name: "a credential in the file under a key's name",
        text: "main: {dialect: openai, base_url: \"https://a.example\", api_key: hunter2} # HERE", replace: providerEntry,
        key: "providers.main.api_key", problem: "would put a secret into the file", remedy: "`api_key_env`"),
    Refusal(
        name: "a credential instead of a variable's name",
        text: "main: {dialect: openai, base_url: \"https://a.example\", api_key_env: sk-hunter2hunter2hunter2} # HERE",
        replace: providerEntry, key: "providers.main.api_key_env", problem: "looks like a secret"),
    Refusal(
        name: "what is no variable's name", text: "main: {dialect: openai, base_url: \"https://a.example\", api_key_env: hunter2-x} # HERE",
        replace: providerEntry, key: "providers.main.api_key_env", problem: "is not the name of an environment variable"),
    Refusal(
        name: "a variable that is not set", text: "main: {dialect: openai, base_url: \"https://a.example\", api_key_env: NONE} # HERE",
        replace: providerEntry, key: "providers.main.api_key_env", problem: "neither NONE nor NONE_FILE is set",
        remedy: "set NONE to the secret"),
    Refusal(
        name: "trust roots that are not there", text: "main: {dialect: openai, base_url: \"https://a.example\", ca_file: none.pem} # HERE",
        replace: providerEntry, key: "providers.main.ca_file", problem: "cannot be read"),
]

@Suite("Refused configurations")
struct RefusalTests {
    static let files: [String: String] = {
        let good = CompleteFile.identity
        let other =
            (try? DevelopmentCertificate.make(now: 1_800_000_000).privateKey.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }) ?? ""
        return [
            "/good.pem": String(decoding: good.certificate, as: UTF8.self), "/good.key": good.privateKey, "/other.key": other,
            "/broken.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "/broken.key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "/encrypted.key": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ]
    }()

    @Test(
        "exactly the one fault is reported, on its line, with its key and how to mend it",
        arguments: shapes + values + relations + listeners + providers)
    func single(_ refusal: Refusal) throws {
        let faults = Fixture.faults(refusal.yaml, files: Self.files)
        #expect(faults.count == 1, "\(faults)")
        let fault = try #require(faults.first)
        #expect(fault.file == "gateway.yaml")
        if refusal.name == "invalid YAML" {
            // libyaml says where it gave up: on the marked line or the one after.
            #expect(fault.line >= Fixture.markedLine(refusal.yaml) ?? .max)
        } else {
            #expect(fault.line == Fixture.markedLine(refusal.yaml))
        }
        #expect(fault.key == refusal.key)
        #expect(fault.problem.contains(refusal.problem), "\(fault.problem)")
        #expect(fault.remedy.contains(refusal.remedy), "\(fault.remedy)")
        #expect(!fault.remedy.isEmpty)
        #expect(!"\(fault)".contains("hunter2"), "a secret is repeated")
    }

    @Test("all faults of a file are reported at once, in the order of its lines")
    func all() {
        let yaml = """
            auth:
              keys:
                - {id: k1, hash: x, tenant: acme}
            providers:
              main: {dialect: openai, base_url: "https://a.example", api_key_env: NONE}
            models:
              - {name: small, provider: mian}
              - {name: large}
            drain_deadline: soon
            event_lops: 2
            """
        let faults = Fixture.faults(yaml)
        #expect(faults.map(\.line) == [3, 5, 7, 8, 9, 10])
        #expect(
            faults.map(\.key) == [
                "auth.keys[0].hash", "providers.main.api_key_env", "models[0].provider", "models[1].provider", "drain_deadline",
                "event_lops",
            ])
        #expect(faults.first?.column == 22)
    }

    @Test("longer cycles of aliases are named in full, wherever one begins")
    func cycles() {
        let yaml =
            Fixture.minimal + "\naliases:\n  - {name: a, fallback: [b]}\n  - {name: b, fallback: [small, c]}\n  - {name: c, fallback: [a]}"
        let faults = Fixture.faults(yaml)
        #expect(faults.map(\.line) == [9, 10, 11])
        #expect(faults.first?.problem == "comes back to itself: a → b → c → a")
    }

    @Test("a file that is empty, not text, not a mapping or far too large is refused")
    func files() {
        #expect(Fixture.faults("").map(\.problem) == ["holds no keys"])
        #expect(Fixture.faults("- a\n- b").map(\.problem) == ["holds no keys"])
        #expect(Fixture.faults("a: 1\n---\nb: 2").first?.problem.contains("not valid YAML") == true)
        #expect(Fixture.faults("a: \u{1}").first?.problem.contains("not valid YAML") == true)
        #expect(Fixture.faults(String(repeating: "#", count: (1 << 20) + 1)).first?.problem == "is larger than 1MiB")
        let outcome = ConfigurationLoader.load(path: "x", bytes: [0x61, 0x3A, 0x20, 0xFF], vault: Fixture.vault([:]))
        #expect(throws: ConfigurationFaults.self) { try outcome.get() }
    }

    @Test("an empty section lacks what is required, and says so by name")
    func missing() {
        let faults = Fixture.faults("log: {}")
        #expect(Set(faults.map(\.key)).isSuperset(of: ["auth", "auth.keys", "providers", "models"]))
        #expect(faults.allSatisfy { $0.problem.hasPrefix("is missing") || $0.key == "auth.pepper_env" })
    }

    @Test("faults are printed with their place, and nothing in them commands a terminal")
    func rendering() {
        let yaml = Fixture.minimal + "\n\"lo\\e[31mg\": {}\ndrain_deadline: 5"
        guard case .failure(let faults) = Fixture.load(yaml) else {
            Issue.record("the file was accepted")
            return
        }
        let text = faults.rendered
        #expect(text.contains("gateway.yaml:9:17: drain_deadline is not a duration\n    write a whole number and a unit"))
        #expect(text.contains("gateway.yaml:8:1: lo\u{FFFD}[31mg is no key"))
        #expect(text.hasSuffix("2 problems; nothing was started or changed."))
        #expect(!text.contains("\u{1B}"))
    }
}
