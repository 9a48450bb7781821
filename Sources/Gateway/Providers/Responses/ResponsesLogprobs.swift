import GatewayCore
import GatewayJSON
import NIOCore

/// Log probabilities of a text's tokens, which chat completions write in the same words.
struct ResponsesLogprobs {
    /// Elements of the list, with commas between them.
    private var elements = ByteBuffer()

    var byteCount: Int { elements.readableBytes }

    init() {}

    /// Those of the first choice of a chat completion, or of one of its chunks; none where there are none.
    init(of chunk: AnswerChunk) {
        var index = JSONIndex()
        guard chunk.dialect == .openAI, (try? index.scan(chunk.raw)) != nil else { return }
        index.read(chunk.raw) { root in
            for choice in root.first("choices")?.elements ?? root.elements where choice.first("index")?.int ?? 0 == 0 {
                for element in choice.first("logprobs")?.first("content")?.elements ?? choice.elements {
                    if elements.readableBytes > 0 { elements.writeStaticString(",") }
                    elements.writeImmutableBuffer(ResponsesEcho.oneLine(element))
                }
            }
        }
    }

    mutating func append(_ more: ResponsesLogprobs) {
        guard more.byteCount > 0 else { return }
        if byteCount > 0 { elements.writeStaticString(",") }
        elements.writeImmutableBuffer(more.elements)
    }

    /// Writes the member `logprobs`, which is always there.
    func write(into json: inout JSONWriter) {
        json.key("logprobs")
        json.array { if byteCount > 0 { $0.raw(elements) } }
    }
}

extension JSONValue {
    /// The first member with this key.
    fileprivate func first(_ key: StaticString) -> JSONValue? { members.first { $0.key.equals(key) }?.value }
}
