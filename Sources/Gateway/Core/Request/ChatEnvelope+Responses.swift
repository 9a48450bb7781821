package import GatewayJSON

extension ChatEnvelope {
    /// Reads a request of OpenAI's Responses API, as ``init(reading:)`` does one for a chat completion.
    ///
    /// What would need a store of earlier answers is refused here: nothing is stored.
    package init(readingResponses root: JSONValue) throws(Fault) {
        guard root.isObject else { throw Fault.invalidField("", "must be a JSON object") }
        try Self.refuseDuplicateKeys(in: root)
        var envelope = ChatEnvelope(model: "")
        var sawInput = false
        for member in root.members {
            if try envelope.readRouting(member) { continue }
            if member.key.equals("input") {
                try Self.check(items: member.value)
                sawInput = true
            } else {
                try envelope.readResponsesParameter(member)
            }
        }
        guard !envelope.model.isEmpty else { throw Fault.invalidField("model", "is required: the name of a model") }
        guard sawInput else { throw Fault.invalidField("input", "is required: a text, or an array of items") }
        envelope.wantsUsageChunk = false
        self = envelope
    }

    private mutating func readResponsesParameter(_ member: JSONMember) throws(Fault) {
        let value = member.value
        if member.key.equals("max_output_tokens") {
            guard value.isNull || value.int.map({ $0 > 0 }) == true else {
                throw Fault.invalidField("max_output_tokens", "must be a positive whole number")
            }
            maxOutputTokens = value.int.map(UInt64.init)
        } else if member.key.equals("previous_response_id") {
            guard value.isNull else {
                throw Fault.invalidField(
                    "previous_response_id",
                    "names an answer that is not stored here: send the whole conversation in `input`, the answer's items among it")
            }
        } else if member.key.equals("conversation") {
            guard value.isNull else {
                throw Fault.invalidField("conversation", "is not stored here: send the whole conversation in `input`")
            }
        } else if member.key.equals("prompt") {
            guard value.isNull else {
                throw Fault.invalidField("prompt", "names a template that is not stored here: send its text in `instructions` and `input`")
            }
        } else if member.key.equals("background") {
            guard value.isNull || value.bool == false else {
                throw Fault.invalidField(
                    "background", "must be false: answers are not stored, so nobody could fetch this one; use `stream`")
            }
        } else if member.key.equals("instructions") {
            guard value.isNull || value.isString else { throw Fault.invalidField("instructions", "must be a string") }
        } else if member.key.equals("temperature") || member.key.equals("tools") {
            try readParameter(member)
        }
    }

    private static func check(items: JSONValue) throws(Fault) {
        guard !items.isString else { return }
        guard items.isArray, !items.isEmpty else { throw Fault.invalidField("input", "must be a text, or an array of at least one item") }
        for item in items.elements {
            guard item.isObject else { throw Fault.invalidField(item.path, "must be an item: an object") }
            try refuseDuplicateKeys(in: item)
            for member in item.members where member.key.equals("content") || member.key.equals("output") {
                try checkContent(member.value)
            }
        }
    }
}
