import AgentShield

/// What a gateway said at the wire door.
struct WireAnswer: Sendable {
    /// The error's name in the registry; `nil`: it answered.
    var error: String?
    var requestID = ""
    var text = ""

    /// Whether it was the gateway that said so, and not the client's own patience.
    var isTold: Bool { !requestID.isEmpty }
}

/// The wire protocol in a WebSocket, as the gateways of these tests have no certificate. Does nothing twice.
struct WireClient: Sendable {
    private let client: AgentShieldClient

    /// Runs the body with a client of one gateway.
    static func run<Result>(_ replicas: Replicas, _ index: Int = 0, _ body: (WireClient) async throws -> Result) async throws -> Result {
        var settings = AgentShieldClient.Configuration(
            address: Address(
                host: "127.0.0.1", port: replicas.members[index % replicas.members.count].port,
                way: .webSocket(path: Address.webSocketPath, isSecure: false)),
            apiKey: replicas.key)
        settings.retry.maxAttempts = 1
        let client = try AgentShieldClient(configuration: settings)
        do {
            let result = try await body(WireClient(client: client))
            await client.shutdown(within: .zero)
            return result
        } catch {
            await client.shutdown(within: .zero)
            throw error
        }
    }

    func chat(
        _ model: String = "echo", _ text: String = "Hello", streamed: Bool = false, deadline: Duration? = nil, idempotencyKey: String? = nil
    ) async throws -> WireAnswer {
        var options = CallOptions(deadline: deadline)
        options.idempotencyKey = idempotencyKey
        let request = ChatRequest(model: model, prompt: text)
        do {
            let answer =
                streamed
                ? try await client.stream(request, options: options).collect() : try await client.chat(request, options: options)
            return WireAnswer(error: nil, requestID: answer.head.requestID, text: answer.text)
        } catch let error as AgentShieldError {
            return WireAnswer(error: error.name, requestID: error.requestID)
        }
    }
}
