import Foundation
import NIOCore

// OpenAI's older completions: what is used of a request, and the JSON of an answer.

extension ChatRequest {
    /// A request whose last prompt is what a user said.
    init(completions body: ByteBuffer) throws(RequestError) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any] else {
            throw RequestError(message: "We could not parse the JSON body of your request.")
        }
        guard let model = object["model"] as? String else {
            throw RequestError(message: "you must provide a model parameter", parameter: "model")
        }
        guard let prompts = object["prompt"] as? [String] ?? (object["prompt"] as? String).map({ [$0] }), let last = prompts.last else {
            throw RequestError(message: "you must provide a prompt", parameter: "prompt")
        }
        guard object["messages"] == nil else { throw RequestError(message: "Unrecognized request argument: messages") }
        dialect = .completions
        self.model = model
        isStream = object["stream"] as? Bool ?? false
        includesUsage = (object["stream_options"] as? [String: Any])?["include_usage"] as? Bool ?? false
        maxTokens = object["max_tokens"] as? Int
        choices = min(max((object["n"] as? Int ?? 1) * prompts.count, 1), 128)
        lastUserText = last
        toolResults = nil
        promptTokens = prompts.reduce(0) { $0 + Tokens.count($1) }
    }
}

extension ChatAnswer {
    private func choice(_ index: Int, _ text: String, finish: String) -> String {
        "{\"text\":\(JSONText.string(text, escaped: escapesText)),\"index\":\(index),\"logprobs\":null,\"finish_reason\":\(finish)}"
    }

    /// A `text_completion` object.
    var completion: String {
        let choices = (0..<choices).map { choice($0, pieces.joined(), finish: "\"\(finishReason)\"") }
        return head(object: "text_completion") + "\"choices\":[\(choices.joined(separator: ","))],\"usage\":\(usage)}"
    }

    func completionChunks(includesUsage: Bool) -> [(json: String, tokens: Int)] {
        let usageField = includesUsage ? ",\"usage\":null" : ""
        var chunks: [(json: String, tokens: Int)] = []
        for index in 0..<choices {
            for (number, piece) in pieces.enumerated() {
                let tokens = completionTokens * (number + 1) / pieces.count - completionTokens * number / pieces.count
                chunks.append(
                    (head(object: "text_completion") + "\"choices\":[\(choice(index, piece, finish: "null"))]\(usageField)}", tokens))
            }
            chunks.append(
                (head(object: "text_completion") + "\"choices\":[\(choice(index, "", finish: "\"\(finishReason)\""))]\(usageField)}", 0))
        }
        if includesUsage { chunks.append((head(object: "text_completion") + "\"choices\":[],\"usage\":\(usage)}", 0)) }
        return chunks
    }
}
