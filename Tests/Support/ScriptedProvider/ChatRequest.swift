import Foundation
import NIOCore

/// What the provider uses of a chat request.
struct ChatRequest {
    enum Dialect {
        case chat
        case messages
        case completions
        case ollama
        case gemini
    }

    var dialect = Dialect.chat
    var model: String
    var isStream: Bool
    var includesUsage: Bool
    /// Limit for the answer, in the provider's tokens.
    var maxTokens: Int?
    var choices: Int
    /// Text of the last message whose role is `user`.
    var lastUserText: String
    /// Texts of the tool results at the conversation's end; `nil` if it does not end with one.
    var toolResults: [String]?
    var promptTokens: Int

    init(body: ByteBuffer) throws(RequestError) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any] else {
            throw RequestError(message: "We could not parse the JSON body of your request.")
        }
        guard let model = object["model"] as? String else {
            throw RequestError(message: "you must provide a model parameter", parameter: "model")
        }
        guard let messages = object["messages"] as? [[String: Any]], !messages.isEmpty else {
            throw RequestError(message: "Missing required parameter: 'messages'.", parameter: "messages")
        }
        self.model = model
        isStream = object["stream"] as? Bool ?? false
        includesUsage = (object["stream_options"] as? [String: Any])?["include_usage"] as? Bool ?? false
        maxTokens = object["max_completion_tokens"] as? Int ?? object["max_tokens"] as? Int
        choices = min(max(object["n"] as? Int ?? 1, 1), 128)
        lastUserText = messages.last { $0["role"] as? String == "user" }.map(Self.text) ?? ""
        let results = messages.reversed().prefix { $0["role"] as? String == "tool" }.reversed().map(Self.text)
        toolResults = results.isEmpty ? nil : results
        promptTokens = messages.reduce(0) { $0 + Tokens.count(Self.text(of: $1)) }
    }

    /// A message's content: a string, or the text parts of a list.
    static func text(of message: [String: Any]) -> String {
        if let text = message["content"] as? String {
            return text
        }
        let parts = message["content"] as? [[String: Any]] ?? []
        return parts.compactMap { $0["text"] as? String }.joined(separator: "\n")
    }
}

/// Why a request is answered 400.
struct RequestError: Error {
    var message: String
    var parameter: String?
}

/// The provider's tokens are words: runs of characters that are not white space. Simple enough to be checked by whoever tests against it.
enum Tokens {
    static func count(_ text: String) -> Int {
        text.split(whereSeparator: \.isWhitespace).count
    }

    /// The words, each with the white space before it; together they are the text. White space at the end belongs to the last word.
    static func split(_ text: String) -> [String] {
        var words: [String] = []
        var current = ""
        var isInWord = false
        for character in text {
            if character.isWhitespace, isInWord {
                words.append(current)
                current = ""
            }
            isInWord = !character.isWhitespace
            current.append(character)
        }
        if isInWord || words.isEmpty {
            if !current.isEmpty { words.append(current) }
        } else {
            words[words.count - 1] += current
        }
        return words
    }
}
