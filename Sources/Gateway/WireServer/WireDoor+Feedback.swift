import GatewayCore
import GatewayPipeline
import NIOCore
import Wire
import WireTransport

extension WireDoor {
    /// Takes a caller's word for what an answer was worth; its comment, which may hold anything, is not kept.
    func take(
        _ feedback: FeedbackRequest, of principal: Principal, _ id: RequestID, until deadline: NIODeadline?, on stream: StreamID,
        _ handler: WireServerHandler
    ) throws(Fault) {
        guard let receipt = RequestID(feedback.receiptID.string) else {
            throw .invalidField("feedback.receipt_id", "must be the id of an answer: `req_` and 32 hexadecimal digits")
        }
        guard (0...1).contains(feedback.score) else {
            throw .invalidField("feedback.score", "must be a number from 0, useless, to 1")
        }
        givingFeedback.insert(stream)
        let timeout = deadline.map { $0 - .now() }
        loop.feedback(receipt, score: feedback.score, for: principal, timeout: timeout) { [weak self, weak handler] result in
            guard let self, let handler, givingFeedback.remove(stream) != nil else { return }
            switch result {
            case .failure(let fault): handler.perform { $0.sendError(ErrorBody(fault, requestID: id), on: stream) }
            case .success:
                handler.perform {
                    $0.sendBegin(Begin(responseID: Text(id.description), cache: .bypass, requestID: Text(id.description)), on: stream)
                    $0.sendResult(ResultBody(.feedback(FeedbackResult(accepted: true))), on: stream)
                    $0.sendEnd(End(receiptID: Text(feedback.receiptID.string)), on: stream)
                }
            }
        }
    }
}
