import GatewayCore
import GatewayJSON
import GatewayPipeline
import NIOCore

/// `POST /v1/feedback`: `{"receipt": "req_…", "score": 0.8}`, perhaps with a `comment`.
extension RequestHandler {
    /// The store may take its time; the request waits like one for a provider.
    ///
    /// - Parameter timeout: the caller's; `nil`: it names none.
    func takeFeedback(_ principal: Principal, timeout: TimeAmount?) {
        guard let asking = request?.id, let body = request?.body else { return }
        releaseBody()
        let feedback: Feedback
        do throws(Fault) {
            feedback = try Feedback(reading: body)
        } catch {
            return answer(.failure(error))
        }
        backend.feedback(feedback.receipt, score: feedback.score, for: principal, timeout: timeout) { [weak self] result in
            guard let self, request?.id == asking else { return }
            answer(result.map { feedback.object })
            armTimer()
        }
    }
}

/// What a caller says of an answer.
struct Feedback: Equatable {
    /// Longer bodies are refused.
    static let mostBytes = 4_096

    var receipt: RequestID
    /// From 0, useless, to 1.
    var score: Double

    init(reading body: ByteBuffer) throws(Fault) {
        guard body.readableBytes <= Self.mostBytes else { throw .invalidField("", "must be an object of at most \(Self.mostBytes) bytes") }
        var index = JSONIndex()
        do {
            try index.scan(body)
        } catch {
            throw Fault.malformedJSON(error)
        }
        self = try index.read(body) { root throws(Fault) in try Feedback(root) }
    }

    private init(_ root: JSONValue) throws(Fault) {
        guard root.isObject, root.firstDuplicateKey() == nil else { throw .invalidField("", "must be an object with each key once") }
        var receipt: RequestID?
        var score: Double?
        for member in root.members {
            if member.key.equals("receipt") {
                guard let id = member.value.string.flatMap({ RequestID($0) }) else {
                    throw .invalidField("receipt", "must be the id of an answer: `req_` and 32 hexadecimal digits")
                }
                receipt = id
            } else if member.key.equals("score") {
                guard let value = member.value.double, (0...1).contains(value) else {
                    throw .invalidField("score", "must be a number from 0, useless, to 1")
                }
                score = value
            } else if member.key.equals("comment"), member.value.isString || member.value.isNull {
                // It may hold anything, and is not kept.
                continue
            } else {
                throw .invalidField(member.key.string ?? "", "is no field of feedback, which has `receipt` and `score`")
            }
        }
        guard let receipt else { throw .invalidField("receipt", "is required: the id of the answer (x-request-id)") }
        guard let score else { throw .invalidField("score", "is required: a number from 0, useless, to 1") }
        (self.receipt, self.score) = (receipt, score)
    }

    var object: ByteBuffer {
        var json = JSONWriter()
        json.object { json in
            json.member("object", "feedback")
            json.member("receipt", receipt.description)
            json.member("accepted", true)
        }
        return json.buffer
    }
}
