import NIOCore

/// Cuts a byte stream into frames. Holds at most what it was given and has not handed out.
struct FrameParser {
    private let receiver: ConnectionSide
    private let maxFrameBytes: Int
    private var bytes = ByteBuffer()
    /// The header whose payload is not complete yet.
    private var pending: FrameHeader?

    /// - Parameter maxFrameBytes: the longest payload that this side accepts.
    init(receiver: ConnectionSide, maxFrameBytes: Int) {
        self.receiver = receiver
        self.maxFrameBytes = maxFrameBytes
    }

    /// Bytes that were received and not yet handed out as frames.
    var bufferedBytes: Int { bytes.readableBytes }

    /// Takes all readable bytes.
    mutating func append(_ received: inout ByteBuffer) {
        if bytes.readableBytes == 0 {
            swap(&bytes, &received)
            received = ByteBuffer()
        } else {
            bytes.discardReadBytes()
            bytes.writeBuffer(&received)
        }
    }

    /// The next complete frame, its payload a slice of what was received.
    mutating func next() throws(ConnectionBreach) -> Frame? {
        if pending == nil, let header = bytes.readFrameHeader() {
            try header.validate(receiver: receiver, maxFrameBytes: maxFrameBytes)
            pending = header
        }
        guard let header = pending, let payload = bytes.readSlice(length: header.length) else { return nil }
        pending = nil
        if bytes.readableBytes == 0 { bytes = ByteBuffer() }
        return Frame(header: header, payload: payload)
    }

    mutating func removeAll() {
        bytes = ByteBuffer()
        pending = nil
    }
}
