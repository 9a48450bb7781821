import Foundation
import NIOHTTP1
import ProcessSupport
import Testing

extension EndToEndTests {
    /// Providers of Ollama's and of Google's own API.
    @Suite("native dialects", .timeLimit(.minutes(4)))
    struct NativeDialectTests {
        private static let address = "ana.lopez@example.com"

        private static func run(_ body: (Stack) async throws -> Void) async throws {
            try await Stack.run(
                environment: ["GEMINI_API_KEY": "credential-of-the-provider"],
                configure: { text, _ in
                    let url = try #require(text.firstMatch(of: /scripted: \{dialect: openai, base_url: "(.*?)\/v1"\}/)).1
                    let providers =
                        "  ollama: {preset: ollama-native, base_url: \"\(url)\"}\n  gemini: {preset: gemini, base_url: \"\(url)/v1beta\"}\n"
                    let names = ["echo", "echo+think", "echo+pieces:1", "tool:find_customer,post_online+think"]
                    let models = names.flatMap { name in
                        ["ollama", "gemini"].map { "  - {name: \"\($0)-\(name)\", provider: \($0), upstream_name: \"\(name)\"}\n" }
                    }
                    return text.replacing("providers:\n", with: "providers:\n" + providers)
                        .replacing("models:\n", with: "models:\n" + models.joined())
                }
            ) { try await body($0) }
        }

        private static func post(_ stack: Stack, _ path: String, _ body: String) async throws -> HTTPCaller.Response {
            let caller = try await HTTPCaller.connect(stack, key: nil)
            defer { caller.close() }
            return try await caller.send(
                "POST", path, headers: [("content-type", "application/json"), ("x-api-key", stack.keys.main)], body: Data(body.utf8))
        }

        private static func post(_ stack: Stack, _ path: String, _ body: [String: Any]) async throws -> HTTPCaller.Response {
            try await post(stack, path, String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self))
        }

        private static func object(_ body: String) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
        }

        @Test("every door reaches them, whole and streamed, and gets its data back", arguments: ["ollama", "gemini"])
        func doors(provider: String) async throws {
            try await Self.run { stack in
                let prompt = "Write to \(Self.address) today."
                for door in Door.allCases {
                    for (streamed, name) in [(false, "echo"), (true, "echo"), (true, "echo+pieces:1"), (true, "echo+think")] {
                        try await stack.provider.forget()
                        let chat = Chat("\(provider)-\(name)", prompt, streamed: streamed)
                        let reply = try await door.withCaller(stack) { try await $0.chat(chat) }
                        #expect(reply.fault == nil && reply.isWhole, "\(door) \(name) \(String(describing: reply.fault))")
                        // The wire's items of thinking and of text are put together here.
                        let isTold = door == .wire && name == "echo+think" ? reply.text.contains(Self.address) : reply.text == prompt
                        #expect(isTold, "\(door) \(name)")
                        #expect(reply.finishReason == "stop" && reply.provider == provider, "\(door) \(name)")
                        let bodies = try await stack.provider.bodies()
                        #expect(bodies.count == 1 && bodies[0].contains("<EMAIL_1>") && !bodies[0].contains(Self.address))
                    }
                }
            }
        }

        @Test("paths, credentials, and usage in the classes of whoever asks")
        func requests() async throws {
            try await Self.run { stack in
                try await stack.provider.forget()
                func message(_ model: String, streamed: Bool) -> String {
                    #"{"model":"\#(model)","max_tokens":50,"stream":\#(streamed),"messages":[{"role":"user","content":"one two three"}]}"#
                }
                for streamed in [false, true] {
                    let google = try await Self.post(stack, "/v1/chat/completions", message("gemini-echo+think", streamed: streamed))
                    #expect(google.status == 200, "\(google.body)")
                    if !streamed {
                        let usage = try JSON(google.body).object("usage")
                        #expect(usage.int("prompt_tokens") == 5 && usage.int("prompt_tokens_details.cached_tokens") == 2)
                        #expect(usage.int("completion_tokens") == 7 && usage.int("completion_tokens_details.reasoning_tokens") == 4)
                        #expect(try JSON(google.body).string("choices.0.message.reasoning_content") == "The user said: one two three")
                    }
                    let ollama = try await Self.post(stack, "/v1/messages", message("ollama-echo+think", streamed: streamed))
                    #expect(ollama.status == 200, "\(ollama.body)")
                    if !streamed {
                        let answer = try JSON(ollama.body)
                        #expect(answer.int("usage.input_tokens") == 3 && answer.int("usage.output_tokens") == 3)
                        #expect(answer.string("content.0.thinking") == "The user said: one two three")
                    }
                }
                let heads = try await stack.provider.heads()
                #expect(
                    heads.map(\.target) == [
                        "/v1beta/models/echo%2Bthink:generateContent", "/api/chat",
                        "/v1beta/models/echo%2Bthink:streamGenerateContent?alt=sse", "/api/chat",
                    ])
                #expect(heads[0].headers.contains("x-goog-api-key") && !heads[0].headers.contains("authorization"))
            }
        }

        @Test("what Google's models have signed comes back to them from callers of chat completions and of Messages")
        func signatures() async throws {
            try await Self.run { stack in
                let model = "gemini-tool:find_customer,post_online+think"
                let tools: [[String: Any]] = ["find_customer", "post_online"].map {
                    ["type": "function", "function": ["name": $0, "parameters": ["type": "object"]]]
                }
                var chat: [String: Any] = ["model": model, "tools": tools, "messages": [["role": "user", "content": "Find Ana"]]]
                let first = try Self.object(try await Self.post(stack, "/v1/chat/completions", chat).body)
                let choice = try #require((first["choices"] as? [[String: Any]])?.first)
                #expect(choice["finish_reason"] as? String == "tool_calls")
                let message = try #require(choice["message"] as? [String: Any])
                let calls = try #require(message["tool_calls"] as? [[String: Any]])
                let ids = calls.compactMap { $0["id"] as? String }
                #expect(Set(ids).count == 2)
                let results = ids.map { ["role": "tool", "tool_call_id": $0, "content": "r"] as [String: Any] }
                // The message goes back as it came.
                chat["messages"] = [["role": "user", "content": "Find Ana"], message] + results
                let second = try await Self.post(stack, "/v1/chat/completions", chat)
                #expect(second.status == 200, "\(second.body)")
                #expect(try JSON(second.body).string("choices.0.message.content") == "The tool answered: r r")
                // Without it the provider would refuse, as this one does.
                var bare = message
                bare["thinking_blocks"] = nil
                chat["messages"] = [["role": "user", "content": "Find Ana"], bare] + results
                #expect(try await Self.post(stack, "/v1/chat/completions", chat).status == 400)

                try await Self.checkMessages(stack, model)
            }
        }

        private static func checkMessages(_ stack: Stack, _ model: String) async throws {
            let tools: [[String: Any]] = ["find_customer", "post_online"].map { ["name": $0, "input_schema": ["type": "object"]] }
            var request: [String: Any] = [
                "model": model, "max_tokens": 100, "tools": tools, "messages": [["role": "user", "content": "Find Ana"]],
            ]
            let first = try object(try await post(stack, "/v1/messages", request).body)
            let content = try #require(first["content"] as? [[String: Any]])
            #expect(content.compactMap { $0["type"] as? String } == ["thinking", "tool_use", "tool_use"])
            let results = content.compactMap { $0["id"] as? String }.map {
                ["type": "tool_result", "tool_use_id": $0, "content": "r"] as [String: Any]
            }
            request["messages"] = [
                ["role": "user", "content": "Find Ana"], ["role": "assistant", "content": content], ["role": "user", "content": results],
            ]
            let second = try await post(stack, "/v1/messages", request)
            #expect(second.status == 200, "\(second.body)")
            #expect(try JSON(second.body).string("content.1.text") == "The tool answered: r r")

            // The same from a stream: the signature is the thinking block's.
            request["messages"] = [["role": "user", "content": "Find Ana"]]
            request["stream"] = true
            let streamed = try await post(stack, "/v1/messages", request)
            let events = try streamed.body.split(separator: "\n").filter { $0.hasPrefix("data: ") }.map {
                try JSON(String($0.dropFirst(6)))
            }
            let signature = try #require(events.compactMap { $0.string("delta.signature") }.first)
            #expect(content.contains { $0["signature"] as? String == signature } && signature.hasPrefix("gemini/"))
            #expect(events.compactMap { $0.string("content_block.type") } == ["thinking", "tool_use", "tool_use"])
        }

        @Test("embeddings and counts of tokens")
        func documents() async throws {
            try await Self.run { stack in
                for provider in ["ollama", "gemini"] {
                    try await stack.provider.forget()
                    let model = "\(provider)-echo"
                    let numbers = try await Self.post(
                        stack, "/v1/embeddings", #"{"model":"\#(model)","input":["one two","Mail \#(Self.address)"]}"#)
                    #expect(numbers.status == 200, "\(numbers.body)")
                    let list = try JSON(numbers.body)
                    #expect(list.list("data").map { $0.int("index") } == [0, 1] && list.int("data.0.embedding.0") == 7)
                    #expect(list.string("model") == model)
                    #expect(try await stack.provider.bodies().last?.contains("<EMAIL_1>") == true)
                    let encoded = try await Self.post(
                        stack, "/v1/embeddings", #"{"model":"\#(model)","input":"one two","encoding_format":"base64"}"#)
                    let bytes = try #require(try JSON(encoded.body).string("data.0.embedding").flatMap { Data(base64Encoded: $0) })
                    #expect(bytes.count == 12)
                    let count = try await Self.post(
                        stack, "/v1/messages/count_tokens",
                        #"{"model":"\#(model)","system":"Be kind","messages":[{"role":"user","content":"one two three"}]}"#)
                    #expect(count.status == 200)
                    let told = try JSON(count.body).int("input_tokens") ?? 0
                    #expect(provider == "gemini" ? told == 5 : told > 20)
                }
            }
        }

        @Test("what has no place there is refused by its name, or told when it was dropped")
        func gaps() async throws {
            try await Self.run { stack in
                let chat = #"{"model":"ollama-echo","logprobs":true,"messages":[{"role":"user","content":"Hi"}]}"#
                let refused = try await Self.post(stack, "/v1/chat/completions", chat)
                #expect(refused.status == 400)
                #expect(try JSON(refused.body).string("error.param") == "logprobs")
                let caller = try await HTTPCaller.connect(stack, key: nil)
                defer { caller.close() }
                let dropped = try await caller.send(
                    "POST", "/v1/chat/completions",
                    headers: [
                        ("content-type", "application/json"), ("x-api-key", stack.keys.main), ("x-agentshield-drop-unsupported", "true"),
                    ],
                    body: Data(chat.utf8))
                #expect(dropped.status == 200 && dropped.headers.first(name: "x-agentshield-dropped") == "logprobs")
            }
        }
    }
}
