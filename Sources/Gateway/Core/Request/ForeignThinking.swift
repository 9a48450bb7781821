import GatewayJSON
import NIOCore

/// Thinking in a conversation of Anthropic's dialect that no model of Anthropic's has signed: the gateway told it for a provider of another dialect, without
/// a signature or with one of Google's. Where the conversation goes on at Anthropic's API, that would refuse it.
enum ForeignThinking {
    /// What a signature of Google's begins with in this dialect.
    private static let google = "gemini/"

    /// Whether there may be any, by a look that costs little.
    static func mayBe(in body: ByteBuffer) -> Bool {
        body.withUnsafeReadableBytes { bytes in
            let word = "\"signature\"".utf8
            var rest = bytes[...]
            while let quote = rest.firstIndex(of: UInt8(ascii: "\"")) {
                rest = rest[quote...]
                if rest.starts(with: word) { return true }
                rest = rest.dropFirst()
            }
            return false
        }
    }

    /// Takes the blocks out of every message that has others.
    static func remove(from root: JSONValue, _ splicer: inout JSONSplicer) {
        for member in root.members where member.key.equals("messages") {
            for message in member.value.elements {
                for field in message.members where field.key.equals("content") { remove(fromContent: field.value, &splicer) }
            }
        }
    }

    private static func remove(fromContent content: JSONValue, _ splicer: inout JSONSplicer) {
        guard content.elements.contains(where: { !isForeign($0) }) else { return }
        var blocks = content.elements
        var previous: JSONValue?
        var hasKept = false
        var next = blocks.next()
        while let block = next {
            next = blocks.next()
            if !isForeign(block) {
                hasKept = true
            } else if hasKept, let previous {
                // With the comma before it; those at the start with the one behind.
                splicer.replace(previous.range.upperBound..<block.range.upperBound, withRaw: "")
            } else if let next {
                splicer.replace(block.range.lowerBound..<next.range.lowerBound, withRaw: "")
            }
            previous = block
        }
    }

    private static func isForeign(_ block: JSONValue) -> Bool {
        guard block.members.contains(where: { $0.key.equals("type") && $0.value.equals("thinking") }) else { return false }
        return block.members.contains { member in
            guard member.key.equals("signature"), member.value.isString else { return false }
            return member.value.maxDecodedLength == 0 || member.value.string?.hasPrefix(google) == true
        }
    }
}
