import GatewayCore
import GatewayJSON
import NIOCore

/// What a provider of Messages has signed or sealed of its thinking, as `encrypted_content` of a reasoning item: `thinking/` and the signature of what
/// stands in the item's summary, or `redacted/` and the sealed block. Both are letters of base64, so that the whole is known as media and not
/// scanned as text.
enum ResponsesSeal {
    private static let signed = "thinking/"
    private static let redacted = "redacted/"

    /// - Parameter block: a block of thinking, as JSON.
    /// - Returns: `nil`: it has no seal.
    static func seal(of block: ByteBuffer) -> ByteBuffer? {
        var index = JSONIndex()
        guard (try? index.scan(block)) != nil else { return nil }
        return index.read(block) { root in
            func text(_ key: StaticString) -> JSONValue? { root.members.first { $0.key.equals(key) && $0.value.isString }?.value }
            guard let type = text("type") else { return nil }
            let isRedacted = type.equals("redacted_thinking")
            guard let value = isRedacted ? text("data") : text("signature") else { return nil }
            var seal = ByteBuffer(string: isRedacted ? redacted : signed)
            value.decodeString(into: &seal)
            return seal
        }
    }

    /// The block that a reasoning item was made of; `nil`: another service has sealed it.
    static func block(of seal: JSONValue, _ item: JSONValue) -> ByteBuffer? {
        guard let text = seal.string else { return nil }
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
}
