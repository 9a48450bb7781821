import Foundation
import NIOHTTP1
import ProcessSupport
import Testing

extension EndToEndTests {
    /// Callers and providers of OpenAI's and of Anthropic's dialect, each with each.
    @Suite("dialects", .timeLimit(.minutes(4)))
    struct DialectTests {
        private static let personalData = ["ana.lopez@example.com", "4111 1111 1111 1111"]
        private static let prompt = "Write to \(personalData[0]) and charge \(personalData[1])."

        /// `claude-…` are models of a provider that speaks Anthropic's dialect, and behave as what follows says.
        private static func run(_ body: (Stack) async throws -> Void) async throws {
            try await Stack.run(
                environment: ["PROVIDER_KEY": "credential-of-the-provider"],
                configure: { text, _ in
                    let provider = try #require(text.firstMatch(of: /scripted: \{dialect: openai, base_url: "(.*?)\/v1"\}/)).1
                    return
                        text
                        .replacing("providers:\n", with: "providers:\n" + Self.providers(String(provider)))
                        .replacing("models:\n", with: "models:\n" + Self.models)
                        .replacing("aliases:\n", with: "aliases:\n  - {name: across, fallback: [claude-fail-529, echo]}\n")
                }
            ) { try await body($0) }
        }

        private static func providers(_ url: String) -> String {
            """
              anthropic: {dialect: anthropic, base_url: "\(url)", api_key_env: PROVIDER_KEY}
              mistral: {preset: mistral, base_url: "\(url)/v1", api_key_env: PROVIDER_KEY}
              azure: {preset: azure, base_url: "\(url)/v1", api_key_env: PROVIDER_KEY, azure_api_version: 2024-10-21}

            """
        }

        private static let models =
            [
                "echo", "echo+think", "echo+pieces:1", "tool:find_customer,post_online", "fail-400", "fail-429", "fail-529", "fail-401",
                "cut",
                "garbage", "html", "empty",
            ].map { "  - {name: \"claude-\($0)\", provider: anthropic, upstream_name: \"\($0)\"}\n" }.joined()
            + "  - {name: claude-memo, provider: anthropic, upstream_name: echo, cache: {mode: always}}\n"
            + "  - {name: mistral, provider: mistral, upstream_name: echo}\n  - {name: azure, provider: azure, upstream_name: \"echo+escaped\"}\n"

        private static func post(_ stack: Stack, _ path: String, _ body: String, _ headers: [(String, String)] = []) async throws
            -> HTTPCaller.Response
        {
            let caller = try await HTTPCaller.connect(stack, key: nil)
            defer { caller.close() }
            return try await caller.send(
                "POST", path,
                headers: [("content-type", "application/json"), ("x-api-key", stack.keys.main), ("anthropic-version", "2023-06-01")]
                    + headers,
                body: Data(body.utf8))
        }

        private static func messages(_ model: String, _ text: String = prompt, _ rest: String = "", streamed: Bool = false) -> String {
            #"{"model":"\#(model)","max_tokens":1000,"stream":\#(streamed),"messages":[{"role":"user","content":"\#(text)"}]\#(rest)}"#
        }

        /// The events of a stream: each name with its data.
        private static func events(_ body: String) throws -> [(name: String, data: JSON)] {
            try body.components(separatedBy: "\n\n").filter { !$0.isEmpty && !$0.hasPrefix(":") }.map { event in
                let lines = event.components(separatedBy: "\n")
                try #require(lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "), "\(event)")
                return (String(lines[0].dropFirst(7)), try JSON(String(lines[1].dropFirst(6))))
            }
        }

        @Test("callers of chat completions and of the wire reach a provider of messages, and get their data back")
        func chatToMessages() async throws {
            try await Self.run { stack in
                for door in Door.allCases {
                    for streamed in [false, true] {
                        for model in ["claude-echo", "claude-echo+pieces:1"] {
                            try await stack.provider.forget()
                            let reply = try await door.withCaller(stack) { try await $0.chat(Chat(model, Self.prompt, streamed: streamed)) }
                            #expect(reply.fault == nil && reply.isWhole, "\(door) \(model) \(String(describing: reply.fault))")
                            #expect(reply.text == Self.prompt, "\(door) \(streamed) \(model)")
                            #expect(reply.finishReason == "stop")
                            #expect(reply.provider == "anthropic")
                            let bodies = try await stack.provider.bodies()
                            #expect(bodies.count == 1 && bodies[0].contains("\"max_tokens\":4096"))
                            for text in Self.personalData { #expect(!bodies.joined().contains(text)) }
                        }
                    }
                }
            }
        }

        @Test("callers of messages reach providers of both dialects, whole and streamed, and get their data back")
        func messagesSurface() async throws {
            try await Self.run { stack in
                for model in ["claude-echo", "claude-echo+pieces:1", "echo", "echo+pieces:1"] {
                    try await stack.provider.forget()
                    let whole = try await Self.post(stack, "/v1/messages", Self.messages(model))
                    #expect(whole.status == 200, "\(whole.body)")
                    #expect(whole.headers.first(name: "request-id") == whole.headers.first(name: "x-request-id"))
                    let message = try JSON(whole.body)
                    #expect(message.string("type") == "message" && message.string("role") == "assistant")
                    #expect(message.string("content.0.text") == Self.prompt)
                    #expect(message.string("stop_reason") == "end_turn")
                    #expect(message.int("usage.input_tokens") ?? 0 > 0)

                    let streamed = try await Self.post(stack, "/v1/messages", Self.messages(model, streamed: true))
                    #expect(streamed.headers.first(name: "content-type")?.hasPrefix("text/event-stream") == true)
                    let events = try Self.events(streamed.body)
                    for event in events { #expect(event.name == event.data.string("type")) }
                    let names = events.map(\.name).filter { $0 != "ping" && $0 != "content_block_delta" }
                    #expect(names == ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"])
                    #expect(events.compactMap { $0.data.string("delta.text") }.joined() == Self.prompt, "\(model)")
                    let end = try #require(events.first { $0.name == "message_delta" })
                    #expect(end.data.string("delta.stop_reason") == "end_turn")
                    #expect(end.data.int("usage.output_tokens") ?? 0 > 0)
                    let bodies = try await stack.provider.bodies()
                    #expect(bodies.count == 2)
                    for text in Self.personalData { #expect(!bodies.joined().contains(text)) }
                }
            }
        }

        @Test("what an equal dialect says passes byte for byte: order, unknown fields, cache_control, signed thinking")
        func passThrough() async throws {
            try await Self.run { stack in
                let body =
                    #"{"max_tokens":1000, "model":"claude-echo+think","system":[{"type":"text","text":"Be kind","cache_control":{"type":"ephemeral","ttl":"1h"}}],"top_k":5,"#
                    + #""messages":[{"role":"user","content":"Mail ana.lopez@example.com"},{"role":"assistant","content":[{"type":"thinking","thinking":"They said <EMAIL_1>","signature":"c2ln"},{"type":"text","text":"Done"}]},{"role":"user","content":"Again ana.lopez@example.com"}]}"#
                let answer = try JSON(try await Self.post(stack, "/v1/messages", body, [("anthropic-beta", "some-beta-2025")]).body)
                let sent = try #require(try await stack.provider.bodies().last)
                let expected = body.replacing("ana.lopez@example.com", with: "<EMAIL_1>").replacing("claude-echo+think", with: "echo+think")
                #expect(sent == expected)
                // Thinking goes back to its provider, which has signed it with the placeholders in it; the text is the caller's.
                #expect(answer.string("content.0.thinking") == "The user said: Again <EMAIL_1>")
                #expect(answer.string("content.0.signature")?.isEmpty == false)
                #expect(answer.string("content.1.text") == "Again ana.lopez@example.com")
                let streamed = try await Self.post(
                    stack, "/v1/messages", body.replacing("\"top_k\":5", with: "\"stream\":true"), [("anthropic-beta", "some-beta-2025")])
                let events = try Self.events(streamed.body)
                #expect(events.compactMap { $0.data.string("delta.thinking") }.joined() == "The user said: Again <EMAIL_1>")
                #expect(events.compactMap { $0.data.string("delta.signature") } == [answer.string("content.0.signature")])
                #expect(events.compactMap { $0.data.string("delta.text") }.joined() == "Again ana.lopez@example.com")
            }
        }

        @Test("tools are called in parallel and answered, across dialects and back")
        func tools() async throws {
            try await Self.run { stack in
                let tools =
                    #","tools":[{"name":"find_customer","input_schema":{"type":"object"}},{"name":"post_online","input_schema":{"type":"object"}}]"#
                for model in ["claude-tool:find_customer,post_online", "calls"] {
                    for streamed in [false, true] {
                        let reply = try await Self.post(stack, "/v1/messages", Self.messages(model, "Find Ana", tools, streamed: streamed))
                        #expect(reply.status == 200, "\(reply.body)")
                        if streamed {
                            let events = try Self.events(reply.body)
                            let starts = events.filter { $0.name == "content_block_start" }.map(\.data)
                            #expect(starts.map { $0.string("content_block.name") } == ["find_customer", "post_online"])
                            #expect(starts.map { $0.int("index") } == [0, 1])
                            #expect(
                                events.compactMap { $0.data.string("delta.partial_json") }.joined()
                                    == #"{"text": "Find Ana"}{"text": "Find Ana"}"#)
                            #expect(events.compactMap { $0.data.string("delta.stop_reason") } == ["tool_use"])
                        } else {
                            let message = try JSON(reply.body)
                            #expect(message.string("stop_reason") == "tool_use")
                            #expect(message.list("content").map { $0.string("input.text") } == ["Find Ana", "Find Ana"])
                        }
                    }
                    let results =
                        #"{"model":"\#(model)","max_tokens":100,"messages":[{"role":"user","content":"Find Ana"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"find_customer","input":{"text":"x"}},{"type":"tool_use","id":"t2","name":"post_online","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"one"},{"type":"tool_result","tool_use_id":"t2","content":[{"type":"text","text":"two"}]}]}]}"#
                    let answer = try JSON(try await Self.post(stack, "/v1/messages", results).body)
                    #expect(answer.string("content.0.text") == "The tool answered: one two", "\(model)")
                }
                // The same from the other side.
                let chat =
                    #"{"model":"claude-tool:find_customer,post_online","messages":[{"role":"user","content":"Find Ana"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"find_customer","arguments":"{}"}},{"id":"c2","type":"function","function":{"name":"post_online","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c1","content":"one"},{"role":"tool","tool_call_id":"c2","content":"two"}]}"#
                let answer = try JSON(try await Self.post(stack, "/v1/chat/completions", chat).body)
                #expect(answer.string("choices.0.message.content") == "The tool answered: one two")
            }
        }

        @Test("thinking reaches a caller of chat completions, with the block that goes back")
        func thinking() async throws {
            try await Self.run { stack in
                let chat = #"{"model":"claude-echo+think","reasoning_effort":"low","messages":[{"role":"user","content":"Hi there"}]}"#
                let answer = try JSON(try await Self.post(stack, "/v1/chat/completions", chat).body)
                #expect(answer.string("choices.0.message.reasoning_content") == "The user said: Hi there")
                #expect(answer.string("choices.0.message.thinking_blocks.0.signature")?.isEmpty == false)
                #expect(answer.string("choices.0.message.content") == "Hi there")
                #expect(answer.int("usage.prompt_tokens") == 2 + 3 + 2)
                // The block is what its provider signed, placeholders in it, on the way back too; the text beside it is the caller's.
                let first = #"{"model":"claude-echo+think","messages":[{"role":"user","content":"Mail ana.lopez@example.com"}"#
                let named = try JSON(try await Self.post(stack, "/v1/chat/completions", first + "]}").body)
                #expect(named.string("choices.0.message.content") == "Mail ana.lopez@example.com")
                #expect(named.string("choices.0.message.reasoning_content") == "The user said: Mail ana.lopez@example.com")
                let block =
                    #"{"type":"thinking","thinking":"The user said: Mail <EMAIL_1>","signature":"\#(named.string("choices.0.message.thinking_blocks.0.signature") ?? "")"}"#
                #expect(named.string("choices.0.message.thinking_blocks.0.thinking") == "The user said: Mail <EMAIL_1>")
                let second =
                    first
                    + #",{"role":"assistant","content":"Mail ana.lopez@example.com","thinking_blocks":[\#(block)]},{"role":"user","content":"Again"}]}"#
                #expect(try await Self.post(stack, "/v1/chat/completions", second).status == 200)
                #expect(try #require(try await stack.provider.bodies().last).contains(block))
                #expect(answer.int("usage.prompt_tokens_details.cached_tokens") == 2)
            }
        }

        @Test("errors have the shape of the surface, whoever they come from")
        func errors() async throws {
            try await Self.run { stack in
                for (model, status, type) in [
                    ("claude-fail-400", 400, "invalid_request_error"), ("claude-fail-429", 429, "rate_limit_error"),
                    ("fail-429", 429, "rate_limit_error"), ("claude-fail-529", 529, "overloaded_error"),
                    ("fail-503", 529, "overloaded_error"), ("fail-500", 502, "api_error"),
                    ("claude-fail-401", 502, "api_error"), ("claude-garbage", 502, "api_error"), ("claude-html", 502, "api_error"),
                    ("claude-empty", 502, "api_error"), ("unknown", 404, "not_found_error"),
                ] {
                    for streamed in [false, true] {
                        let reply = try await Self.post(stack, "/v1/messages", Self.messages(model, streamed: streamed))
                        #expect(reply.status == status, "\(model): \(reply.body)")
                        let error = try JSON(reply.body)
                        #expect(error.string("type") == "error" && error.string("error.type") == type, "\(model): \(reply.body)")
                        #expect(error.string("request_id") == reply.headers.first(name: "request-id"))
                    }
                }
                for model in ["claude-cut", "cut"] {
                    let reply = try await Self.post(stack, "/v1/messages", Self.messages(model, "a b c d e f g h", streamed: true))
                    let last = try #require(try Self.events(reply.body).last)
                    #expect(last.name == "error" && last.data.string("error.type") == "api_error", "\(reply.body)")
                }
                let unauthorised = try await Self.post(stack, "/v1/messages", "{}", [("authorization", "Bearer other")])
                #expect(unauthorised.status == 401)
                #expect(try JSON(unauthorised.body).string("error.type") == "authentication_error")
                let uncapped = try await Self.post(stack, "/v1/messages", #"{"model":"echo","messages":[{"role":"user","content":"x"}]}"#)
                #expect(uncapped.status == 400 && uncapped.body.contains("max_tokens"))
                // Overload of one provider is no reason not to ask one of another dialect.
                let rescued = try await Self.post(stack, "/v1/messages", Self.messages("across", "Hi"))
                #expect(try JSON(rescued.body).string("content.0.text") == "Hi")
                #expect(rescued.headers.first(name: "x-agentshield-provider") == "scripted")
            }
        }

        @Test("fields without a counterpart are refused by name, or dropped and told")
        func unsupported() async throws {
            try await Self.run { stack in
                let chat = #"{"model":"claude-echo","seed":7,"messages":[{"role":"user","content":"Hi"}]}"#
                let refused = try await Self.post(stack, "/v1/chat/completions", chat)
                #expect(refused.status == 400)
                #expect(try JSON(refused.body).string("error.param") == "seed")
                let dropped = try await Self.post(stack, "/v1/chat/completions", chat, [("x-agentshield-drop-unsupported", "true")])
                #expect(dropped.status == 200)
                #expect(dropped.headers.first(name: "x-agentshield-dropped") == "seed")
                // At a provider of the caller's dialect it is nobody's business but the provider's.
                let passed = try await Self.post(stack, "/v1/chat/completions", chat.replacing("claude-echo", with: "echo"))
                #expect(passed.status == 200)
            }
        }

        @Test("a cached answer is told in the dialect of whoever asks again")
        func cache() async throws {
            try await Self.run { stack in
                for streamed in [false, true] {
                    let body = Self.messages("claude-memo", "Once, for ana.lopez@example.com, \(streamed)", streamed: streamed)
                    let first = try await Self.post(stack, "/v1/messages", body)
                    let second = try await Self.post(stack, "/v1/messages", body)
                    #expect(first.headers.first(name: "x-agentshield-cache") == "miss")
                    #expect(second.headers.first(name: "x-agentshield-cache") == "hit")
                    #expect(first.body == second.body)
                    // The same words in another dialect are another request.
                    let chat = try await Self.post(stack, "/v1/chat/completions", body)
                    #expect(chat.headers.first(name: "x-agentshield-cache") == "miss")
                    let again = try await Self.post(stack, "/v1/chat/completions", body)
                    #expect(again.headers.first(name: "x-agentshield-cache") == "hit")
                    #expect(again.body.contains("chat.completion"))
                    #expect(again.body.contains("example.com"))
                }
            }
        }

        @Test("tokens are counted by a provider that does, and estimated for any other; neither is charged")
        func counts() async throws {
            try await Self.run { stack in
                let body =
                    #"{"model":"claude-echo","system":"Be kind","messages":[{"role":"user","content":"Mail ana.lopez@example.com now"}]}"#
                let counted = try await Self.post(stack, "/v1/messages/count_tokens", body)
                #expect(counted.body == #"{"input_tokens":5}"#)
                #expect(counted.headers.first(name: "x-agentshield-cost-usd") == "0.000000000")
                let sent = try #require(try await stack.provider.bodies().last)
                #expect(sent.contains("<EMAIL_1>") && !sent.contains("max_tokens"))
                let requests = try await stack.provider.statistics().requests
                let estimated = try await Self.post(stack, "/v1/messages/count_tokens", body.replacing("claude-echo", with: "echo"))
                #expect(try JSON(estimated.body).int("input_tokens") ?? 0 > 20)
                #expect(estimated.headers.first(name: "x-agentshield-cost-usd") == "0.000000000")
                #expect(try await stack.provider.statistics().requests == requests)
                let refused = try await Self.post(stack, "/v1/messages/count_tokens", #"{"model":"claude-echo"}"#)
                #expect(refused.status == 400)
            }
        }

        @Test("what is peculiar to a provider is kept to")
        func presets() async throws {
            try await Self.run { stack in
                try await stack.provider.forget()
                for model in ["claude-echo", "mistral", "azure"] {
                    let chat =
                        #"{"stream_options":{"include_usage":true},"model":"\#(model)","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#
                    let reply = try await Self.post(stack, "/v1/chat/completions", chat)
                    #expect(reply.status == 200 && reply.body.hasSuffix("data: [DONE]\n\n"), "\(model): \(reply.body)")
                }
                let fromMessages = try await Self.post(stack, "/v1/messages", Self.messages("mistral", streamed: true))
                #expect(fromMessages.status == 200)
                let heads = try await stack.provider.heads()
                #expect(
                    heads.map(\.target) == [
                        "/v1/messages", "/v1/chat/completions",
                        "/v1/deployments/echo%2Bescaped/chat/completions?api-version=2024-10-21", "/v1/chat/completions",
                    ])
                #expect(heads[0].headers.isSuperset(of: ["x-api-key", "anthropic-version"]) && !heads[0].headers.contains("authorization"))
                #expect(heads[1].headers.contains("authorization") && !heads[1].headers.contains("anthropic-version"))
                #expect(heads[2].headers.contains("api-key") && !heads[2].headers.contains("authorization"))
                let bodies = try await stack.provider.bodies()
                #expect(bodies[1] == #"{"model":"echo","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#)
                #expect(bodies[2].contains("stream_options") && !bodies[3].contains("stream_options"))
            }
        }

        @Test("embeddings of texts, as numbers and in base64, scrubbed and charged by their input")
        func embeddings() async throws {
            try await Self.run { stack in
                try await stack.provider.forget()
                func ask(_ rest: String, model: String = "echo") async throws -> HTTPCaller.Response {
                    try await Self.post(stack, "/v1/embeddings", #"{"model":"\#(model)",\#(rest)}"#)
                }
                let numbers = try await ask(#""input":["one two","Mail ana.lopez@example.com"],"dimensions":3"#)
                #expect(numbers.status == 200, "\(numbers.body)")
                let list = try JSON(numbers.body)
                #expect(list.list("data").map { $0.int("index") } == [0, 1])
                #expect(list.int("data.0.embedding.0") == 7 && list.int("usage.prompt_tokens") == 4)
                #expect(numbers.headers.first(name: "x-agentshield-scrubbed") == "EMAIL=1")
                // Four tokens at a dollar a million.
                #expect(numbers.headers.first(name: "x-agentshield-cost-usd") == "0.000004000")
                #expect(try await stack.provider.bodies().last?.contains("<EMAIL_1>") == true)
                let base64 = try JSON(try await ask(#""input":"one two","encoding_format":"base64""#).body)
                let bytes = try #require(base64.string("data.0.embedding").flatMap { Data(base64Encoded: $0) })
                #expect(bytes.count == 12)
                for (rest, model, field) in [
                    (#""input":[1,2]"#, "echo", "input[0]"), (#""input":[[1,2]]"#, "echo", "input[0]"), (#""input":[]"#, "echo", "input"),
                    (#""user":"u""#, "echo", "input"), (#""input":"x""#, "claude-echo", "model"),
                ] {
                    let refused = try await ask(rest, model: model)
                    #expect(refused.status == 400, "\(rest): \(refused.body)")
                    #expect(try JSON(refused.body).string("error.param") == field)
                }
                #expect(try await ask(#""input":"x""#, model: "fail-429").status == 429)
                #expect(try await ask(#""input":"x""#, model: "rescued-fail-500").status == 200)
            }
        }

        @Test("models are listed in the dialect of whoever asks")
        func models() async throws {
            try await Self.run { stack in
                let caller = try await HTTPCaller.connect(stack, key: nil)
                defer { caller.close() }
                let headers = [("x-api-key", stack.keys.main), ("anthropic-version", "2023-06-01")]
                let list = try JSON(try await caller.send("GET", "/v1/models", headers: headers).body)
                #expect(list.list("data").allSatisfy { $0.string("type") == "model" })
                #expect(list.string("first_id") == list.string("data.0.id"))
                let one = try JSON(try await caller.send("GET", "/v1/models/claude-echo", headers: headers).body)
                #expect(one.string("type") == "model" && one.string("display_name") == "claude-echo")
                // What a pattern alone matches is in no list, and is found by its name all the same.
                for (headers, type) in [(headers, "type"), (Array(headers.prefix(1)), "object")] {
                    let matched = try JSON(try await caller.send("GET", "/v1/models/say%3A7", headers: headers).body)
                    #expect(matched.string("id") == "say:7" && matched.string(type) == "model")
                }
                #expect(!list.list("data").contains { $0.string("id") == "say:7" })
                let page = try JSON(try await caller.send("GET", "/v1/models?limit=1", headers: headers).body)
                #expect(page.list("data").count == 1 && page.string("last_id") == list.string("data.0.id"))
                let missing = try await caller.send("GET", "/v1/models/none", headers: headers)
                #expect(try JSON(missing.body).string("error.type") == "not_found_error")
            }
        }
    }
}
