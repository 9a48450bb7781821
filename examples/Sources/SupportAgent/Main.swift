import AgentShield
import Foundation

/// A support agent: the user's message holds personal data and leads to a tool call, whose result leads to the answer. The model
/// never sees the personal data; the program gets it back where the model used its placeholder.
///
/// Its answers are resumable streams: a gateway that is drained, or a connection that is lost, is nothing the user sees. Name several gateways in
/// `AGENTSHIELD_ADDRESS`, separated by commas.
///
///     SupportAgent [--model NAME] [--message TEXT]
@main
struct SupportAgent {
    static let orders = ["A-1047": "shipped on Monday"]

    static func main() async throws {
        guard let arguments = Arguments(CommandLine.arguments.dropFirst()) else {
            FileHandle.standardError.write(Data("usage: SupportAgent [--model NAME] [--message TEXT]\n".utf8))
            exit(2)
        }
        let client = try AgentShieldClient(configuration: .init())
        do {
            try await serve(arguments, client)
        } catch let error as AgentShieldError {
            print("failed: \(error)")
            await client.shutdown()
            exit(1)
        }
        await client.shutdown()
    }

    private static func serve(_ arguments: Arguments, _ client: AgentShieldClient) async throws {
        print("the user typed: \(arguments.message)")
        var request = ChatRequest(
            model: arguments.model,
            messages: [.system("You answer customers. Look their orders up before you answer."), .user(arguments.message)])
        request.tools = [
            Tool(
                name: "find_order", description: "Finds a customer's order.",
                parameters: """
                    {"type": "object", "properties": {"text": {"type": "string", "description": "what the customer said"}}, "required": ["text"]}
                    """)
        ]
        // A model that goes on calling tools is stopped.
        for _ in 0..<4 {
            let answer = try await turn(request, client)
            request.messages.append(answer.message)
            guard !answer.toolCalls.isEmpty else {
                print("the user got back: \(answer.text)")
                report(answer)
                return
            }
            for call in answer.toolCalls {
                print("the model called: \(call.name)(\(call.arguments))")
                request.messages.append(.tool(findOrder(call.arguments), answering: call))
            }
        }
        print("the model did not come to an answer")
        exit(1)
    }

    /// One answer of the model's.
    ///
    /// The client goes on with it by itself, at any gateway, as long as one has it. Only a gateway that died takes an answer with it; the turn is then
    /// asked anew, which is safe: what its tools have done stands in the conversation.
    private static func turn(_ request: ChatRequest, _ client: AgentShieldClient) async throws -> ChatAnswer {
        var options = CallOptions()
        options.isResumable = true
        for _ in 0..<2 {
            do {
                return try await client.stream(request, options: options).collect()
            } catch let error as AgentShieldError where error.code == .streamBroken || error.code == .connectionLost {
                print("the answer was lost, and is asked for again: \(error)")
            }
        }
        return try await client.stream(request, options: options).collect()
    }

    private static func findOrder(_ arguments: String) -> String {
        for (number, state) in orders where arguments.contains(number) { return "Order \(number) was \(state). Asked: \(arguments)" }
        return "There is no such order. Asked: \(arguments)"
    }

    private static func report(_ answer: ChatAnswer) {
        let scrubbed = answer.summary.scrubbed.map { "\($0.count) × \($0.kind)" }.joined(separator: ", ")
        print("scrubbed: \(scrubbed.isEmpty ? "nothing" : scrubbed)")
        print(
            "cache: \(answer.cache.rawValue), model: \(answer.model), tokens: \(answer.usage.total), receipt: \(answer.summary.receiptID)")
        for timing in answer.summary.timings { print("phase \(timing.phase): \(timing.microseconds) µs") }
    }
}

struct Arguments {
    var model = "tool:find_order"
    var message = "Hi, I am ana.lopez@example.com, my card is 4111 1111 1111 1111. Where is my order A-1047?"

    init?(_ arguments: some Sequence<String>) {
        var rest = arguments.makeIterator()
        while let name = rest.next() {
            guard let value = rest.next() else { return nil }
            switch name {
            case "--model": model = value
            case "--message": message = value
            default: return nil
            }
        }
    }
}
