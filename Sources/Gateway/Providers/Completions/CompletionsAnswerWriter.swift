package import GatewayCore
import GatewayJSON
package import NIOCore

/// Writes an answer of another dialect as one of OpenAI's older completions. Pure; one for each answer.
///
/// A completion has text and nothing else: reasoning is left out, and tools cannot have been asked for.
package struct CompletionsAnswerWriter {
    private let id: String
    private let created: UInt64
    private let model: String

    package init(_ head: AnswerHead) {
        id = "cmpl-\(head.requestID.description.dropFirst(4))"
        created = head.createdUnixSeconds
        model = head.model
    }

    /// Appends the events that tell a chunk.
    package func write(_ chunk: AnswerChunk, into output: inout ByteBuffer) {
        for fragment in chunk.fragments where Self.isText(fragment) && fragment.text.readableBytes > 0 {
            event(into: &output) { Self.write(fragment.text, fragment.key.choice, finish: nil, &$0) }
        }
        for finish in chunk.finishes {
            event(into: &output) { Self.write(ByteBuffer(), finish.choice, finish: finish.reason, &$0) }
        }
    }

    /// Appends the event that tells the usage, for a caller that asked for it.
    package func write(_ usage: TokenUsage, into output: inout ByteBuffer) {
        event(usage, into: &output) { _ in }
    }

    /// Appends a whole answer.
    package func write(whole chunk: AnswerChunk, _ usage: TokenUsage, into output: inout ByteBuffer) {
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        write(usage, &json) { json in
            for finish in chunk.finishes {
                var text = ByteBuffer()
                for fragment in chunk.fragments where Self.isText(fragment) && fragment.key.choice == finish.choice {
                    text.writeImmutableBuffer(fragment.text)
                }
                Self.write(text, finish.choice, finish: finish.reason, &json)
            }
        }
        output = json.buffer
    }

    private static func isText(_ fragment: AnswerFragment) -> Bool { fragment.key.kind == .text || fragment.key.kind == .refusal }

    private func event(_ usage: TokenUsage? = nil, into output: inout ByteBuffer, choices: (inout JSONWriter) -> Void) {
        output.writeStaticString("data: ")
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        write(usage, &json, choices: choices)
        output = json.buffer
        output.writeStaticString("\n\n")
    }

    private func write(_ usage: TokenUsage?, _ json: inout JSONWriter, choices: (inout JSONWriter) -> Void) {
        json.object { json in
            json.member("id", id)
            json.member("object", "text_completion")
            json.member("created", Int64(clamping: created))
            json.member("model", model)
            json.key("choices")
            json.array(choices)
            if let usage { json.memberUsage(openAI: usage) }
        }
    }

    private static func write(_ text: ByteBuffer, _ choice: Int, finish: FinishReason?, _ json: inout JSONWriter) {
        json.object { json in
            json.key("text")
            json.string(text)
            json.member("index", Int64(choice))
            json.memberNull("logprobs")
            json.member("finish_reason", orNull: finish?.completionName)
        }
    }
}

extension FinishReason {
    /// Of the words that completions have.
    fileprivate var completionName: String {
        switch self {
        case .stop, .toolCalls, .other: "stop"
        case .length: "length"
        case .contentFilter, .refusal: "content_filter"
        }
    }
}
