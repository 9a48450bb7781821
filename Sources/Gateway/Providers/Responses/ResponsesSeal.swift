import GatewayCore
import GatewayJSON
import NIOCore

/// What a provider of Messages has signed or sealed of its thinking, as `encrypted_content` of a reasoning item: `thinking/` and the signature of what
/// stands in the item's summary, or `redacted/` and the sealed block. Both are letters of base64, so that the whole is known as media and not
/// scanned as text.
enum ResponsesSeal {
    private static let signed = "thinking/"
    private static let redacted = "redacted/"
    /// Google's signatures, each with the call that it is of: the whole block in base64.
    private static let google = "gemini/"

    /// - Parameter block: a block of thinking, as JSON.
    /// - Returns: `nil`: it has no seal.
    static func seal(of block: ByteBuffer) -> ByteBuffer? {
        var index = JSONIndex()
        guard (try? index.scan(block)) != nil else { return nil }
        return index.read(block) { root in
            func text(_ key: StaticString) -> JSONValue? { root.members.first { $0.key.equals(key) && $0.value.isString }?.value }
            guard let type = text("type") else { return nil }
            if type.equals(ThoughtSignature.type) {
                var seal = ByteBuffer(string: google)
                seal.writeImmutableBuffer(Base64.encoded(block))
                return seal
            }
            let isRedacted = type.equals("redacted_thinking")
            guard let value = isRedacted ? text("data") : text("signature") else { return nil }
            var seal = ByteBuffer(string: isRedacted ? redacted : signed)
            value.decodeString(into: &seal)
            return seal
        }
    }

    /// The block that a reasoning item was made of.
    ///
    /// - Parameter target: who is asked.
    /// - Returns: `nil`: somebody else has sealed it.
    static func block(of seal: JSONValue, _ item: JSONValue, for target: Dialect) -> ByteBuffer? {
        guard let text = seal.string else { return nil }
        if text.hasPrefix(google) {
            return target == .gemini ? signature(in: ByteBuffer(substring: text.dropFirst(google.count))) : nil
        }
        guard target == .anthropic else { return nil }
        var json = JSONWriter()
        if text.hasPrefix(redacted) {
            json.object { json in
                json.member("type", "redacted_thinking")
                json.member("data", String(text.dropFirst(redacted.count)))
            }
        } else if text.hasPrefix(signed) {
            var thinking = ByteBuffer()
            for member in item.members where member.key.equals("summary") {
                for part in member.value.elements.flatMap({ Array($0.members) }) where part.key.equals("text") {
                    part.value.decodeString(into: &thinking)
                }
            }
            json.object { json in
                json.member("type", "thinking")
                json.key("thinking")
                json.string(thinking)
                json.member("signature", String(text.dropFirst(signed.count)))
            }
        } else {
            return nil
        }
        return json.buffer
    }

    /// Written anew: a caller's bytes are not JSON because they say so.
    private static func signature(in text: ByteBuffer) -> ByteBuffer? {
        guard let block = Base64.decoded(text) else { return nil }
        var index = JSONIndex()
        guard (try? index.scan(block)) != nil else { return nil }
        return index.read(block) { root in
            func text(_ key: StaticString) -> String? { root.members.first { $0.key.equals(key) }?.value.string }
            guard root.isObject, text("type") == ThoughtSignature.type, let signature = text("signature") else { return nil }
            var json = JSONWriter()
            json.object { json in
                json.member("type", ThoughtSignature.type)
                json.member("signature", signature)
                if let call = text("tool_call_id") { json.member("tool_call_id", call) }
            }
            return json.buffer
        }
    }
}
