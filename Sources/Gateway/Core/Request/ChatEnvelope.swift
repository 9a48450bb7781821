/// What the gateway itself must know of a chat request. Everything else in the body passes through.
package struct ChatEnvelope: Sendable, Equatable {
    /// The requested model or alias.
    package var model: String
    package var isStreamed: Bool
    /// Whether a streamed caller asked for the usage chunk (`stream_options.include_usage`).
    package var wantsUsageChunk: Bool
    /// `nil`: not given, so the provider's default, which is above 0.
    package var temperature: Double?
    package var hasTools: Bool
    /// The caller's cap on output tokens.
    package var maxOutputTokens: UInt64?
    /// Answers that are asked for (`n`).
    package var choices: UInt64
    /// Of embeddings: as base64, and not as numbers.
    package var wantsBase64 = false

    package init(
        model: String, isStreamed: Bool = false, wantsUsageChunk: Bool = false, temperature: Double? = nil, hasTools: Bool = false,
        maxOutputTokens: UInt64? = nil, choices: UInt64 = 1
    ) {
        self.model = model
        self.isStreamed = isStreamed
        self.wantsUsageChunk = wantsUsageChunk
        self.temperature = temperature
        self.hasTools = hasTools
        self.maxOutputTokens = maxOutputTokens
        self.choices = choices
    }

    /// Whether the same request may be expected to give the same answer: temperature said to be 0, and no tools.
    package var isDeterministic: Bool { temperature == 0 && !hasTools }
}
