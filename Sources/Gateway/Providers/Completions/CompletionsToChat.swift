package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Writes a request of OpenAI's older completions as a chat completion with one message. Pure.
package enum CompletionsToChat {
    /// - Parameter model: the provider's name for the model.
    package static func body(
        of completion: ByteBuffer, model: String, gaps: inout TranslationGaps, index: inout JSONIndex
    ) throws(Fault) -> (body: ByteBuffer, names: CallerNames) {
        do {
            try index.scan(completion)
        } catch {
            throw Fault.malformedJSON(error)
        }
        var gapsSoFar = gaps
        defer { gaps = gapsSoFar }
        let body = try index.read(completion) { root throws(Fault) in
            var json = JSONWriter()
            json.beginObject()
            json.member("model", model)
            json.key("messages")
            let prompt = try onlyPrompt(of: root)
            json.array { json in
                json.object { json in
                    json.member("role", "user")
                    json.member("content", prompt)
                }
            }
            for member in root.members { try write(member, &gapsSoFar, &json) }
            json.endObject()
            return json.buffer
        }
        return (body, CallerNames(members: [("messages", "prompt")], messages: ["prompt"]))
    }

    private static func onlyPrompt(of root: JSONValue) throws(Fault) -> JSONValue {
        guard let prompt = try root.field("prompt") else { throw .invalidField("prompt", "is required") }
        if prompt.isString { return prompt }
        var prompts = prompt.elements
        guard let first = prompts.next(), first.isString, prompts.next() == nil else {
            throw .invalidField("prompt", "must be one text for this model's provider: send one request for each")
        }
        return first
    }

    private static func write(_ member: JSONMember, _ gaps: inout TranslationGaps, _ json: inout JSONWriter) throws(Fault) {
        guard let key = member.key.string, !member.value.isNull else { return }
        switch key {
        case "model", "prompt", "best_of": break
        // 0 asks for the log probability of what was chosen.
        case "logprobs": if member.value.bool != false { try gaps.refuse("logprobs") }
        case "echo", "suffix": if !member.value.saysNothing { try gaps.refuse(key) }
        default:
            json.key(named: key)
            json.raw(member.value)
        }
    }
}
