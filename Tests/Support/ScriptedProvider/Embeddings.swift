import Foundation
import NIOCore

/// Embeddings of texts: three numbers for each, how many characters, words and vowels it has.
struct Embeddings {
    let model: String
    private let texts: [String]
    private let isBase64: Bool

    init?(_ body: ByteBuffer) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any],
            let model = object["model"] as? String,
            let texts = object["input"] as? [String] ?? (object["input"] as? String).map({ [$0] })
        else { return nil }
        self.model = model
        self.texts = texts
        isBase64 = object["encoding_format"] as? String == "base64"
    }

    /// As Google's `batchEmbedContents` asks.
    init?(gemini body: ByteBuffer, model: String) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any],
            let requests = object["requests"] as? [[String: Any]], !requests.isEmpty
        else { return nil }
        self.model = model
        texts = requests.map { request in
            let parts = (request["content"] as? [String: Any])?["parts"] as? [[String: Any]] ?? []
            return parts.compactMap { $0["text"] as? String }.joined()
        }
        isBase64 = false
    }

    /// As Ollama's `/api/embed` answers.
    var ollama: String {
        let tokens = texts.reduce(0) { $0 + Tokens.count($1) }
        return "{\"model\":\(JSONText.string(model)),\"embeddings\":\(texts.map(Self.vector)),\"total_duration\":5,\"load_duration\":1,"
            + "\"prompt_eval_count\":\(tokens)}"
    }

    var gemini: String { "{\"embeddings\":[\(texts.map { "{\"values\":\(Self.vector($0))}" }.joined(separator: ","))]}" }

    private static func vector(_ text: String) -> [Float] {
        [Float(text.count), Float(Tokens.count(text)), Float(text.count { "aeiou".contains($0) })]
    }

    var json: String {
        let data = texts.enumerated().map { index, text in
            let vector = Self.vector(text)
            let bytes = vector.withUnsafeBytes { Data($0) }
            let value = isBase64 ? "\"\(bytes.base64EncodedString())\"" : "\(vector)"
            return "{\"object\":\"embedding\",\"index\":\(index),\"embedding\":\(value)}"
        }
        let tokens = texts.reduce(0) { $0 + Tokens.count($1) }
        return "{\"object\":\"list\",\"data\":[\(data.joined(separator: ","))],\"model\":\(JSONText.string(model)),"
            + "\"usage\":{\"prompt_tokens\":\(tokens),\"total_tokens\":\(tokens)}}"
    }
}
