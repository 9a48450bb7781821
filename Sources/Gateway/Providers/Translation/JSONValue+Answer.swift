import GatewayCore
import GatewayJSON
import NIOCore

// Reading what a provider answers: whatever it sends, the fault is the provider's.

extension JSONValue {
    /// The member with this key, of an object; one that stands twice is refused, for another reader might take the other.
    func only(_ key: StaticString) throws(Fault) -> JSONValue? {
        do {
            return try member(key)
        } catch {
            throw .repeatedKey
        }
    }

    /// A short text that may end up in a header, a log or a frame of limited size; `nil` when it is empty or no string.
    ///
    /// - Throws: when it is longer than `maxBytes`, or holds control characters.
    func name(maxBytes: Int) throws(Fault) -> String? {
        guard isString, maxDecodedLength > 0 else { return nil }
        guard maxDecodedLength <= maxBytes * 6, let name = string, name.utf8.count <= maxBytes else {
            throw .unreadableAnswer("a name in it is longer than \(maxBytes) bytes")
        }
        guard name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw .unreadableAnswer("a name in it has control characters") }
        return name
    }
}

extension JSONValue {
    /// The decoded text: a slice of `raw`, the document, where it stands there without escapes.
    func text(in raw: ByteBuffer) -> ByteBuffer {
        if !hasEscapes, let range = contentRange {
            return raw.getSlice(at: raw.readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
        }
        var text = ByteBuffer()
        decodeString(into: &text)
        return text
    }

    /// A count of tokens; 0 for anything else.
    func count(_ key: StaticString) throws(Fault) -> UInt64? { try only(key)?.int.flatMap { UInt64(exactly: $0) } }
}

extension Fault {
    static var repeatedKey: Fault { .unreadableAnswer("an object in it has the same key twice") }
}
