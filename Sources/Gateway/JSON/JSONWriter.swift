package import NIOCore

/// Writes one JSON document front to back into a buffer. Commas are its own business; that every `begin` has its `end` and every member its key is
/// the caller's.
///
/// ```swift
/// var json = JSONWriter()
/// json.object { json in
///     json.member("model", model)
///     json.key("messages")
///     json.array { json in … }
/// }
/// channel.write(json.buffer)
/// ```
package struct JSONWriter {
    /// What has been written so far. May be taken over, or handed in with room that is already allocated.
    package private(set) var buffer: ByteBuffer
    private var needsComma = false

    package init(into buffer: ByteBuffer = ByteBuffer()) { self.buffer = buffer }

    /// Forgets what was written and keeps the memory, if nobody else holds the buffer.
    package mutating func clear() {
        buffer.clear()
        needsComma = false
    }

    private mutating func separate() {
        if needsComma { buffer.writeInteger(UInt8(ascii: ",")) }
        needsComma = true
    }

    // MARK: Containers

    package mutating func beginObject() { begin(UInt8(ascii: "{")) }
    package mutating func endObject() { end(UInt8(ascii: "}")) }
    package mutating func beginArray() { begin(UInt8(ascii: "[")) }
    package mutating func endArray() { end(UInt8(ascii: "]")) }

    private mutating func begin(_ bracket: UInt8) {
        separate()
        buffer.writeInteger(bracket)
        needsComma = false
    }

    private mutating func end(_ bracket: UInt8) {
        buffer.writeInteger(bracket)
        needsComma = true
    }

    /// Writes an object whose members `content` writes.
    package mutating func object<Failure: Error>(_ content: (inout JSONWriter) throws(Failure) -> Void) throws(Failure) {
        beginObject()
        try content(&self)
        endObject()
    }

    /// Writes an array whose elements `content` writes.
    package mutating func array<Failure: Error>(_ content: (inout JSONWriter) throws(Failure) -> Void) throws(Failure) {
        beginArray()
        try content(&self)
        endArray()
    }

    /// Writes a member's key; its value must follow. The key must need no escaping.
    package mutating func key(_ key: StaticString) {
        separate()
        buffer.writeInteger(JSONText.quote)
        buffer.writeStaticString(key)
        buffer.writeStaticString("\":")
        needsComma = false
    }

    /// Writes a member's key, escaped where it must be; its value must follow.
    package mutating func key(named key: String) {
        separate()
        buffer.writeJSONString(key)
        buffer.writeInteger(UInt8(ascii: ":"))
        needsComma = false
    }

    // MARK: Values

    package mutating func string(_ value: String) {
        separate()
        buffer.writeJSONString(value)
    }

    /// UTF-8; what is not becomes U+FFFD.
    package mutating func string(_ value: UnsafeRawBufferPointer) {
        separate()
        buffer.writeJSONString(value)
    }

    /// The readable bytes as text: UTF-8; what is not becomes U+FFFD.
    package mutating func string(_ value: ByteBuffer) {
        separate()
        value.withUnsafeReadableBytes { buffer.writeJSONString($0) }
    }

    package mutating func int(_ value: Int64) {
        separate()
        buffer.writeJSONInteger(value)
    }

    /// In the shortest form that reads back the same; `null` where JSON has no such number.
    package mutating func double(_ value: Double) {
        separate()
        buffer.writeJSONDouble(value)
    }

    package mutating func bool(_ value: Bool) {
        separate()
        buffer.writeStaticString(value ? "true" : "false")
    }

    package mutating func null() {
        separate()
        buffer.writeStaticString("null")
    }

    /// A value that is JSON already, taken as it is: one whole valid value, which the caller answers for.
    package mutating func raw(_ value: UnsafeRawBufferPointer) {
        separate()
        buffer.writeBytes(value)
    }

    /// As ``raw(_:)-(UnsafeRawBufferPointer)``, of the readable bytes.
    package mutating func raw(_ value: ByteBuffer) {
        separate()
        buffer.writeImmutableBuffer(value)
    }

    // MARK: Members

    package mutating func member(_ key: StaticString, _ value: String) {
        self.key(key)
        string(value)
    }

    package mutating func member(_ key: StaticString, _ value: Int64) {
        self.key(key)
        int(value)
    }

    package mutating func member(_ key: StaticString, _ value: Double) {
        self.key(key)
        double(value)
    }

    package mutating func member(_ key: StaticString, _ value: Bool) {
        self.key(key)
        bool(value)
    }

    /// A member whose value is `null`.
    package mutating func memberNull(_ key: StaticString) {
        self.key(key)
        null()
    }

    /// A member whose value is a string, or `null`.
    package mutating func member(_ key: StaticString, orNull value: String?) {
        self.key(key)
        if let value { string(value) } else { null() }
    }
}
