internal import CZlib

/// Undoes the compression of one body, piece by piece, in bounded memory.
///
/// Gzip bodies (RFC 1952) may have several members, one after the other, as `cat a.gz b.gz` makes them. `deflate` is zlib's format (RFC 9110, 8.4.1.2),
/// and the bare deflate stream that some clients send under that name. What expands like a bomb is given up early: behind the first
/// ``freeBytes`` of output, each byte of input may have brought ``maxRatio`` at most.
package final class Inflater {
    package enum Coding: Sendable, Equatable {
        case gzip, deflate
    }

    package enum Flaw: Error, Equatable {
        /// The bytes are not of this coding, or a checksum in them is wrong.
        case damaged
        /// They end before the compressed data does.
        case incomplete
        /// Something that is no further member follows the compressed data.
        case trailing
        /// They expand more than honest text does.
        case bomb
        /// There is no memory for it.
        case noMemory
    }

    /// What one needs while it lives, in bytes: zlib's window and tables.
    package static let workingBytes = 48 * 1024
    /// Output that may come at any ratio, in bytes.
    package static let freeBytes = 1 << 20
    /// Bytes of output for a byte of input. Deflate's own bound is 1,032, which only one byte over and over comes near; prompts are at 2 to 20.
    package static let maxRatio = 256

    private let coding: Coding
    /// zlib's state points back at it, so it must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private var isOpen = false
    /// Between two members, or behind the last.
    private var isAtEnd = false
    private var consumed = 0
    private var produced = 0

    package init(_ coding: Coding) {
        self.coding = coding
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
    }

    deinit {
        if isOpen { inflateEnd(stream) }
        stream.deinitialize(count: 1)
        stream.deallocate()
    }

    /// Takes some of `input` and writes what it expands to.
    ///
    /// - Returns: how many bytes of `input` are done with, and how many of `output` were written. Both are 0 only where `input` is empty and nothing is
    ///   held back.
    package func step(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(Flaw) -> (consumed: Int, produced: Int) {
        guard let room = output.baseAddress, !output.isEmpty else { return (0, 0) }
        if isAtEnd {
            guard let first = input.first else { return (0, 0) }
            guard coding == .gzip, first == 0x1F, inflateReset(stream) == Z_OK else { throw .trailing }
            isAtEnd = false
        }
        try open(first: input.first)
        guard isOpen else { return (0, 0) }
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(clamping: input.count)
        stream.pointee.next_out = room.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(clamping: output.count)
        let offered = (input: Int(stream.pointee.avail_in), output: Int(stream.pointee.avail_out))
        let status = inflate(stream, Z_NO_FLUSH)
        let step = (consumed: offered.input - Int(stream.pointee.avail_in), produced: offered.output - Int(stream.pointee.avail_out))
        // The buffers are the caller's again.
        stream.pointee.next_in = nil
        stream.pointee.avail_in = 0
        consumed += step.consumed
        produced += step.produced
        switch status {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isAtEnd = true
        case Z_MEM_ERROR: throw .noMemory
        default: throw .damaged
        }
        guard produced <= Self.freeBytes || produced / Self.maxRatio <= consumed else { throw .bomb }
        return step
    }

    /// The body is over.
    package func finish() throws(Flaw) {
        guard isAtEnd else { throw .incomplete }
    }

    /// - Parameter first: the body's first byte. zlib's format begins with one whose low half says 8; a bare stream's never does in practice, for
    ///   there it would mean a stored block with garbage behind its three bits.
    private func open(first: UInt8?) throws(Flaw) {
        guard !isOpen, let first else { return }
        let windowBits: Int32 =
            switch coding {
            case .gzip: MAX_WBITS + 16
            case .deflate: first & 0x0F == 8 ? MAX_WBITS : -MAX_WBITS
            }
        guard inflateInit2_(stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { throw .noMemory }
        isOpen = true
    }
}
