import CZlib

/// Compresses what tests send.
enum GzipText {
    enum Format: Int32 {
        case gzip = 31
        case zlib = 15
        case bareDeflate = -15
    }

    static func compressed(_ bytes: [UInt8], _ format: Format = .gzip) -> [UInt8] {
        var stream = z_stream()
        var input = bytes
        var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 100 + 1_000)
        let count = input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                deflateInit2_(
                    &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, format.rawValue, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                    Int32(MemoryLayout<z_stream>.size))
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                deflate(&stream, Z_FINISH)
                deflateEnd(&stream)
                return target.count - Int(stream.avail_out)
            }
        }
        return Array(output[..<count])
    }
}
