import GatewayCore
import GatewayPipeline
import NIOCore
import Wire
import WireTransport

/// One stream of a connection that tells an answer which can be resumed: from its beginning, or behind what its client has. Confined to the
/// connection's event loop.
final class ResumableReader: StreamWork {
    private let stream: StreamID
    private let handler: WireServerHandler
    private let answer: ResumableAnswer
    /// The last delta that the client has.
    private let last: UInt64
    private let ended: (ResumableReader) -> Void
    private var number: Int?
    private var hasBegun = false
    private(set) var isOver = false

    /// Bytes that are read before others have their turn with the lock.
    private static let portion = 64 << 10

    init(
        _ answer: ResumableAnswer, behind last: UInt64, on stream: StreamID, _ handler: WireServerHandler,
        ended: @escaping (ResumableReader) -> Void
    ) {
        self.answer = answer
        self.last = last
        self.stream = stream
        self.handler = handler
        self.ended = ended
    }

    /// - Returns: `false`: what follows is not here any more.
    func attach(on eventLoop: any EventLoop) -> Bool {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        number = answer.attach(behind: last, on: eventLoop) { bound.value.heard($0) }
        return number != nil
    }

    private func heard(_ news: ResumableAnswer.ReaderNews) {
        switch news {
        case .more: tell()
        case .displaced:
            guard !isOver else { return }
            handler.perform { $0.sendError(.resumedElsewhere, on: stream) }
            finish()
        }
    }

    /// Sends what is there, as far as the client gives credit.
    func tell() {
        while !isOver, let number, handler.perform({ !hasBegun || $0.isWritable(stream) }) || answer.isOvertaken,
            let rest = answer.read(number, maxBytes: Self.portion)
        {
            let isEnd = rest.ending != nil
            handler.perform { connection in
                begin(rest.head, &connection)
                if case .failed(let error, true) = rest.ending {
                    return connection.sendError(error, on: stream, discardingQueued: true)
                }
                for delta in rest.deltas { connection.sendDelta(delta, on: stream) }
                switch rest.ending {
                case .whole(let end): connection.sendEnd(end, on: stream)
                case .failed(let error, _): connection.sendError(error, on: stream)
                case nil: break
                }
            }
            if isEnd { finish() }
            if rest.deltas.isEmpty { return }
        }
    }

    private func begin(_ head: Begin?, _ connection: inout ServerConnection) {
        guard !hasBegun, let head else { return }
        hasBegun = true
        connection.sendBegin(head, on: stream, firstSequence: last + 1)
    }

    private func finish() {
        isOver = true
        ended(self)
    }

    // MARK: StreamWork

    func resume() { tell() }

    func cancel() {
        isOver = true
        if let number { answer.abandon(number) }
    }

    /// Also where all was sent: the client may not have it.
    func connectionLost() {
        isOver = true
        if let number { answer.detach(number) }
    }
}

extension ErrorBody {
    fileprivate static let resumedElsewhere = ErrorBody(
        code: .resumeUnavailable, message: "the answer is read on another connection now, or the time to resume it is over")
}
