import NIOCore

/// Base64 with padding (RFC 4648 section 4), for media inside of JSON.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encoded(_ data: ByteBuffer) -> ByteBuffer {
        var output = ByteBuffer()
        write(data, into: &output)
        return output
    }

    static func dataURL(_ data: ByteBuffer, mediaType: String) -> ByteBuffer {
        var output = ByteBuffer(string: "data:\(mediaType);base64,")
        write(data, into: &output)
        return output
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
}
