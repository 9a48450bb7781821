package import NIOCore

/// Base64 (RFC 4648, section 4), for media inside of JSON.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// With padding.
    package static func encoded(_ data: ByteBuffer) -> ByteBuffer {
        var output = ByteBuffer()
        write(data, into: &output)
        return output
    }

    package static func dataURL(_ data: ByteBuffer, mediaType: String) -> ByteBuffer {
        var output = ByteBuffer(string: "data:\(mediaType);base64,")
        write(data, into: &output)
        return output
    }

    /// - Returns: nil for anything that is no base64 with padding.
    package static func decoded(_ text: ByteBuffer) -> ByteBuffer? {
        text.withUnsafeReadableBytes { decode($0[...], isWhole: true) }.map { ByteBuffer(bytes: $0) }
    }

    private static func write(_ data: ByteBuffer, into output: inout ByteBuffer) {
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: (data.readableBytes + 2) / 3 * 4) { room in
            var written = 0
            var group: UInt32 = 0
            var held = 0
            func flush() {
                for position in 0..<4 {
                    let isPadding = position > held
                    let digit = Int(group >> UInt32(18 - 6 * position)) & 63
                    room[written] = isPadding ? UInt8(ascii: "=") : alphabet[digit]
                    written += 1
                }
                (group, held) = (0, 0)
            }
            for byte in data.readableBytesView {
                group |= UInt32(byte) << UInt32(16 - 8 * held)
                held += 1
                if held == 3 { flush() }
            }
            if held > 0 { flush() }
            return written
        }
    }

    /// - Parameter isWhole: the text ends here, so padding may stand.
    /// - Returns: nil for anything that is no base64.
    static func decode(_ text: Slice<UnsafeRawBufferPointer>, isWhole: Bool) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count / 4 * 3)
        var (bits, held): (UInt32, UInt32) = (0, 0)
        var end = text.endIndex
        while isWhole, end > text.startIndex, text[end - 1] == UInt8(ascii: "="), text.endIndex - end < 2 { end -= 1 }
        for byte in text[..<end] {
            guard let value = value(of: byte) else { return nil }
            bits = bits << 6 | value
            held += 6
            if held >= 8 {
                held -= 8
                decoded.append(UInt8(truncatingIfNeeded: bits >> held))
            }
        }
        return decoded
    }

    private static func value(of byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) + 4
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
