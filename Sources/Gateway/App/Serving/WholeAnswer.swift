import NIOCore
import NIOHTTP1
import Providers

/// One answer of a server that is asked beside the data path, bounded in size and time. Confined to the pool's event loop, which keeps it until the call
/// is over.
final class WholeAnswer: UpstreamReceiver {
    enum Failure: Error, CustomStringConvertible {
        case status(Int)
        case tooLarge(maxBytes: Int)
        case tooSlow

        var description: String {
            switch self {
            case .status(let status): "the answer's status is \(status), and redirections are not followed"
            case .tooLarge(let maxBytes): "the answer is larger than \(maxBytes / 1024) KiB"
            case .tooSlow: "the answer did not come in time"
            }
        }
    }

    private let promise: EventLoopPromise<ByteBuffer>
    private let statuses: Range<Int>
    private let maxBytes: Int
    private var body = ByteBuffer()
    private var call: UpstreamCall?
    private var timer: Scheduled<Void>?
    private var isOver = false

    private init(_ promise: EventLoopPromise<ByteBuffer>, statuses: Range<Int>, maxBytes: Int) {
        self.promise = promise
        self.statuses = statuses
        self.maxBytes = maxBytes
    }

    /// - Parameters:
    ///   - statuses: of an answer whose body is wanted.
    ///   - maxBytes: of the body.
    ///   - timeout: for all of it.
    /// - Returns: the body; fails with ``Failure`` or what the upstream failed with.
    static func ask(
        _ request: UpstreamRequest, on pool: UpstreamPool, statuses: Range<Int>, maxBytes: Int, timeout: TimeAmount
    ) -> EventLoopFuture<ByteBuffer> {
        let promise = pool.eventLoop.makePromise(of: ByteBuffer.self)
        let answer = WholeAnswer(promise, statuses: statuses, maxBytes: maxBytes)
        answer.call = pool.send(request, receiver: answer)
        answer.timer = pool.eventLoop.assumeIsolated().scheduleTask(in: timeout) { answer.finish(.failure(Failure.tooSlow)) }
        return promise.futureResult
    }

    func upstreamHeadReceived(status: Int, headers: HTTPHeaders) {
        if !statuses.contains(status) { finish(.failure(Failure.status(status))) }
    }

    func upstreamBodyReceived(_ bytes: ByteBuffer) {
        guard body.readableBytes + bytes.readableBytes <= maxBytes else { return finish(.failure(Failure.tooLarge(maxBytes: maxBytes))) }
        body.writeImmutableBuffer(bytes)
    }

    func upstreamEnded() { finish(.success(body)) }

    func upstreamFailed(_ failure: UpstreamFailure) { finish(.failure(failure)) }

    private func finish(_ result: Result<ByteBuffer, any Error>) {
        guard !isOver else { return }
        isOver = true
        timer?.cancel()
        timer = nil
        if case .failure = result { call?.cancel() }
        call = nil
        promise.completeWith(result)
    }
}
