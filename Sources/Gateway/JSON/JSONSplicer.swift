package import NIOCore

/// Collects changes to a document and writes it anew with them, every other byte as it was.
///
/// Changes may come in any order; they must not overlap. The splicer keeps its memory from document to document.
package struct JSONSplicer {
    private struct Edit {
        /// What is replaced in the document; empty for an insertion.
        var range: Range<Int>
        /// Where the replacement stands in `replacements`.
        var replacement: Range<Int>
    }

    private var edits: ContiguousArray<Edit> = []
    private var replacements = ByteBuffer()
    private var isSorted = true

    /// Memory for replacements that is kept from document to document, in bytes.
    private static let retainedBytes = 256 * 1024

    package init() {}

    package var isEmpty: Bool { edits.isEmpty }

    /// Forgets all changes.
    package mutating func clear() {
        edits.removeAll(keepingCapacity: edits.capacity <= 4096)
        if replacements.capacity > Self.retainedBytes { replacements = ByteBuffer() } else { replacements.clear() }
        isSorted = true
    }

    /// Replaces the bytes of `range`, a whole value as a rule, by `json`, which must be valid there.
    package mutating func replace(_ range: Range<Int>, withRaw json: UnsafeRawBufferPointer) {
        edit(range) { $0.writeBytes(json) }
    }

    package mutating func replace(_ range: Range<Int>, withRaw json: ByteBuffer) {
        edit(range) { $0.writeImmutableBuffer(json) }
    }

    package mutating func replace(_ range: Range<Int>, withRaw json: StaticString) {
        edit(range) { $0.writeStaticString(json) }
    }

    /// Replaces a whole value, a string with its quotes as a rule, by the string `text`.
    package mutating func replace(_ range: Range<Int>, withString text: UnsafeRawBufferPointer) {
        edit(range) { $0.writeJSONString(text) }
    }

    package mutating func replace(_ range: Range<Int>, withString text: String) {
        edit(range) { $0.writeJSONString(text) }
    }

    package mutating func replace(_ range: Range<Int>, withInteger value: Int64) {
        edit(range) { $0.writeJSONInteger(value) }
    }

    /// Adds a member after an object's last one; does nothing when `object` is none. That the key is not there yet is the caller's to know.
    package mutating func insert(into object: JSONValue, _ key: StaticString, raw json: StaticString) {
        insert(into: object, key) { $0.writeStaticString(json) }
    }

    /// As ``insert(into:_:raw:)``, the value given as bytes of valid JSON.
    package mutating func insert(into object: JSONValue, _ key: StaticString, raw json: UnsafeRawBufferPointer) {
        insert(into: object, key) { $0.writeBytes(json) }
    }

    /// As ``insert(into:_:raw:)``, for a number.
    package mutating func insert(into object: JSONValue, _ key: StaticString, integer value: Int64) {
        insert(into: object, key) { $0.writeJSONInteger(value) }
    }

    private mutating func insert(into object: JSONValue, _ key: StaticString, value: (inout ByteBuffer) -> Void) {
        guard object.isObject else { return }
        let end = object.range.upperBound - 1
        let isFirst = object.isEmpty && !edits.contains { $0.range == end..<end }
        edit(end..<end) { text in
            text.writeStaticString(isFirst ? "\"" : ",\"")
            text.writeStaticString(key)
            text.writeStaticString("\":")
            value(&text)
        }
    }

    private mutating func edit(_ range: Range<Int>, _ write: (inout ByteBuffer) -> Void) {
        let start = replacements.writerIndex
        write(&replacements)
        if let last = edits.last, last.range.lowerBound > range.lowerBound { isSorted = false }
        edits.append(Edit(range: range, replacement: start..<replacements.writerIndex))
    }

    /// Appends the changed document to `output`.
    ///
    /// - Precondition: the changes lie within the document and do not overlap.
    package mutating func write(_ document: ByteBuffer, into output: inout ByteBuffer) {
        if !isSorted {
            // Stable, so that insertions at one place keep their order.
            edits.sort { ($0.range.lowerBound, $0.replacement.lowerBound) < ($1.range.lowerBound, $1.replacement.lowerBound) }
            isSorted = true
        }
        output.reserveCapacity(minimumWritableBytes: document.readableBytes + replacements.readableBytes)
        document.withUnsafeReadableBytes { bytes in
            replacements.withUnsafeReadableBytes { replacements in
                var copied = 0
                for edit in edits {
                    precondition(
                        edit.range.lowerBound >= copied && edit.range.upperBound <= bytes.count,
                        "changes overlap or lie outside the document")
                    output.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[copied..<edit.range.lowerBound]))
                    output.writeBytes(UnsafeRawBufferPointer(rebasing: replacements[edit.replacement]))
                    copied = edit.range.upperBound
                }
                output.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[copied...]))
            }
        }
    }
}
