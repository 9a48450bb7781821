import Foundation
import NIOHTTP1
import ProcessSupport
import Testing

extension EndToEndTests {
    /// Callers of OpenAI's Responses and of its older completions, in front of providers of both dialects.
    @Suite("responses and completions", .timeLimit(.minutes(4)))
    struct ResponsesTests {
        private static let personalData = ["ana.lopez@example.com", "4111 1111 1111 1111"]
        private static let prompt = "Write to \(personalData[0]) and charge \(personalData[1])."

        /// `claude-…` are models of a provider that speaks Anthropic's dialect.
        private static func run(_ body: (Stack) async throws -> Void) async throws {
            try await Stack.run(
                configure: { text, _ in
                    let provider = try #require(text.firstMatch(of: /scripted: \{dialect: openai, base_url: "(.*?)\/v1"\}/)).1
                    return
                        text
                        .replacing("providers:\n", with: "providers:\n  anthropic: {dialect: anthropic, base_url: \"\(provider)\"}\n")
                        .replacing("models:\n", with: "models:\n" + models)
                }
            ) { try await body($0) }
        }

        private static let models =
            ["echo", "echo+think", "echo+pieces:1", "fail-400", "cut+say:20", "say:20"]
            .map { "  - {name: \"claude-\($0)\", provider: anthropic, upstream_name: \"\($0)\"}\n" }.joined()
            + ["cut+say:20", "say:20"]
            .map { "  - {name: \"chat-\($0)\", provider: scripted, upstream_name: \"\($0)\"}\n" }.joined()
            + [("chat", "scripted"), ("claude", "anthropic")].map { name, provider in
                "  - {name: \"\(name)-tool\", provider: \(provider), upstream_name: \"tool:find_customer,post_online\", scrub: own}\n"
            }.joined()
            + "  - {name: memory, provider: scripted, upstream_name: echo, cache: {mode: always}}\n"

        private static func post(
            _ stack: Stack, _ body: String, _ headers: [(String, String)] = [], path: String = "/v1/responses"
        ) async throws -> HTTPCaller.Response {
            let caller = try await HTTPCaller.connect(stack, key: nil)
            defer { caller.close() }
            return try await caller.send(
                "POST", path, headers: [("content-type", "application/json"), ("x-api-key", stack.keys.main)] + headers,
                body: Data(body.utf8))
        }

        private static func ask(_ model: String, _ input: String = "\"\(prompt)\"", _ rest: String = "") -> String {
            #"{"model":"\#(model)","input":\#(input)\#(rest)}"#
        }

        private static func events(_ body: String) throws -> [JSON] {
            try body.components(separatedBy: "\n\n").filter { !$0.isEmpty && !$0.hasPrefix(":") }.map { event in
                let lines = event.components(separatedBy: "\n")
                try #require(lines.count == 2 && lines[0].hasPrefix("event: ") && lines[1].hasPrefix("data: "), "\(event)")
                let data = try JSON(String(lines[1].dropFirst(6)))
                #expect(String(lines[0].dropFirst(7)) == data.string("type"))
                return data
            }
        }

        @Test("texts reach providers of both dialects without personal data, and come back with it, whole and streamed")
        func texts() async throws {
            try await Self.run { stack in
                for model in ["echo", "echo+pieces:1", "claude-echo", "claude-echo+pieces:1"] {
                    try await stack.provider.forget()
                    let reply = try await Self.post(stack, Self.ask(model, "\"\(Self.prompt)\"", #","metadata":{"a":"b"},"store":true"#))
                    #expect(reply.status == 200, "\(reply.body)")
                    let whole = try JSON(reply.body)
                    #expect(whole.string("object") == "response" && whole.string("status") == "completed")
                    #expect(whole.string("id")?.hasPrefix("resp_") == true && reply.body.contains(#""store":false"#))
                    #expect(whole.string("output.0.content.0.text") == Self.prompt, "\(model)")
                    #expect(whole.string("metadata.a") == "b" && whole.int("usage.input_tokens") ?? 0 > 0)

                    let streamed = try await Self.post(stack, Self.ask(model, "\"\(Self.prompt)\"", #","stream":true"#))
                    #expect(streamed.isComplete && !streamed.body.contains("[DONE]"))
                    let events = try Self.events(streamed.body)
                    #expect(events.map { $0.int("sequence_number") } == Array(0..<events.count))
                    let deltas = events.filter { $0.string("type") == "response.output_text.delta" }.compactMap { $0.string("delta") }
                    #expect(deltas.joined() == Self.prompt, "\(model)")
                    let last = try #require(events.last)
                    #expect(last.string("type") == "response.completed")
                    #expect(last.string("response.output.0.content.0.text") == Self.prompt)
                    #expect(last.int("response.usage.output_tokens") ?? 0 > 0)
                    let bodies = try await stack.provider.bodies()
                    #expect(bodies.count == 2)
                    for text in Self.personalData { #expect(!bodies.joined().contains(text)) }
                }
            }
        }

        @Test("tools are called in parallel and answered; only those that may see personal data do")
        func tools() async throws {
            try await Self.run { stack in
                let tools = ["find_customer", "post_online"].map { #"{"type":"function","name":"\#($0)","parameters":{"type":"object"}}"# }
                let rest = #","tools":[\#(tools.joined(separator: ","))]"#
                for model in ["chat-tool", "claude-tool"] {
                    let whole = try JSON(try await Self.post(stack, Self.ask(model, "\"\(Self.prompt)\"", rest)).body)
                    let streamed = try await Self.post(stack, Self.ask(model, "\"\(Self.prompt)\"", rest + #","stream":true"#))
                    let last = try #require(try Self.events(streamed.body).last).object("response")
                    for response in [whole, last] {
                        let calls = response.list("output")
                        #expect(calls.map { $0.string("name") } == ["find_customer", "post_online"], "\(model)")
                        #expect(calls.allSatisfy { $0.string("type") == "function_call" && $0.string("status") == "completed" })
                        #expect(calls[0].string("arguments")?.contains(Self.personalData[0]) == true)
                        #expect(calls[1].string("arguments")?.contains("<EMAIL_1>") == true)
                        let items = calls.flatMap { call -> [String] in
                            let id = call.string("call_id") ?? ""
                            return [
                                #"{"type":"function_call","call_id":"\#(id)","name":"\#(call.string("name") ?? "")","arguments":"{}"}"#,
                                #"{"type":"function_call_output","call_id":"\#(id)","output":"done with \#(Self.personalData[0])"}"#,
                            ]
                        }
                        let order = [items[0], items[2], items[1], items[3]]
                        let input = "[" + (["{\"role\":\"user\",\"content\":\"x\"}"] + order).joined(separator: ",") + "]"
                        let answer = try JSON(try await Self.post(stack, Self.ask(model, input, rest)).body)
                        let text = "The tool answered: done with \(Self.personalData[0]) done with \(Self.personalData[0])"
                        #expect(answer.string("output.0.content.0.text") == text, "\(model)")
                    }
                }
            }
        }

        @Test("signed thinking goes out as reasoning and comes back as it was")
        func thinking() async throws {
            try await Self.run { stack in
                let first = try JSON(try await Self.post(stack, Self.ask("claude-echo+think", "\"Mail ana.lopez@example.com\"")).body)
                let seal = try #require(first.string("output.0.encrypted_content"))
                let text = try #require(first.string("output.0.summary.0.text"))
                // It is read as its provider wrote it.
                #expect(seal.hasPrefix("thinking/") && text == "The user said: Mail <EMAIL_1>")
                try await stack.provider.forget()
                let input =
                    #"[{"role":"user","content":"Mail ana.lopez@example.com"},{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"\#(text)"}],"encrypted_content":"\#(seal)"},{"role":"assistant","content":[{"type":"output_text","text":"Done"}]},{"role":"user","content":"Again"}]"#
                #expect(try await Self.post(stack, Self.ask("claude-echo+think", input)).status == 200)
                let sent = try #require(try await stack.provider.bodies().last)
                let block = #"{"type":"thinking","thinking":"\#(text)","signature":"\#(seal.dropFirst(9))"}"#
                #expect(sent.contains(block), "\(sent)")
                // A provider of the other dialect gets nothing of it.
                _ = try await Self.post(stack, Self.ask("echo", input))
                #expect(try await stack.provider.bodies().last?.contains("thinking") == false)
            }
        }

        @Test("what is refused names its field in the caller's words; what may be left out is told")
        func refusals() async throws {
            try await Self.run { stack in
                let cases: [(String, String)] = [
                    (Self.ask("echo", "\"x\"", #","previous_response_id":"resp_1""#), "previous_response_id"),
                    (Self.ask("echo", "\"x\"", #","conversation":"c""#), "conversation"),
                    (Self.ask("echo", "\"x\"", #","background":true"#), "background"),
                    (Self.ask("echo", "\"x\"", #","prompt":{"id":"p"}"#), "prompt"), (#"{"model":"echo"}"#, "input"),
                    (Self.ask("echo", "[]"), "input"), (Self.ask("echo", "[7]"), "input[0]"),
                    (Self.ask("echo", "\"x\"", #","stream":"banana""#), "stream"),
                    (Self.ask("echo", "\"x\"", #","max_output_tokens":0"#), "max_output_tokens"),
                    (Self.ask("echo", "\"x\"", #","tools":[{"type":"web_search"}]"#), "tools[0].type"),
                    (Self.ask("claude-echo", "\"x\"", #","text":{"format":{"type":"json_object"}}"#), "text.format"),
                    (Self.ask("claude-echo", "\"x\"", #","text":{"verbosity":"low"}"#), "text.verbosity"),
                    (
                        Self.ask(
                            "claude-echo", #"[{"role":"user","content":[{"type":"input_file","file_data":"data:text/plain;base64,aGk="}]}]"#
                        ),
                        "input[0]"
                    ),
                ]
                for (body, field) in cases {
                    let reply = try await Self.post(stack, body)
                    #expect(reply.status == 400, "\(body)")
                    let error = try JSON(reply.body)
                    #expect(error.string("error.param") == field, "\(reply.body)")
                    #expect(
                        error.string("error.type") == "invalid_request_error"
                            && error.string("error.message")?.contains("`\(field)") == true)
                }
                let reply = try await Self.post(
                    stack, Self.ask("claude-echo", "\"x\"", #","tools":[{"type":"web_search"}],"text":{"verbosity":"low"}"#),
                    [("x-agentshield-drop-unsupported", "true")])
                #expect(reply.status == 200 && reply.headers.first(name: "x-agentshield-dropped") == "tools[0].type,text.verbosity")
            }
        }

        @Test("an answer at its cap is incomplete; one that breaks ends with an error, and never as if complete")
        func endings() async throws {
            try await Self.run { stack in
                for model in ["chat-say:20", "claude-say:20"] {
                    let whole = try JSON(try await Self.post(stack, Self.ask(model, "\"x\"", #","max_output_tokens":3"#)).body)
                    #expect(whole.string("status") == "incomplete" && whole.string("incomplete_details.reason") == "max_output_tokens")
                    #expect(whole.string("output.0.status") == "incomplete" && whole.int("max_output_tokens") == 3)
                }
                for model in ["chat-cut+say:20", "claude-cut+say:20"] {
                    let reply = try await Self.post(stack, Self.ask(model, "\"x\"", #","stream":true"#))
                    let events = try Self.events(reply.body)
                    #expect(events.suffix(2).map { $0.string("type") } == ["error", "response.failed"])
                    #expect(events.last?.string("response.status") == "failed")
                    #expect(!reply.body.contains("response.completed"))
                    #expect(events[events.count - 2].string("error.code") == "stream_broken")
                }
                #expect(try await Self.post(stack, Self.ask("claude-fail-400")).status == 400)
            }
        }

        @Test("a cached answer is told anew, and a repeated request is carried out once")
        func repetition() async throws {
            try await Self.run { stack in
                for streamed in [false, true] {
                    let body = Self.ask("memory", "\"Remember \(Self.personalData[0]) \(streamed)\"", #","stream":\#(streamed)"#)
                    let first = try await Self.post(stack, body)
                    let second = try await Self.post(stack, body)
                    #expect(first.headers.first(name: "x-agentshield-cache") == "miss")
                    #expect(second.headers.first(name: "x-agentshield-cache") == "hit")
                    #expect(second.body.contains("Remember \(Self.personalData[0])"))
                }
                try await stack.provider.forget()
                let body = Self.ask("echo", "\"Once\"", #","stream":true"#)
                let replies = try await [
                    Self.post(stack, body, [("idempotency-key", "k1")]), Self.post(stack, body, [("idempotency-key", "k1")]),
                ]
                #expect(replies.map { $0.headers.first(name: "idempotent-replayed") } == [nil, "true"])
                #expect(try Self.events(replies[1].body).last?.string("type") == "response.completed")
                #expect(try await stack.provider.bodies().count == 1)
            }
        }

        @Test("completions pass to providers of OpenAI's dialect and are translated for others, with their personal data back")
        func completions() async throws {
            try await Self.run { stack in
                let path = "/v1/completions"
                for model in ["echo", "echo+pieces:1", "claude-echo", "claude-echo+pieces:1"] {
                    try await stack.provider.forget()
                    let body = #"{"model":"\#(model)","prompt":"\#(Self.prompt)""#
                    let whole = try JSON(try await Self.post(stack, body + "}", path: path).body)
                    #expect(whole.string("object") == "text_completion" && whole.string("choices.0.text") == Self.prompt, "\(model)")
                    #expect(whole.string("choices.0.finish_reason") == "stop" && whole.int("usage.completion_tokens") ?? 0 > 0)
                    let options = #","stream":true,"stream_options":{"include_usage":true}}"#
                    let reply = try await Self.post(stack, body + options, path: path)
                    #expect(reply.body.hasSuffix("data: [DONE]\n\n"))
                    let chunks = try reply.body.split(separator: "\n").filter { $0.hasPrefix("data: {") }.map {
                        try JSON(String($0.dropFirst(6)))
                    }
                    #expect(chunks.compactMap { $0.string("choices.0.text") }.joined() == Self.prompt, "\(model)")
                    #expect(chunks.last?.int("usage.prompt_tokens") ?? 0 > 0)
                    let bodies = try await stack.provider.bodies()
                    #expect(bodies.count == 2 && bodies[0].contains(model.hasPrefix("claude") ? "\"messages\"" : "\"prompt\""))
                    for text in Self.personalData { #expect(!bodies.joined().contains(text)) }
                }
                let two = #"{"model":"echo","n":2,"prompt":["a b","c ana.lopez@example.com"]}"#
                let answer = try JSON(try await Self.post(stack, two, path: path).body)
                #expect(answer.list("choices").count == 4 && answer.string("choices.3.text") == "c ana.lopez@example.com")
                for (body, field) in [
                    (#"{"model":"echo","prompt":[1,2]}"#, "prompt[0]"), (#"{"model":"echo"}"#, "prompt"),
                    (#"{"model":"echo","prompt":"x","best_of":3}"#, "best_of"),
                    (#"{"model":"claude-echo","prompt":"x","echo":true}"#, "echo"),
                    (#"{"model":"claude-echo","prompt":["x","y"]}"#, "prompt"),
                    (#"{"model":"claude-echo","prompt":"x","n":2}"#, "n"),
                    (#"{"model":"claude-echo","prompt":"x","logprobs":1}"#, "logprobs"),
                ] {
                    let reply = try await Self.post(stack, body, path: path)
                    let name = try JSON(reply.body).string("error.param")
                    #expect(reply.status == 400 && name == field, "\(reply.body)")
                }
            }
        }
    }
}
