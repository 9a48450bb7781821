import NIOCore
import Wire
import WireTransport

/// A connection of the wire protocol.
final class WireLoadConnection: LoadConnection, WireDelegate {
    private let run: LoadRun?
    private let plan: LoadPlan?
    /// The next request, where all are the same.
    private let request: Request?
    private let credential: Text
    private let ready: EventLoopPromise<Void>
    private var handler: WireClientHandler?
    private var times: [StreamID: NIODeadline] = [:]
    private var isReady = false

    init(_ plan: LoadPlan, _ run: LoadRun, ready: EventLoopPromise<Void>) {
        self.run = run
        self.ready = ready
        credential = Text(plan.target.credential)
        self.plan = plan
        request = plan.prompts == .same ? Self.request(plan, 0) : nil
    }

    private static func request(_ plan: LoadPlan, _ number: Int) -> Request {
        let messages =
            [ChatMessage(role: .system, parts: [Part(.text("You are a support agent."))])]
            + plan.messages(number).enumerated().map { index, text in
                ChatMessage(role: index % 2 == 0 ? .user : .assistant, parts: [Part(.text(Text(text)))])
            }
        return Request(operation: .chat(ChatRequest(model: Text(plan.model), messages: messages, stream: plan.isStreamed)))
    }

    /// A connection that only stays open.
    init(credential: String, ready: EventLoopPromise<Void>) {
        run = nil
        plan = nil
        request = nil
        self.credential = Text(credential)
        self.ready = ready
    }

    func makeHandler() -> WireClientHandler {
        let machine = ClientConnection(credential: credential, agent: "gateway-bench", compressor: LZ4Compressor(), now: .now())
        let handler = WireClientHandler(machine, delegate: self)
        self.handler = handler
        return handler
    }

    func send(_ time: NIODeadline, number: Int) {
        guard let handler, let plan else { return }
        let request = request ?? Self.request(plan, number)
        do {
            times[try handler.perform { try $0.send(request) }] = time
        } catch {
            run?.lost(self, requests: 1)
        }
    }

    func close() {
        handler?.close()
    }

    func eventReceived(_ event: ClientEvent, from handler: WireClientHandler) {
        switch event {
        case .welcomeReceived:
            isReady = true
            run?.opened(self)
            ready.succeed()
        case .deltaReceived(let stream, _, let cost): handler.perform { $0.consumed(cost, on: stream) }
        case .endReceived(let stream, _): ended(stream, isGood: true)
        case .errorReceived(let stream, _), .streamFailed(let stream, _), .streamRefused(let stream): ended(stream, isGood: false)
        default: break
        }
    }

    private func ended(_ stream: StreamID, isGood: Bool) {
        guard let time = times.removeValue(forKey: stream) else { return }
        run?.ended(time, on: self, isGood: isGood)
    }

    func connectionClosed(_ handler: WireClientHandler, error: (any Error)?) {
        self.handler = nil
        if isReady {
            run?.lost(self, requests: times.count)
        } else {
            ready.fail(error ?? BenchFailure(description: "the gateway closed the connection before WELCOME"))
        }
    }
}
