import AgentShield
import Foundation

/// Many requests, a bounded number of them at once, and a summary.
///
///     Batch [--model NAME] [--count N] [--parallel N]
@main
struct Batch {
    static func main() async throws {
        guard let arguments = Arguments(CommandLine.arguments.dropFirst()) else {
            FileHandle.standardError.write(Data("usage: Batch [--model NAME] [--count N] [--parallel N]\n".utf8))
            exit(2)
        }
        let client = try AgentShieldClient(configuration: .init())
        let clock = ContinuousClock()
        var summary = Summary()
        let elapsed = await clock.measure {
            await withTaskGroup(of: Result<ChatAnswer, any Error>.self) { group in
                for number in 0..<arguments.count {
                    // As many as may run at once are under way: the next begins when one has ended.
                    if number >= arguments.parallel, let outcome = await group.next() { summary.add(outcome) }
                    group.addTask {
                        do {
                            return .success(try await client.chat(ChatRequest(model: arguments.model, prompt: "Say the number \(number).")))
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                for await outcome in group { summary.add(outcome) }
            }
        }
        await client.shutdown()
        print("\(summary.answered) answered, \(summary.failures.values.reduce(0, +)) failed, in \(elapsed)")
        print("\(summary.tokens) tokens, $\(String(format: "%.6f", Double(summary.costNanoUSD) / 1e9)), \(summary.hits) from the cache")
        for (name, count) in summary.failures.sorted(by: { $0.key < $1.key }) { print("\(count) × \(name)") }
        exit(summary.failures.isEmpty ? 0 : 1)
    }
}

struct Summary {
    var answered = 0
    var hits = 0
    var tokens: UInt64 = 0
    var costNanoUSD: UInt64 = 0
    var failures: [String: Int] = [:]

    mutating func add(_ outcome: Result<ChatAnswer, any Error>) {
        switch outcome {
        case .success(let answer):
            answered += 1
            hits += answer.cache == .hit || answer.cache == .coalesced ? 1 : 0
            tokens += answer.usage.total
            costNanoUSD += answer.summary.costNanoUSD
        case .failure(let error):
            failures[(error as? AgentShieldError)?.name ?? "\(error)", default: 0] += 1
        }
    }
}

struct Arguments {
    var model = "echo"
    var count = 50
    var parallel = 8

    init?(_ arguments: some Sequence<String>) {
        var rest = arguments.makeIterator()
        while let name = rest.next() {
            guard let value = rest.next() else { return nil }
            switch name {
            case "--model": model = value
            case "--count":
                guard let number = Int(value), number > 0 else { return nil }
                count = number
            case "--parallel":
                guard let number = Int(value), number > 0 else { return nil }
                parallel = number
            default: return nil
            }
        }
    }
}
