import GatewayCrypto
import Testing

@testable import GatewayConfiguration

@Suite("Secrets by name")
struct SecretTests {
    private func read(_ environment: [String: String], files: [String: String] = [:], minimumCount: Int = 1) throws -> Secret {
        try NamedSecret.read("KEY", minimumCount: minimumCount, environment: environment) { path in
            guard let text = files[path] else { throw Fixture.NoSuchFile() }
            return Array(text.utf8)
        }
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
        for secret in ["credential-of-main", "from-a-file", "0123456789abcdef"] { #expect(!text.contains(secret)) }
        #expect(text.contains("<redacted>"))
    }
}
