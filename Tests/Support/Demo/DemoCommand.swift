import AgentShield
import ArgumentParser
import Foundation

/// Shows one support conversation's way through the gateway and a route that learns, with a fake provider behind it, and ends by itself.
@main
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agentshield-demo", abstract: "Runs a support agent once through a gateway of its own and shows what each side saw.")

    func run() async throws {
        let gateway = try DemoGateway.start()
        defer { gateway.stop() }
        var settings = AgentShieldClient.Configuration(
            address: Address(host: "localhost", port: gateway.port), apiKey: gateway.key)
        settings.trust = .file(gateway.authorityFile)
        let client = try AgentShieldClient(configuration: settings)
        do {
            try await Conversation(client: client, gateway: gateway).show()
            try await Learning(client: client).show()
        } catch {
            await client.shutdown()
            throw error
        }
        await client.shutdown()
    }
}

/// The support agent: one question with personal data, one tool call, one answer; then the same question again.
struct Conversation {
    let client: AgentShieldClient
    let gateway: DemoGateway

    private static let question = """
        Hello, I am Ana. My e-mail is ana.ruiz@example.com, my DNI 12345678Z. Please refund order 20931 to the card 4111 1111 1111 1111 \
        or to ES91 2100 0418 4502 0005 1332, and write to ana.ruiz@example.com when it is done.
        """
    private static let instructions =
        "You are the support agent of a shop. Look the customer up before you answer, be brief, and repeat what you will do. "
        + (1...12).map { "Rule \($0): refunds go back the way the payment came; orders older than 30 days need a supervisor's approval. " }
        .joined()

    private var request: ChatRequest {
        var request = ChatRequest(model: "tool:find_customer", messages: [.system(Self.instructions), .user(Self.question)])
        request.tools = [
            Tool(
                name: "find_customer", description: "Finds a customer by what the conversation says of them.",
                parameters: #"{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}"#)
        ]
        return request
    }

    func show() async throws {
        var options = CallOptions(deadline: .seconds(20))
        options.cache = .use
        let first = try await client.stream(request, options: options).collect()
        guard let call = first.toolCalls.first else { throw DemoFailure("the provider asked for no tool") }
        guard call.arguments.contains("ana.ruiz@example.com") else { throw DemoFailure("the tool did not get the real e-mail address") }

        var followUp = request
        followUp.messages.append(first.message)
        followUp.messages.append(.tool("customer 7731, ana.ruiz@example.com, premium since 2019", answering: call))
        let answer = try await client.stream(followUp, options: options).collect()
        guard answer.text.contains("ana.ruiz@example.com") else { throw DemoFailure("the answer was not restored") }

        let seen = try await gateway.providerRecord()
        for secret in ["ana.ruiz@example.com", "12345678Z", "4111 1111 1111 1111", "ES91 2100 0418 4502 0005 1332"]
        where seen.contains(secret) {
            throw DemoFailure("the provider saw personal data")
        }
        let again = try await client.stream(request, options: options).collect()
        guard again.cache == .hit else { throw DemoFailure("the second call was not answered from the cache") }
        tell(first: first, call: call, answer: answer, again: again, seen: seen)
    }

    private func tell(first: ChatAnswer, call: ToolCall, answer: ChatAnswer, again: ChatAnswer, seen: String) {
        section("What the user typed", Self.question)
        section("What the provider saw", Self.userMessage(in: seen))
        section("What the tool `\(call.name)` was called with (on the list of tools that get real values)", call.arguments)
        section("What the user got back", answer.text)
        let counts = first.summary.scrubbed.map { "\($0.kind) \($0.count)" }.joined(separator: ", ")
        section(
            "Figures",
            """
            scrubbed            \(counts)
            first call          \(first.cache.rawValue), the gateway added \(Self.overhead(first)) µs (\(Self.phases(first)))
            the same again      \(again.cache.rawValue), the gateway added \(Self.overhead(again)) µs, cost \(again.summary.costNanoUSD) nano-USD

            \(WireSizes.of(request).table)
            """)
    }

    private func section(_ title: String, _ text: String) {
        print("\n\(title)\n\(String(repeating: "─", count: min(78, title.count)))\n\(text)")
    }

    private static func overhead(_ answer: ChatAnswer) -> Int {
        answer.summary.timings.filter { $0.phase != "call" }.reduce(0) { $0 + $1.microseconds }
    }

    private static func phases(_ answer: ChatAnswer) -> String {
        answer.summary.timings.filter { $0.phase != "call" }.map { "\($0.phase) \($0.microseconds)" }.joined(separator: ", ")
    }

    /// The user's message in the first request that the provider has on record.
    private static func userMessage(in record: String) -> String {
        guard let data = record.data(using: .utf8), let root = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let requests = root["requests"] as? [[String: Any]], let body = (requests.first?["body"] as? String)?.data(using: .utf8),
            let chat = try? JSONSerialization.jsonObject(with: body) as? [String: Any], let messages = chat["messages"] as? [[String: Any]],
            let user = messages.first(where: { $0["role"] as? String == "user" })
        else { return record }
        return user["content"] as? String ?? record
    }
}

struct DemoFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
