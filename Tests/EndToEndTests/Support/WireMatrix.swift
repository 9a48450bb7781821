import AgentShield
import Foundation
import Testing

/// The matrices' requests over the wire protocol, with the SDK.
struct WireMatrix {
    static let tools = ["find_customer", "post_online"]

    let client: AgentShieldClient

    /// The SDK's own repetitions are off: they would be taken for the gateway's.
    static func run(_ stack: Stack, _ body: (WireMatrix) async throws -> Void) async throws {
        var configuration = AgentShieldClient.Configuration(
            addresses: [Address(host: "localhost", port: stack.tlsPort)], credential: .apiKey(stack.keys.main))
        configuration.trust = .pem(Array(try Data(contentsOf: URL(fileURLWithPath: stack.authority))))
        configuration.retry.maxAttempts = 1
        let client = try AgentShieldClient(configuration: configuration)
        do { try await body(WireMatrix(client: client)) } catch {
            await client.shutdown(within: .zero)
            throw error
        }
        await client.shutdown(within: .zero)
    }

    /// - Parameters:
    ///   - image: in base64; `nil`: none.
    ///   - schema: of what the tools take, and of a structured answer.
    static func request(
        _ model: String, image: String? = nil, schema: String, offersTools: Bool = false, hasResults: Bool = false,
        isStructured: Bool = false
    ) throws -> ChatRequest {
        var user = Message.user("Hello there")
        if let image {
            user.parts.append(.image(Media(.data(Array(try #require(Data(base64Encoded: image)))), mediaType: "image/png")))
        }
        var request = ChatRequest(model: model, messages: [user])
        request.maxOutputTokens = 500
        if offersTools || hasResults { request.tools = tools.map { Tool(name: $0, parameters: schema) } }
        if hasResults {
            let calls = tools.enumerated().map { ToolCall(id: "c\($0.offset)", name: $0.element, arguments: #"{"n":1}"#) }
            var turn = Message(role: .assistant, parts: [])
            turn.toolCalls = calls
            request.messages.append(turn)
            request.messages += zip(["one", "two"], calls).map { Message.tool($0, answering: $1) }
        }
        if isStructured { request.responseFormat = .jsonSchema(name: "n", schema: schema, isStrict: true) }
        return request
    }

    func answer(_ request: ChatRequest, streamed: Bool) async throws -> ChatAnswer {
        streamed ? try await client.stream(request).collect() : try await client.chat(request)
    }

    /// What the caller is told where the provider fails.
    func fault(_ request: ChatRequest, streamed: Bool) async -> String {
        do {
            _ = try await answer(request, streamed: streamed)
            return "no error"
        } catch let error as AgentShieldError {
            return "`\(error.name)`"
        } catch {
            return "no error of ours: \(error)"
        }
    }
}
