import AgentShield
import Testing

@Suite("The client's configuration")
struct ConfigurationTests {
    @Test("is read from the environment's variables")
    func environment() throws {
        let configuration = try AgentShieldClient.Configuration(environment: [
            "AGENTSHIELD_ADDRESS": "a.example, b.example:9000,[::1]:7000", "AGENTSHIELD_API_KEY": "as_secret",
            "AGENTSHIELD_CA_FILE": "/etc/ca.pem",
        ])
        #expect(
            configuration.addresses == [
                Address(host: "a.example", port: 8443), Address(host: "b.example", port: 9000), Address(host: "::1", port: 7000),
            ])
        #expect(configuration.trust == .file("/etc/ca.pem"))
        #expect(!"\(configuration)".contains("as_secret"))
    }

    @Test(
        "is refused with the variable's name",
        arguments: [
            ([:], "AGENTSHIELD_ADDRESS"),
            (["AGENTSHIELD_ADDRESS": "a:b:c", "AGENTSHIELD_API_KEY": "k"], "AGENTSHIELD_ADDRESS"),
            (["AGENTSHIELD_ADDRESS": "a:0", "AGENTSHIELD_API_KEY": "k"], "AGENTSHIELD_ADDRESS"),
            (["AGENTSHIELD_ADDRESS": "a"], "AGENTSHIELD_API_KEY"),
            (["AGENTSHIELD_ADDRESS": "a", "AGENTSHIELD_API_KEY": "k", "AGENTSHIELD_API_KEY_FILE": "f"], "AGENTSHIELD_API_KEY_FILE"),
        ] as [([String: String], String)])
    func refusals(environment: [String: String], name: String) {
        let error = #expect(throws: AgentShieldError.self) { try AgentShieldClient.Configuration(environment: environment) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(name) == true)
    }

    @Test(
        "is checked when a client is made",
        arguments: [
            { $0.addresses = [] }, { $0.maxConnections = 0 }, { $0.streamBufferBytes = 1 }, { $0.deadline = .zero },
            { $0.retry.maxAttempts = 0 }, { $0.trust = .file("/nonexistent/ca.pem") }, { $0.trust = .pem([]) },
        ] as [@Sendable (inout AgentShieldClient.Configuration) -> Void])
    func values(spoil: @Sendable (inout AgentShieldClient.Configuration) -> Void) {
        var configuration = AgentShieldClient.Configuration(address: Address(host: "localhost"), apiKey: "k")
        spoil(&configuration)
        let error = #expect(throws: AgentShieldError.self) { try AgentShieldClient(configuration: configuration) }
        #expect(error?.code == .invalidConfiguration)
    }
}
