import GatewayCore
import GatewayJSON
import NIOCore

/// One reading of one answer, or of one event of a stream.
///
/// Bounds, none near what a provider sends: `maxFragments` pieces of text, choice and call numbers below `maxNumber`, and names as said at each.
struct OpenAIAnswerReader {
    /// The key of a choice's body: `delta` in a stream, `message` otherwise.
    private let message: StaticString
    private var chunk: AnswerChunk

    private static let maxFragments = 4096
    private static let maxNumber = 1024

    init(raw: ByteBuffer, message: StaticString) {
        self.message = message
        chunk = AnswerChunk(raw: raw)
    }

    mutating func read(_ root: JSONValue) throws(Fault) -> AnswerChunk {
        if let error = OpenAIError.inside(root) { throw OpenAIError.fault(for: error) }
        chunk.usage = try root.only("usage").flatMap { usage throws(Fault) in try TokenUsage(openAI: usage) }
        let choices = try root.only("choices")
        if choices == nil, chunk.usage == nil, try root.only("id")?.isString != true { throw .unreadableAnswer("it is no chat completion") }
        if let choices, !choices.isNull {
            guard choices.isArray else { throw .unreadableAnswer("its choices are no array") }
            for choice in choices.elements { try read(choice: choice) }
        }
        // Azure OpenAI's first event has no choices either, but tells the reader what its filter found in the prompt.
        chunk.isUsageOnly = chunk.usage != nil && (choices?.isArray != true || choices?.isEmpty == true)
        return chunk
    }

    private mutating func read(choice: JSONValue) throws(Fault) {
        guard choice.isObject else { throw .unreadableAnswer("one of its choices is no object") }
        let number = try Self.number(choice.only("index"), or: 0)
        if let body = try choice.only(message), body.isObject { try read(body: body, choice: number) }
        // An empty reason is how some servers say that the choice goes on.
        if let reason = try choice.only("finish_reason")?.name(maxBytes: 64) {
            guard chunk.finishes.count < Self.maxNumber else { throw .unreadableAnswer("it has too many choices") }
            chunk.finishes.append(AnswerFinish(choice: number, reason: FinishReason(openAI: reason), providerReason: reason))
        }
    }

    /// Reads a choice's `delta` or `message`, member by member, so that fragments come in document order.
    private mutating func read(body: JSONValue, choice: Int) throws(Fault) {
        var seen = BodyFields()
        // Servers that change from one name to the other send the same text under both for a while, or once more in pieces.
        let hasReasoningContent = body.members.contains { BodyField($0.key) == .reasoningContent && $0.value.isString }
        let hasReasoning = body.members.contains { BodyField($0.key) == .reasoning && $0.value.isString }
        for member in body.members {
            guard let field = BodyField(member.key), !member.value.isNull else { continue }
            guard seen.insert(BodyFields(field)).inserted else { throw .repeatedKey }
            switch field {
            case .content: try read(content: member.value, choice: choice)
            case .refusal: try append(member.value, AnswerItemKey(choice: choice, kind: .refusal))
            case .reasoningContent: try append(member.value, AnswerItemKey(choice: choice, kind: .reasoning))
            case .reasoning:
                guard member.value.isString else { continue }
                try append(member.value, AnswerItemKey(choice: choice, kind: hasReasoningContent ? .aside : .reasoning))
            case .reasoningDetails:
                try read(details: member.value, choice: choice, isAside: hasReasoningContent || hasReasoning)
            case .toolCalls: try read(calls: member.value, choice: choice)
            case .functionCall: try append(function: member.value, callID: nil, AnswerItemKey(choice: choice, kind: .toolCall))
            }
        }
    }

    /// Text as one string, or in parts, of which those of type `text` are read.
    private mutating func read(content: JSONValue, choice: Int) throws(Fault) {
        let key = AnswerItemKey(choice: choice, kind: .text)
        guard content.isArray else { return try append(content, key) }
        for part in content.elements {
            guard try part.only("type")?.equals("text") == true, let text = try part.only("text") else { continue }
            try append(text, key)
        }
    }

    /// OpenRouter's pieces of reasoning: texts and summaries; what is sealed in them passes.
    private mutating func read(details: JSONValue, choice: Int, isAside: Bool) throws(Fault) {
        for (position, detail) in details.elements.enumerated() {
            guard detail.isObject else { continue }
            let number = try Self.number(detail.only("index"), or: position)
            var hasText = false
            for member in detail.members where member.key.equals("text") || member.key.equals("summary") {
                guard member.value.isString else { continue }
                guard !hasText else { throw .unreadableAnswer("a piece of its reasoning has two texts") }
                hasText = true
                let key =
                    isAside
                    ? AnswerItemKey(choice: choice, kind: .aside, index: number + 1)
                    : AnswerItemKey(choice: choice, kind: .reasoning, index: number)
                try append(member.value, key)
            }
        }
    }

    private mutating func read(calls: JSONValue, choice: Int) throws(Fault) {
        guard calls.isArray else { throw .unreadableAnswer("its tool calls are no array") }
        for (position, call) in calls.elements.enumerated() {
            guard call.isObject else { throw .unreadableAnswer("one of its tool calls is no object") }
            let number = try Self.number(call.only("index"), or: position)
            try append(
                function: call.only("function"), callID: call.only("id")?.name(maxBytes: 4096),
                AnswerItemKey(choice: choice, kind: .toolCall, index: number))
        }
    }

    private mutating func append(function: JSONValue?, callID: String?, _ key: AnswerItemKey) throws(Fault) {
        let arguments = try function?.only("arguments")
        guard arguments == nil || arguments?.isString == true || arguments?.isNull == true else {
            throw .unreadableAnswer("a tool call's arguments are no string")
        }
        let name = try function?.only("name")?.name(maxBytes: 256)
        if let arguments, arguments.isString {
            try append(arguments, key, callID: callID, name: name)
        } else {
            try append(AnswerFragment(key: key, callID: callID, name: name, text: ByteBuffer(), rawRange: nil))
        }
    }

    private mutating func append(_ value: JSONValue, _ key: AnswerItemKey, callID: String? = nil, name: String? = nil) throws(Fault) {
        guard value.isString else { throw .unreadableAnswer("a text in it is no string") }
        try append(AnswerFragment(key: key, callID: callID, name: name, text: value.text(in: chunk.raw), rawRange: value.range))
    }

    private mutating func append(_ fragment: AnswerFragment) throws(Fault) {
        guard chunk.fragments.count < Self.maxFragments else { throw .unreadableAnswer("it has more than \(Self.maxFragments) pieces") }
        chunk.fragments.append(fragment)
    }

    private static func number(_ value: JSONValue?, or fallback: Int) throws(Fault) -> Int {
        guard let value, !value.isNull else { return fallback }
        guard let number = value.int, (0..<Int64(maxNumber)).contains(number) else {
            throw .unreadableAnswer("one of its indexes is no whole number from 0 to \(maxNumber - 1)")
        }
        return Int(number)
    }
}

/// The members of a choice's body that are read.
private enum BodyField: UInt8 {
    case content, refusal, reasoningContent, reasoning, reasoningDetails, toolCalls, functionCall

    init?(_ key: JSONValue) {
        if key.equals("content") {
            self = .content
        } else if key.equals("tool_calls") {
            self = .toolCalls
        } else if key.equals("reasoning_content") {
            self = .reasoningContent
        } else if key.equals("reasoning") {
            self = .reasoning
        } else if key.equals("reasoning_details") {
            self = .reasoningDetails
        } else if key.equals("refusal") {
            self = .refusal
        } else if key.equals("function_call") {
            self = .functionCall
        } else {
            return nil
        }
    }
}

/// Some of them: every event of a stream needs one, so it has no memory of its own.
private struct BodyFields: OptionSet {
    var rawValue: UInt8 = 0

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(_ field: BodyField) { rawValue = 1 << field.rawValue }
}

extension TokenUsage {
    /// Makes disjoint classes of OpenAI's counts: cached tokens are among the prompt's, reasoning tokens among the completion's. `nil` when neither
    /// the prompt's nor the completion's tokens are told: that is no word about usage.
    ///
    /// Where `total_tokens` is more than prompt and completion together, the difference is reasoning that `completion_tokens` leaves out (xAI, and
    /// Gemini behind this dialect): it is billed, so it counts.
    init?(openAI usage: JSONValue) throws(Fault) {
        func count(_ key: StaticString, of object: JSONValue?) throws(Fault) -> UInt64? {
            try object?.only(key)?.int.flatMap { UInt64(exactly: $0) }
        }
        let told = (try count("prompt_tokens", of: usage), try count("completion_tokens", of: usage))
        guard told.0 != nil || told.1 != nil else { return nil }
        let (prompt, completion) = (told.0 ?? 0, told.1 ?? 0)
        let promptDetails = try usage.only("prompt_tokens_details")
        // The second is DeepSeek's own name for it.
        let cached = (try count("cached_tokens", of: promptDetails), try count("prompt_cache_hit_tokens", of: usage))
        // OpenRouter's.
        let written = try count("cache_write_tokens", of: promptDetails) ?? 0
        let reasoning = try count("reasoning_tokens", of: usage.only("completion_tokens_details")) ?? 0
        let total = try count("total_tokens", of: usage) ?? 0

        let cacheRead = min(prompt, cached.0 ?? cached.1 ?? 0)
        let cacheWrite = min(prompt - cacheRead, written)
        let unlisted = total > prompt + completion ? total - prompt - completion : 0
        let listed = min(completion, reasoning > unlisted ? reasoning - unlisted : 0)
        self.init(
            input: prompt - cacheRead - cacheWrite, cacheRead: cacheRead, cacheWrite: cacheWrite, output: completion - listed,
            reasoning: unlisted + listed)
    }
}

extension FinishReason {
    init(openAI reason: String) {
        self =
            switch reason {
            case "stop": .stop
            case "length", "max_tokens", "model_length": .length
            case "tool_calls", "function_call": .toolCalls
            case "content_filter": .contentFilter
            case "refusal": .refusal
            default: .other
            }
    }
}
