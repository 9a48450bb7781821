import GatewayJSON
package import NIOCore

extension AnswerChunk {
    /// A `content_block_delta` of Anthropic's dialect, for text that has no event of the provider's to stand in.
    package static func messagesDelta(_ key: AnswerItemKey, _ text: ByteBuffer) -> AnswerChunk {
        let (type, field): (String, StaticString) =
            switch key.kind {
            case .text, .refusal, .block, .aside: ("text_delta", "text")
            case .reasoning: ("thinking_delta", "thinking")
            case .toolCall: ("input_json_delta", "partial_json")
            }
        var json = JSONWriter()
        var range = 0..<0
        json.object { json in
            json.member("type", "content_block_delta")
            json.member("index", Int64(key.index))
            json.key("delta")
            json.object { json in
                json.member("type", type)
                json.key(field)
                let start = json.buffer.readableBytes
                json.string(text)
                range = start..<json.buffer.readableBytes
            }
        }
        return AnswerChunk(
            raw: json.buffer, dialect: .anthropic, event: "content_block_delta",
            fragments: [AnswerFragment(key: key, text: text, rawRange: range)])
    }
}
