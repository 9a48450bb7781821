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

    /// Takes the blocks out of every message, and the messages that have no others: turns of one role that then follow each other are one.
    static func remove(from root: JSONValue, _ splicer: inout JSONSplicer) {
        for member in root.members where member.key.equals("messages") {
            remove(from: member.value, where: { isForeign(message: $0) }, &splicer)
            for message in member.value.elements where !isForeign(message: message) {
                for field in message.members where field.key.equals("content") {
                    remove(from: field.value, where: { isForeign($0) }, &splicer)
                }
            }
        }
    }

    /// Takes elements out of an array, unless there are no others.
    private static func remove(from array: JSONValue, where isRemoved: (JSONValue) -> Bool, _ splicer: inout JSONSplicer) {
        guard array.elements.contains(where: { !isRemoved($0) }) else { return }
        var elements = array.elements
        var previous: JSONValue?
        var hasKept = false
        var next = elements.next()
        while let element = next {
            next = elements.next()
            if !isRemoved(element) {
                hasKept = true
            } else if hasKept, let previous {
                // With the comma before it; those at the start with the one behind.
                splicer.replace(previous.range.upperBound..<element.range.upperBound, withRaw: "")
            } else if let next {
                splicer.replace(element.range.lowerBound..<next.range.lowerBound, withRaw: "")
            }
            previous = element
        }
    }

    private static func isForeign(message: JSONValue) -> Bool {
        guard message.members.contains(where: { $0.key.equals("role") && $0.value.equals("assistant") }) else { return false }
        guard let content = message.members.first(where: { $0.key.equals("content") })?.value else { return false }
        var count = 0
        for block in content.elements {
            guard isForeign(block) else { return false }
            count += 1
        }
        return count > 0
    }

    private static func isForeign(_ block: JSONValue) -> Bool {
        guard block.members.contains(where: { $0.key.equals("type") && $0.value.equals("thinking") }) else { return false }
        return block.members.contains { member in
            guard member.key.equals("signature"), member.value.isString else { return false }
            return member.value.maxDecodedLength == 0 || member.value.string?.hasPrefix(google) == true
        }
    }
}
