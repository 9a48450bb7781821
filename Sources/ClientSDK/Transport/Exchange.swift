import NIOCore
import Wire

/// One call as the network transport knows it. Confined to its event loop.
final class Exchange {
    let id: CallID
    let mailbox: AnswerMailbox
    let deadline: NIODeadline
    private let request: Wire.Request
    /// Where the latest attempt was sent.
    var place: (channel: ClientChannel, stream: StreamID)?
    /// Told with the first piece: until then another attempt may take this one's place.
    private var head = AnswerHead()
    private(set) var hasDelivered = false

    init(id: CallID, request: Wire.Request, deadline: NIODeadline, mailbox: AnswerMailbox) {
        self.id = id
        self.request = request
        self.deadline = deadline
        self.mailbox = mailbox
    }

    /// The request of an attempt that is made now.
    func request(now: NIODeadline) -> Wire.Request {
        var request = request
        request.deadlineMs = deadline.milliseconds(from: now)
        return request
    }

    func begin(_ begin: Begin) {
        head = AnswerHead(begin)
    }

    func deliver(_ piece: AnswerPiece, cost: Int = 0) {
        if !hasDelivered {
            hasDelivered = true
            mailbox.put(.event(.begin(head)))
        }
        mailbox.put(piece, cost: cost)
    }

    func end(_ end: End) {
        let summary = AnswerSummary(end)
        deliver(.event(.finish(summary)))
        mailbox.finish(head, summary)
    }
}
