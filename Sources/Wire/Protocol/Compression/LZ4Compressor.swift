import CLZ4
package import NIOCore

/// Compresses payloads into LZ4 blocks. Its working memory (16 KiB) is reused from payload to payload; nothing of one payload
/// is left for the next. One per event loop, shared by the loop's connections; not thread-safe.
package final class LZ4Compressor {
    private let state: UnsafeMutableRawPointer
    /// Holds a payload between its encoding and its compression.
    private var scratch = ByteBuffer()

    package init() {
        state = .allocate(byteCount: Int(LZ4_sizeofState()), alignment: 8)
    }

    deinit {
        state.deallocate()
    }

    /// Appends `uncompressed length (varint) | block` to `output`, but only if that is shorter than `payload` itself.
    ///
    /// - Returns: how many bytes were appended; `nil` if it would not shrink, and nothing was appended.
    package func compress(_ payload: UnsafeRawBufferPointer, into output: inout ByteBuffer) -> Int? {
        let prefix = Varint(UInt64(payload.count))
        // One byte less than the payload: LZ4 gives up as soon as the block does not fit.
        let capacity = payload.count - prefix.byteCount - 1
        guard capacity > 0, let source = payload.baseAddress else { return nil }
        let start = output.writerIndex
        output.writeVarint(prefix)
        let written = output.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { target in
            guard let destination = target.baseAddress else { return 0 }
            return Int(
                LZ4_compress_fast_extState(
                    state, source.assumingMemoryBound(to: CChar.self), destination.assumingMemoryBound(to: CChar.self),
                    Int32(clamping: payload.count), Int32(clamping: capacity), 1))
        }
        guard written > 0 else {
            output.moveWriterIndex(to: start)
            return nil
        }
        return prefix.byteCount + written
    }

    /// Encodes with `encode` and appends the result to `output`, compressed if that is shorter.
    ///
    /// - Returns: whether it is compressed, and how long the payload is on the wire.
    func append(to output: inout ByteBuffer, encode: (inout ByteBuffer) -> Void) -> (isCompressed: Bool, length: Int) {
        scratch.clear()
        encode(&scratch)
        if let length = scratch.withUnsafeReadableBytes({ compress($0, into: &output) }) {
            return (true, length)
        }
        output.writeImmutableBuffer(scratch)
        return (false, scratch.readableBytes)
    }
}

/// A varint in its shortest form, as Protocol Buffers have it.
struct Varint {
    let value: UInt64

    init(_ value: UInt64) {
        self.value = value
    }

    /// 1 to 10.
    var byteCount: Int {
        max(1, (64 - value.leadingZeroBitCount + 6) / 7)
    }
}

extension ByteBuffer {
    mutating func writeVarint(_ varint: Varint) {
        var rest = varint.value
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(truncatingIfNeeded: rest))
    }
}
