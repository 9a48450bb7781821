package import NIOCore

/// Text of strings and keys. On any other kind each of these is `nil`, false or does nothing.
extension JSONValue {
    var isText: Bool { kind == .string || kind == .key }

    /// Whether the text differs from the bytes between the quotes.
    package var hasEscapes: Bool { record.flags.contains(.hasEscapes) }

    /// Where the bytes between the quotes stand in the document, escapes as written.
    package var contentRange: Range<Int>? {
        guard isText else { return nil }
        let range = range
        return Range(uncheckedBounds: (range.lowerBound + 1, range.upperBound - 1))
    }

    /// The bytes between the quotes, escapes as written.
    var content: UnsafeRawBufferPointer {
        let record = record
        return UnsafeRawBufferPointer(start: bytes + Int(record.start) + 1, count: Int(record.end &- record.start) - 2)
    }

    /// Upper bound of the text's length in bytes; exact without escapes.
    package var maxDecodedLength: Int { isText ? content.count : 0 }

    /// Appends the text. False when the value is no text.
    @discardableResult
    package func decodeString(into text: inout [UInt8]) -> Bool {
        guard isText else { return false }
        if hasEscapes {
            JSONText.decode(content) { piece in
                text.append(contentsOf: piece)
                return true
            }
        } else {
            text.append(contentsOf: content)
        }
        return true
    }

    /// Appends the text. False when the value is no text.
    @discardableResult
    package func decodeString(into text: inout ByteBuffer) -> Bool {
        guard isText else { return false }
        guard hasEscapes else {
            text.writeBytes(content)
            return true
        }
        text.writeWithUnsafeMutableBytes(minimumWritableBytes: content.count) { room in
            var written = 0
            JSONText.decode(content) { piece in
                UnsafeMutableRawBufferPointer(rebasing: room[written...]).copyMemory(from: piece)
                written += piece.count
                return true
            }
            return written
        }
        return true
    }

    /// Gives the text to `body` without copying it where it stands unescaped in the document, and by way of `scratch` otherwise. `nil` when the
    /// value is no text.
    package func withDecodedString<Result, Failure: Error>(
        scratch: inout [UInt8], _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard isText else { return nil }
        guard hasEscapes else { return try body(content) }
        scratch.removeAll(keepingCapacity: true)
        decodeString(into: &scratch)
        return try scratch.withUnsafeBufferPointer { (bytes) throws(Failure) in try body(UnsafeRawBufferPointer(bytes)) }
    }

    /// The text as a String: a copy. `nil` when the value is no text.
    package var string: String? {
        guard isText else { return nil }
        guard hasEscapes else { return String(decoding: content, as: UTF8.self) }
        var text: [UInt8] = []
        text.reserveCapacity(content.count)
        decodeString(into: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Whether the text, escapes resolved, is exactly `other`.
    package func equals(_ other: StaticString) -> Bool {
        guard isText, other.hasPointerRepresentation else { return false }
        return textEquals(UnsafeRawBufferPointer(start: other.utf8Start, count: other.utf8CodeUnitCount))
    }

    /// Whether the text, escapes resolved, has exactly the bytes of `other`, in UTF-8. Canonical equivalence does not count.
    package func equals(_ other: String) -> Bool {
        var other = other
        return isText && other.withUTF8 { textEquals(UnsafeRawBufferPointer($0)) }
    }

    func textEquals(_ other: UnsafeRawBufferPointer) -> Bool {
        guard hasEscapes else { return JSONText.areEqual(content, other) }
        guard other.count < content.count else { return false }
        var rest = other[...]
        var isEqual = true
        JSONText.decode(content) { piece in
            isEqual = rest.starts(with: piece)
            rest = rest.dropFirst(piece.count)
            return isEqual
        }
        return isEqual && rest.isEmpty
    }
}
