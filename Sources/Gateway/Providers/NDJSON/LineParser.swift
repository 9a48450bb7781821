package import NIOCore

/// Parses JSON texts that stand in a line each (`application/x-ndjson`) from pieces of any size: `append` what came, then take lines until there are none.
/// Lines end with LF or CRLF, the last one with the body too; those with nothing on them are none.
package struct LineParser: Sendable {
    private static let maxReadBytes = 64 << 10

    private let maxLineBytes: Int
    private var buffer = ByteBuffer()
    /// Bytes at the buffer's start that are known to hold no line's end.
    private var scannedBytes = 0
    private var isAtEnd = false
    private var isBroken = false

    /// - Parameter maxLineBytes: limit for a line; its end is not counted.
    package init(maxLineBytes: Int = 1024 * 1024) {
        self.maxLineBytes = maxLineBytes
    }

    package mutating func append(_ bytes: ByteBuffer) {
        guard !isBroken else { return }
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            // What was read would stay in front as long as no piece ends with a line.
            if buffer.readerIndex >= Self.maxReadBytes { buffer.discardReadBytes() }
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The body is over: what there is of a line is one.
    package mutating func finish() {
        isAtEnd = true
    }

    /// The next line, or `nil` when more bytes are needed. Once it has thrown it throws the same again.
    package mutating func nextLine() throws(LineFault) -> ByteBuffer? {
        guard !isBroken else { throw .lineTooLong }
        while true {
            let end = buffer.withUnsafeReadableBytes { bytes in
                bytes[scannedBytes...].firstIndex(of: UInt8(ascii: "\n"))
            }
            let length = end ?? buffer.readableBytes
            guard length <= maxLineBytes else {
                isBroken = true
                buffer = ByteBuffer()
                throw .lineTooLong
            }
            guard end != nil || (isAtEnd && length > 0) else {
                scannedBytes = length
                // Lets the receive buffer go.
                if length == 0 { buffer = ByteBuffer() }
                return nil
            }
            scannedBytes = 0
            guard var line = buffer.readSlice(length: length) else { return nil }
            if end != nil { buffer.moveReaderIndex(forwardBy: 1) }
            if line.readableBytesView.last == UInt8(ascii: "\r") { line = line.getSlice(at: line.readerIndex, length: length - 1) ?? line }
            if line.readableBytesView.contains(where: { $0 != 0x20 && $0 != 0x09 }) { return line }
        }
    }
}

/// Why lines cannot be read any further.
package enum LineFault: Error, Equatable, Sendable {
    case lineTooLong
}
