import GatewayCore
import NIOCore
import NIOHTTP1
import Providers

/// A second call of the same model, made because the first one was slow to begin. It keeps what it gets to itself until that has content, or the first
/// call has failed; then the request goes on with it in the first one's place. Confined to its request's event loop.
///
/// Bound: what it keeps counts against the in-flight budget, and is no more than an answer may be.
final class HedgedCall: UpstreamReceiver {
    private enum Event {
        case head(status: Int, headers: HTTPHeaders)
        case body(ByteBuffer)
        case ended
    }

    private enum State {
        case racing
        /// The request has it for its own: what comes is passed on.
        case taken
        case over
    }

    let upstream: UpstreamHealth.Call
    let began = NIODeadline.now()
    var call: UpstreamCall?
    /// What its provider says that it has used so far.
    private(set) var usage: TokenUsage?
    /// Let go of when the call is over.
    private var exchange: Exchange?
    private var state = State.racing
    private var events: [Event] = []
    private var keptBytes = 0
    private var reader: AnswerReader

    init(of exchange: Exchange, upstream: UpstreamHealth.Call) {
        self.exchange = exchange
        self.upstream = upstream
        reader = AnswerReader(
            exchange.dialectOfTarget, exchange.request.operation, isStreamed: exchange.envelope.isStreamed,
            maxBytes: exchange.snapshot.pipeline.maxAnswerBytes,
            embeddings: AnswerReader.EmbeddingsForm(model: exchange.target?.model ?? "", inBase64: exchange.envelope.wantsBase64))
    }

    // MARK: for the request

    /// The other call was first, or the request is over.
    func cancel() {
        call?.cancel()
        leave()
    }

    /// Passes on what was kept, and from then on everything.
    func passOn() {
        guard let exchange, case .racing = state else { return }
        state = .taken
        let kept = events
        forget()
        for event in kept where !exchange.isOver && exchange.call === call { pass(event, to: exchange) }
    }

    // MARK: UpstreamReceiver

    func upstreamHeadReceived(status: Int, headers: HTTPHeaders) {
        take(.head(status: status, headers: headers)) { exchange throws(Fault) in
            if let fault = exchange.fault(ofHead: status, headers, from: upstream) { throw fault }
            return false
        }
    }

    func upstreamBodyReceived(_ bytes: ByteBuffer) {
        take(.body(bytes)) { exchange throws(Fault) in
            guard exchange.reserve(bytes.readableBytes) else { throw .overloaded }
            keptBytes += bytes.readableBytes
            try reader.receive(bytes)
            return try hasContent(exchange)
        }
    }

    func upstreamEnded() {
        take(.ended) { exchange throws(Fault) in
            try reader.finish()
            guard try hasContent(exchange) else { throw .badAnswer("it ended before its first word") }
            return true
        }
    }

    func upstreamFailed(_ failure: UpstreamFailure) {
        if case .taken = state, let exchange { return exchange.upstreamFailed(failure) }
        fail(failure.fault, wasGivenUp: failure.isGivenUp)
    }

    // MARK: the race

    /// - Parameter judge: whether the event decides the race; throws what is wrong with the answer.
    private func take(_ event: Event, _ judge: (Exchange) throws(Fault) -> Bool) {
        guard let exchange else { return }
        switch state {
        case .over: return
        case .taken: return pass(event, to: exchange)
        case .racing: break
        }
        events.append(event)
        do throws(Fault) {
            if try judge(exchange) { exchange.goOn(with: self) }
        } catch {
            fail(error)
        }
    }

    private func hasContent(_ exchange: Exchange) throws(Fault) -> Bool {
        while let event = try reader.next(index: &exchange.loop.answerIndex) {
            guard case .chunk(let chunk) = event else { throw .badAnswer("it ended before its first word") }
            if let told = chunk.usage ?? chunk.usageSoFar { usage = told }
            if chunk.hasContent { return true }
        }
        return false
    }

    private func fail(_ fault: Fault, wasGivenUp: Bool = false) {
        guard let exchange, case .racing = state else { return }
        cancel()
        exchange.hedgeFailed(self, fault, wasGivenUp: wasGivenUp)
    }

    private func pass(_ event: Event, to exchange: Exchange) {
        switch event {
        case .head(let status, let headers): exchange.upstreamHeadReceived(status: status, headers: headers)
        case .body(let bytes): exchange.upstreamBodyReceived(bytes)
        case .ended: exchange.upstreamEnded()
        }
    }

    private func leave() {
        forget()
        state = .over
        exchange = nil
    }

    private func forget() {
        events.removeAll()
        exchange?.release(keptBytes)
        keptBytes = 0
    }
}
