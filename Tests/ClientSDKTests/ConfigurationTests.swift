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
        "takes addresses of WebSockets beside others, with the path and the ports that URLs have",
        arguments: [
            ("wss://gw.example.com", Address(host: "gw.example.com", port: 443, way: .webSocket(path: "/agentshield/v1", isSecure: true))),
            ("wss://gw.example.com/", Address(host: "gw.example.com", port: 443, way: .webSocket(path: "/agentshield/v1", isSecure: true))),
            ("wss://[::1]:8443/a/b", Address(host: "::1", port: 8443, way: .webSocket(path: "/a/b", isSecure: true))),
            ("ws://localhost:8080", Address(host: "localhost", port: 8080, way: .webSocket(path: "/agentshield/v1", isSecure: false))),
            ("ws://127.0.0.1", Address(host: "127.0.0.1", port: 80, way: .webSocket(path: "/agentshield/v1", isSecure: false))),
            ("gw.example.com", Address(host: "gw.example.com", port: 8443)),
            ("https://gw.example.com", nil), ("wss://", nil), ("wss:///path", nil), ("wss://user@host", nil), ("wss://host?x=1", nil),
            ("wss://host/a?token=x", nil), ("wss://host/a#b", nil), ("wss://host/a b", nil), ("wss://host/a\r\nx: y", nil),
            ("wss://host:0", nil),
        ] as [(String, Address?)])
    func webSocketAddresses(text: String, address: Address?) {
        #expect(Address(text) == address)
    }

    @Test("reads upgrade headers, a line each, and never shows their values")
    func upgradeHeaders() throws {
        let configuration = try AgentShieldClient.Configuration(environment: [
            "AGENTSHIELD_ADDRESS": "wss://gw.example.com", "AGENTSHIELD_API_KEY": "k",
            "AGENTSHIELD_UPGRADE_HEADERS": "CF-Access-Client-Id: id.access\n\nCF-Access-Client-Secret:  hush:hush \n",
        ])
        #expect(
            configuration.upgradeHeaders == [
                UpgradeHeader("CF-Access-Client-Id", "id.access"), UpgradeHeader("CF-Access-Client-Secret", "hush:hush"),
            ])
        #expect(!"\(configuration)".contains("hush") && !String(reflecting: configuration.upgradeHeaders).contains("hush"))
        _ = try AgentShieldClient(configuration: configuration)
    }

    @Test(
        "is refused with the variable's name",
        arguments: [
            ([:], "AGENTSHIELD_ADDRESS"),
            (["AGENTSHIELD_ADDRESS": "a:b:c", "AGENTSHIELD_API_KEY": "k"], "AGENTSHIELD_ADDRESS"),
            (["AGENTSHIELD_ADDRESS": "a:0", "AGENTSHIELD_API_KEY": "k"], "AGENTSHIELD_ADDRESS"),
            (["AGENTSHIELD_ADDRESS": "https://a", "AGENTSHIELD_API_KEY": "k"], "AGENTSHIELD_ADDRESS"),
            (["AGENTSHIELD_ADDRESS": "a"], "AGENTSHIELD_API_KEY"),
            (
                ["AGENTSHIELD_ADDRESS": "wss://a", "AGENTSHIELD_API_KEY": "k", "AGENTSHIELD_UPGRADE_HEADERS": "no header"],
                "AGENTSHIELD_UPGRADE_HEADERS"
            ),
            (
                [
                    "AGENTSHIELD_ADDRESS": "wss://a", "AGENTSHIELD_API_KEY": "k", "AGENTSHIELD_UPGRADE_HEADERS": "a: b",
                    "AGENTSHIELD_UPGRADE_HEADERS_FILE": "f",
                ], "AGENTSHIELD_UPGRADE_HEADERS_FILE"
            ),
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
            { $0.addresses = [Address(host: "gw.example.com", way: .webSocket(path: "/a", isSecure: false))] },
            { $0.addresses = [Address(host: "127.evil.example.com", way: .webSocket(path: "/a", isSecure: false))] },
            { $0.addresses = [Address(host: "a", way: .webSocket(path: "a b", isSecure: true))] },
            { $0.upgradeHeaders = [UpgradeHeader("host", "elsewhere")] }, { $0.upgradeHeaders = [UpgradeHeader("x", "a\r\nb: c")] },
            { $0.upgradeHeaders = [UpgradeHeader("Sec-WebSocket-Key", "x")] }, { $0.upgradeHeaders = [UpgradeHeader("a b", "x")] },
            { $0.upgradeHeaders = [UpgradeHeader("x", String(repeating: "x", count: 8193))] },
            { $0.retry.maxAttempts = 0 }, { $0.trust = .file("/nonexistent/ca.pem") }, { $0.trust = .pem([]) },
        ] as [@Sendable (inout AgentShieldClient.Configuration) -> Void])
    func values(spoil: @Sendable (inout AgentShieldClient.Configuration) -> Void) {
        var configuration = AgentShieldClient.Configuration(address: Address(host: "localhost"), apiKey: "k")
        spoil(&configuration)
        let error = #expect(throws: AgentShieldError.self) { try AgentShieldClient(configuration: configuration) }
        #expect(error?.code == .invalidConfiguration)
    }
}
