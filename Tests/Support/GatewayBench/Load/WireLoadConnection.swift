import NIOCore
import Wire
import WireTransport

/// A connection of the wire protocol by its own machine, for requests of several frames.
final class WireLoadConnection: LoadConnection, WireDelegate {
    private let run: LoadRun
    private let ready: EventLoopPromise<Void>
    private let lost: () -> Void
    private var handler: WireClientHandler?
    private var calls: [StreamID: LoadCall] = [:]
    private var isReady = false

    init(_ run: LoadRun, ready: EventLoopPromise<Void>, lost: @escaping () -> Void) {
        self.run = run
        self.ready = ready
        self.lost = lost
    }

    func makeHandler() -> WireClientHandler {
        let machine = ClientConnection(
            credential: Text(run.plan.target.credential), agent: "gateway-bench", compressor: LZ4Compressor(), now: .now())
        let handler = WireClientHandler(machine, delegate: self)
        self.handler = handler
        return handler
    }

    func send(_ call: LoadCall) {
        guard let handler else { return run.ended(call, on: self, .failed("the connection is closed"), staysOpen: false) }
        let request = RequestPool.request(run.plan, run.pool.prompts.messages(call.number))
        do {
            calls[try handler.perform { try $0.send(request) }] = call
        } catch {
            run.ended(call, on: self, .failed("\(error)"))
        }
    }

    func close() {
        handler?.close()
    }

    func eventReceived(_ event: ClientEvent, from handler: WireClientHandler) {
        switch event {
        case .welcomeReceived:
            isReady = true
            run.opened(self)
            ready.succeed()
        case .deltaReceived(let stream, _, let cost):
            begin(stream)
            handler.perform { $0.consumed(cost, on: stream) }
        case .resultReceived(let stream, _): begin(stream)
        case .endReceived(let stream, _): end(stream, .answered)
        case .errorReceived(let stream, let error): end(stream, error.code == .overloaded ? .shed : .failed("error \(error.code)"))
        case .streamFailed(let stream, let error): end(stream, .failed("\(error.code)"))
        case .streamRefused(let stream): end(stream, .failed("refused"))
        default: break
        }
    }

    private func begin(_ stream: StreamID) {
        guard var call = calls[stream], !call.hasBegun else { return }
        run.began(&call)
        calls[stream] = call
    }

    private func end(_ stream: StreamID, _ outcome: LoadOutcome) {
        guard let call = calls.removeValue(forKey: stream) else { return }
        run.ended(call, on: self, outcome)
    }

    func connectionClosed(_ handler: WireClientHandler, error: (any Error)?) {
        self.handler = nil
        if isReady {
            run.lost(self, calls: Array(calls.values))
            calls = [:]
            lost()
        } else {
            ready.fail(error ?? BenchFailure(description: "the gateway closed the connection before WELCOME"))
        }
    }
}

/// A connection of the wire protocol that only stays open.
final class IdleWireConnection: WireDelegate {
    private let credential: Text
    private let ready: EventLoopPromise<Void>

    init(_ credential: String, ready: EventLoopPromise<Void>) {
        self.credential = Text(credential)
        self.ready = ready
    }

    func makeHandler() -> WireClientHandler {
        let machine = ClientConnection(credential: credential, agent: "gateway-bench", compressor: nil, now: .now())
        return WireClientHandler(machine, delegate: self)
    }

    func eventReceived(_ event: ClientEvent, from handler: WireClientHandler) {
        if case .welcomeReceived = event { ready.succeed() }
    }

    func connectionClosed(_ handler: WireClientHandler, error: (any Error)?) {
        ready.fail(error ?? BenchFailure(description: "the gateway closed the connection before WELCOME"))
    }
}
