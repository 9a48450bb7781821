package import GatewayJSON

extension ChatEnvelope {
    /// Reads a request for embeddings, as ``init(reading:)`` does one for an answer.
    ///
    /// Texts only: a text that its caller has made tokens of is personal data that nobody finds.
    package init(readingEmbeddings root: JSONValue) throws(Fault) {
        guard root.isObject else { throw Fault.invalidField("", "must be a JSON object") }
        try Self.refuseDuplicateKeys(in: root)
        var envelope = ChatEnvelope(model: "", maxOutputTokens: 0)
        var sawInput = false
        for member in root.members {
            if member.key.equals("input") {
                try Self.check(input: member.value)
                sawInput = true
            } else if member.key.equals("encoding_format") {
                envelope.wantsBase64 = member.value.equals("base64")
            } else {
                _ = try envelope.readRouting(member)
            }
        }
        guard !envelope.model.isEmpty else { throw Fault.invalidField("model", "is required: the name of a model") }
        guard sawInput else { throw Fault.invalidField("input", "is required: a text, or an array of texts") }
        envelope.isStreamed = false
        self = envelope
    }

    private static func check(input: JSONValue) throws(Fault) {
        if input.isString { return }
        guard input.isArray, !input.isEmpty else { throw Fault.invalidField("input", "must be a text, or an array of at least one text") }
        for text in input.elements where !text.isString {
            throw Fault.invalidField(text.path, "must be a text: what a client has made tokens of cannot be scrubbed")
        }
    }
}
