import NIOCore

/// A REQUEST or RESULT of which not all fragments have come.
struct MessageAssembly {
    /// Bytes of the message as its first fragment declared them.
    let total: Int
    /// When the rest must have come.
    let deadline: NIODeadline
    private var bytes = ByteBuffer()

    /// Time for a whole message, beside a second for every 64 KiB of it.
    static let baseTimeout = TimeAmount.seconds(30)

    init(total: Int, now: NIODeadline) {
        self.total = total
        deadline = now + Self.baseTimeout + .seconds(Int64(total / 65_536))
    }

    /// Reads the length that a message's first fragment starts with.
    static func readTotal(_ payload: inout ByteBuffer) throws(ConnectionBreach) -> Int {
        guard let total = payload.readInteger(as: UInt32.self) else {
            throw .protocolError("a first fragment without the message's length")
        }
        return Int(total)
    }

    /// Adds a fragment, without the length of a first one.
    ///
    /// - Returns: the message, when this was its last fragment. A message of one frame is not copied.
    mutating func add(_ fragment: ByteBuffer, isLast: Bool) throws(ConnectionBreach) -> ByteBuffer? {
        let received = bytes.readableBytes + fragment.readableBytes
        guard received <= total else { throw .protocolError("fragments are longer than their message") }
        guard !isLast || received == total else { throw .protocolError("fragments are shorter than their message") }
        if isLast, bytes.readableBytes == 0 { return fragment }
        bytes.writeImmutableBuffer(fragment)
        return isLast ? bytes : nil
    }
}
