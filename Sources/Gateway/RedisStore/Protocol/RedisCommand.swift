package import NIOCore

/// A Lua script that Redis runs, known to it by the digest of its text.
package struct RedisScript: Sendable, Equatable {
    package let text: String
    /// Lower-case hexadecimal SHA-1 of the text. Were it wrong, every call would take two round trips; a test compares it with the server's.
    package let sha1: String

    package init(_ text: String, sha1: String) {
        self.text = text
        self.sha1 = sha1
    }
}

/// A command in the form in which it is sent, which may be sent again: to another node, or with the script's text instead of its digest.
///
/// It is made with all of its arguments at once or one after another, in memory that `clear` keeps.
package struct RedisCommand: Sendable, Equatable {
    /// Room that most commands do with: memory that grows by doubling is allocated many times.
    private static let usualBytes = 1_024

    /// Bytes of everything but the command's head, encoded.
    private(set) var arguments: ByteBuffer
    private(set) var argumentCount: Int
    private(set) var script: RedisScript?
    /// Where the first key lives; `nil`: any node will do.
    package private(set) var slot: UInt16?

    /// - Parameter words: the command's name and its arguments, without keys.
    package init(_ words: String...) {
        self.init(words)
    }

    package init(_ words: [String]) {
        arguments = ByteBufferAllocator().buffer(capacity: Self.usualBytes)
        argumentCount = 0
        words.forEach { append($0) }
    }

    /// - Parameters:
    ///   - name: of a command whose first argument is a key.
    ///   - words: the arguments after the key.
    package init(_ name: String, key: RedisKey, _ words: String...) {
        self.init([name])
        append(key)
        words.forEach { append($0) }
    }

    /// A call of a script. The keys follow, then the other arguments.
    package init(_ script: RedisScript, keyCount: Int) {
        arguments = ByteBuffer()
        argumentCount = 0
        restart(script, keyCount: keyCount)
    }

    /// Makes this a call of a script, in the same memory.
    package mutating func restart(_ script: RedisScript, keyCount: Int) {
        arguments.clear(minimumCapacity: Self.usualBytes)
        argumentCount = 0
        self.script = script
        slot = nil
        append(Int64(keyCount))
    }

    package mutating func append(_ key: RedisKey) {
        if slot == nil {
            slot = key.slot
        }
        append(key.name)
    }

    package mutating func append(_ text: String) {
        argumentCount += 1
        arguments.writeRedisBulk(text)
    }

    package mutating func append(_ bytes: ByteBuffer) {
        argumentCount += 1
        bytes.withUnsafeReadableBytes { arguments.writeRedisBulk($0) }
    }

    package mutating func append(_ bytes: [UInt8]) {
        argumentCount += 1
        bytes.withUnsafeBytes { arguments.writeRedisBulk($0) }
    }

    package mutating func append(_ number: Int64) {
        argumentCount += 1
        let width = number.decimalWidth
        arguments.writeRedisBulk(count: width) { number.writeDecimal(into: $0, width: width) }
    }

    /// At least as many bytes as the command takes on the wire.
    var encodedBytes: Int {
        arguments.readableBytes + 64 + (script == nil ? 0 : 64)
    }

    /// - Parameter sendsScriptText: with `EVAL` instead of `EVALSHA`.
    func encode(into buffer: inout ByteBuffer, sendsScriptText: Bool) {
        guard let script else {
            buffer.writeRedisLength(UInt8(ascii: "*"), argumentCount)
            buffer.writeImmutableBuffer(arguments)
            return
        }
        buffer.writeRedisLength(UInt8(ascii: "*"), argumentCount + 2)
        buffer.writeRedisBulk(sendsScriptText ? "EVAL" : "EVALSHA")
        buffer.writeRedisBulk(sendsScriptText ? script.text : script.sha1)
        buffer.writeImmutableBuffer(arguments)
    }
}

extension ByteBuffer {
    /// `*3` with its line end.
    mutating func writeRedisLength(_ kind: UInt8, _ count: Int) {
        let width = Int64(count).decimalWidth
        writeWithUnsafeMutableBytes(minimumWritableBytes: width + 3) {
            Self.putLength(kind, count, width: width, into: $0)
        }
    }

    mutating func writeRedisBulk(_ text: String) {
        var text = text
        text.withUTF8 { writeRedisBulk(UnsafeRawBufferPointer($0)) }
    }

    mutating func writeRedisBulk(_ bytes: UnsafeRawBufferPointer) {
        writeRedisBulk(count: bytes.count) { $0.copyMemory(from: bytes) }
    }

    /// `$3`, its line end, the `count` bytes that `write` puts there, and theirs: in one piece, for a request's commands have many arguments.
    mutating func writeRedisBulk(count: Int, _ write: (UnsafeMutableRawBufferPointer) -> Void) {
        let width = Int64(count).decimalWidth
        writeWithUnsafeMutableBytes(minimumWritableBytes: width + count + 5) { memory in
            let start = Self.putLength(UInt8(ascii: "$"), count, width: width, into: memory)
            write(UnsafeMutableRawBufferPointer(rebasing: memory[start..<(start + count)]))
            Self.putLineEnd(memory, at: start + count)
            return start + count + 2
        }
    }

    private static func putLength(_ kind: UInt8, _ count: Int, width: Int, into memory: UnsafeMutableRawBufferPointer) -> Int {
        memory[0] = kind
        Int64(count).writeDecimal(into: UnsafeMutableRawBufferPointer(rebasing: memory[1...]), width: width)
        putLineEnd(memory, at: width + 1)
        return width + 3
    }

    private static func putLineEnd(_ memory: UnsafeMutableRawBufferPointer, at position: Int) {
        memory[position] = UInt8(ascii: "\r")
        memory[position + 1] = UInt8(ascii: "\n")
    }
}

extension Int64 {
    /// How many characters the number has in decimal.
    var decimalWidth: Int {
        var width = self < 0 ? 2 : 1
        var rest = magnitude / 10
        while rest > 0 {
            width += 1
            rest /= 10
        }
        return width
    }

    /// Writes the number in decimal, without a string in between.
    ///
    /// - Parameter width: ``decimalWidth``.
    func writeDecimal(into memory: UnsafeMutableRawBufferPointer, width: Int) {
        var rest = magnitude
        var position = width
        repeat {
            position -= 1
            memory[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        if self < 0 { memory[0] = UInt8(ascii: "-") }
    }
}
