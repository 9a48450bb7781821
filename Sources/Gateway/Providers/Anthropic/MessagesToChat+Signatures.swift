import GatewayCore
import GatewayJSON

// Signatures of Google's models, which came to the caller as those of thinking blocks.
extension MessagesToChat {
    /// A signature stands before the call that it is of, or behind the text.
    mutating func write(signaturesOf content: JSONValue) throws(Fault) {
        var signatures: [(signature: String, call: JSONValue?)] = []
        var pending: String?
        for block in content.elements {
            let type = try block.requiredString("type")
            if type.equals("thinking"), let text = try block.string("signature")?.string, text.hasPrefix(ThoughtSignature.messagesPrefix) {
                if let pending { signatures.append((pending, nil)) }
                pending = String(text.dropFirst(ThoughtSignature.messagesPrefix.count))
            } else if type.equals("tool_use"), let signature = pending {
                signatures.append((signature, try block.requiredString("id")))
                pending = nil
            }
        }
        if let pending { signatures.append((pending, nil)) }
        guard !signatures.isEmpty else { return }
        json.key("thinking_blocks")
        json.array { json in
            for (signature, call) in signatures {
                json.object { json in
                    json.member("type", ThoughtSignature.type)
                    json.member("signature", signature)
                    if let call { json.member("tool_call_id", call) }
                }
            }
        }
    }
}
