import AgentShield
import Foundation
import ProcessSupport
import Synchronization
import Testing

extension EndToEndTests {
    @Suite("the SDK and gateways that go", .timeLimit(.minutes(4)))
    struct SDKTests {
        /// What became of many calls.
        private struct Outcome {
            var answered = 0
            var errors: [AgentShieldError] = []
        }

        /// Calls that are over.
        private final class Count: Sendable {
            private let value = Mutex(0)

            func next() -> Int {
                value.withLock { value in
                    value += 1
                    return value
                }
            }
        }

        private static let callers = 12

        /// Some tasks ask one question after the other, half of them streamed, until each has asked `rounds`.
        ///
        /// - Parameter halfway: run once half of them is answered.
        private func askMany(
            _ client: AgentShieldClient, rounds: Int, halfway: @escaping @Sendable () -> Void
        ) async -> Outcome {
            let done = Count()
            return await withTaskGroup(of: Outcome.self) { group in
                for caller in 0..<Self.callers {
                    group.addTask {
                        var outcome = Outcome()
                        for round in 0..<rounds {
                            let text = "question \(round) of \(caller)"
                            let request = ChatRequest(model: "echo", prompt: text)
                            do {
                                let answer =
                                    caller.isMultiple(of: 2)
                                    ? try await client.chat(request) : try await client.stream(request).collect()
                                #expect(answer.text == text)
                                #expect(answer.summary.requestLimit?.limit == 6_000_000)
                                outcome.answered += 1
                            } catch let error as AgentShieldError {
                                outcome.errors.append(error)
                            } catch {
                                Issue.record("\(error)")
                            }
                            if done.next() == Self.callers * rounds / 2 { halfway() }
                        }
                        return outcome
                    }
                }
                return await group.reduce(into: Outcome()) { whole, part in
                    whole.answered += part.answered
                    whole.errors += part.errors
                }
            }
        }

        private func client(of stacks: [Stack]) throws -> AgentShieldClient {
            let addresses = stacks.map { Address(host: "localhost", port: $0.tlsPort) }
            var configuration = AgentShieldClient.Configuration(addresses: addresses, credential: .apiKey(stacks[0].keys.main))
            configuration.trust = .pem(try stacks.flatMap { try Data(contentsOf: URL(fileURLWithPath: $0.authority)) })
            return try AgentShieldClient(configuration: configuration)
        }

        @Test("no call notices that one of two gateways drains under load")
        func drained() async throws {
            try await Stack.run { first in
                try await Stack.run { second in
                    let client = try client(of: [first, second])
                    let outcome = await askMany(client, rounds: 12) { first.gateway.kill(SIGTERM) }
                    #expect(outcome.errors == [])
                    #expect(outcome.answered == Self.callers * 12)
                    #expect(await first.gateway.waitForExit() == .exited(0))
                    await client.shutdown()
                }
            }
        }

        @Test("a gateway that is killed under load costs at most what it had begun to answer; without any, calls fail in time")
        func killed() async throws {
            try await Stack.run { first in
                try await Stack.run { second in
                    let client = try client(of: [first, second])
                    let outcome = await askMany(client, rounds: 12) { first.gateway.kill(SIGKILL) }
                    #expect(outcome.errors.allSatisfy { $0.code == .connectionLost })
                    #expect(outcome.errors.count <= Self.callers)
                    #expect(outcome.answered + outcome.errors.count == Self.callers * 12)

                    second.gateway.kill(SIGKILL)
                    _ = await second.gateway.waitForExit()
                    let error = await #expect(throws: AgentShieldError.self) {
                        try await client.chat(
                            ChatRequest(model: "echo", prompt: "Is anybody there?"), options: CallOptions(deadline: .seconds(20)))
                    }
                    #expect(error?.code == .unreachable)
                    #expect(error?.isRetryable == true)
                    #expect(error?.message.contains("localhost") == true)
                    await client.shutdown(within: .seconds(1))
                    for stack in [first, second] { try stack.removeAuthority() }
                }
            }
        }
    }
}
