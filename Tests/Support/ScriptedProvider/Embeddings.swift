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
