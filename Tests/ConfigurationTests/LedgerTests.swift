import GatewayCrypto
import Testing

@testable import GatewayConfiguration

@Suite("Where the ledger is")
struct LedgerTests {
    private static let redis = ["REDIS_URL": "redis://r"]
    private static let database = ["DATABASE_URL": "postgresql://u@h/d"]

    private static func faults(_ yaml: String, _ environment: [String: String] = [:]) -> [String] {
        Fixture.faults(yaml, environment: Fixture.environment.merging(environment) { $1 }, files: [:]).map { "\($0.key) \($0.problem)" }
    }

    @Test("in a file, chained under the pepper or a secret of its own")
    func file() throws {
        let plain = try Fixture.load(Fixture.minimal).get()
        #expect(plain.ledger.file == nil && plain.ledger.chainSecret == plain.auth.pepper && plain.ledger.withoutStore == .refuse)
        let environment = Fixture.environment.merging(["CHAIN": "0123456789abcdef-of-the-chain"]) { $1 }
        let named = Fixture.minimal + "\nledger: {file: data/ledger.sqlite, key_env: CHAIN}"
        let ledger = try Fixture.load(named, path: "/etc/a/gateway.yaml", environment: environment).get().ledger
        #expect(ledger.file == "/etc/a/data/ledger.sqlite" && ledger.chainSecret == Secret("0123456789abcdef-of-the-chain"))
        #expect(Self.faults(Fixture.minimal + "\nledger: {key_env: NOT_THERE}").count == 1)
    }

    @Test("not where it would be several ledgers, or none")
    func refusals() {
        let file = Fixture.minimal + "\nledger: {file: a.sqlite}"
        #expect(Self.faults(file, Self.redis) == [] && Self.faults(file, Self.database) == [])
        #expect(
            Self.faults(file, Self.redis.merging(Self.database) { $1 })
                == ["ledger.file stands beside Redis and DATABASE_URL, with which the ledger is in PostgreSQL"])
        #expect(Self.faults(file + "\ncontrol: {file: a.sqlite}") == ["ledger.file is the file of `control.file` too"])
        let many = Fixture.minimal + "\nreplicas: many\nlisten: {tls: {enabled: false}, http: {}}\nledger: {file: a.sqlite}"
        #expect(Self.faults(many).contains { $0.hasPrefix("ledger.file is this machine's alone") })
        #expect(
            Self.faults(Fixture.minimal + "\nledger: {without_store: spool}")
                == ["ledger.spool is missing, and `without_store` is `spool`"])
    }
}
