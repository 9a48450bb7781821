package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Reads what Ollama's `/api/chat` answers, a line of a stream or the whole: see ``AnswerChunk``. One reader for each answer.
///
/// What is read: text, thinking, tool calls, why the answer ended, and the counts at its end. Durations and log probabilities are not: no surface speaks
/// this dialect, so every answer is written anew.
///
/// Bound: `maxCalls` calls of an answer.
package struct OllamaAnswerReader: Sendable {
    private var calls = 0
    /// What comes behind the end is nothing of the answer.
    private var isDone = false

    private static let maxCalls = 1024

    package init() {}

    package mutating func read(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        do {
            try index.scan(raw)
        } catch {
            throw .unreadableAnswer("it is not valid JSON")
        }
        return try index.read(raw) { root throws(Fault) in try read(root, raw) }
    }

    private mutating func read(_ root: JSONValue, _ raw: ByteBuffer) throws(Fault) -> AnswerChunk {
        guard root.isObject else { throw .unreadableAnswer("it is no JSON object") }
        if let error = OpenAIError.inside(root) { throw OpenAIError.fault(for: error) }
        var chunk = AnswerChunk(raw: raw, dialect: .ollama)
        guard !self.isDone else { return chunk }
        let message = try root.only("message")
        let isDone = try root.only("done")?.bool == true
        guard message?.isObject == true || isDone else { throw .unreadableAnswer("it is no chat") }
        if let message {
            try append(message.only("thinking"), .reasoning, to: &chunk)
            try append(message.only("content"), .text, to: &chunk)
            if let told = try message.only("tool_calls") {
                for call in told.elements { try append(call: call, to: &chunk) }
            }
        }
        guard isDone else { return chunk }
        self.isDone = true
        let reason = try root.only("done_reason")?.name(maxBytes: 64) ?? "stop"
        chunk.finishes = [AnswerFinish(choice: 0, reason: FinishReason(ollama: reason, hasCalls: calls > 0), providerReason: reason)]
        // A server that leaves the prompt's count out says nothing about what there is to pay.
        if let prompt = try root.count("prompt_eval_count"), let output = try root.count("eval_count") {
            chunk.usage = TokenUsage(input: prompt, output: output)
        }
        return chunk
    }

    private func append(_ text: JSONValue?, _ kind: AnswerItemKind, to chunk: inout AnswerChunk) throws(Fault) {
        guard let text, !text.isNull else { return }
        guard text.isString else { throw .unreadableAnswer("a text in it is no string") }
        guard text.maxDecodedLength > 0 else { return }
        chunk.fragments.append(
            AnswerFragment(key: AnswerItemKey(choice: 0, kind: kind), text: text.text(in: chunk.raw), rawRange: text.range))
    }

    private mutating func append(call: JSONValue, to chunk: inout AnswerChunk) throws(Fault) {
        guard calls < Self.maxCalls else { throw .unreadableAnswer("it has more than \(Self.maxCalls) tool calls") }
        guard call.isObject, let function = try call.only("function"), let name = try function.only("name")?.name(maxBytes: 256) else {
            throw .unreadableAnswer("one of its tool calls has no name")
        }
        let id = try call.only("id")?.name(maxBytes: 4096)
        try chunk.append(call: function.only("arguments"), id: id, name: name, number: calls, choice: 0)
        calls += 1
    }

    /// What ends a stream in place of the provider, which is not read any further, as one that has come to its cap.
    package static var endingAtCap: ByteBuffer {
        ByteBuffer(string: #"{"message":{"role":"assistant","content":""},"done":true,"done_reason":"length"}"#)
    }
}

extension AnswerChunk {
    /// Appends a call that came whole, with its arguments as an object.
    mutating func append(call arguments: JSONValue?, id: String?, name: String, number: Int, choice: Int) throws(Fault) {
        guard arguments == nil || arguments?.isObject == true || arguments?.isNull == true else {
            throw .unreadableAnswer("a tool call's arguments are no object")
        }
        var text = ByteBuffer(string: "{}")
        var range = 0..<0
        if let arguments, arguments.isObject {
            range = arguments.range
            text = raw.getSlice(at: raw.readerIndex + range.lowerBound, length: range.count) ?? text
        }
        fragments.append(
            AnswerFragment(
                key: AnswerItemKey(choice: choice, kind: .toolCall, index: number), callID: id ?? MadeCallID.id(raw, number), name: name,
                text: text, rawRange: range, isJSON: true))
    }
}

extension FinishReason {
    fileprivate init(ollama reason: String, hasCalls: Bool) {
        self =
            switch reason {
            case "stop": hasCalls ? .toolCalls : .stop
            case "length": .length
            default: .other
            }
    }
}
