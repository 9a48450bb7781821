import NIOCore
import Wire
import WireTransport

/// A server's application: answers the model `echo` with the request's text, streamed; any other model with BEGIN alone.
final class EchoServer: WireDelegate {
    private(set) var events: [ServerEvent] = []
    private(set) var closedCount = 0
    private(set) var error: (any Error)?
    private(set) var openStreams: [StreamID] = []
    var handler: WireServerHandler?
    let whenClosed: () -> Void

    init(whenClosed: @escaping () -> Void = {}) {
        self.whenClosed = whenClosed
    }

    func eventReceived(_ event: ServerEvent, from handler: WireServerHandler) {
        events.append(event)
        switch event {
        case .helloReceived(let hello):
            handler.perform {
                if hello.credential == "wrong" {
                    $0.reject(ErrorBody(code: .unauthenticated, message: "no such key"))
                } else {
                    $0.accept(region: "eu")
                }
            }
        case .requestReceived(let id, let request): answer(request, on: id, handler)
        default: break
        }
    }

    private func answer(_ request: Request, on id: StreamID, _ handler: WireServerHandler) {
        openStreams.append(id)
        handler.perform { $0.sendBegin(Begin(responseID: Text("resp-\(id)")), on: id) }
        guard case .chat(let chat) = request.operation, chat.model == "echo",
            case .text(let text)? = chat.messages.first?.parts.first?.content
        else { return }
        handler.perform {
            $0.sendDelta(Delta(kind: .text, data: text.buffer), on: id)
            $0.sendEnd(End(finishes: [Finish(reason: .stop)]), on: id)
        }
    }

    func connectionClosed(_ handler: WireServerHandler, error: (any Error)?) {
        closedCount += 1
        self.error = error
        whenClosed()
    }
}

/// A client's application: keeps what it is told.
final class Recorder: WireDelegate {
    private(set) var events: [ClientEvent] = []
    private(set) var closedCount = 0
    private(set) var error: (any Error)?
    let whenTold: (ClientEvent, WireClientHandler) -> Void
    let whenClosed: () -> Void

    init(whenTold: @escaping (ClientEvent, WireClientHandler) -> Void = { _, _ in }, whenClosed: @escaping () -> Void = {}) {
        self.whenTold = whenTold
        self.whenClosed = whenClosed
    }

    func eventReceived(_ event: ClientEvent, from handler: WireClientHandler) {
        events.append(event)
        whenTold(event, handler)
    }

    func connectionClosed(_ handler: WireClientHandler, error: (any Error)?) {
        closedCount += 1
        self.error = error
        whenClosed()
    }

    /// Data of all deltas together.
    var text: String {
        events.map { if case .deltaReceived(_, let delta, _) = $0 { String(buffer: delta.data) } else { "" } }.joined()
    }
}

extension Request {
    static func chat(_ model: Text, _ text: String) -> Request {
        let message = ChatMessage(role: .user, parts: [Part(.text(Text(text)))])
        return Request(operation: .chat(ChatRequest(model: model, messages: [message], stream: true)))
    }
}

/// Counts what passes on its way to the channel.
final class OutboundCounter: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    private(set) var writes = 0
    private(set) var flushes = 0
    private(set) var reads = 0

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        writes += 1
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        flushes += 1
        context.flush()
    }

    func read(context: ChannelHandlerContext) {
        reads += 1
        context.read()
    }

    func reset() {
        (writes, flushes, reads) = (0, 0, 0)
    }
}
