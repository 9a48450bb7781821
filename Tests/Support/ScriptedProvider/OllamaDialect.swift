import Foundation
import NIOCore

// Ollama's own API: what is used of a request, and the JSON of an answer.

extension ChatRequest {
    /// A request as strictly as converters need it to be read: texts and not parts, arguments as objects, results with their function's name.
    init(ollama body: ByteBuffer) throws(RequestError) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any],
            let model = object["model"] as? String, let messages = object["messages"] as? [[String: Any]]
        else { throw RequestError(message: "model is required") }
        for unknown in Set(object.keys).subtracting(["model", "messages", "tools", "format", "options", "stream", "think", "keep_alive"]) {
            throw RequestError(message: "json: unknown field \"\(unknown)\"")
        }
        for message in messages {
            guard message["content"] is String, let role = message["role"] as? String,
                ["system", "user", "assistant", "tool"].contains(role)
            else { throw RequestError(message: "json: cannot unmarshal array into Go struct field ChatRequest.messages of type string") }
            guard role != "tool" || message["tool_name"] is String else { throw RequestError(message: "a result without a name") }
            for call in message["tool_calls"] as? [[String: Any]] ?? [] {
                guard (call["function"] as? [String: Any])?["arguments"] is [String: Any] else {
                    throw RequestError(message: "json: cannot unmarshal string into Go struct field of type api.ToolCallFunctionArguments")
                }
            }
        }
        let options = object["options"] as? [String: Any]
        dialect = .ollama
        self.model = model
        isStream = object["stream"] as? Bool ?? true
        includesUsage = true
        maxTokens = options?["num_predict"] as? Int
        choices = 1
        lastUserText = messages.last { $0["role"] as? String == "user" }.map(Self.text) ?? ""
        let results = messages.reversed().prefix { $0["role"] as? String == "tool" }.reversed().map(Self.text)
        toolResults = results.isEmpty ? nil : results
        promptTokens = messages.reduce(0) { $0 + Tokens.count(Self.text(of: $1)) }
    }
}

extension ChatAnswer {
    private func line(_ message: String, _ end: String) -> String {
        "{\"model\":\(JSONText.string(model)),\"created_at\":\"2026-01-01T00:00:00.\(id.hashValue.magnitude % 1_000_000_000)Z\","
            + "\"message\":{\"role\":\"assistant\",\(message)},\(end)}"
    }

    private var end: String {
        let reason = finishReason == "length" ? "length" : "stop"
        return "\"done\":true,\"done_reason\":\"\(reason)\",\"total_duration\":5,\"load_duration\":1,\"prompt_eval_count\":\(promptTokens),"
            + "\"prompt_eval_duration\":1,\"eval_count\":\(completionTokens),\"eval_duration\":3"
    }

    /// Calls come whole, and without ids.
    private func call(_ call: ToolCall) -> String {
        "{\"function\":{\"name\":\(JSONText.string(call.name)),\"arguments\":\(call.arguments)}}"
    }

    /// The whole answer.
    var ollama: String {
        var message = "\"content\":\(JSONText.string(pieces.joined(), escaped: escapesText))"
        if let thinking { message += ",\"thinking\":\(JSONText.string(thinking))" }
        if !toolCalls.isEmpty { message = "\"content\":\"\",\"tool_calls\":[\(toolCalls.map(call).joined(separator: ","))]" }
        return line(message, end)
    }

    var ollamaLines: [(name: String, json: String, tokens: Int)] {
        var lines: [(name: String, json: String, tokens: Int)] = []
        for word in thinking.map(Tokens.split) ?? [] {
            lines.append(("", line("\"content\":\"\",\"thinking\":\(JSONText.string(word))", "\"done\":false"), 0))
        }
        for (number, piece) in pieces.enumerated() where toolCalls.isEmpty {
            let tokens = completionTokens * (number + 1) / pieces.count - completionTokens * number / pieces.count
            lines.append(("", line("\"content\":\(JSONText.string(piece, escaped: escapesText))", "\"done\":false"), tokens))
        }
        for toolCall in toolCalls {
            let tokens = Tokens.split(toolCall.arguments).count
            lines.append(("", line("\"content\":\"\",\"tool_calls\":[\(call(toolCall))]", "\"done\":false"), tokens))
        }
        lines.append(("", line("\"content\":\"\"", end), 0))
        return lines
    }
}
