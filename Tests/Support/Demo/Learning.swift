import AgentShield
import Foundation

/// A route that learns: 500 questions to `auto`, which stands for a cheap model that knows half of them and a dear one that knows all. The agent knows a right
/// answer when it sees one, and says so.
struct Learning {
    let client: AgentShieldClient

    private static let questions = 500
    private static let parts = 10
    /// Of what always asking the dear model costs: half of the questions are easy, and their share would be 0.5.
    private static let mostSpent = 0.8
    /// Of the dear model, USD per million tokens, as `agentshield dev` configures it.
    private static let dear = (input: 10.0, output: 40.0)

    private struct Outcome {
        var spent: Double
        var always: Double
        var isRight: Bool
        var wasDear: Bool
    }

    private static func question(_ number: Int) -> String {
        number.isMultiple(of: 2)
            ? "An easy question: what is the weather like on day \(number)?"
            : "A hard riddle: prove the theorem of the number \(number), step by step, and its corollary for \(number)^2."
    }

    func show() async throws {
        var outcomes: [Outcome] = []
        for number in 0..<Self.questions {
            let answer = try await client.chat(ChatRequest(model: "auto", prompt: Self.question(number)))
            let isRight = answer.text == "right"
            try await client.feedback(answer.summary.receiptID, score: isRight ? 1 : 0)
            let usage = answer.summary.usage
            outcomes.append(
                Outcome(
                    spent: answer.summary.costUSD,
                    always: (Double(usage.input) * Self.dear.input + Double(usage.output) * Self.dear.output) / 1e6,
                    isRight: isRight, wasDear: answer.head.model == "dear"))
        }
        tell(outcomes)
        let last = outcomes.suffix(Self.questions / Self.parts)
        func share(_ some: some Sequence<Outcome>) -> Double { some.reduce(0) { $0 + $1.spent } / some.reduce(0) { $0 + $1.always } }
        guard last.count(where: \.isRight) * 10 >= last.count * 9 else { throw DemoFailure("the route did not learn whom to ask") }
        guard share(last) <= Self.mostSpent, share(outcomes) <= Self.mostSpent else { throw DemoFailure("the route saved nothing") }
    }

    private func tell(_ outcomes: [Outcome]) {
        print("\nA route that learns: \(outcomes.count) questions to `auto`, in ten parts\n\(String(repeating: "─", count: 60))")
        print("spending against always the dear model     quality   to the dear one")
        for part in 0..<Self.parts {
            let some = outcomes[(outcomes.count * part / Self.parts)..<(outcomes.count * (part + 1) / Self.parts)]
            let share = some.reduce(0) { $0 + $1.spent } / some.reduce(0) { $0 + $1.always }
            let bar = String(repeating: "█", count: min(30, Int((share * 30).rounded())))
            print(
                bar.padding(toLength: 30, withPad: "·", startingAt: 0),
                String(
                    format: "%4.0f %%      %.2f      %3.0f %%", share * 100, Self.share(some, \.isRight), Self.share(some, \.wasDear) * 100)
            )
        }
        let (spent, always) = (outcomes.reduce(0) { $0 + $1.spent }, outcomes.reduce(0) { $0 + $1.always })
        print(
            String(
                format: "in all: %.4f USD, quality %.3f; always the dear one: %.4f USD, quality 1; always the cheap one: quality 0.5",
                spent,
                Self.share(outcomes[...], \.isRight), always))
    }

    private static func share(_ outcomes: ArraySlice<Outcome>, _ holds: (Outcome) -> Bool) -> Double {
        Double(outcomes.count(where: holds)) / Double(max(1, outcomes.count))
    }
}
