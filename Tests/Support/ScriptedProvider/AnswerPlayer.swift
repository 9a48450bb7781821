import NIOCore

/// Carries out the steps of one answer on its connection.
final class AnswerPlayer {
    /// Bytes handed to the socket and the completion's tokens they are worth.
    var onSent: (_ bytes: Int, _ tokens: Int, _ isFirst: Bool) -> Void = { _, _, _ in }
    /// The steps are done; `closed` if the last one closed the connection. Not called after `stop`.
    var onFinished: (_ closed: Bool) -> Void = { _ in }

    private let plan: AnswerPlan
    private let context: ChannelHandlerContext
    private var nextStep = 0
    private var fillerLeft = 0
    private var dripping = ByteBuffer()
    private var drippingTokens = 0
    private var hasSent = false
    private var timer: Scheduled<Void>?
    private var isStopped = false
    private var isRunning = false

    private static let fillerPiece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 * 1024)

    init(plan: AnswerPlan, context: ChannelHandlerContext) {
        self.plan = plan
        self.context = context
    }

    func start() {
        run()
    }

    /// The connection is gone.
    func stop() {
        isStopped = true
        timer?.cancel()
        timer = nil
    }

    func writable() {
        run()
    }

    private func run() {
        // A flush may make the channel writable again while the loop runs.
        guard !isRunning else { return }
        isRunning = true
        defer { isRunning = false }
        // What the client does not read is not written: that the answer is not completed shows that it does not read.
        while !isStopped, timer == nil, context.channel.isWritable {
            if dripping.readableBytes > 0 {
                drip()
                return
            }
            if fillerLeft > 0 {
                guard sendFiller() else { return }
                continue
            }
            guard nextStep < plan.steps.count else {
                isStopped = true
                onFinished(false)
                return
            }
            let step = plan.steps[nextStep]
            nextStep += 1
            perform(step)
        }
    }

    private func perform(_ step: AnswerStep) {
        switch step {
        case .wait(let milliseconds):
            wait(milliseconds)
        case .send(let bytes, let tokens) where plan.drips:
            dripping = bytes
            drippingTokens = tokens
        case .send(let bytes, let tokens):
            send(bytes, tokens: tokens)
        case .sendFiller(let bytes):
            fillerLeft = bytes
        case .close:
            isStopped = true
            onFinished(true)
            context.close(promise: nil)
        case .hang:
            // `onFinished` is never called: the client has to leave.
            isStopped = true
        }
    }

    private func wait(_ milliseconds: Int) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(milliseconds))) {
            self.timer = nil
            self.run()
        }
    }

    private func drip() {
        guard let byte = dripping.readSlice(length: 1) else { return }
        send(byte, tokens: dripping.readableBytes == 0 ? drippingTokens : 0)
        wait(1)
    }

    /// Returns `false` when the connection takes no more for now.
    private func sendFiller() -> Bool {
        while fillerLeft > 0, !isStopped {
            guard context.channel.isWritable else { return false }
            let piece = Self.fillerPiece.getSlice(at: 0, length: min(fillerLeft, Self.fillerPiece.readableBytes)) ?? ByteBuffer()
            fillerLeft -= piece.readableBytes
            send(piece, tokens: 0)
        }
        return true
    }

    private func send(_ bytes: ByteBuffer, tokens: Int) {
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        onSent(bytes.readableBytes, tokens, !hasSent)
        hasSent = true
    }
}
