import AgentShield
import Foundation
import Logging
import ServiceLifecycle

/// A service that sorts support tickets with a model. It and its client run in one service group: SIGTERM ends the ticket that is
/// being sorted, then the client's connections.
///
///     TicketService [--model NAME] [--once]
@main
struct Main {
    static func main() async throws {
        guard let arguments = Arguments(CommandLine.arguments.dropFirst()) else {
            FileHandle.standardError.write(Data("usage: TicketService [--model NAME] [--once]\n".utf8))
            exit(2)
        }
        let logger = Logger(label: "tickets")
        let client = try AgentShieldClient(configuration: .init(), logger: logger)
        let tickets = TicketService(client: client, model: arguments.model, rounds: arguments.isOnce ? 1 : .max, logger: logger)
        // Services end in the reverse order: the client goes when nobody uses it any more.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: client),
                    .init(service: tickets, successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }
}

struct TicketService: Service {
    let client: AgentShieldClient
    let model: String
    let rounds: Int
    let logger: Logger

    private static let inbox = [
        "My invoice of May is wrong.", "The app crashes when I open it.", "How do I change my password?",
    ]

    func run() async throws {
        var round = 0
        while round < rounds, !Task.isShuttingDownGracefully {
            for ticket in Self.inbox where !Task.isShuttingDownGracefully { try await sort(ticket) }
            round += 1
            // Waits for new tickets; a shutdown ends the wait.
            if round < rounds { try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(10)) } }
        }
    }

    private func sort(_ ticket: String) async throws {
        var request = ChatRequest(
            model: model, messages: [.system("Answer with one word: billing, bug or question."), .user(ticket)])
        request.maxOutputTokens = 64
        do {
            let answer = try await client.chat(request, options: CallOptions(deadline: .seconds(20)))
            print("\(ticket) -> \(answer.text)")
        } catch let error as AgentShieldError where error.isRetryable {
            // The next round comes to it again.
            logger.warning("a ticket was not sorted", metadata: ["reason": "\(error.name)"])
        }
    }
}

struct Arguments {
    var model = "echo"
    var isOnce = false

    init?(_ arguments: some Sequence<String>) {
        var rest = arguments.makeIterator()
        while let name = rest.next() {
            switch name {
            case "--once": isOnce = true
            case "--model":
                guard let value = rest.next() else { return nil }
                model = value
            default: return nil
            }
        }
    }
}
