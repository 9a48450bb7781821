import GatewayCrypto
import Testing

@testable import GatewayConfiguration

@Suite("Secrets by name")
struct SecretTests {
    private func read(_ environment: [String: String], files: [String: String] = [:], minimumCount: Int = 1) throws -> Secret {
        try Fixture.vault(environment, files).secret(named: "KEY", minimumCount: minimumCount)
    }

    @Test("a secret comes from its variable or from the file that is named, without the line's end")
    func sources() throws {
        #expect(try read(["KEY": "hunter2"]) == Secret("hunter2"))
        #expect(try read(["KEY_FILE": "/f"], files: ["/f": "hunter2\r\n"]) == Secret("hunter2"))
    }

    @Test(
        "a secret that is missing, there twice, unreadable, empty, short or no credential is refused, and never repeated",
        arguments: [
            ([:], "neither KEY nor KEY_FILE"), (["KEY": "hunter2", "KEY_FILE": "/f"], "there twice"),
            (["KEY_FILE": "/none"], "cannot be read"),
            (["KEY": ""], "is empty"), (["KEY_FILE": "/empty"], "is empty"), (["KEY": "hunter2"], "less than 16 bytes"),
            (["KEY": "hunter2 hunter2 hunter2"], "no credential has"), (["KEY_FILE": "/lines"], "no credential has"),
            (["KEY": "hunter2hunter2hunter2é"], "no credential has"),
        ] as [([String: String], String)])
    func refused(environment: [String: String], expected: String) {
        let problem = #expect(throws: ValueProblem.self) {
            try read(environment, files: ["/empty": "\n", "/lines": "hunter2hunter2\nhunter2hunter2"], minimumCount: 16)
        }
        #expect(problem?.problem.contains(expected) == true)
        #expect("\(String(describing: problem))".contains("hunter2") == false)
    }

    @Test("a configuration that is printed or dumped shows no secret")
    func printing() throws {
        let loaded = try Fixture.load(
            CompleteFile.yaml, path: "/etc/agentshield/gateway.yaml", environment: CompleteFile.environment, files: CompleteFile.files
        ).get()
        var text = "\(loaded)"
        dump(loaded, to: &text)
        let privateKey = try #require(CompleteFile.identity.privateKey.split(separator: "\n").dropFirst().first).description
        for secret in ["credential-of-main", "from-a-file", "0123456789abcdef", privateKey] { #expect(!text.contains(secret)) }
        #expect(text.contains("<redacted>"))
    }
}

@Suite("Credentials where none may stand")
struct CredentialScanTests {
    /// Made up, and put together here, so that no scanner of this repository takes them for real ones.
    static let credentials: [(name: String, text: String)] = [
        ("an API key", "sk-proj-" + "Zk3n8Qw1Rt5Yu7Io9Pa2Sd4Fg6Hj8Kl0Zx"),
        ("a key of this gateway", (try? APIKey.generate(random: secureRandom)) ?? ""),
        ("a URL with a password", "postgresql://gateway:" + "tr0ub4dor3x@db.example.com:5432/shield"),
        ("a Redis URL with a password", "rediss://:" + "tr0ub4dor3x@cache.example.com:6379/0"),
        ("a signed token", "eyJhbGciOiJIUzI1NiJ9." + "eyJpc3MiOiJqb2UifQ." + "dBjftJeZ4CVPmB92K27uhbUJU1p1rwW1gFWFOEjXkAA"),
        ("a cloud's access key", "AKIA" + "IOSFODNN7EXAMPLQ"),
    ]

    @Test("a credential in the file is refused at its place, in values, comments and keys alike", arguments: credentials.map(\.name))
    func file(name: String) throws {
        let credential = try #require(Self.credentials.first { $0.name == name }?.text)
        for line in ["# the old one: \(credential)", "replica: {id: \"\(credential)\"}", "log: {level: info} # \(credential)"] {
            let yaml = Fixture.minimal + "\n" + line + " # HERE\n"
            let faults = Fixture.faults(yaml)
            #expect(faults.map(\.line).contains(Fixture.markedLine(yaml) ?? 0), "\(line)")
            let shown = ConfigurationFaults(faults: faults).rendered
            #expect(!shown.contains(credential))
            #expect(shown.contains("NAME_FILE"), "it says how to mend it")
        }
    }

    @Test("a credential on the command line is refused, and not repeated", arguments: credentials.map(\.name))
    func arguments(name: String) throws {
        let credential = try #require(Self.credentials.first { $0.name == name }?.text)
        for arguments in [["serve", credential], ["serve", "--config", credential], ["serve", "--api-key=\(credential)"]] {
            let problem = try #require(CredentialScan.problem(withArguments: arguments), "\(arguments.count)")
            #expect(!problem.contains(credential))
            #expect(problem.contains("argument \(arguments.count) "))
        }
        #expect(CredentialScan.problem(withArguments: ["serve", "--password", "tr0ub4dor3x!Q"]) != nil)
    }

    @Test("what a file and a command line usually hold is no credential")
    func harmless() {
        #expect(CredentialScan.findings(in: Array(CompleteFile.yaml.utf8)) == [])
        for arguments in [
            [], ["serve", "--config", "/etc/agentshield/gateway.yaml"], ["keys", "create", "--id", "support-bot", "--tenant", "acme"],
            ["keys", "create", "--id", "k-2026-11", "--tenant", "acme", "--pepper-env", "AGENTSHIELD_PEPPER", "--development"],
            ["migrate", "--timeout", "120"], ["dev", "--port", "0", "--json"], ["scrub", "--findings", "notes/2026-11-23.txt"],
        ] { #expect(CredentialScan.problem(withArguments: arguments) == nil, "\(arguments)") }
    }
}

@Suite("The vault")
struct VaultTests {
    @Test("a secret shows in no description, dump, mirror or message, and compares by its bytes")
    func redacted() throws {
        let secret = try Fixture.vault(["KEY": "hunter2hunter2"]).secret(named: "KEY")
        var dumped = ""
        dump([secret], to: &dumped)
        let shown = [
            "\(secret)", String(describing: secret), String(reflecting: secret), "\(Optional(secret) as Any)", dumped,
            "\(Mirror(reflecting: secret).children.map { "\($0)" })", "\(["key": secret])",
        ]
        for text in shown { #expect(!text.contains("hunter2") && !text.contains("104"), "\(text)") }
        #expect(secret == Secret("hunter2hunter2"))
    }

    @Test("variables of one's own stand in front of the environment's")
    func overlay() throws {
        let vault = Fixture.vault(["KEY": "outer", "OTHER": "other"]).overlaid(with: ["KEY": "inner"])
        #expect(try vault.secret(named: "KEY") == Secret("inner"))
        #expect(try vault.secret(named: "OTHER") == Secret("other"))
        #expect(vault.holds("KEY") && !vault.holds("NONE"))
        #expect(Fixture.vault(["KEY_FILE": "/f"]).holds("KEY"))
    }
}
