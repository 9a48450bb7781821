package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Reads what servers of Anthropic's Messages dialect answer, without taking it apart: see ``AnswerChunk``. One reader for each answer, for what an
/// event means depends on those before it.
///
/// What is read: the blocks of text, thinking and tool use, what citations quote, stop reasons and usage. Everything else stays in `raw` untouched: server
/// tools and their results, containers, events that nobody knows yet.
///
/// Bounds, none near what a provider sends: `maxFragments` pieces of a whole answer, block indexes below `maxNumber`, `maxThinkingBytes` of signed
/// thinking in one block, and what ``JSONLimits`` says.
package struct AnthropicAnswerReader: Sendable {
    package enum Event {
        case chunk(AnswerChunk)
        /// The stream's own mark that nothing more comes.
        case done
    }

    private var usage = TokenUsage()
    /// The block that is open.
    private var openBlock: Int?
    /// Its thinking and signature, if it is signed thinking.
    private var thinking: ByteBuffer?
    private var signature = ByteBuffer()

    private static let maxFragments = 4096
    private static let maxNumber = 4096
    /// Of the thinking of one block, in bytes.
    private static let maxThinkingBytes = 4 << 20

    package init() {}

    // MARK: a stream

    /// Reads the JSON text of one event. Its type is in there too, so the event's name needs no reading.
    ///
    /// - Throws: ``FaultKind/upstreamBadAnswer`` for what is no event; for an error inside the stream what it stands for, see ``OpenAIError``.
    package mutating func event(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> Event {
        try Self.scan(raw, &index)
        return try index.read(raw) { root throws(Fault) in try read(event: root, raw) }
    }

    private mutating func read(event root: JSONValue, _ raw: ByteBuffer) throws(Fault) -> Event {
        guard root.isObject, let type = try root.only("type")?.name(maxBytes: 64) else {
            throw .unreadableAnswer("an event in it has no type")
        }
        var chunk = AnswerChunk(raw: raw, dialect: .anthropic, event: type)
        switch type {
        case "message_start":
            guard let told = try root.only("message")?.only("usage") else { break }
            try take(usage: told)
            chunk.usageSoFar = usage
        case "content_block_start": try begin(root, &chunk)
        case "content_block_delta": try read(delta: root, &chunk)
        case "content_block_stop": try end(root, &chunk)
        case "message_delta":
            if let reason = try root.only("delta")?.only("stop_reason")?.name(maxBytes: 64) { chunk.finish(reason) }
            if let told = try root.only("usage") {
                try take(usage: told)
                chunk.usage = usage
            }
        case "message_stop": return .done
        case "error": throw OpenAIError.fault(for: OpenAIError.inside(root) ?? ProviderError(message: "no reason given"))
        default: break
        }
        return .chunk(chunk)
    }

    private static func blockIndex(_ root: JSONValue) throws(Fault) -> Int {
        guard let number = try root.only("index")?.int, (0..<Int64(maxNumber)).contains(number) else {
            throw .unreadableAnswer("the index of one of its blocks is no whole number from 0 to \(maxNumber - 1)")
        }
        return Int(number)
    }

    private mutating func begin(_ root: JSONValue, _ chunk: inout AnswerChunk) throws(Fault) {
        let number = try Self.blockIndex(root)
        guard let block = try root.only("content_block"), block.isObject else { throw .unreadableAnswer("one of its blocks is no object") }
        openBlock = number
        thinking = nil
        if try block.only("type")?.equals("thinking") == true {
            thinking = ByteBuffer()
            signature = ByteBuffer()
            let text = try Self.string(block.only("thinking"))
            if let text { thinking?.writeImmutableBuffer(text.text(in: chunk.raw)) }
            if let signed = try Self.string(block.only("signature")) { signature.writeImmutableBuffer(signed.text(in: chunk.raw)) }
            if let text, text.maxDecodedLength > 0 { chunk.append(text, AnswerItemKey(choice: 0, kind: .reasoning, index: number)) }
            return
        }
        try Self.read(block, at: number, &chunk, isWhole: false)
    }

    private mutating func read(delta root: JSONValue, _ chunk: inout AnswerChunk) throws(Fault) {
        let number = try Self.blockIndex(root)
        guard let delta = try root.only("delta"), delta.isObject else { throw .unreadableAnswer("one of its deltas is no object") }
        guard let type = try delta.only("type") else { throw .unreadableAnswer("one of its deltas has no type") }
        if type.equals("text_delta") {
            guard let text = try Self.string(delta.only("text")) else { return }
            chunk.append(text, AnswerItemKey(choice: 0, kind: .text, index: number))
        } else if type.equals("input_json_delta") {
            guard let text = try Self.string(delta.only("partial_json")) else { return }
            chunk.append(text, AnswerItemKey(choice: 0, kind: .toolCall, index: number))
        } else if type.equals("thinking_delta") {
            guard let text = try Self.string(delta.only("thinking")) else { return }
            chunk.append(text, AnswerItemKey(choice: 0, kind: .reasoning, index: number))
            thinking?.writeImmutableBuffer(text.text(in: chunk.raw))
        } else if type.equals("citations_delta") {
            if let citation = try delta.only("citation") { try Self.read(citation: citation, &chunk) }
        } else if type.equals("signature_delta"), let signed = try Self.string(delta.only("signature")) {
            signature.writeImmutableBuffer(signed.text(in: chunk.raw))
        }
        try checkThinking()
    }

    private func checkThinking() throws(Fault) {
        guard (thinking?.readableBytes ?? 0) + signature.readableBytes <= Self.maxThinkingBytes else {
            throw .unreadableAnswer("one of its blocks is longer than \(Self.maxThinkingBytes) bytes")
        }
    }

    private mutating func end(_ root: JSONValue, _ chunk: inout AnswerChunk) throws(Fault) {
        let number = try Self.blockIndex(root)
        chunk.endedBlock = number
        if openBlock == number, let thinking, signature.readableBytes > 0 {
            chunk.append(block: "thinking", Self.block(thinking, signature), at: number)
        }
        openBlock = nil
        thinking = nil
    }

    /// A thinking block as it must be sent back.
    private static func block(_ thinking: ByteBuffer, _ signature: ByteBuffer) -> ByteBuffer {
        var json = JSONWriter()
        json.object { json in
            json.member("type", "thinking")
            json.key("thinking")
            json.string(thinking)
            json.key("signature")
            json.string(signature)
        }
        return json.buffer
    }

    /// What ends the stream in place of the provider, which is not read any further, as one that has come to its cap.
    package mutating func endingAtCap() -> [AnswerChunk] {
        var chunks: [AnswerChunk] = []
        if let openBlock {
            var chunk = AnswerChunk(
                raw: ByteBuffer(string: #"{"type":"content_block_stop","index":\#(openBlock)}"#), dialect: .anthropic,
                event: "content_block_stop")
            chunk.endedBlock = openBlock
            chunks.append(chunk)
        }
        openBlock = nil
        let delta = #"{"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},"usage":{"output_tokens":0}}"#
        var last = AnswerChunk(raw: ByteBuffer(string: delta), dialect: .anthropic, event: "message_delta")
        last.finish("max_tokens")
        return chunks + [last]
    }

    // MARK: a whole answer

    /// Reads the body of an unstreamed answer.
    package mutating func whole(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        try Self.scan(raw, &index)
        return try index.read(raw) { root throws(Fault) in try read(message: root, raw) }
    }

    private mutating func read(message root: JSONValue, _ raw: ByteBuffer) throws(Fault) -> AnswerChunk {
        guard root.isObject else { throw .unreadableAnswer("it is no JSON object") }
        if let error = OpenAIError.inside(root) { throw OpenAIError.fault(for: error) }
        guard let content = try root.only("content"), content.isArray else { throw .unreadableAnswer("it is no message") }
        var chunk = AnswerChunk(raw: raw, dialect: .anthropic)
        for (number, block) in content.elements.enumerated() {
            guard number < Self.maxNumber else { throw .unreadableAnswer("it has too many blocks") }
            guard block.isObject else { throw .unreadableAnswer("one of its blocks is no object") }
            try Self.read(block, at: number, &chunk, isWhole: true)
        }
        if let told = try root.only("usage"), told.isObject {
            try take(usage: told)
            chunk.usage = usage
        }
        if let reason = try root.only("stop_reason")?.name(maxBytes: 64) { chunk.finish(reason) }
        guard !chunk.finishes.isEmpty || !chunk.fragments.isEmpty else { throw .unreadableAnswer("there is no answer in it") }
        return chunk
    }

    /// Reads the answer of `count_tokens`, which has nothing in it but a number.
    package static func count(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        try scan(raw, &index)
        return try index.read(raw) { root throws(Fault) in
            guard root.isObject, try root.count("input_tokens") != nil else { throw .unreadableAnswer("it is no count of tokens") }
            return AnswerChunk(raw: raw, dialect: .anthropic)
        }
    }

    // MARK: blocks

    /// Reads a block as it stands in a whole answer, or at its start in a stream.
    private static func read(_ block: JSONValue, at number: Int, _ chunk: inout AnswerChunk, isWhole: Bool) throws(Fault) {
        guard let type = try block.only("type") else { throw .unreadableAnswer("one of its blocks has no type") }
        guard chunk.fragments.count < maxFragments else { throw .unreadableAnswer("it has more than \(maxFragments) pieces") }
        if type.equals("text") {
            guard let text = try string(block.only("text")) else { return }
            let citations = try block.only("citations")
            // In document order.
            let isQuotedFirst = citations.map { $0.range.lowerBound < text.range.lowerBound } ?? false
            if isQuotedFirst { for citation in citations?.elements ?? text.elements { try read(citation: citation, &chunk) } }
            if isWhole || text.maxDecodedLength > 0 { chunk.append(text, AnswerItemKey(choice: 0, kind: .text, index: number)) }
            if !isQuotedFirst { for citation in citations?.elements ?? text.elements { try read(citation: citation, &chunk) } }
        } else if type.equals("thinking") {
            guard let text = try string(block.only("thinking")) else { return }
            chunk.append(text, AnswerItemKey(choice: 0, kind: .reasoning, index: number))
            if try block.only("signature")?.isString == true { chunk.append(block: "thinking", block.bytes(in: chunk.raw), at: number) }
        } else if type.equals("redacted_thinking") {
            chunk.append(block: "redacted_thinking", block.bytes(in: chunk.raw), at: number)
        } else if type.equals("tool_use") {
            try chunk.append(call: block, at: number, isWhole: isWhole)
        }
    }

    /// What a citation quotes, and of what: each a text of its own.
    private static func read(citation: JSONValue, _ chunk: inout AnswerChunk) throws(Fault) {
        for member in citation.members {
            let isText = member.key.equals("cited_text") || member.key.equals("document_title") || member.key.equals("title")
            guard isText, member.value.isString else { continue }
            guard chunk.fragments.count < maxFragments else { throw .unreadableAnswer("it has more than \(maxFragments) pieces") }
            chunk.append(member.value, AnswerItemKey(choice: 0, kind: .aside), endsItem: true)
        }
    }

    private static func string(_ value: JSONValue?) throws(Fault) -> JSONValue? {
        guard let value, !value.isNull else { return nil }
        guard value.isString else { throw .unreadableAnswer("a text in it is no string") }
        return value
    }

    private static func scan(_ raw: ByteBuffer, _ index: inout JSONIndex) throws(Fault) {
        do {
            try index.scan(raw)
        } catch {
            throw .unreadableAnswer("it is not valid JSON")
        }
    }

    /// What is told later replaces what was told before, class by class: the end of a stream repeats the prompt's counts, or leaves them out.
    private mutating func take(usage told: JSONValue) throws(Fault) {
        guard told.isObject else { return }
        usage.input = try told.count("input_tokens") ?? usage.input
        usage.cacheRead = try told.count("cache_read_input_tokens") ?? usage.cacheRead
        usage.cacheWrite = try told.count("cache_creation_input_tokens") ?? usage.cacheWrite
        usage.output = try told.count("output_tokens") ?? usage.output
    }
}

extension AnswerChunk {
    fileprivate mutating func append(_ text: JSONValue, _ key: AnswerItemKey, endsItem: Bool = false) {
        fragments.append(AnswerFragment(key: key, text: text.text(in: raw), rawRange: text.range, endsItem: endsItem))
    }

    fileprivate mutating func append(block type: String, _ json: ByteBuffer, at number: Int) {
        fragments.append(
            AnswerFragment(key: AnswerItemKey(choice: 0, kind: .block, index: number), name: type, text: json, rawRange: nil, isJSON: true))
    }

    /// - Parameter isWhole: whether the arguments stand here, and not in deltas that follow; some servers send all of them at once in a stream too.
    fileprivate mutating func append(call block: JSONValue, at number: Int, isWhole: Bool) throws(Fault) {
        let input = try block.only("input")
        guard input == nil || input?.isObject == true || input?.isNull == true else {
            throw .unreadableAnswer("a tool call's arguments are no object")
        }
        let key = AnswerItemKey(choice: 0, kind: .toolCall, index: number)
        let (id, name) = (try block.only("id")?.name(maxBytes: 4096), try block.only("name")?.name(maxBytes: 256))
        if let input, input.isObject, isWhole || !input.isEmpty {
            fragments.append(
                AnswerFragment(key: key, callID: id, name: name, text: input.bytes(in: raw), rawRange: input.range, isJSON: true))
        } else {
            fragments.append(AnswerFragment(key: key, callID: id, name: name, text: ByteBuffer(), rawRange: nil))
        }
    }

    fileprivate mutating func finish(_ reason: String) {
        finishes.append(AnswerFinish(choice: 0, reason: FinishReason(anthropic: reason), providerReason: reason))
    }
}

extension JSONValue {
    fileprivate func bytes(in raw: ByteBuffer) -> ByteBuffer {
        raw.getSlice(at: raw.readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
    }
}

extension FinishReason {
    fileprivate init(anthropic reason: String) {
        self =
            switch reason {
            case "end_turn", "stop_sequence": .stop
            case "max_tokens", "model_context_window_exceeded": .length
            case "tool_use": .toolCalls
            case "refusal": .refusal
            default: .other
            }
    }
}
