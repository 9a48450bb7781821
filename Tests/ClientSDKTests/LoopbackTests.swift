import AgentShield
import NIOConcurrencyHelpers
import Testing
import Wire

@Suite("The client against a gateway on loopback TLS", .timeLimit(.minutes(2)))
struct LoopbackTests {
    private func makeClient(
        _ gateways: LoopbackGateway..., host: String = "localhost", adjust: (inout AgentShieldClient.Configuration) -> Void = { _ in }
    ) throws -> AgentShieldClient {
        var configuration = AgentShieldClient.Configuration(
            addresses: gateways.map { Address(host: host, port: $0.port) }, credential: .apiKey("as_test"))
        configuration.trust = .pem(try LoopbackGateway.certificate.get().authority)
        configuration.retry.baseDelay = .milliseconds(1)
        configuration.maxConnections = 1
        adjust(&configuration)
        return try AgentShieldClient(configuration: configuration)
    }

    private func withGateway(
        settings: ServerSettings = ServerSettings(), adjust: (inout AgentShieldClient.Configuration) -> Void = { _ in },
        answer: @escaping @Sendable (ScriptedRequest) -> Void, body: (LoopbackGateway, AgentShieldClient) async throws -> Void
    ) async throws {
        let gateway = try await LoopbackGateway.start(settings: settings, answer: answer)
        let client = try makeClient(gateway, adjust: adjust)
        try await body(gateway, client)
        await client.shutdown(within: .zero)
        try await gateway.stop()
    }

    @Test("an unstreamed chat carries usage, cost, scrub counts and timings")
    func chat() async throws {
        try await withGateway { $0.answer("You said: \($0.prompt)") } body: { gateway, client in
            let answer = try await client.chat(ChatRequest(model: "m", prompt: "hello"))
            #expect(answer.text == "You said: hello")
            #expect(answer.model == "real")
            #expect(answer.provider == "scripted")
            #expect(answer.cache == .miss)
            #expect(answer.finishReason == .stop)
            #expect(answer.usage == AgentShield.Usage(input: 5, cacheRead: 1, output: 3))
            #expect(answer.summary.costNanoUSD == 1_500)
            #expect(answer.costUSD == 0.0000015)
            #expect(answer.summary.scrubbed == [AgentShield.ScrubCount(kind: "EMAIL", count: 2)])
            #expect(answer.summary.timings == [AgentShield.PhaseTiming(phase: "scrub", microseconds: 42)])
            #expect(answer.summary.receiptID == "rc-1")
            #expect(gateway.record.elements.first == .connected(credential: "as_test"))
        }
    }

    @Test("a client that reaches the gateway by its IP address trusts the development certificate")
    func addressName() async throws {
        let gateway = try await LoopbackGateway.start { $0.answer("ok") }
        let client = try makeClient(gateway, host: "127.0.0.1")
        #expect(try await client.chat(ChatRequest(model: "m", prompt: "p")).text == "ok")
        await client.shutdown(within: .zero)
        try await gateway.stop()
    }
}
