import AgentShield
import Testing

@Suite("The in-process client", .timeLimit(.minutes(4)))
struct InProcessTests {
    @Test("answers chats and streams with the program's own code")
    func answers() async throws {
        let client = AgentShieldClient.inProcess(models: [Model(id: "m")]) { call in
            for word in ["Hello", " ", "there"] { try await call.send(word) }
            var summary = AnswerSummary()
            summary.usage.output = 2
            summary.finishes = [Finish(reason: .stop)]
            call.finish(summary)
        }
        let answer = try await client.chat(ChatRequest(model: "m", prompt: "p"))
        #expect(answer.text == "Hello there")
        #expect(answer.usage.output == 2)
        #expect(answer.finishReason == .stop)
        #expect(try await client.stream(ChatRequest(model: "m", prompt: "p")).collect() == answer)
        #expect(try await client.models() == [Model(id: "m")])
        await client.shutdown()
        await #expect(throws: AgentShieldError.self) { try await client.chat(ChatRequest(model: "m", prompt: "p")) }
    }

    @Test("makes embeddings with the program's own code, or says that it has none")
    func embeddings() async throws {
        let client = AgentShieldClient.inProcess(embeddings: { request in request.texts.map { [Float($0.count)] } }, handler: { _ in })
        #expect(try await client.embeddings(EmbeddingsRequest(model: "m", texts: ["a", "bc"])).vectors == [[1], [2]])
        let none = AgentShieldClient.inProcess { _ in }
        let error = await #expect(throws: AgentShieldError.self) { try await none.embeddings(EmbeddingsRequest(model: "m", texts: ["a"])) }
        #expect(error?.code == .unsupported)
        let wrong = AgentShieldClient.inProcess(embeddings: { _ in [] }, handler: { _ in })
        let broken = await #expect(throws: AgentShieldError.self) {
            try await wrong.embeddings(EmbeddingsRequest(model: "m", texts: ["a"]))
        }
        #expect(broken?.code == .protocolError)
    }

    @Test("what the handler throws is what the caller gets")
    func errors() async throws {
        let client = AgentShieldClient.inProcess { _ in throw AgentShieldError(.rateLimited, "slow down", retryAfter: .seconds(1)) }
        let error = await #expect(throws: AgentShieldError.self) { try await client.chat(ChatRequest(model: "m", prompt: "p")) }
        #expect(error?.code == .rateLimited)
        #expect(error?.name == "rate_limited")
        #expect(error?.retryAfter == .seconds(1))
    }

    @Test("a handler goes no faster than its reader, and ends with it")
    func pace() async throws {
        let sent = Recorder<Int>()
        let ended = Recorder<Bool>()
        let client = AgentShieldClient.inProcess { call in
            do {
                for number in 0... {
                    sent.add(number)
                    try await call.send("\(number)")
                }
            } catch {
                ended.add(error is CancellationError)
                throw error
            }
        }
        var read = 0
        for try await event in client.stream(ChatRequest(model: "m", prompt: "p")) where event.text != nil {
            read += 1
            #expect(sent.elements.count <= read + 1)
            if read == 5 { break }
        }
        await ended.wait { $0 == [true] }
    }

    @Test("a deadline ends a call whose handler does not answer")
    func deadline() async throws {
        let client = AgentShieldClient.inProcess { _ in try await Task.sleep(for: .seconds(3600)) }
        let error = await #expect(throws: AgentShieldError.self) {
            try await client.chat(ChatRequest(model: "m", prompt: "p"), options: CallOptions(deadline: .milliseconds(1)))
        }
        #expect(error?.code == .deadlineExceeded)
        await client.shutdown()
    }

    @Test("tool calls come together from their pieces, each choice by itself")
    func toolCalls() async throws {
        let client = AgentShieldClient.inProcess { call in
            try await call.send(.toolCall(ToolCallDelta(item: 1, id: "a", name: "look_up", arguments: "{\"q\":")))
            try await call.send(.toolCall(ToolCallDelta(item: 2, id: "b", name: "mail", arguments: "{}")))
            try await call.send(.toolCall(ToolCallDelta(item: 1, arguments: "1}")))
            try await call.send(.text("second", choice: 1))
        }
        let answer = try await client.stream(ChatRequest(model: "m", prompt: "p")).collect()
        #expect(
            answer.toolCalls == [
                ToolCall(id: "a", name: "look_up", arguments: "{\"q\":1}"), ToolCall(id: "b", name: "mail", arguments: "{}"),
            ])
        #expect(answer.choices.map(\.text) == ["", "second"])
        #expect(answer.message.toolCalls == answer.toolCalls)
    }
}
