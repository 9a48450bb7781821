import GatewayCore
import GatewayPipeline
import Logging
import NIOCore
import Wire

/// Takes the pipeline's answer to a request that may be resumed, and sees to it that the answer goes on for some time when its connection is lost.
/// Confined to the request's event loop.
///
/// ```
/// read ── connection lost ──▶ orphan ── nobody came in time ──▶ the request is cancelled
///   ▲                           │  └─ whole ──▶ kept until then
///   └──────── resumed ──────────┘
/// ```
final class ResumableWriter: AnswerReceiver {
    let answer: ResumableAnswer
    private let name: ResumptionName
    private let answers: ResumableAnswers
    private let loop: GatewayLoop
    private let timeout: TimeAmount
    private var exchange: Exchange?
    private var items = ItemNumbers()
    private var timer: Scheduled<Void>?
    private var relay: ResumptionRelay?
    private var isOver = false

    /// - Returns: `nil`: as many answers as there may be can be resumed already.
    init?(_ id: RequestID, of principal: Principal, answers: ResumableAnswers, loop: GatewayLoop) {
        let settings = loop.settings.wire.resumption
        self.answers = answers
        self.loop = loop
        timeout = settings.timeout
        name = ResumptionName(id, of: principal)
        answer = ResumableAnswer(maxBytes: settings.maxStreamBytes, room: answers.room)
        guard answers.add(answer, as: name) else { return nil }
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        answer.write(on: loop.eventLoop) { bound.value.heard($0) }
    }

    func start(_ exchange: Exchange) {
        self.exchange = exchange
        exchange.start()
    }

    // MARK: AnswerReceiver

    func answerBegan(_ head: AnswerHead) {
        answer.begin(Begin(head))
    }

    func answerReceived(_ chunk: AnswerChunk) {
        var hasRoom = true
        for fragment in chunk.fragments {
            guard let delta = items.delta(of: fragment) else { continue }
            var splitter = DeltaSplitter(delta, maxPayload: Self.maxPiece)
            // A slice would keep the provider's whole read buffer alive.
            while var piece = splitter.next() {
                piece.data = ByteBuffer(bytes: piece.data.readableBytesView)
                hasRoom = answer.append(piece)
            }
        }
        if !hasRoom { exchange?.pause() }
    }

    /// Every peer takes frames of this length: no piece is split again, and a sequence names the same piece on every connection.
    private static let maxPiece = 16 << 10

    func answerEnded(_ summary: AnswerSummary) {
        ended(.whole(End(summary)))
    }

    func answerFailed(_ fault: Fault, summary: AnswerSummary) {
        ended(.failed(ErrorBody(fault, requestID: summary.requestID), overtakes: fault.kind.overtakesAnswers))
    }

    private func ended(_ ending: ResumableAnswer.Ending) {
        exchange = nil
        answer.end(ending)
        // What never began nobody can name.
        if !answer.hasBegun, answer.isTold { return forget() }
        relay?.publish()
        wait()
    }

    // MARK: who reads it

    private func heard(_ news: ResumableAnswer.WriterNews) {
        guard !isOver else { return }
        switch news {
        case .room: break
        case .reader: if answer.isRead { found() } else { lost() }
        case .abandoned:
            exchange?.cancel()
            return forget()
        }
        if answer.hasRoom { exchange?.resume() }
    }

    /// From another replica.
    private func heard(_ wish: SharedResumptions.Wish) {
        switch wish {
        case .read: wait()
        case .cancel: heard(ResumableAnswer.WriterNews.abandoned)
        }
    }

    private func lost() {
        // Before its BEGIN nobody can name it.
        guard answer.hasBegun else {
            exchange?.cancel()
            return forget()
        }
        loop.logger.debug("stream lost", metadata: ["request_id": "\(name.id)"])
        wait()
        guard relay == nil, let shared = loop.sharedResumptions else { return }
        let bound = loop.settings.wire.resumption.maxRelayBytes
        relay = ResumptionRelay(answer, name, shared, maxBytes: bound, on: loop.eventLoop) { [weak self] in self?.heard($0) }
    }

    private func found() {
        relay?.stop()
        relay = nil
        timer?.cancel()
        timer = nil
        if exchange == nil { wait() }
    }

    /// From now on somebody has some time to come.
    private func wait() {
        timer?.cancel()
        timer = loop.eventLoop.assumeIsolated().scheduleTask(in: timeout) { [self] in waited() }
    }

    private func waited() {
        timer = nil
        guard !isOver else { return }
        // Somebody reads it, if slowly.
        if exchange == nil ? !answer.isTold : answer.isRead { return wait() }
        if let exchange { loop.logger.debug("stream given up", metadata: ["request_id": "\(exchange.requestID)"]) }
        exchange?.cancel()
        forget()
    }

    private func forget() {
        guard !isOver else { return }
        isOver = true
        exchange = nil
        timer?.cancel()
        timer = nil
        relay?.stop()
        relay = nil
        answers.remove(name)
        answer.close()
    }
}
