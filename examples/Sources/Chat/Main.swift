import AgentShield
import Foundation

/// A chat in the terminal that prints the answer while it is made.
///
///     Chat [--model NAME] [--once PROMPT]
@main
struct Chat {
    static func main() async throws {
        guard let arguments = Arguments(CommandLine.arguments.dropFirst()) else {
            FileHandle.standardError.write(Data("usage: Chat [--model NAME] [--once PROMPT]\n".utf8))
            exit(2)
        }
        let client = try AgentShieldClient(configuration: .init())
        do {
            if let prompt = arguments.prompt {
                _ = try await answer([.user(prompt)], model: arguments.model, client)
            } else {
                try await converse(model: arguments.model, client)
            }
        } catch let error as AgentShieldError {
            print("\n\(error)")
            await client.shutdown()
            exit(1)
        }
        await client.shutdown()
    }

    private static func converse(model: String, _ client: AgentShieldClient) async throws {
        var messages: [Message] = []
        print("Talk to \(model); an empty line ends it.")
        while true {
            print("> ", terminator: "")
            fflush(nil)
            guard let line = readLine(), !line.isEmpty else { return }
            messages.append(.user(line))
            messages.append(try await answer(messages, model: model, client))
        }
    }

    /// Prints the answer as it comes, and returns it for the conversation to go on.
    private static func answer(_ messages: [Message], model: String, _ client: AgentShieldClient) async throws -> Message {
        var text = ""
        for try await event in client.stream(ChatRequest(model: model, messages: messages)) {
            switch event {
            case .text(let piece, _):
                text += piece
                print(piece, terminator: "")
                fflush(nil)
            case .finish(let summary):
                let cost = String(format: "%.6f", summary.costUSD)
                print("\n[\(summary.usage.total) tokens, $\(cost)]")
            default: break
            }
        }
        return .assistant(text)
    }
}

struct Arguments {
    var model = "echo"
    var prompt: String?

    init?(_ arguments: some Sequence<String>) {
        var rest = arguments.makeIterator()
        while let name = rest.next() {
            guard let value = rest.next() else { return nil }
            switch name {
            case "--model": model = value
            case "--once": prompt = value
            default: return nil
            }
        }
    }
}
