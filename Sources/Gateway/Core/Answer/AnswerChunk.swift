package import NIOCore

/// What a piece of an answer is.
package enum AnswerItemKind: UInt8, Sendable, Hashable {
    case text
    case reasoning
    /// The text is the JSON text of a tool call's arguments.
    case toolCall
    case refusal
    /// A whole block of the provider's own, as JSON, which the caller sends back as it is: signed thinking. It repeats what the reasoning says.
    case block
    /// A text beside the answer, where the provider's dialect has one: reasoning once more under another name, or what a citation quotes. It is scrubbed
    /// and restored in an answer that passes on as it came, and left out of one that is written anew.
    case aside
}

/// Which item of an answer a fragment belongs to: fragments with the same key are concatenated.
package struct AnswerItemKey: Sendable, Hashable {
    package var choice: Int
    package var kind: AnswerItemKind
    /// The tool call's index as the provider numbers it, and 0 for the other kinds; of Anthropic's content blocks, the block's index.
    package var index: Int

    package init(choice: Int, kind: AnswerItemKind, index: Int = 0) {
        self.choice = choice
        self.kind = kind
        self.index = index
    }
}

/// One piece of generated text within an ``AnswerChunk``.
package struct AnswerFragment: Sendable, Equatable {
    package var key: AnswerItemKey
    /// The tool call's id; on the item's first fragment only.
    package var callID: String?
    /// The function's name; on the tool call's first fragment only. Of a block: its type.
    package var name: String?
    /// The text, decoded: UTF-8, no JSON escapes. May be empty.
    package var text: ByteBuffer
    /// Where the JSON string literal (quotes included) stands, as an offset from `raw.readerIndex`. `nil`: there is none, such as for a
    /// tool call's first fragment without arguments.
    package var rawRange: Range<Int>?
    /// Whether what stands at `rawRange` is no literal, but a JSON value that `text` is itself: arguments that are an object.
    package var isJSON: Bool
    /// Whether `text` differs from what stands at `rawRange`, so that a door which passes `raw` on must splice it in.
    package var isRewritten: Bool
    /// Whether the item ends with this fragment, wherever the answer goes on.
    package var endsItem: Bool

    /// A block of Google's with nothing in it but a signature, which means nothing to anybody else.
    package var isSealed: Bool { key.kind == .block && name == Self.sealedBlock }
    package static let sealedBlock = "thought_signature"

    package init(
        key: AnswerItemKey, callID: String? = nil, name: String? = nil, text: ByteBuffer, rawRange: Range<Int>?, isJSON: Bool = false,
        isRewritten: Bool = false, endsItem: Bool = false
    ) {
        self.key = key
        self.callID = callID
        self.name = name
        self.text = text
        self.rawRange = rawRange
        self.isJSON = isJSON
        self.isRewritten = isRewritten
        self.endsItem = endsItem
    }
}

/// Why a choice ended.
package enum FinishReason: UInt8, Sendable, Equatable {
    case stop
    case length
    case toolCalls
    case contentFilter
    case refusal
    case other
}

/// The end of one choice.
package struct AnswerFinish: Sendable, Equatable {
    package var choice: Int
    package var reason: FinishReason
    /// The provider's own word.
    package var providerReason: String

    package init(choice: Int, reason: FinishReason, providerReason: String) {
        self.choice = choice
        self.reason = reason
        self.providerReason = providerReason
    }
}

/// One event of a provider's stream, or a whole unstreamed answer, parsed but not taken apart: `raw` is the JSON as it came.
///
/// A door that speaks the provider's dialect passes `raw` on and splices rewritten fragments in; every other door reads `fragments`.
package struct AnswerChunk: Sendable, Equatable {
    /// The provider's JSON text, unchanged.
    package var raw: ByteBuffer
    /// The language of `raw`.
    package var dialect: Dialect
    /// The event's name, in dialects that name events.
    package var event: String
    /// In document order.
    package var fragments: [AnswerFragment]
    package var finishes: [AnswerFinish]
    /// The content block that ends with this chunk, in dialects that tell it: no fragment of this index follows.
    package var endedBlock: Int?
    package var usage: TokenUsage?
    /// What the provider has counted so far, while the answer goes on: the prompt, as a rule, and less than all of the output.
    package var usageSoFar: TokenUsage?
    /// Whether the chunk holds usage and nothing for a reader: `choices` is empty. Passed on only to callers that asked for usage.
    package var isUsageOnly: Bool

    package init(
        raw: ByteBuffer, dialect: Dialect = .openAI, event: String = "", fragments: [AnswerFragment] = [],
        finishes: [AnswerFinish] = [], endedBlock: Int? = nil, usage: TokenUsage? = nil, isUsageOnly: Bool = false
    ) {
        self.raw = raw
        self.dialect = dialect
        self.event = event
        self.fragments = fragments
        self.finishes = finishes
        self.endedBlock = endedBlock
        self.usage = usage
        usageSoFar = nil
        self.isUsageOnly = isUsageOnly
    }
}

/// What a provider says in place of an answer, as HTTP error body or inside a stream.
package struct ProviderError: Sendable, Equatable {
    package var message: String
    package var type: String?
    package var code: String?
    package var parameter: String?
    /// How long to wait, in milliseconds, where the body says it and no header does.
    package var retryAfterMilliseconds: Int64?
    /// Whether the gateway's own credential is what is wrong, whatever the status says.
    package var blamesCredential = false
    /// The message with a mark at its end.
    package var sentence: String { message.last.map { ".!?".contains($0) } == true ? message : "\(message)." }
    /// Whether the account behind it has nothing left, or may not be used. OpenAI says so with 429, and no `retry-after` ends it.
    package var blamesAccount: Bool {
        [code, type].contains { $0.map(Self.accountWords.contains) ?? false }
    }

    private static let accountWords: Set = [
        "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "account_deactivated", "exceeded_current_quota_error",
    ]

    package init(message: String, type: String? = nil, code: String? = nil, parameter: String? = nil) {
        self.message = message
        self.type = type
        self.code = code
        self.parameter = parameter
    }
}
