import NIOCore
import Wire

/// One call as the network transport knows it. Confined to its event loop.
final class Exchange {
    let id: CallID
    let mailbox: AnswerMailbox
    let deadline: NIODeadline
    private let request: Wire.Request
    /// Where the latest attempt was sent.
    private(set) var place: (channel: ClientChannel, stream: StreamID)?
    /// Told with the first piece: until then another attempt may take this one's place.
    private var head = AnswerHead()
    private(set) var hasDelivered = false
    /// The last piece that came; 0: none.
    private var lastSequence: UInt64 = 0
    /// The last one that the caller had from before.
    private var firstSequence: UInt64 = 0
    /// Cost of the pieces that the application has not taken; what of it came on connections that are lost is nobody's credit any more.
    private var untaken = 0
    private var untakenOfLost = 0

    init(id: CallID, request: Wire.Request, deadline: NIODeadline, mailbox: AnswerMailbox) {
        self.id = id
        self.request = request
        self.deadline = deadline
        self.mailbox = mailbox
        if case .resume(let resume) = request.operation { (firstSequence, lastSequence) = (resume.lastSequence, resume.lastSequence) }
    }

    /// The request of an attempt that is made now: the whole one, or for the rest of an answer that has begun.
    func request(now: NIODeadline) -> Wire.Request {
        var request = request
        request.deadlineMs = deadline.milliseconds(from: now)
        if request.resumable, !head.responseID.isEmpty {
            request.operation = .resume(ResumeRequest(responseID: Text(head.responseID), lastSequence: lastSequence))
            request.idempotencyKey = Text()
        }
        return request
    }

    func sent(to channel: ClientChannel, _ stream: StreamID) {
        place = (channel, stream)
    }

    /// The stream is over, or its connection is lost.
    func leavePlace() {
        place = nil
        untakenOfLost = untaken
    }

    /// The application took pieces.
    ///
    /// - Returns: what of their cost the present stream gives credit for.
    func taken(_ cost: Int) -> Int {
        let old = min(cost, untakenOfLost)
        untakenOfLost -= old
        untaken -= cost
        return cost - old
    }

    func begin(_ begin: Begin) {
        head = AnswerHead(begin)
    }

    func deliver(_ event: ChatEvent, of delta: Delta, cost: Int) {
        lastSequence = delta.sequence
        untaken += cost
        deliver(.event(event), cost: cost)
    }

    /// A piece of a kind that this build does not know.
    func skip(_ delta: Delta) {
        lastSequence = delta.sequence
    }

    func deliver(_ piece: AnswerPiece, cost: Int = 0) {
        if !hasDelivered {
            hasDelivered = true
            mailbox.put(.event(.begin(head)), sequence: firstSequence)
        }
        mailbox.put(piece, cost: cost, sequence: lastSequence)
    }

    func end(_ end: End) {
        let summary = AnswerSummary(end)
        deliver(.event(.finish(summary)))
        mailbox.finish(head, summary)
    }
}
