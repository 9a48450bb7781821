import Foundation
import NIOCore
import NIOHTTP1

// Anthropic's Messages: what is used of a request, and the JSON of an answer.

extension ChatRequest {
    /// A request as strictly as the real provider reads it where converters go wrong: version, cap, roles, results of tools beside their calls.
    init(messages body: ByteBuffer, _ headers: HTTPHeaders) throws(RequestError) {
        guard headers.first(name: "anthropic-version") != nil else {
            throw RequestError(message: "anthropic-version: header is required")
        }
        try self.init(counting: body)
        guard maxTokens != nil else { throw RequestError(message: "max_tokens: Field required", parameter: "max_tokens") }
    }

    /// As `count_tokens` takes it: without a cap.
    init(counting body: ByteBuffer) throws(RequestError) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any] else {
            throw RequestError(message: "The request body is not valid JSON")
        }
        guard let model = object["model"] as? String else { throw RequestError(message: "model: Field required") }
        guard let messages = object["messages"] as? [[String: Any]], !messages.isEmpty else {
            throw RequestError(message: "messages: Field required")
        }
        for unknown in Set(object.keys).subtracting(Self.fields) {
            throw RequestError(message: "\(unknown): Extra inputs are not permitted")
        }
        for (index, message) in messages.enumerated() {
            guard let role = message["role"] as? String, ["user", "assistant"].contains(role) else {
                throw RequestError(message: "messages.\(index).role: Input should be 'user' or 'assistant'")
            }
        }
        try Self.checkResults(messages)
        dialect = .messages
        self.model = model
        isStream = object["stream"] as? Bool ?? false
        includesUsage = true
        maxTokens = object["max_tokens"] as? Int
        choices = 1
        lastUserText = messages.last { $0["role"] as? String == "user" && !Self.text(of: $0).isEmpty }.map(Self.text) ?? ""
        toolResults = Self.results(messages.last)
        promptTokens = messages.reduce(Tokens.count(Self.text(of: ["content": object["system"] ?? ""]))) {
            $0 + Tokens.count(Self.text(of: $1))
        }
    }

    private static let fields: Set<String> = [
        "model", "messages", "system", "max_tokens", "metadata", "stop_sequences", "stream", "temperature", "top_p", "top_k", "tools",
        "tool_choice", "thinking", "output_config", "service_tier",
    ]

    private static func results(_ message: [String: Any]?) -> [String]? {
        let blocks = message?["content"] as? [[String: Any]] ?? []
        let results = blocks.filter { $0["type"] as? String == "tool_result" }.map(text)
        return results.isEmpty ? nil : results
    }

    /// Every call is answered in the next message, and every result answers a call of the one before.
    private static func checkResults(_ messages: [[String: Any]]) throws(RequestError) {
        var open: Set<String> = []
        for (index, message) in messages.enumerated() {
            let blocks = message["content"] as? [[String: Any]] ?? []
            let answered = Set(blocks.compactMap { $0["tool_use_id"] as? String })
            guard answered == open else {
                throw RequestError(
                    message: "messages.\(index): `tool_use` ids were found without `tool_result` blocks immediately after, or the reverse")
            }
            open = Set(blocks.filter { $0["type"] as? String == "tool_use" }.compactMap { $0["id"] as? String })
        }
    }
}

extension ChatAnswer {
    func plain(_ dialect: ChatRequest.Dialect) -> String {
        switch dialect {
        case .chat: plain
        case .messages: message
        case .completions: completion
        case .ollama: ollama
        case .gemini: gemini
        }
    }

    func chunks(_ dialect: ChatRequest.Dialect, includesUsage: Bool) -> [(name: String, json: String, tokens: Int)] {
        switch dialect {
        case .chat: chunks(includesUsage: includesUsage).map { (name: "", json: $0.json, tokens: $0.tokens) }
        case .messages: events
        case .completions: completionChunks(includesUsage: includesUsage).map { (name: "", json: $0.json, tokens: $0.tokens) }
        case .ollama: ollamaLines
        case .gemini: geminiEvents
        }
    }

    private static let signature = "c2lnbmVkIGJ5IHRoZSBzY3JpcHRlZCBwcm92aWRlcg=="

    private var head: String {
        "\"id\":\"\(id)\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\(JSONText.string(model)),"
    }

    private var stopReason: String { ["stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"][finishReason] ?? finishReason }

    private func usage(_ output: Int) -> String {
        "\"usage\":{\"input_tokens\":\(promptTokens),\"cache_creation_input_tokens\":3,\"cache_read_input_tokens\":2,"
            + "\"output_tokens\":\(output),\"service_tier\":\"standard\"}"
    }

    private var message: String {
        var blocks: [String] = []
        if let thinking {
            blocks.append(
                "{\"type\":\"thinking\",\"thinking\":\(JSONText.string(thinking)),\"signature\":\"\(Self.signature)\"}")
        }
        if toolCalls.isEmpty { blocks.append("{\"type\":\"text\",\"text\":\(JSONText.string(pieces.joined(), escaped: escapesText))}") }
        blocks += toolCalls.map {
            "{\"type\":\"tool_use\",\"id\":\"\($0.id)\",\"name\":\(JSONText.string($0.name)),\"input\":\($0.arguments)}"
        }
        return "{\(head)\"content\":[\(blocks.joined(separator: ","))],\"stop_reason\":\"\(stopReason)\",\"stop_sequence\":null,"
            + usage(completionTokens) + "}"
    }

    private var events: [(name: String, json: String, tokens: Int)] {
        var events: [(name: String, json: String, tokens: Int)] = []
        func add(_ type: String, _ rest: String, tokens: Int = 0) {
            events.append(("event: \(type)\n", "{\"type\":\"\(type)\"\(rest)}", tokens))
        }
        add("message_start", ",\"message\":{\(head)\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\(usage(1))}")
        var index = 0
        func block(_ start: String, _ deltas: [(json: String, tokens: Int)]) {
            add("content_block_start", ",\"index\":\(index),\"content_block\":\(start)")
            if index == 0 { add("ping", "") }
            for delta in deltas { add("content_block_delta", ",\"index\":\(index),\"delta\":\(delta.json)", tokens: delta.tokens) }
            add("content_block_stop", ",\"index\":\(index)")
            index += 1
        }
        if let thinking {
            let words = Tokens.split(thinking).map { ("{\"type\":\"thinking_delta\",\"thinking\":\(JSONText.string($0))}", 0) }
            block(
                "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}",
                words + [("{\"type\":\"signature_delta\",\"signature\":\"\(Self.signature)\"}", 0)])
        }
        if toolCalls.isEmpty {
            let deltas = pieces.enumerated().map { number, piece in
                let tokens = completionTokens * (number + 1) / pieces.count - completionTokens * number / pieces.count
                return ("{\"type\":\"text_delta\",\"text\":\(JSONText.string(piece, escaped: escapesText))}", tokens)
            }
            block("{\"type\":\"text\",\"text\":\"\"}", deltas)
        }
        for call in toolCalls {
            let deltas = [""] + Tokens.split(call.arguments)
            block(
                "{\"type\":\"tool_use\",\"id\":\"\(call.id)\",\"name\":\(JSONText.string(call.name)),\"input\":{}}",
                deltas.map {
                    ("{\"type\":\"input_json_delta\",\"partial_json\":\(JSONText.string($0, escaped: escapesText))}", $0.isEmpty ? 0 : 1)
                })
        }
        add(
            "message_delta",
            ",\"delta\":{\"stop_reason\":\"\(stopReason)\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":\(completionTokens)}")
        return events
    }
}
