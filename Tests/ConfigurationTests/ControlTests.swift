import GatewayCrypto
import Testing

@testable import GatewayConfiguration

@Suite("The store of keys, and what many replicas must share")
struct ControlTests {
    private static let storeOnly = Fixture.minimal.replacing(
        "auth:\n  keys:\n    - {id: k1, hash: \"\(Fixture.zeroHash)\", tenant: acme}", with: "auth: {}")

    private static func faults(_ yaml: String, _ environment: [String: String] = [:], files: [String: String] = [:]) -> [String] {
        Fixture.faults(yaml, environment: Fixture.environment.merging(environment) { $1 }, files: files).map { "\($0.key) \($0.problem)" }
    }

    @Test("there is none unless the file or DATABASE_URL names one, never both")
    func store() throws {
        #expect(try Fixture.load(Fixture.minimal).get().control == .none)
        let file = Fixture.minimal + "\ncontrol: {file: keys/control.sqlite}"
        #expect(try Fixture.load(file, path: "/etc/a/gateway.yaml").get().control == .file("/etc/a/keys/control.sqlite"))
        let environment = Fixture.environment.merging(["DATABASE_URL": "postgresql://u@h/d"]) { $1 }
        guard case .database(let location) = try Fixture.load(Fixture.minimal, environment: environment).get().control else {
            Issue.record("no database")
            return
        }
        #expect(location.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } == "postgresql://u@h/d")
        #expect(Self.faults(file, ["DATABASE_URL": "postgresql://u@h/d"]) == ["control.file stands beside the environment's DATABASE_URL"])
        #expect(Self.faults(Fixture.minimal, ["DATABASE_URL": ""]).count == 1)
        #expect(Self.faults(Fixture.minimal, ["DATABASE_URL": "a", "DATABASE_URL_FILE": "/b"]).count == 1)
    }

    @Test("a file without keys needs a store")
    func keys() throws {
        #expect(Self.faults(Self.storeOnly).map { $0.contains("auth.keys is missing, and there is no store") } == [true])
        #expect(try Fixture.load(Self.storeOnly + "\ncontrol: {file: a.sqlite}").get().auth.keys.isEmpty)
        #expect(Self.faults(Self.storeOnly, ["DATABASE_URL": "postgresql://h/d"]) == [])
    }

    private static let redis = ["REDIS_URL": "redis://r"]
    private static let database = ["DATABASE_URL": "postgresql://u@h/d"]
    private static let stores = redis.merging(database) { $1 }

    @Test("many replicas have one Redis and one database: what is kept in memory or in a file of one of them is refused")
    func sharedState() {
        let many = Fixture.minimal + "\nreplicas: many\nlisten: {tls: {enabled: false}, http: {}}"
        let (redis, database) = ("replicas is `many`, and there is no Redis", "replicas is `many`, and there is no database")
        func told(_ yaml: String, _ environment: [String: String]) -> [String] {
            Self.faults(yaml, environment).map { String($0.prefix { $0 != ":" }) }
        }
        #expect(told(many, Self.stores) == [])
        #expect(Set(told(many, [:])) == [redis, database])
        #expect(told(many, Self.redis) == [database])
        #expect(told(many, Self.database) == [redis])
        #expect(
            Set(told(many + "\ncontrol: {file: a.sqlite}", Self.redis)) == [
                "control.file is this machine's alone, and `replicas` is `many`"
            ])
        // By another name.
        let named = many + "\nredis: {state: {url_env: SHARED_REDIS}}"
        #expect(told(named, ["SHARED_REDIS": "redis://r"].merging(Self.database) { $1 }) == [])
        // One replica needs neither.
        #expect(told(many.replacing("replicas: many", with: "replicas: one"), [:]) == [])
    }

    @Test("many replicas do not share a certificate that each makes for itself")
    func replicas() throws {
        #expect(
            Self.faults(Fixture.minimal + "\nreplicas: many", Self.stores).map {
                $0.contains("listen.tls.certificate is missing, and `replicas`")
            }
                == [true])
        func listening(_ certificate: [UInt8]) -> [String] {
            let files = [
                "s.pem": String(decoding: certificate, as: UTF8.self), "s.key": CompleteFile.identity.privateKey,
            ]
            return Self.faults(
                Fixture.minimal + "\nreplicas: many\nlisten: {tls: {certificate: s.pem, private_key: s.key}}", Self.stores, files: files)
        }
        #expect(listening(CompleteFile.identity.certificate) == [])
        // Its own issuer; that the key is another's is told as well.
        #expect(listening(CompleteFile.identity.authority).contains("listen.tls.certificate is signed by itself, and `replicas` is `many`"))
    }

    @Test("two peppers have ids of their own")
    func peppers() throws {
        let environment = ["OLD": "fedcba9876543210fedcba9876543210"]
        func file(_ keys: String) -> String { Fixture.minimal.replacing("auth:\n", with: "auth:\n  \(keys)\n") }
        let both = file("previous_pepper_env: OLD\n  previous_pepper_id: \"0\"")
        let loaded = try Fixture.load(both, environment: Fixture.environment.merging(environment) { $1 }).get().auth
        #expect(loaded.pepperID == "1" && loaded.previousPepper?.id == "0")
        #expect(loaded.staleMax == .seconds(60))
        #expect(Self.faults(both).map { $0.contains("auth.previous_pepper_env names a secret that is not there") } == [true])
        #expect(
            Self.faults(file("previous_pepper_env: OLD"), environment) == [
                "auth.previous_pepper_env stands without `previous_pepper_id`"
            ])
        #expect(
            Self.faults(file("previous_pepper_env: OLD\n  previous_pepper_id: \"1\""), environment) == [
                "auth.previous_pepper_id is `pepper_id` too"
            ])
    }

    @Test("the listener for administration needs a store, a long credential, and this machine or a word that the network is trusted")
    func listener() throws {
        let credential = ["CREDENTIAL": "0123456789abcdef0123456789abcdef"]
        func file(_ keys: String, store: String = "\ncontrol: {file: a.sqlite}") -> String {
            Fixture.minimal + store + "\nlisten: {control: {credential_env: CREDENTIAL\(keys)}}"
        }
        let environment = Fixture.environment.merging(credential) { $1 }
        let listener = try #require(
            try Fixture.load(file(", hosts: [\"admin.internal:443\"]"), environment: environment).get().listen.control)
        #expect(listener.address == ListenAddress(host: "127.0.0.1", port: 9091) && listener.hosts == ["admin.internal:443"])
        #expect(Self.faults(file("", store: ""), credential).map { $0.contains("has nothing to administer") } == [true])
        #expect(Self.faults(file(""), ["CREDENTIAL": "short"]).map { $0.contains("less than 32 bytes") } == [true])
        #expect(Self.faults(file(", address: \"0.0.0.0:9091\""), credential).map { $0.contains("unencrypted") } == [true])
        #expect(Self.faults(file(", address: \"0.0.0.0:9091\", allow_plaintext: true"), credential) == [])
    }
}
