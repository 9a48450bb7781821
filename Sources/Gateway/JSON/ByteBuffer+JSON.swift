package import NIOCore

extension ByteBuffer {
    /// Writes `text` as the inside of a JSON string: everything but the quotes. Quotes, backslashes and control characters are escaped, bytes that
    /// are not UTF-8 become U+FFFD, so that what is written is valid whatever comes in.
    package mutating func writeJSONEscaped(_ text: UnsafeRawBufferPointer) {
        guard let bytes = text.baseAddress else { return }
        let end = text.count
        var written = 0
        var position = 0
        while true {
            position = JSONText.plainRunEnd(bytes, from: position, to: end)
            if position < end, bytes.load(fromByteOffset: position, as: UInt8.self) >= 0x80 {
                let length = JSONText.multibyteLength(bytes, at: position, to: end)
                if length > 0 {
                    position += length
                    continue
                }
            }
            if position > written { writeBytes(UnsafeRawBufferPointer(rebasing: text[written..<position])) }
            guard position < end else { return }
            writeJSONEscape(of: text[position])
            position += 1
            written = position
        }
    }

    private mutating func writeJSONEscape(of byte: UInt8) {
        switch byte {
        case JSONText.quote: writeStaticString("\\\"")
        case JSONText.backslash: writeStaticString("\\\\")
        case 0x08: writeStaticString("\\b")
        case 0x09: writeStaticString("\\t")
        case 0x0A: writeStaticString("\\n")
        case 0x0C: writeStaticString("\\f")
        case 0x0D: writeStaticString("\\r")
        case 0x80...: writeStaticString("\u{FFFD}")
        default:
            writeStaticString("\\u00")
            writeInteger(UInt8(ascii: "0") + byte >> 4)
            writeInteger(byte & 15 < 10 ? UInt8(ascii: "0") + byte & 15 : UInt8(ascii: "a") + byte & 15 - 10)
        }
    }

    /// Writes a JSON string, quotes included; see ``writeJSONEscaped(_:)``.
    package mutating func writeJSONString(_ text: UnsafeRawBufferPointer) {
        writeInteger(JSONText.quote)
        writeJSONEscaped(text)
        writeInteger(JSONText.quote)
    }

    package mutating func writeJSONString(_ text: String) {
        var text = text
        text.withUTF8 { writeJSONString(UnsafeRawBufferPointer($0)) }
    }

    /// Writes an integer in decimal.
    package mutating func writeJSONInteger(_ value: Int64) {
        // 20 bytes hold every Int64, filled from the right.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var magnitude = value.magnitude
            var first = digits.count
            repeat {
                first -= 1
                digits.initializeElement(at: first, to: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10))
                magnitude /= 10
            } while magnitude > 0
            if value < 0 {
                first -= 1
                digits.initializeElement(at: first, to: UInt8(ascii: "-"))
            }
            writeBytes(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: UnsafeBufferPointer(digits)[first...])))
        }
    }

    /// Writes the shortest decimal that reads back as `value`; `null` for infinities and NaN, which JSON does not have.
    package mutating func writeJSONDouble(_ value: Double) {
        guard value.isFinite else {
            writeStaticString("null")
            return
        }
        writeString(value.description)
    }
}
