import AgentShield
import Foundation

/// An agent that lets the gateway choose the model, and says what each answer was worth, so that the next choice is better.
///
///     LearningAgent [--model NAME]
///
/// The name is an arbitrated one of the gateway's configuration; `auto` without this, as `agentshield dev` has it.
@main
struct LearningAgent {
    /// Sums that the agent can check by itself. Where nobody can, a later sign will do: a ticket that was not opened again, a test that passed.
    private static let questions = (1...20).map {
        (text: "What is \($0) + \($0)? Answer with the number alone.", answer: "\($0 + $0)")
    }

    static func main() async throws {
        let arguments = CommandLine.arguments
        let model =
            arguments.firstIndex(of: "--model").flatMap {
                arguments.indices.contains($0 + 1) ? arguments[$0 + 1] : nil
            } ?? "auto"
        let client = try AgentShieldClient(configuration: .init())
        do {
            try await ask(client, model)
        } catch let error as AgentShieldError {
            print(error)
            await client.shutdown()
            exit(1)
        }
        await client.shutdown()
    }

    private static func ask(_ client: AgentShieldClient, _ model: String) async throws {
        var spent = 0.0
        var right = 0
        for question in questions {
            let answer = try await client.chat(ChatRequest(model: model, prompt: question.text))
            let isRight = answer.text.contains(question.answer)
            spent += answer.summary.costUSD
            right += isRight ? 1 : 0
            try await client.feedback(answer.summary.receiptID, score: isRight ? 1 : 0)
            print("\(question.text) \(answer.text) [\(answer.head.model), \(answer.summary.routeReason)]")
        }
        print("\(right) of \(questions.count) right, \(String(format: "%.6f", spent)) USD")
    }
}
