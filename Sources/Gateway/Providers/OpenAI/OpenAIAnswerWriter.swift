package import GatewayCore
import GatewayJSON
package import NIOCore

/// Writes an answer of another dialect as OpenAI's chat completion: what a caller of that surface reads. Pure; one for each answer.
///
/// Signed thinking stands in `thinking_blocks`, as a message takes it back, and its text in `reasoning_content`, both under the names that other
/// gateways use.
package struct OpenAIAnswerWriter {
    private let id: String
    private let created: UInt64
    private let model: String
    private var hasRole: Set<Int> = []
    /// The tool calls so far, in the order in which they came: this dialect numbers the calls of each choice from 0.
    private var calls: [AnswerItemKey] = []

    package init(_ head: AnswerHead) {
        id = "chatcmpl-\(head.requestID.description.dropFirst(4))"
        created = head.createdUnixSeconds
        model = head.model
    }

    // MARK: a stream

    /// Appends the events that tell a chunk: one for each fragment, and one for each end of a choice.
    package mutating func write(_ chunk: AnswerChunk, into output: inout ByteBuffer) {
        for fragment in chunk.fragments where fragment.key.kind != .aside {
            guard fragment.text.readableBytes > 0 || fragment.name != nil || fragment.callID != nil else { continue }
            let call = number(of: fragment.key)
            event(fragment.key.choice, finish: nil, into: &output) { json in Self.write(delta: fragment, call: call, into: &json) }
        }
        for finish in chunk.finishes { event(finish.choice, finish: finish.reason, into: &output) { _ in } }
    }

    /// Appends the event that tells the usage, for a caller that asked for it.
    package func write(_ usage: TokenUsage, into output: inout ByteBuffer) {
        var json = begin(&output, "chat.completion.chunk")
        json.key("choices")
        json.array { _ in }
        json.memberUsage(openAI: usage)
        json.endObject()
        output = json.buffer
        output.writeStaticString("\n\n")
    }

    private mutating func event(_ choice: Int, finish: FinishReason?, into output: inout ByteBuffer, delta: (inout JSONWriter) -> Void) {
        let isFirst = hasRole.insert(choice).inserted
        var json = begin(&output, "chat.completion.chunk")
        json.key("choices")
        json.array { json in
            json.object { json in
                json.member("index", Int64(choice))
                json.key("delta")
                json.object { json in
                    if isFirst { json.member("role", "assistant") }
                    delta(&json)
                }
                json.memberNull("logprobs")
                json.member("finish_reason", orNull: finish?.openAIName)
            }
        }
        json.endObject()
        output = json.buffer
        output.writeStaticString("\n\n")
    }

    /// Begins an event's object in `output`, which the writer takes over.
    private func begin(_ output: inout ByteBuffer, _ object: String) -> JSONWriter {
        output.writeStaticString("data: ")
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        begin(object, &json)
        return json
    }

    private func begin(_ object: String, _ json: inout JSONWriter) {
        json.beginObject()
        json.member("id", id)
        json.member("object", object)
        json.member("created", Int64(clamping: created))
        json.member("model", model)
    }

    private static func write(delta fragment: AnswerFragment, call: Int, into json: inout JSONWriter) {
        switch fragment.key.kind {
        case .text: write("content", fragment.text, &json)
        case .reasoning: write("reasoning_content", fragment.text, &json)
        case .aside: break
        case .refusal: write("refusal", fragment.text, &json)
        case .block:
            json.key("thinking_blocks")
            // In a stream's event it stands in one line.
            json.array { $0.raw(fragment.text.inOneLine) }
        case .toolCall:
            json.key("tool_calls")
            json.array { json in
                json.object { json in
                    json.member("index", Int64(call))
                    write(call: fragment, into: &json)
                }
            }
        }
    }

    private static func write(_ key: StaticString, _ text: ByteBuffer, _ json: inout JSONWriter) {
        json.key(key)
        json.string(text)
    }

    private static func write(call fragment: AnswerFragment, into json: inout JSONWriter) {
        if let id = fragment.callID { json.member("id", id) }
        if fragment.callID != nil || fragment.name != nil { json.member("type", "function") }
        json.key("function")
        json.object { json in
            if let name = fragment.name { json.member("name", name) }
            json.key("arguments")
            json.string(fragment.text)
        }
    }

    /// The number of a tool call within its choice; 0 for what is none.
    private mutating func number(of key: AnswerItemKey) -> Int {
        guard key.kind == .toolCall else { return 0 }
        var number = 0
        for call in calls where call.choice == key.choice {
            if call == key { return number }
            number += 1
        }
        calls.append(key)
        return number
    }

    // MARK: a whole answer

    /// Appends a whole answer.
    package func write(whole chunk: AnswerChunk, _ usage: TokenUsage, into output: inout ByteBuffer) {
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        begin("chat.completion", &json)
        json.key("choices")
        json.array { json in
            for finish in chunk.finishes {
                json.object { json in
                    json.member("index", Int64(finish.choice))
                    json.key("message")
                    Self.write(message: chunk.fragments.filter { $0.key.choice == finish.choice }, into: &json)
                    json.memberNull("logprobs")
                    json.member("finish_reason", finish.reason.openAIName)
                }
            }
        }
        json.memberUsage(openAI: usage)
        json.endObject()
        output = json.buffer
    }

    private static func write(message fragments: [AnswerFragment], into json: inout JSONWriter) {
        func text(_ kind: AnswerItemKind) -> ByteBuffer? {
            let pieces = fragments.filter { $0.key.kind == kind }
            guard var whole = pieces.first?.text else { return nil }
            for piece in pieces.dropFirst() { whole.writeImmutableBuffer(piece.text) }
            return whole
        }
        json.object { json in
            json.member("role", "assistant")
            if let content = text(.text) { write("content", content, &json) } else { json.memberNull("content") }
            if let refusal = text(.refusal) { write("refusal", refusal, &json) } else { json.memberNull("refusal") }
            if let reasoning = text(.reasoning) { write("reasoning_content", reasoning, &json) }
            let blocks = fragments.filter { $0.key.kind == .block }
            if !blocks.isEmpty {
                json.key("thinking_blocks")
                json.array { json in
                    for block in blocks { json.raw(block.text) }
                }
            }
            let calls = fragments.filter { $0.key.kind == .toolCall }
            guard !calls.isEmpty else { return }
            json.key("tool_calls")
            json.array { json in
                for call in calls { json.object { write(call: call, into: &$0) } }
            }
        }
    }
}

extension JSONWriter {
    /// The member `usage` as chat completions have it, whose counts contain each other.
    mutating func memberUsage(openAI usage: TokenUsage) {
        let prompt = Int64(clamping: usage.input &+ usage.cacheRead &+ usage.cacheWrite)
        let completion = Int64(clamping: usage.output &+ usage.reasoning)
        key("usage")
        object { json in
            json.member("prompt_tokens", prompt)
            json.member("completion_tokens", completion)
            json.member("total_tokens", prompt &+ completion)
            json.key("prompt_tokens_details")
            json.object { json in
                json.member("cached_tokens", Int64(clamping: usage.cacheRead))
                if usage.cacheWrite > 0 { json.member("cache_write_tokens", Int64(clamping: usage.cacheWrite)) }
            }
            json.key("completion_tokens_details")
            json.object { json in json.member("reasoning_tokens", Int64(clamping: usage.reasoning)) }
        }
    }
}

extension FinishReason {
    /// OpenAI has no word for a refusal but that of its filter.
    fileprivate var openAIName: String {
        switch self {
        case .stop, .other: "stop"
        case .length: "length"
        case .toolCalls: "tool_calls"
        case .contentFilter, .refusal: "content_filter"
        }
    }
}

extension ByteBuffer {
    /// JSON text without line breaks, which stand between its values alone.
    fileprivate var inOneLine: ByteBuffer {
        ByteBuffer(bytes: readableBytesView.lazy.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
    }
}
