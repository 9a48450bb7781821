package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Reads what Google's `generateContent` and `streamGenerateContent` answer, an event of a stream or the whole: see ``AnswerChunk``. One reader for each
/// answer.
///
/// What is read: texts, thoughts, calls of functions, signatures, why each candidate ended or the prompt was refused, and the counts. Everything else is
/// not: no surface speaks this dialect, so every answer is written anew.
///
/// Bounds, none near what the provider sends: `maxFragments` pieces of one event, candidates below `maxNumber`, `maxCalls` calls of an answer, and
/// `maxSignatureBytes` of a signature.
package struct GeminiAnswerReader: Sendable {
    /// Of all candidates.
    private var calls = 0
    private var choicesWithCalls: Set<Int> = []
    private var finished: Set<Int> = []

    private static let maxFragments = 4096
    private static let maxNumber = 1024
    private static let maxCalls = 1024
    private static let maxSignatureBytes = 1 << 20

    package init() {}

    package mutating func read(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        do {
            try index.scan(raw)
        } catch {
            throw .unreadableAnswer("it is not valid JSON")
        }
        return try index.read(raw) { root throws(Fault) in try read(root, raw) }
    }

    /// Reads the answer of `countTokens`, and writes it as Anthropic's `count_tokens` answers.
    package static func count(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        do {
            try index.scan(raw)
        } catch {
            throw .unreadableAnswer("it is not valid JSON")
        }
        return try index.read(raw) { root throws(Fault) in
            guard root.isObject, let count = try root.count("totalTokens") else { throw .unreadableAnswer("it is no count of tokens") }
            return AnswerChunk(raw: ByteBuffer(string: #"{"input_tokens":\#(count)}"#), dialect: .anthropic)
        }
    }

    private mutating func read(_ root: JSONValue, _ raw: ByteBuffer) throws(Fault) -> AnswerChunk {
        guard root.isObject else { throw .unreadableAnswer("it is no JSON object") }
        if let error = OpenAIError.inside(root) { throw OpenAIError.fault(for: error) }
        var chunk = AnswerChunk(raw: raw, dialect: .gemini)
        let candidates = try root.only("candidates")
        let feedback = try root.only("promptFeedback")
        let told = try root.only("usageMetadata")
        guard candidates?.isArray == true || feedback?.isObject == true || told?.isObject == true else {
            throw .unreadableAnswer("it is no answer of a model")
        }
        if let candidates {
            for (position, candidate) in candidates.elements.enumerated() { try read(candidate, position, &chunk) }
        }
        // The prompt was refused: there are no candidates then.
        if finished.isEmpty, chunk.fragments.isEmpty, let reason = try feedback?.only("blockReason")?.name(maxBytes: 64) {
            finish(0, .contentFilter, reason, &chunk)
        }
        if let told, told.isObject {
            let usage = try Self.usage(told)
            if !finished.isEmpty { chunk.usage = usage } else { chunk.usageSoFar = usage }
        }
        return chunk
    }

    private mutating func read(_ candidate: JSONValue, _ position: Int, _ chunk: inout AnswerChunk) throws(Fault) {
        guard candidate.isObject else { throw .unreadableAnswer("one of its candidates is no object") }
        let number = try candidate.only("index")?.int ?? Int64(position)
        guard (0..<Int64(Self.maxNumber)).contains(number) else { throw .unreadableAnswer("it has too many candidates") }
        let choice = Int(number)
        if let parts = try candidate.only("content")?.only("parts") {
            for part in parts.elements { try read(part: part, choice, &chunk) }
        }
        guard let reason = try candidate.only("finishReason")?.name(maxBytes: 64), reason != "FINISH_REASON_UNSPECIFIED" else { return }
        finish(choice, try Self.reason(reason, hasCalls: choicesWithCalls.contains(choice)), reason, &chunk)
    }

    private mutating func finish(_ choice: Int, _ reason: FinishReason, _ word: String, _ chunk: inout AnswerChunk) {
        // Some servers say it with every event.
        guard finished.insert(choice).inserted else { return }
        chunk.finishes.append(AnswerFinish(choice: choice, reason: reason, providerReason: word))
    }

    private static func reason(_ word: String, hasCalls: Bool) throws(Fault) -> FinishReason {
        switch word {
        case "STOP": return hasCalls ? .toolCalls : .stop
        case "MAX_TOKENS": return .length
        case "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION", "MODEL_ARMOR":
            return .contentFilter
        // What the model wrote is thrown away then: that is no answer, and another try may be one.
        case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE":
            throw .unreadableAnswer("the model's call of a function came to nothing (\(word))")
        default: return .other
        }
    }

    // MARK: parts

    private mutating func read(part: JSONValue, _ choice: Int, _ chunk: inout AnswerChunk) throws(Fault) {
        guard part.isObject else { throw .unreadableAnswer("one of its parts is no object") }
        guard chunk.fragments.count < Self.maxFragments else {
            throw .unreadableAnswer("it has more than \(Self.maxFragments) pieces")
        }
        let signature = try part.only("thoughtSignature")
        if let function = try part.only("functionCall") {
            try read(call: function, signature, choice, &chunk)
        } else if let text = try part.only("text"), !text.isNull {
            guard text.isString else { throw .unreadableAnswer("a text in it is no string") }
            let isThought = try part.only("thought")?.bool == true
            if text.maxDecodedLength > 0 {
                chunk.fragments.append(
                    AnswerFragment(
                        key: AnswerItemKey(choice: choice, kind: isThought ? .reasoning : .text), text: text.text(in: chunk.raw),
                        rawRange: text.range))
            }
            if let signature { try append(signature, of: nil, choice, &chunk) }
        }
    }

    private mutating func read(call: JSONValue, _ signature: JSONValue?, _ choice: Int, _ chunk: inout AnswerChunk) throws(Fault) {
        guard calls < Self.maxCalls else { throw .unreadableAnswer("it has more than \(Self.maxCalls) calls of functions") }
        guard call.isObject, let name = try call.only("name")?.name(maxBytes: 256) else {
            throw .unreadableAnswer("one of its calls of functions has no name")
        }
        let id = try call.only("id")?.name(maxBytes: 4096) ?? MadeCallID.id(chunk.raw, calls)
        // Before the call, as thinking comes before what it led to.
        if let signature { try append(signature, of: id, choice, &chunk) }
        try chunk.append(call: call.only("args"), id: id, name: name, number: calls, choice: choice)
        calls += 1
        choicesWithCalls.insert(choice)
    }

    private func append(_ signature: JSONValue, of call: String?, _ choice: Int, _ chunk: inout AnswerChunk) throws(Fault) {
        guard signature.isString, signature.maxDecodedLength > 0 else { return }
        guard signature.maxDecodedLength <= Self.maxSignatureBytes else { throw .unreadableAnswer("a signature in it is too long") }
        var json = JSONWriter()
        json.object { json in
            json.member("type", ThoughtSignature.type)
            json.member("signature", signature)
            if let call { json.member("tool_call_id", call) }
        }
        chunk.fragments.append(
            AnswerFragment(
                key: AnswerItemKey(choice: choice, kind: .block, index: call == nil ? 0 : calls + 1), name: ThoughtSignature.type,
                text: json.buffer, rawRange: nil, isJSON: true))
    }

    // MARK: usage

    /// Makes disjoint classes of Google's counts: cached tokens are among the prompt's, thoughts are not among the candidates'.
    private static func usage(_ told: JSONValue) throws(Fault) -> TokenUsage {
        let prompt = try told.count("promptTokenCount") ?? 0
        let cached = min(prompt, try told.count("cachedContentTokenCount") ?? 0)
        // What tools of the provider's own put into the prompt.
        let (input, overflow) = (prompt - cached).addingReportingOverflow(try told.count("toolUsePromptTokenCount") ?? 0)
        return TokenUsage(
            input: overflow ? .max : input, cacheRead: cached, output: try told.count("candidatesTokenCount") ?? 0,
            reasoning: try told.count("thoughtsTokenCount") ?? 0)
    }

    /// What ends a stream in place of the provider, which is not read any further, as one whose candidates have come to their cap.
    package static func endingAtCap(_ choices: some Sequence<Int>) -> ByteBuffer {
        let ends = choices.map { #"{"index":\#($0),"finishReason":"MAX_TOKENS"}"# }.joined(separator: ",")
        return ByteBuffer(string: #"{"candidates":[\#(ends)]}"#)
    }
}
