import CLZ4
package import NIOCore

/// Reads payloads that ``LZ4Compressor`` or a peer's LZ4 wrote.
package enum LZ4Decompression {
    /// The uncompressed length that a compressed payload declares; moves `payload` to its block.
    ///
    /// - Parameter limit: the longest payload that is accepted; checked before anything is allocated.
    static func readDeclaredLength(_ payload: inout ByteBuffer, limit: Int) throws(ConnectionBreach) -> Int {
        // Four bytes of seven bits hold every length that a frame can have.
        var length = 0
        for shift in stride(from: 0, to: 28, by: 7) {
            guard let byte = payload.readInteger(as: UInt8.self) else { throw .badLength }
            length |= Int(byte & 0x7F) << shift
            guard byte & 0x80 == 0 else { continue }
            if byte == 0 { throw .badLength }
            guard length <= limit else {
                throw ConnectionBreach(.frameTooLarge, "the declared uncompressed length is above max_frame_bytes")
            }
            return length
        }
        throw ConnectionBreach(.frameTooLarge, "the declared uncompressed length is above max_frame_bytes")
    }

    /// The uncompressed payload in a buffer of its own, exactly as long as declared.
    ///
    /// - Parameters:
    ///   - payload: as ``LZ4Compressor`` writes it: the length, then a block.
    ///   - limit: the longest payload that is accepted.
    package static func decompress(_ payload: ByteBuffer, limit: Int) throws(ConnectionBreach) -> ByteBuffer {
        var block = payload
        let length = try readDeclaredLength(&block, limit: limit)
        var output = ByteBufferAllocator().buffer(capacity: length)
        let written = block.withUnsafeReadableBytes { source in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return 0 }
                let count = LZ4_decompress_safe(
                    from.assumingMemoryBound(to: CChar.self), to.assumingMemoryBound(to: CChar.self), Int32(clamping: source.count),
                    Int32(clamping: length))
                return max(0, Int(count))
            }
        }
        guard written == length else {
            throw ConnectionBreach(.badCompression, "the block does not decompress to its declared length")
        }
        return output
    }
}

extension ConnectionBreach {
    fileprivate static var badLength: ConnectionBreach {
        ConnectionBreach(.badCompression, "the declared uncompressed length is not a varint in its shortest form")
    }
}
