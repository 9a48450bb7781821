import Foundation
import NIOCore

// Google's Gemini API: what is used of a request, and the JSON of an answer.

extension ChatRequest {
    private static let geminiFields: Set<String> = [
        "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent", "model",
    ]

    /// A request as strictly as the real provider reads it where converters go wrong: names, roles, and results beside their calls. A model that thinks
    /// refuses calls that nobody has signed.
    init(gemini body: ByteBuffer, model: String, isStream: Bool) throws(RequestError) {
        guard var object = try? JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any] else {
            throw RequestError(message: "Invalid JSON payload received.")
        }
        // As `countTokens` has it.
        object = object["generateContentRequest"] as? [String: Any] ?? object
        for unknown in Set(object.keys).subtracting(Self.geminiFields) {
            throw RequestError(message: "Invalid JSON payload received. Unknown name \"\(unknown)\": Cannot find field.")
        }
        guard let contents = object["contents"] as? [[String: Any]], !contents.isEmpty else {
            throw RequestError(message: "* GenerateContentRequest.contents: contents is not specified")
        }
        try Self.check(contents, isSigned: Behaviour(model: model)?.thinks == true)
        let config = object["generationConfig"] as? [String: Any]
        dialect = .gemini
        self.model = model
        self.isStream = isStream
        includesUsage = true
        maxTokens = config?["maxOutputTokens"] as? Int
        choices = config?["candidateCount"] as? Int ?? 1
        lastUserText = contents.last { $0["role"] as? String == "user" && !Self.parts(of: $0).isEmpty }.map(Self.parts) ?? ""
        let results = (contents.last?["parts"] as? [[String: Any]] ?? []).compactMap { $0["functionResponse"] as? [String: Any] }
        toolResults = results.isEmpty ? nil : results.map(Self.text(ofResult:))
        let system = object["systemInstruction"] as? [String: Any] ?? [:]
        promptTokens = contents.reduce(Tokens.count(Self.parts(of: system))) { $0 + Tokens.count(Self.parts(of: $1)) }
    }

    private static func parts(of content: [String: Any]) -> String {
        (content["parts"] as? [[String: Any]] ?? []).compactMap { $0["text"] as? String }.joined(separator: "\n")
    }

    private static func text(ofResult result: [String: Any]) -> String {
        let response = result["response"] as? [String: Any] ?? [:]
        if let text = response["output"] as? String { return text }
        let json = try? JSONSerialization.data(withJSONObject: response, options: [.sortedKeys])
        return json.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private static func check(_ contents: [[String: Any]], isSigned: Bool) throws(RequestError) {
        var open: [String] = []
        for (number, content) in contents.enumerated() {
            guard let role = content["role"] as? String, ["user", "model"].contains(role) else {
                throw RequestError(message: "Please use a valid role: user, model.")
            }
            guard let parts = content["parts"] as? [[String: Any]], !parts.isEmpty else {
                throw RequestError(message: "* GenerateContentRequest.contents[\(number)].parts: contents.parts must not be empty.")
            }
            let answered = parts.compactMap { ($0["functionResponse"] as? [String: Any])?["name"] as? String }
            guard answered == open else {
                throw RequestError(
                    message:
                        "Please ensure that the number of function response parts is equal to the number of function call parts of the "
                        + "function call turn.")
            }
            let calls = parts.filter { $0["functionCall"] != nil }
            open = calls.compactMap { ($0["functionCall"] as? [String: Any])?["name"] as? String }
            if isSigned, let first = calls.first, first["thoughtSignature"] as? String != ChatAnswer.thoughtSignature {
                throw RequestError(message: "Function call `\(open[0])` in the \(number). content block is missing a `thought_signature`.")
            }
        }
    }
}

extension ChatAnswer {
    static let thoughtSignature = "c2lnbmVkIGJ5IHRoZSBzY3JpcHRlZCBwcm92aWRlciBvZiBHb29nbGUncywgYW5kIGxvbmcgZW5vdWdoIHRvIGJlIG1lZGlh"

    private func event(_ index: Int, _ parts: [String], finish: String?, output: Int) -> String {
        let end = finish.map { ",\"finishReason\":\"\($0)\"" } ?? ""
        return "{\"candidates\":[{\"content\":{\"parts\":[\(parts.joined(separator: ","))],\"role\":\"model\"}\(end),\"index\":\(index)}],"
            + "\(usage(output)),\"modelVersion\":\(JSONText.string(model)),\"responseId\":\"\(id)\"}"
    }

    private func usage(_ output: Int) -> String {
        "\"usageMetadata\":{\"promptTokenCount\":\(promptTokens + 2),\"cachedContentTokenCount\":2,\"candidatesTokenCount\":\(output),"
            + "\"thoughtsTokenCount\":\(thinking == nil ? 0 : 4),\"totalTokenCount\":\(promptTokens + 2 + output)}"
    }

    private var finishWord: String { finishReason == "length" ? "MAX_TOKENS" : "STOP" }

    private func part(_ text: String, isThought: Bool = false) -> String {
        "{\"text\":\(JSONText.string(text, escaped: escapesText))\(isThought ? ",\"thought\":true" : "")}"
    }

    /// Of parallel calls the first one is signed. None has an id.
    private var callParts: [String] {
        toolCalls.enumerated().map { number, call in
            let signature = thinking != nil && number == 0 ? ",\"thoughtSignature\":\"\(Self.thoughtSignature)\"" : ""
            return "{\"functionCall\":{\"name\":\(JSONText.string(call.name)),\"args\":\(call.arguments)}\(signature)}"
        }
    }

    /// The whole answer.
    var gemini: String {
        let thoughts = thinking.map { [part($0, isThought: true)] } ?? []
        let parts = thoughts + (toolCalls.isEmpty ? [part(pieces.joined())] : callParts)
        let candidates = (0..<choices).map {
            "{\"content\":{\"parts\":[\(parts.joined(separator: ","))],\"role\":\"model\"},\"finishReason\":\"\(finishWord)\",\"index\":\($0)}"
        }
        return "{\"candidates\":[\(candidates.joined(separator: ","))],\(usage(completionTokens * choices)),"
            + "\"modelVersion\":\(JSONText.string(model)),\"responseId\":\"\(id)\"}"
    }

    var geminiEvents: [(name: String, json: String, tokens: Int)] {
        var events: [(name: String, json: String, tokens: Int)] = []
        for index in 0..<choices {
            for word in thinking.map(Tokens.split) ?? [] {
                events.append(("", event(index, [part(word, isThought: true)], finish: nil, output: 0), 0))
            }
            for (number, piece) in pieces.enumerated() where toolCalls.isEmpty {
                let told = completionTokens * (number + 1) / pieces.count
                let tokens = told - completionTokens * number / pieces.count
                events.append(("", event(index, [part(piece)], finish: nil, output: told), tokens))
            }
            if !toolCalls.isEmpty { events.append(("", event(index, callParts, finish: nil, output: completionTokens), completionTokens)) }
            events.append(("", event(index, [], finish: finishWord, output: completionTokens), 0))
        }
        return events
    }
}
