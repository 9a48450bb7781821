/// One answer, and its JSON in OpenAI's dialect.
struct ChatAnswer {
    struct ToolCall {
        var id: String
        var name: String
        var arguments: String
    }

    var id: String
    /// Seconds since 1970.
    var created: Int
    var model: String
    var escapesText: Bool
    var choices: Int
    /// The text, in the pieces in which it is streamed.
    var pieces: [String]
    var toolCalls: [ToolCall]
    /// Signed thinking before the text; OpenAI's dialect has none.
    var thinking: String?
    var finishReason: String
    var promptTokens: Int
    /// Of one choice.
    var completionTokens: Int

    /// A `chat.completion` object.
    var plain: String {
        let message: String
        if toolCalls.isEmpty {
            let text = JSONText.string(pieces.joined(), escaped: escapesText)
            message = "{\"role\":\"assistant\",\"content\":\(text),\"refusal\":null,\"annotations\":[]}"
        } else {
            let calls = toolCalls.map { call in
                "{\"id\":\"\(call.id)\",\"type\":\"function\",\"function\":{\"name\":\(JSONText.string(call.name)),"
                    + "\"arguments\":\(JSONText.string(call.arguments, escaped: escapesText))}}"
            }
            message =
                "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[\(calls.joined(separator: ","))],\"refusal\":null,"
                + "\"annotations\":[]}"
        }
        let choices = (0..<choices).map {
            "{\"index\":\($0),\"message\":\(message),\"logprobs\":null,\"finish_reason\":\"\(finishReason)\"}"
        }
        return head(object: "chat.completion") + "\"choices\":[\(choices.joined(separator: ","))],\"usage\":\(usage),"
            + "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_scripted\"}"
    }

    /// The `chat.completion.chunk` objects of a stream and the tokens that each is billed at.
    func chunks(includesUsage: Bool) -> [(json: String, tokens: Int)] {
        let usageField = includesUsage ? ",\"usage\":null" : ""
        func chunk(_ index: Int, _ delta: String, finish: String = "null") -> String {
            head(object: "chat.completion.chunk") + "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_scripted\","
                + "\"choices\":[{\"index\":\(index),\"delta\":\(delta),\"logprobs\":null,\"finish_reason\":\(finish)}]\(usageField)}"
        }
        var chunks: [(json: String, tokens: Int)] = []
        for index in 0..<choices {
            let content = toolCalls.isEmpty ? "\"\"" : "null"
            chunks.append((chunk(index, "{\"role\":\"assistant\",\"content\":\(content),\"refusal\":null}"), 0))
            // Tokens are spread over the pieces so that they add up, whatever the pieces' size.
            for (number, piece) in pieces.enumerated() {
                let tokens = completionTokens * (number + 1) / pieces.count - completionTokens * number / pieces.count
                chunks.append((chunk(index, "{\"content\":\(JSONText.string(piece, escaped: escapesText))}"), tokens))
            }
            for (number, call) in toolCalls.enumerated() {
                let opening =
                    "{\"tool_calls\":[{\"index\":\(number),\"id\":\"\(call.id)\",\"type\":\"function\","
                    + "\"function\":{\"name\":\(JSONText.string(call.name)),\"arguments\":\"\"}}]}"
                chunks.append((chunk(index, opening), 0))
                for piece in Tokens.split(call.arguments) {
                    let text = JSONText.string(piece, escaped: escapesText)
                    chunks.append((chunk(index, "{\"tool_calls\":[{\"index\":\(number),\"function\":{\"arguments\":\(text)}}]}"), 1))
                }
            }
            chunks.append((chunk(index, "{}", finish: "\"\(finishReason)\""), 0))
        }
        if includesUsage {
            let json =
                head(object: "chat.completion.chunk")
                + "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_scripted\",\"choices\":[],\"usage\":\(usage)}"
            chunks.append((json, 0))
        }
        return chunks
    }

    func head(object: String) -> String {
        "{\"id\":\"\(id)\",\"object\":\"\(object)\",\"created\":\(created),\"model\":\(JSONText.string(model)),"
    }

    var usage: String {
        let completion = completionTokens * choices
        return "{\"prompt_tokens\":\(promptTokens),\"completion_tokens\":\(completion),\"total_tokens\":\(promptTokens + completion),"
            + "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
            + "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
            + "\"rejected_prediction_tokens\":0}}"
    }
}

extension ChatAnswer {
    init(to request: ChatRequest, behaviour: Behaviour, id: String, created: Int) {
        self.id = id
        self.created = created
        model = request.model
        escapesText = behaviour.escapesText
        choices = request.choices
        promptTokens = request.promptTokens
        toolCalls = []
        thinking = behaviour.thinks ? "The user said: " + request.lastUserText : nil
        var text = ""
        switch behaviour.content {
        case .echo:
            text = request.lastUserText
        case .leak:
            text = "Somebody else is bob@example.org and pays with 4111 1111 1111 1111. You said: " + request.lastUserText
        case .bench(let chunks):
            text = Array(repeating: "token", count: chunks).joined(separator: " ")
        case .knows(let words):
            text = words.isEmpty || words.contains(where: request.lastUserText.contains) ? "right" : "wrong"
        case .words(let count):
            text = Self.words(count)
        case .toolCalls(let names):
            if let results = request.toolResults {
                text = "The tool answered: " + results.joined(separator: " ")
            } else {
                let arguments = "{\"text\": \(JSONText.string(request.lastUserText))}"
                toolCalls = names.enumerated().map {
                    ToolCall(id: "call_\(id.drop { $0 != "-" }.dropFirst())_\($0.offset)", name: $0.element, arguments: arguments)
                }
            }
        }
        var words = Tokens.split(text)
        finishReason = toolCalls.isEmpty ? "stop" : "tool_calls"
        if toolCalls.isEmpty, !behaviour.ignoresLimit, let limit = request.maxTokens, limit < words.count {
            words = Array(words.prefix(max(limit, 0)))
            finishReason = "length"
        }
        pieces = behaviour.pieceLength.map { Self.cut(words.joined(), length: $0) } ?? words
        completionTokens =
            toolCalls.isEmpty ? Tokens.count(words.joined()) : toolCalls.reduce(0) { $0 + Tokens.split($1.arguments).count }
    }

    private static func words(_ count: Int) -> String {
        let vocabulary = ["the", "gateway", "passes", "each", "word", "on", "as", "it", "comes"]
        return (0..<count).map { vocabulary[$0 % vocabulary.count] }.joined(separator: " ")
    }

    private static func cut(_ text: String, length: Int) -> [String] {
        var pieces: [String] = []
        var rest = text[...]
        while !rest.isEmpty {
            pieces.append(String(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return pieces
    }
}
