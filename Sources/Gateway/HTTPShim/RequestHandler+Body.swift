import NIOCore

extension RequestHandler.Request {
    /// The first part is kept as it came, in the read buffer; a longer body is gathered in a buffer that grows to its declared length, by 1 MiB at
    /// most beyond what is there, so that a declaration alone takes no memory.
    mutating func keep(_ bytes: ByteBuffer) {
        let isFirst = reserved == 0
        reserved += bytes.readableBytes
        if isFirst {
            body = bytes
            return
        }
        if body.writableBytes < bytes.readableBytes {
            let rest = max(0, (plan?.declaredLength ?? 0) - body.readableBytes)
            body.reserveCapacity(minimumWritableBytes: max(bytes.readableBytes, body.readableBytes, min(rest, 1 << 20)))
        }
        body.writeImmutableBuffer(bytes)
    }
}
