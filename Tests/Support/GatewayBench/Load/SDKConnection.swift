import AgentShield
import NIOCore

/// The SDK's client as a connection of the load: what an application measures.
final class SDKConnection: LoadConnection {
    private let run: LoadRun
    private let loop: any EventLoop
    private let client: AgentShieldClient

    init(_ run: LoadRun, on loop: any EventLoop) throws {
        self.run = run
        self.loop = loop
        let target = run.plan.target
        var settings = AgentShieldClient.Configuration(
            address: Address(host: "localhost", port: target.port), apiKey: target.credential)
        settings.trust = .file(target.authority)
        settings.retry.maxAttempts = 1
        client = try AgentShieldClient(configuration: settings)
    }

    func send(_ call: LoadCall) {
        let texts = run.pool.prompts.messages(call.number)
        let messages = texts.enumerated().map { index, text in
            index % 2 == 0 ? AgentShield.Message.user(text) : AgentShield.Message.assistant(text)
        }
        let request = AgentShield.ChatRequest(model: run.plan.model, messages: [.system("You are a support agent.")] + messages)
        let bound = NIOLoopBound((self, call), eventLoop: loop)
        let (client, loop, isStreamed) = (client, loop, run.plan.isStreamed)
        Task {
            do {
                if isStreamed {
                    var isFirst = true
                    for try await _ in client.stream(request) where isFirst {
                        isFirst = false
                        loop.execute { bound.value.0.begin(bound.value.1) }
                    }
                } else {
                    _ = try await client.chat(request)
                }
                loop.execute { bound.value.0.end(bound.value.1, .answered) }
            } catch let error as AgentShieldError {
                let outcome = error.name == "overloaded" ? LoadOutcome.shed : .failed(error.name)
                loop.execute { bound.value.0.end(bound.value.1, outcome) }
            } catch {
                let reason = "\(error)"
                loop.execute { bound.value.0.end(bound.value.1, .failed(reason)) }
            }
        }
    }

    private func begin(_ call: LoadCall) {
        var call = call
        run.began(&call)
    }

    private func end(_ call: LoadCall, _ outcome: LoadOutcome) {
        run.ended(call, on: self, outcome)
    }

    func close() {
        let client = client
        Task { await client.shutdown(within: .zero) }
    }
}
