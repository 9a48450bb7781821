import NIOCore

/// Counts the bytes of a message that is still arriving against the in-flight budget: a frame is only seen when it is whole.
final class ArrivingBytes: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let backend: any ShimBackend
    /// Bytes that came and are not let go of.
    private(set) var held = 0
    /// Of these, what belongs to the frames of a message that goes on.
    private var heldByMessage = 0
    private(set) var isOverBudget = false

    init(backend: any ShimBackend) {
        self.backend = backend
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let count = unwrapInboundIn(data).readableBytes
        // What finds no room is not kept either.
        guard !isOverBudget, backend.reserveBytes(count) else {
            isOverBudget = true
            return
        }
        held += count
        context.fireChannelRead(data)
    }

    /// A frame of so many bytes of payload is whole; a client's have a mask.
    ///
    /// - Parameter isInsideMessage: whether its message goes on.
    func frameReceived(_ length: Int, isInsideMessage: Bool) {
        heldByMessage += length + (length < 126 ? 6 : length < 65_536 ? 8 : 14)
        guard !isInsideMessage else { return }
        release(min(held, heldByMessage))
        heldByMessage = 0
    }

    func releaseAll() {
        release(held)
        heldByMessage = 0
    }

    private func release(_ count: Int) {
        guard count > 0 else { return }
        held -= count
        backend.releaseBytes(count)
    }
}
