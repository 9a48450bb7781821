package import GatewayJSON

extension ChatEnvelope {
    /// Reads a request of OpenAI's older completions, as ``init(reading:)`` does one for a chat completion.
    ///
    /// Texts only, as for embeddings: what a client has made tokens of cannot be scrubbed.
    package init(readingCompletions root: JSONValue) throws(Fault) {
        guard root.isObject else { throw Fault.invalidField("", "must be a JSON object") }
        try Self.refuseDuplicateKeys(in: root)
        var envelope = ChatEnvelope(model: "")
        var prompts: UInt64?
        var bestOf: Int64?
        for member in root.members {
            if try envelope.readRouting(member) { continue }
            if member.key.equals("prompt") {
                prompts = try Self.count(prompts: member.value)
            } else if member.key.equals("best_of") {
                bestOf = member.value.int
                guard member.value.isNull || bestOf != nil else { throw Fault.invalidField("best_of", "must be a whole number") }
            } else {
                try envelope.readParameter(member)
            }
        }
        guard !envelope.model.isEmpty else { throw Fault.invalidField("model", "is required: the name of a model") }
        guard let prompts else { throw Fault.invalidField("prompt", "is required: a text, or an array of texts") }
        guard bestOf ?? 1 <= Int64(clamping: envelope.choices) else {
            throw Fault.invalidField("best_of", "must not be above `n`: what is generated and never told cannot be kept to a budget")
        }
        guard prompts <= Self.maxTexts / envelope.choices else {
            throw Fault.invalidField(
                "n", "asks for \(envelope.choices) texts to each of \(prompts) prompts: at most \(Self.maxTexts) can be told in one answer")
        }
        envelope.choices *= prompts
        self = envelope
    }

    /// Texts that one request may have.
    private static let maxPrompts: UInt64 = 128
    /// Texts that one answer may have: ``AnswerRewriter`` has a scrubber for each.
    private static let maxTexts = UInt64(AnswerRewriter.maxItems)

    private static func count(prompts: JSONValue) throws(Fault) -> UInt64 {
        if prompts.isString { return 1 }
        guard prompts.isArray, !prompts.isEmpty else {
            throw Fault.invalidField("prompt", "must be a text, or an array of at least one text")
        }
        var count: UInt64 = 0
        for text in prompts.elements {
            guard text.isString else {
                throw Fault.invalidField(text.path, "must be a text: what a client has made tokens of cannot be scrubbed")
            }
            count += 1
        }
        guard count <= maxPrompts else { throw Fault.invalidField("prompt", "must be at most \(maxPrompts) texts") }
        return count
    }
}
