import AgentShield
import Foundation
import ProcessSupport
import Testing

extension EndToEndTests {
    /// Every surface to every provider, with what a request may hold: what works is written down in `docs/dialect-matrix.md`.
    @Suite("the matrix of dialects", .timeLimit(.minutes(4)))
    struct DialectMatrixTests {
        /// What callers speak.
        private enum Surface: String, CaseIterable {
            case chat = "chat completions"
            case messages = "Messages"
            case responses = "Responses"
            case completions = "completions"
            case wire = "the wire protocol"

            var path: String {
                switch self {
                case .chat, .wire: "/v1/chat/completions"
                case .messages: "/v1/messages"
                case .responses: "/v1/responses"
                case .completions: "/v1/completions"
                }
            }

            /// Completions are made of text alone.
            func has(_ content: Content) -> Bool { self != .completions || content == .text }
        }

        private enum Provider: String, CaseIterable {
            case chat = "chat completions"
            case messages = "Messages"
            case ollama = "Ollama"
            case gemini = "Gemini"

            /// What its models' names begin with.
            var prefix: String {
                switch self {
                case .chat: "chat-"
                case .messages: "messages-"
                case .ollama: "ollama-"
                case .gemini: "gemini-"
                }
            }
        }

        private enum Content: String, CaseIterable {
            case text, tools, results, images, structured
        }

        private static let image = String(repeating: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ", count: 4)
        private static let schema =
            #"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false}"#
        private static let tool = "find_customer"
        private static let callingModel = "tool:\(tool),post_online"

        private static func file(_ text: String, _: URL) throws -> String {
            let provider = try #require(text.firstMatch(of: /scripted: \{dialect: openai, base_url: "(.*?)\/v1"\}/)).1
            let names = ["messages": "messages", "chat": "scripted", "ollama": "ollama", "gemini": "gemini"]
            let models = ["echo", callingModel].flatMap { model in
                names.map { "  - {name: \"\($0.key)-\(model)\", provider: \($0.value), upstream_name: \"\(model)\"}\n" }
            }
            let providers = [("messages", "anthropic"), ("ollama", "ollama"), ("gemini", "gemini")].map {
                "  \($0.0): {dialect: \($0.1), base_url: \"\(provider)\"}\n"
            }
            return text.replacing("providers:\n", with: "providers:\n" + providers.joined())
                .replacing("models:\n", with: "models:\n" + models.joined())
        }

        private static func request(_ surface: Surface, _ provider: Provider, _ content: Content, streamed: Bool) -> String {
            let model = provider.prefix + (content == .tools || content == .results ? callingModel : "echo")
            let cap = #""model":"\#(model)","max_tokens":500,"stream":\#(streamed)"#
            switch surface {
            case .chat, .wire: return #"{\#(cap),"messages":[\#(chatMessages(content))]\#(chatRest(content))}"#
            case .messages: return #"{\#(cap),"messages":[\#(messages(content))]\#(messagesRest(content))}"#
            case .responses:
                let cap = cap.replacing("max_tokens", with: "max_output_tokens")
                return #"{\#(cap),"input":[\#(input(content))]\#(responsesRest(content))}"#
            case .completions: return #"{\#(cap),"prompt":"Hello there"}"#
            }
        }

        private static func input(_ content: Content) -> String {
            let image = #",{"type":"input_image","image_url":"data:image/png;base64,\#(image)"}"#
            let user = #"{"role":"user","content":[{"type":"input_text","text":"Hello there"}\#(content == .images ? image : "")]}"#
            guard content == .results else { return user }
            let calls = [tool, "post_online"].enumerated().map {
                #"{"type":"function_call","call_id":"c\#($0.offset)","name":"\#($0.element)","arguments":"{\"n\":1}"}"#
            }
            let results = ["one", "two"].enumerated().map {
                #"{"type":"function_call_output","call_id":"c\#($0.offset)","output":"\#($0.element)"}"#
            }
            return ([user] + calls + results).joined(separator: ",")
        }

        private static func responsesRest(_ content: Content) -> String {
            switch content {
            case .tools, .results:
                let tools = [tool, "post_online"].map { #"{"type":"function","name":"\#($0)","parameters":\#(schema)}"# }
                return #","tools":[\#(tools.joined(separator: ","))]"#
            case .structured: return #","text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":\#(schema)}}"#
            case .text, .images: return ""
            }
        }

        private static func chatMessages(_ content: Content) -> String {
            let image = #",{"type":"image_url","image_url":{"url":"data:image/png;base64,\#(image)"}}"#
            let user = #"{"role":"user","content":[{"type":"text","text":"Hello there"}\#(content == .images ? image : "")]}"#
            guard content == .results else { return user }
            let calls = [tool, "post_online"].enumerated().map {
                #"{"id":"c\#($0.offset)","type":"function","function":{"name":"\#($0.element)","arguments":"{\"n\":1}"}}"#
            }
            return user + #",{"role":"assistant","content":null,"tool_calls":[\#(calls.joined(separator: ","))]},"#
                + #"{"role":"tool","tool_call_id":"c0","content":"one"},{"role":"tool","tool_call_id":"c1","content":"two"}"#
        }

        private static func messages(_ content: Content) -> String {
            let image = #",{"type":"image","source":{"type":"base64","media_type":"image/png","data":"\#(image)"}}"#
            let user = #"{"role":"user","content":[{"type":"text","text":"Hello there"}\#(content == .images ? image : "")]}"#
            guard content == .results else { return user }
            let calls = [tool, "post_online"].enumerated().map {
                #"{"type":"tool_use","id":"c\#($0.offset)","name":"\#($0.element)","input":{"n":1}}"#
            }
            let results = ["one", "two"].enumerated().map {
                #"{"type":"tool_result","tool_use_id":"c\#($0.offset)","content":"\#($0.element)"}"#
            }
            return user + #",{"role":"assistant","content":[\#(calls.joined(separator: ","))]},"#
                + #"{"role":"user","content":[\#(results.joined(separator: ","))]}"#
        }

        private static func chatRest(_ content: Content) -> String {
            switch content {
            case .tools, .results:
                let tools = [tool, "post_online"].map { #"{"type":"function","function":{"name":"\#($0)","parameters":\#(schema)}}"# }
                return #","tools":[\#(tools.joined(separator: ","))]"#
            case .structured:
                return #","response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":\#(schema)}}"#
            case .text, .images: return ""
            }
        }

        private static func messagesRest(_ content: Content) -> String {
            switch content {
            case .tools, .results:
                return #","tools":[{"name":"\#(tool)","input_schema":\#(schema)},{"name":"post_online","input_schema":\#(schema)}]"#
            case .structured: return #","output_config":{"format":{"type":"json_schema","schema":\#(schema)}}"#
            case .text, .images: return ""
            }
        }

        /// What must stand in what the provider gets.
        private static func sent(_ provider: Provider, _ content: Content) -> String {
            switch (provider, content) {
            case (_, .text): "Hello there"
            case (.chat, .tools), (.ollama, .tools): #""type":"function","function":{"name":"\#(tool)","parameters":\#(schema)}"#
            case (.messages, .tools): #"{"name":"\#(tool)","input_schema":\#(schema)}"#
            case (.gemini, .tools): #"{"name":"\#(tool)","parametersJsonSchema":\#(schema)}"#
            case (.chat, .results): #"{"role":"tool","tool_call_id":"c1","content":"two"}"#
            case (.messages, .results): #""tool_use_id":"c1""#
            case (.ollama, .results): #"{"role":"tool","content":"two","tool_name":"post_online","tool_call_id":"c1"}"#
            case (.gemini, .results): #"{"functionResponse":{"id":"c1","name":"post_online","response":{"output":"two"}}}"#
            case (.chat, .images): #"{"type":"image_url","image_url":{"url":"data:image/png;base64,\#(image)"}}"#
            case (.messages, .images): #"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"\#(image)"}}"#
            case (.ollama, .images): #""images":["\#(image)"]"#
            case (.gemini, .images): #"{"inlineData":{"mimeType":"image/png","data":"\#(image)"}}"#
            case (.chat, .structured): #""schema":\#(schema)"#
            case (.messages, .structured): #""output_config":{"format":{"type":"json_schema","schema":\#(schema)}}"#
            case (.ollama, .structured): #""format":\#(schema)"#
            case (.gemini, .structured): #""responseMimeType":"application/json","responseJsonSchema":\#(schema)"#
            }
        }

        /// What the caller reads: the text, or the calls.
        private static func answer(_ surface: Surface, _ body: String, streamed: Bool) throws -> (
            text: String, calls: [String], end: String?
        ) {
            guard streamed else {
                let whole = try JSON(body)
                if surface == .messages {
                    let blocks = whole.list("content")
                    return (
                        blocks.compactMap { $0.string("text") }.joined(), blocks.compactMap { $0.string("name") },
                        whole.string("stop_reason")
                    )
                }
                if surface == .responses { return response(whole) }
                if surface == .completions { return (whole.string("choices.0.text") ?? "", [], whole.string("choices.0.finish_reason")) }
                let message = whole.object("choices.0.message")
                return (
                    message.string("content") ?? "", message.list("tool_calls").compactMap { $0.string("function.name") },
                    whole.string("choices.0.finish_reason")
                )
            }
            let events = try body.split(separator: "\n").filter { $0.hasPrefix("data: {") }.map { try JSON(String($0.dropFirst(6))) }
            if surface == .messages {
                return (
                    events.compactMap { $0.string("delta.text") }.joined(), events.compactMap { $0.string("content_block.name") },
                    events.compactMap { $0.string("delta.stop_reason") }.first
                )
            }
            if surface == .responses {
                let deltas = events.filter { $0.string("type") == "response.output_text.delta" }.compactMap { $0.string("delta") }
                let last = try #require(events.last).object("response")
                let (text, calls, end) = response(last)
                return (deltas.joined() == text ? text : "", calls, end)
            }
            if surface == .completions {
                return (
                    events.compactMap { $0.string("choices.0.text") }.joined(), [],
                    events.compactMap { $0.string("choices.0.finish_reason") }.first
                )
            }
            return (
                events.compactMap { $0.string("choices.0.delta.content") }.joined(),
                events.compactMap { $0.string("choices.0.delta.tool_calls.0.function.name") },
                events.compactMap { $0.string("choices.0.finish_reason") }.first
            )
        }

        private static func response(_ response: JSON) -> (text: String, calls: [String], end: String?) {
            let items = response.list("output")
            return (
                items.compactMap { $0.string("content.0.text") }.joined(), items.compactMap { $0.string("name") },
                response.string("status")
            )
        }

        private static func works(
            _ stack: Stack, _ wire: WireMatrix, _ surface: Surface, _ provider: Provider, _ content: Content, streamed: Bool
        ) async throws -> Bool {
            guard surface != .wire else { return try await works(stack, wire, provider, content, streamed: streamed) }
            let caller = try await HTTPCaller.connect(stack, key: nil)
            defer { caller.close() }
            try await stack.provider.forget()
            let reply = try await caller.send(
                "POST", surface.path,
                headers: [("content-type", "application/json"), ("x-api-key", stack.keys.main)],
                body: Data(request(surface, provider, content, streamed: streamed).utf8))
            guard reply.status == 200, reply.isComplete else { return false }
            let (text, calls, end) = try answer(surface, reply.body, streamed: streamed)
            let expectedEnd =
                switch (surface, content) {
                case (.chat, .tools): "tool_calls"
                case (.messages, .tools): "tool_use"
                case (.responses, _): "completed"
                case (.chat, _), (.completions, _), (.wire, _): "stop"
                case (.messages, _): "end_turn"
                }
            let expectedText = content == .results ? "The tool answered: one two" : "Hello there"
            let isAnswered = content == .tools ? calls == [tool, "post_online"] : text == expectedText
            let bodies = try await stack.provider.bodies()
            return isAnswered && end == expectedEnd && bodies.count == 1 && bodies[0].contains(sent(provider, content))
        }

        /// Over the wire protocol.
        private static func works(
            _ stack: Stack, _ wire: WireMatrix, _ provider: Provider, _ content: Content, streamed: Bool
        ) async throws -> Bool {
            try await stack.provider.forget()
            let model = provider.prefix + (content == .tools || content == .results ? callingModel : "echo")
            let request = try WireMatrix.request(
                model, image: content == .images ? image : nil, schema: schema, offersTools: content == .tools,
                hasResults: content == .results, isStructured: content == .structured)
            guard let answer = try? await wire.answer(request, streamed: streamed) else { return false }
            let expected = content == .results ? "The tool answered: one two" : "Hello there"
            let isAnswered = content == .tools ? answer.toolCalls.map(\.name) == WireMatrix.tools : answer.text == expected
            let bodies = try await stack.provider.bodies()
            // The gateway writes the members of a tool's message in another order than the callers above do.
            let sent =
                provider == .chat && content == .results ? #"{"role":"tool","content":"two","tool_call_id":"c1"}"# : sent(provider, content)
            return isAnswered && answer.finishReason == (content == .tools ? .toolCalls : .stop) && bodies.count == 1
                && bodies[0].contains(sent)
        }

        @Test("every cell works, and docs/dialect-matrix.md says so")
        func matrix() async throws {
            try await Stack.run(configure: Self.file) { stack in
                try await WireMatrix.run(stack) { wire in try await Self.fill(stack, wire) }
            }
        }

        private static func fill(_ stack: Stack, _ wire: WireMatrix) async throws {
            let kinds = Content.allCases.flatMap { content in [false, true].map { (content, $0) } }
            var lines = [
                "# The matrix of dialects", "",
                "Generated by `DialectMatrixTests`, which sends each of these requests through a gateway to a scripted provider and checks what the provider got and what the caller reads.",
                "",
                "| caller | provider | "
                    + kinds.map { "\($0.0.rawValue)\($0.1 ? ", streamed" : "")" }.joined(separator: " | ") + " |",
                "|" + String(repeating: "---|", count: kinds.count + 2),
            ]
            for surface in Surface.allCases {
                for provider in Provider.allCases {
                    var cells: [String] = []
                    for (content, streamed) in kinds {
                        guard surface.has(content) else {
                            cells.append("–")
                            continue
                        }
                        let works = try await works(stack, wire, surface, provider, content, streamed: streamed)
                        #expect(works, "\(surface.rawValue) → \(provider.rawValue): \(content.rawValue), streamed: \(streamed)")
                        cells.append(works ? "yes" : "no")
                    }
                    lines.append("| \(surface.rawValue) | \(provider.rawValue) | \(cells.joined(separator: " | ")) |")
                }
            }
            let table = lines.joined(separator: "\n") + "\n"
            let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appendingPathComponent("docs/dialect-matrix.md")
            if ProcessInfo.processInfo.environment["AGENTSHIELD_RECORD"] != nil { try Data(table.utf8).write(to: file) }
            #expect(
                try String(contentsOf: file, encoding: .utf8) == table,
                "docs/dialect-matrix.md is out of date; AGENTSHIELD_RECORD=1 swift test --filter DialectMatrixTests writes it anew")
        }
    }
}
