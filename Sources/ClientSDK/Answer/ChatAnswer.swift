/// A whole answer.
public struct ChatAnswer: Sendable, Hashable {
    public var head: AnswerHead
    /// In the order of their indexes; at least one.
    public var choices: [Choice]
    public var summary: AnswerSummary

    public init(head: AnswerHead = AnswerHead(), choices: [Choice], summary: AnswerSummary = AnswerSummary()) {
        self.head = head
        self.choices = choices
        self.summary = summary
    }

    /// One of the answers that a request asked for.
    public struct Choice: Sendable, Hashable {
        public var index: Int
        public var text = ""
        public var reasoning = ""
        public var refusal = ""
        public var toolCalls: [ToolCall] = []
        public var providerBlocks: [ProviderBlock] = []
        /// `nil`: the gateway did not say.
        public var finish: Finish?

        public init(index: Int = 0, text: String = "") {
            self.index = index
            self.text = text
        }

        /// The choice as a message, to go on with the conversation.
        public var message: Message {
            var parts: [Part] = providerBlocks.map { .providerBlock($0) }
            if !reasoning.isEmpty { parts.append(.reasoning(reasoning)) }
            if !text.isEmpty { parts.append(.text(text)) }
            if !refusal.isEmpty { parts.append(.refusal(refusal)) }
            var message = Message(role: .assistant, parts: parts)
            message.toolCalls = toolCalls
            return message
        }
    }

    /// The first choice's text.
    public var text: String { choices.first?.text ?? "" }

    /// The first choice's tool calls.
    public var toolCalls: [ToolCall] { choices.first?.toolCalls ?? [] }

    /// The first choice as a message, to go on with the conversation.
    public var message: Message { choices.first?.message ?? .assistant("") }

    public var finishReason: Finish.Reason? { choices.first?.finish?.reason }

    public var model: String { head.model }

    public var provider: String { head.provider }

    public var cache: CacheStatus { head.cache }

    public var usage: Usage { summary.usage }

    public var costUSD: Double { summary.costUSD }
}
