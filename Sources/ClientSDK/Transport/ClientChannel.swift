import NIOCore
import Wire
import WireTransport

/// One connection: from the decision to make it to its end. Confined to its event loop.
final class ClientChannel: WireDelegate {
    typealias Machine = ClientConnection

    let id: ConnectionID
    let address: Address
    private let transport: NetworkTransport
    /// The socket, once there is one.
    var channel: (any Channel)?
    /// Once requests can be sent.
    private(set) var handler: WireClientHandler?
    /// The pool was told that it is over.
    var hasEnded = false
    /// Ends the attempt to make it.
    var timeout: Scheduled<Void>?
    var exchanges: [StreamID: Exchange] = [:]

    init(id: ConnectionID, address: Address, transport: NetworkTransport) {
        self.id = id
        self.address = address
        self.transport = transport
    }

    /// TLS is up and the gateway speaks our protocol.
    func established(_ handler: WireClientHandler) {
        timeout?.cancel()
        timeout = nil
        self.handler = handler
        transport.handle(.connectionEstablished(id))
    }

    func send(_ exchange: Exchange) throws(OpenStreamFailure) {
        guard let handler else { throw .closed }
        let request = exchange.request(now: .now())
        let outcome = handler.perform { connection -> Result<StreamID, OpenStreamFailure> in
            do throws(OpenStreamFailure) {
                return .success(try connection.send(request))
            } catch {
                return .failure(error)
            }
        }
        let stream = try outcome.get()
        exchange.sent(to: self, stream)
        exchanges[stream] = exchange
    }

    func cancel(_ stream: StreamID, isOverdue: Bool) {
        guard exchanges.removeValue(forKey: stream) != nil else { return }
        handler?.perform { $0.cancel(stream, reason: isOverdue ? .deadlineExceeded : .caller) }
    }

    func consumed(_ bytes: Int, on stream: StreamID) {
        guard exchanges[stream] != nil else { return }
        handler?.perform { $0.consumed(bytes, on: stream) }
    }

    /// Closes it when its streams have ended; at once if it is not established.
    func leave() {
        guard let handler else { return transport.connectionFailed(self, AgentShieldError(.clientShutDown, "the client was shut down")) }
        handler.perform { $0.goAway() }
    }

    // MARK: - WireDelegate

    func eventReceived(_ event: ClientEvent, from handler: WireClientHandler) {
        switch event {
        case .welcomeReceived: transport.handle(.connectionWelcomed(id))
        case .beginReceived(let stream, let begin):
            guard let exchange = exchanges[stream] else { return }
            exchange.begin(begin)
            transport.handle(.callBegun(exchange.id))
        case .deltaReceived(let stream, let delta, let cost): deltaReceived(delta, cost, stream)
        case .resultReceived(let stream, let result):
            guard let exchange = exchanges[stream], let piece = AnswerPiece(result) else { return }
            deliver(to: exchange) { $0.deliver(piece) }
        case .endReceived(let stream, let end):
            guard let exchange = take(stream) else { return }
            exchange.end(end)
            transport.callEnded(exchange)
        case .errorReceived(let stream, let body):
            guard let exchange = take(stream) else { return }
            transport.handle(.callFailed(exchange.id, CallFailure(stream: body)))
        case .streamFailed(let stream, let body):
            guard let exchange = take(stream) else { return }
            transport.handle(.callFailed(exchange.id, CallFailure(error: AgentShieldError(body), retry: .never)))
        case .streamRefused(let stream):
            guard let exchange = take(stream) else { return }
            transport.handle(.callRefused(exchange.id))
        case .goAwayReceived(let goAway): transport.leaving(self, goAway)
        case .streamsAvailable: transport.handle(.connectionHasRoom(id))
        case .failed(let body, _): transport.connectionEnded(self, CallFailure(connection: body))
        case .closed: break
        }
    }

    func connectionClosed(_ handler: WireClientHandler, error: (any Error)?) {
        let reason = error.map { "the connection was lost: \($0)" } ?? "the connection was lost"
        transport.connectionEnded(
            self, CallFailure(error: AgentShieldError(.connectionLost, reason, isRetryable: true), retry: .later))
        self.handler = nil
    }

    private func deltaReceived(_ delta: Delta, _ cost: Int, _ stream: StreamID) {
        guard let exchange = exchanges[stream] else { return }
        guard let event = ChatEvent(delta) else {
            exchange.skip(delta)
            return consumed(cost, on: stream)
        }
        deliver(to: exchange) { $0.deliver(event, of: delta, cost: cost) }
    }

    private func deliver(to exchange: Exchange, _ deliver: (Exchange) -> Void) {
        let isFirst = !exchange.hasDelivered
        deliver(exchange)
        if isFirst { transport.handle(.callDelivered(exchange.id)) }
    }

    private func take(_ stream: StreamID) -> Exchange? {
        guard let exchange = exchanges.removeValue(forKey: stream) else { return nil }
        exchange.leavePlace()
        return exchange
    }
}
