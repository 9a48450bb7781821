package import GatewayJSON

extension ChatEnvelope {
    /// Reads and checks what the gateway interprets of a request in a dialect; see ``init(reading:)``.
    init(reading root: JSONValue, surface: Dialect, operation: RequestOperation) throws(Fault) {
        switch (surface, operation) {
        case (.anthropic, _): try self.init(readingMessages: root)
        case (.responses, _): try self.init(readingResponses: root)
        case (.completions, _): try self.init(readingCompletions: root)
        case (_, .embeddings): try self.init(readingEmbeddings: root)
        case (_, _): try self.init(reading: root)
        }
    }

    /// Reads a request of Anthropic's Messages dialect, as ``init(reading:)`` does one of OpenAI's.
    package init(readingMessages root: JSONValue) throws(Fault) {
        guard root.isObject else { throw Fault.invalidField("", "must be a JSON object") }
        try Self.refuseDuplicateKeys(in: root)
        // The end of a stream tells the usage without being asked for it.
        var envelope = ChatEnvelope(model: "", wantsUsageChunk: true)
        var sawMessages = false
        for member in root.members {
            let value = member.value
            if member.key.equals("messages") {
                try Self.checkMessages(value)
                sawMessages = true
            } else if member.key.equals("system") {
                try Self.checkContent(value)
            } else if member.key.equals("stop_sequences") {
                guard value.isNull || value.isArray else { throw Fault.invalidField("stop_sequences", "must be an array of strings") }
            } else {
                if try envelope.readRouting(member) { continue }
                try envelope.readParameter(member)
            }
        }
        guard !envelope.model.isEmpty else { throw Fault.invalidField("model", "is required: the name of a model") }
        guard sawMessages else { throw Fault.invalidField("messages", "is required: the conversation") }
        envelope.choices = 1
        self = envelope
    }
}
