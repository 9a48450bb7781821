package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Writes an answer of another dialect as Anthropic's message: what a caller of that surface reads. Pure; one for each answer.
///
/// A message has one choice: others are not asked for, and left out if they come.
package struct AnthropicAnswerWriter {
    private let id: String
    /// What made ids end with: no two answers of a conversation have the same.
    private let suffix: String
    private let model: String
    private var hasBegun = false
    /// The block that is open.
    private var open: AnswerItemKey?
    /// Blocks begun so far: the open one's index is one less.
    private var blocks = 0
    /// Tool calls that have ended.
    private var endedCalls: Set<AnswerItemKey> = []
    private var hasCalls = false
    private var finish: FinishReason?

    package init(_ head: AnswerHead) {
        suffix = String(head.requestID.description.dropFirst(4))
        id = "msg_\(suffix)"
        model = head.model
    }

    // MARK: a stream

    /// Appends the events that tell a chunk.
    ///
    /// - Throws: ``FaultKind/upstreamBadAnswer`` for a tool call that goes on behind another one: a block that has ended cannot be taken up again.
    package mutating func write(_ chunk: AnswerChunk, into output: inout ByteBuffer) throws(Fault) {
        begin(&output)
        for fragment in chunk.fragments where fragment.key.choice == 0 && Self.isWritten(fragment) {
            guard fragment.text.readableBytes > 0 || fragment.name != nil || fragment.callID != nil else { continue }
            guard !fragment.isSealed else {
                try write(signature: fragment, &output)
                continue
            }
            if open != fragment.key { try openBlock(for: fragment, &output) }
            if fragment.text.readableBytes > 0 { writeDelta(fragment, &output) }
        }
        for told in chunk.finishes where told.choice == 0 { finish = finish ?? told.reason }
    }

    /// Appends what ends the message.
    package mutating func end(_ usage: TokenUsage, into output: inout ByteBuffer) {
        begin(&output)
        closeBlock(&output)
        Self.event("message_delta", &output) { json in
            json.key("delta")
            json.object { json in
                json.member("stop_reason", stopReason)
                json.memberNull("stop_sequence")
            }
            Self.write(usage, into: &json)
        }
        Self.event("message_stop", &output) { _ in }
    }

    private mutating func begin(_ output: inout ByteBuffer) {
        guard !hasBegun else { return }
        hasBegun = true
        Self.event("message_start", &output) { json in
            json.key("message")
            json.object { json in
                writeHead(&json)
                json.key("content")
                json.array { _ in }
                json.memberNull("stop_reason")
                json.memberNull("stop_sequence")
                // The provider tells its counts at the end.
                Self.write(TokenUsage(), into: &json)
            }
        }
    }

    private func writeHead(_ json: inout JSONWriter) {
        json.member("id", id)
        json.member("type", "message")
        json.member("role", "assistant")
        json.member("model", model)
    }

    private mutating func openBlock(for fragment: AnswerFragment, _ output: inout ByteBuffer) throws(Fault) {
        guard !endedCalls.contains(fragment.key) else {
            throw .unreadableAnswer("a tool call in it goes on behind another one")
        }
        closeBlock(&output)
        open = fragment.key
        let index = blocks
        blocks += 1
        hasCalls = hasCalls || fragment.key.kind == .toolCall
        Self.event("content_block_start", &output) { json in
            json.member("index", Int64(index))
            json.key("content_block")
            json.object { json in
                switch fragment.key.kind {
                case .toolCall:
                    json.member("type", "tool_use")
                    writeCall(fragment, position: index, &json)
                    json.key("input")
                    json.object { _ in }
                case .reasoning, .block:
                    json.member("type", "thinking")
                    json.member("thinking", "")
                    json.member("signature", "")
                case .text, .refusal, .aside:
                    json.member("type", "text")
                    json.member("text", "")
                }
            }
        }
    }

    /// A signature belongs to the thinking before it, or is a block without any.
    private mutating func write(signature fragment: AnswerFragment, _ output: inout ByteBuffer) throws(Fault) {
        if open?.kind != .reasoning { try openBlock(for: fragment, &output) }
        Self.event("content_block_delta", &output) { json in
            json.member("index", Int64(blocks - 1))
            json.key("delta")
            json.object { json in
                json.member("type", "signature_delta")
                json.member("signature", Self.signature(of: fragment))
            }
        }
        closeBlock(&output)
    }

    private static func signature(of fragment: AnswerFragment) -> String {
        var index = JSONIndex()
        guard (try? index.scan(fragment.text)) != nil else { return "" }
        let signature = index.read(fragment.text) { block in block.members.first { $0.key.equals("signature") }?.value.string }
        return ThoughtSignature.messagesPrefix + (signature ?? "")
    }

    /// Some servers give their calls no ids; here a call needs one, and nobody else has to know it.
    private func writeCall(_ fragment: AnswerFragment, position: Int, _ json: inout JSONWriter) {
        json.member("id", fragment.callID ?? "toolu_\(suffix)_\(position)")
        json.member("name", fragment.name ?? "")
    }

    private func writeDelta(_ fragment: AnswerFragment, _ output: inout ByteBuffer) {
        Self.event("content_block_delta", &output) { json in
            json.member("index", Int64(blocks - 1))
            json.key("delta")
            json.object { json in
                switch fragment.key.kind {
                case .toolCall:
                    json.member("type", "input_json_delta")
                    json.key("partial_json")
                case .reasoning:
                    json.member("type", "thinking_delta")
                    json.key("thinking")
                case .text, .refusal, .block, .aside:
                    json.member("type", "text_delta")
                    json.key("text")
                }
                json.string(fragment.text)
            }
        }
    }

    private mutating func closeBlock(_ output: inout ByteBuffer) {
        guard let open else { return }
        if open.kind == .toolCall { endedCalls.insert(open) }
        self.open = nil
        Self.event("content_block_stop", &output) { $0.member("index", Int64(blocks - 1)) }
    }

    /// Appends an event whose name is its data's type.
    private static func event(_ type: StaticString, _ output: inout ByteBuffer, _ content: (inout JSONWriter) -> Void) {
        output.writeStaticString("event: ")
        output.writeStaticString(type)
        output.writeStaticString("\ndata: ")
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        json.object { json in
            json.key("type")
            json.string("\(type)")
            content(&json)
        }
        output = json.buffer
        output.writeStaticString("\n\n")
    }

    private static func isWritten(_ fragment: AnswerFragment) -> Bool {
        fragment.isSealed || (fragment.key.kind != .block && fragment.key.kind != .aside)
    }

    // MARK: a whole answer

    /// Appends a whole answer.
    ///
    /// - Throws: ``FaultKind/upstreamBadAnswer`` for a tool call whose arguments are no JSON object: here they are one.
    package mutating func write(
        whole chunk: AnswerChunk, _ usage: TokenUsage, index: inout JSONIndex, into output: inout ByteBuffer
    ) throws(Fault) {
        let fragments = chunk.fragments.filter { $0.key.choice == 0 && Self.isWritten($0) }
        finish = chunk.finishes.first { $0.choice == 0 }?.reason
        hasCalls = fragments.contains { $0.key.kind == .toolCall }
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        json.beginObject()
        writeHead(&json)
        json.key("content")
        json.beginArray()
        for (position, fragment) in fragments.enumerated() where fragment.key.kind == .toolCall || fragment.text.readableBytes > 0 {
            // An answer that was cut in the middle of a call has that call not.
            if fragment.key.kind == .toolCall, finish == .length, !Self.isObject(fragment.text, &index) { continue }
            let next = position + 1 < fragments.count ? fragments[position + 1] : nil
            // A signature is that of the thinking before it.
            if fragment.isSealed, position > 0, fragments[position - 1].key.kind == .reasoning { continue }
            let signature = next?.isSealed == true ? next.map { Self.signature(of: $0) } : nil
            try write(block: fragment, position, signature: signature ?? "", &index, &json)
        }
        json.endArray()
        json.member("stop_reason", stopReason)
        json.memberNull("stop_sequence")
        Self.write(usage, into: &json)
        json.endObject()
        output = json.buffer
    }

    private static func isObject(_ text: ByteBuffer, _ index: inout JSONIndex) -> Bool {
        text.readableBytes == 0 || ((try? index.scan(text)) != nil && index.read(text) { $0.isObject })
    }

    private func write(
        block fragment: AnswerFragment, _ position: Int, signature: String, _ index: inout JSONIndex, _ json: inout JSONWriter
    ) throws(Fault) {
        json.beginObject()
        switch fragment.key.kind {
        case .toolCall:
            json.member("type", "tool_use")
            writeCall(fragment, position: position, &json)
            json.key("input")
            if fragment.text.readableBytes == 0 {
                json.object { _ in }
            } else {
                guard Self.isObject(fragment.text, &index) else {
                    throw .unreadableAnswer("a tool call's arguments are no JSON object")
                }
                json.raw(fragment.text)
            }
        case .reasoning:
            json.member("type", "thinking")
            json.key("thinking")
            json.string(fragment.text)
            json.member("signature", signature)
        case .block:
            json.member("type", "thinking")
            json.member("thinking", "")
            json.member("signature", Self.signature(of: fragment))
        case .text, .refusal, .aside:
            json.member("type", "text")
            json.key("text")
            json.string(fragment.text)
        }
        json.endObject()
    }

    private var stopReason: String {
        switch finish {
        case .length: "max_tokens"
        case .toolCalls: "tool_use"
        case .contentFilter, .refusal: "refusal"
        // Some servers say `stop` behind a tool call.
        case .stop, .other, nil: hasCalls ? "tool_use" : "end_turn"
        }
    }

    private static func write(_ usage: TokenUsage, into json: inout JSONWriter) {
        json.key("usage")
        json.object { json in
            json.member("input_tokens", Int64(clamping: usage.input))
            json.member("cache_creation_input_tokens", Int64(clamping: usage.cacheWrite))
            json.member("cache_read_input_tokens", Int64(clamping: usage.cacheRead))
            json.member("output_tokens", Int64(clamping: usage.output &+ usage.reasoning))
        }
    }
}
