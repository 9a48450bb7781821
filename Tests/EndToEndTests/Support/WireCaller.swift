import NIOCore
import NIOPosix
import ProcessSupport
import Wire
import WireTransport

/// One connection of the wire protocol, driven through its client's machine.
final class WireCaller: Caller {
    let closed: EventLoopFuture<Void>
    private let channel: any Channel
    private let streams: NIOLoopBound<WireStreams>

    private init(channel: any Channel, streams: NIOLoopBound<WireStreams>) {
        self.channel = channel
        self.streams = streams
        closed = channel.closeFuture
    }

    /// - Parameter key: `nil`: a HELLO without a credential.
    static func connect(_ stack: Stack, key: String?) async throws -> WireCaller {
        try await open(stack, key: key, early: nil).caller
    }

    /// A connection whose first request is sent before the server has said what it accepts.
    static func connect(_ stack: Stack, key: String?, early chat: Chat) async throws -> (caller: WireCaller, call: Call) {
        let (caller, call) = try await open(stack, key: key, early: chat)
        guard let call else { throw Overdue("an early call") }
        return (caller, call)
    }

    private static func open(_ stack: Stack, key: String?, early chat: Chat?) async throws -> (caller: WireCaller, call: Call?) {
        let port = stack.tlsPort
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let opened = loop.makePromise(of: (NIOLoopBound<WireStreams>, Call?).self)
        let channel = try await ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let streams = WireStreams(loop: channel.eventLoop)
                    let handler = WireClientHandler(
                        ClientConnection(credential: Text(key ?? ""), agent: "tests", compressor: LZ4Compressor(), now: .now()),
                        delegate: streams)
                    streams.handler = handler
                    try channel.pipeline.syncOperations.addHandler(Preamble(stack.preamble))
                    try channel.pipeline.syncOperations.addHandler(try stack.tls(["agentshield/1"]))
                    try channel.pipeline.syncOperations.addHandler(handler)
                    let call = chat.map { streams.begin($0) }
                    opened.succeed((NIOLoopBound(streams, eventLoop: channel.eventLoop), call))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let (streams, call) = try await opened.futureResult.get()
        return (WireCaller(channel: channel, streams: streams), call)
    }

    func begin(_ chat: Chat) async throws -> Call {
        try await channel.eventLoop.submit { [streams] in streams.value.begin(chat) }.get()
    }

    /// Sends a request that is no chat of this kind.
    func send(_ request: Request) async throws -> Reply {
        try await channel.eventLoop.submit { [streams] in streams.value.begin(request) }.get().reply()
    }

    /// When the server has accepted the credential.
    func welcomed() async throws {
        try await channel.eventLoop.flatSubmit { [streams] in streams.value.welcomed.futureResult }.within("WELCOME")
    }

    /// When the server has said that it goes away.
    func toldToLeave() async throws {
        try await channel.eventLoop.flatSubmit { [streams] in streams.value.toldToLeave.futureResult }.within("GOAWAY")
    }

    func close() {
        channel.close(promise: nil)
    }
}

/// The streams of one connection; confined to its event loop.
private final class WireStreams: WireDelegate {
    typealias Machine = ClientConnection

    final class Stream {
        var reply = Reply()
        let firstContent: EventLoopPromise<Void>
        let whole: EventLoopPromise<Reply>
        var isReading = true
        var unread = 0
        var bytes: [Int: ByteBuffer] = [:]

        init(loop: any EventLoop) {
            firstContent = loop.makePromise()
            whole = loop.makePromise()
        }
    }

    let welcomed: EventLoopPromise<Void>
    let toldToLeave: EventLoopPromise<Void>
    weak var handler: WireClientHandler?
    private let loop: any EventLoop
    private var streams: [StreamID: Stream] = [:]
    /// Requests that wait until others end.
    private var waiting: [(Request, Stream)] = []
    /// Why the connection is over, where the gateway told; it is the answer to what is asked afterwards too.
    private var failure: ErrorBody?

    init(loop: any EventLoop) {
        self.loop = loop
        welcomed = loop.makePromise()
        toldToLeave = loop.makePromise()
    }

    // MARK: calls

    func begin(_ chat: Chat) -> Call {
        begin(Request(chat))
    }

    func begin(_ request: Request) -> Call {
        let stream = Stream(loop: loop)
        send(request, stream)
        let bound = NIOLoopBound((self, stream), eventLoop: loop)
        return Call(
            firstContent: stream.firstContent.futureResult, whole: stream.whole.futureResult,
            cancel: {
                bound.eventLoop.execute {
                    let (streams, stream) = bound.value
                    streams.cancel(stream)
                }
            },
            setReading: { isReading in
                bound.eventLoop.execute {
                    let (streams, stream) = bound.value
                    streams.setReading(isReading, stream)
                }
            })
    }

    private func send(_ request: Request, _ stream: Stream) {
        guard let handler else {
            if let failure { return fail(stream, failure) }
            return finish(stream, told: "the connection is gone")
        }
        do {
            streams[try handler.perform { try $0.send(request) }] = stream
        } catch OpenStreamFailure.tooManyStreams {
            waiting.append((request, stream))
        } catch {
            if let failure { return fail(stream, failure) }
            finish(stream, told: "not sent: \(error)")
        }
    }

    private func cancel(_ stream: Stream) {
        guard let id = streams.first(where: { $0.value === stream })?.key else { return }
        streams[id] = nil
        handler?.perform { $0.cancel(id, reason: .caller) }
        finish(stream, told: "cancelled here")
    }

    private func setReading(_ isReading: Bool, _ stream: Stream) {
        stream.isReading = isReading
        guard isReading, let id = streams.first(where: { $0.value === stream })?.key else { return }
        handler?.perform { $0.consumed(stream.unread, on: id) }
        stream.unread = 0
    }

    // MARK: WireDelegate

    func eventReceived(_ event: ClientEvent, from handler: WireClientHandler) {
        switch event {
        case .welcomeReceived: welcomed.succeed(())
        case .beginReceived(let id, let begin): receive(begin, id)
        case .deltaReceived(let id, let delta, let cost): receive(delta, cost, id, handler)
        case .resultReceived(let id, let result): receive(result, id)
        case .endReceived(let id, let end): receive(end, id)
        case .errorReceived(let id, let error), .streamFailed(let id, let error): fail(id, error)
        case .streamRefused(let id): finish(id, told: "refused: the server goes away")
        case .goAwayReceived: toldToLeave.succeed(())
        case .streamsAvailable:
            let requests = waiting
            waiting.removeAll()
            for (request, stream) in requests { send(request, stream) }
        case .failed(let error, _):
            failure = error
            for id in Array(streams.keys) { fail(id, error) }
        case .closed: break
        }
    }

    func connectionClosed(_ handler: WireClientHandler, error: (any Error)?) {
        for id in Array(streams.keys) { finish(id, told: "the connection is gone") }
        for (_, stream) in waiting { finish(stream, told: "the connection is gone") }
        waiting.removeAll()
        welcomed.fail(ChannelError.ioOnClosedChannel)
        toldToLeave.fail(ChannelError.ioOnClosedChannel)
    }

    // MARK: answers

    private func receive(_ begin: Begin, _ id: StreamID) {
        let names: [CacheStatus: String] = [.hit: "hit", .miss: "miss", .bypass: "bypass", .coalesced: "coalesced"]
        streams[id]?.reply.cache = names[begin.cache]
        streams[id]?.reply.provider = begin.provider.string
        streams[id]?.reply.requestID = begin.requestID.string
    }

    private func receive(_ delta: Delta, _ cost: Int, _ id: StreamID, _ handler: WireClientHandler) {
        guard let stream = streams[id] else { return }
        stream.bytes[Int(delta.choice), default: ByteBuffer()].writeImmutableBuffer(delta.data)
        stream.reply.pieces += 1
        stream.firstContent.succeed(())
        if stream.isReading {
            handler.perform { $0.consumed(cost, on: id) }
        } else {
            stream.unread += cost
        }
    }

    private func receive(_ result: ResultBody, _ id: StreamID) {
        guard let stream = streams[id], case .chat(let chat) = result.body else { return }
        for choice in chat.choices {
            for item in choice.items { stream.bytes[Int(choice.index), default: ByteBuffer()].writeImmutableBuffer(item.data) }
        }
        stream.reply.pieces += 1
    }

    private func receive(_ end: End, _ id: StreamID) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        stream.reply.isWhole = true
        stream.reply.routeReason = end.routeReason.string
        stream.reply.scrubbed = end.scrubbed.map { "\($0.kind.string)=\($0.count)" }.joined(separator: ",")
        stream.reply.outputTokens = end.usage.map { Int($0.output) }
        stream.reply.finishReason = end.finishes.first.map { $0.reason == .stop ? "stop" : "\($0.reason.rawValue)" }
        finish(stream)
    }

    private func fail(_ id: StreamID, _ error: ErrorBody) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        fail(stream, error)
    }

    private func fail(_ stream: Stream, _ error: ErrorBody) {
        stream.reply.requestID = error.requestID.string
        stream.reply.fault = Reply.Fault(
            told: "\(error.code.rawValue) \(error.code.entry?.name ?? "?")", parameter: error.param.isEmpty ? nil : error.param.string,
            retryAfterMilliseconds: error.retryAfterMs == 0 ? nil : Int(error.retryAfterMs), message: error.message.string)
        finish(stream)
    }

    private func finish(_ id: StreamID, told: String) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        finish(stream, told: told)
    }

    private func finish(_ stream: Stream, told: String) {
        stream.reply.fault = Reply.Fault(told: told, message: told)
        finish(stream)
    }

    private func finish(_ stream: Stream) {
        stream.reply.texts = stream.bytes.mapValues { String(buffer: $0) }
        stream.bytes.removeAll()
        stream.firstContent.succeed(())
        stream.whole.succeed(stream.reply)
    }
}

extension Request {
    init(_ chat: Chat) {
        var body = ChatRequest(
            model: Text(chat.model), messages: [ChatMessage(role: .user, parts: [Part(.text(Text(chat.text)))])], stream: chat.isStreamed)
        if chat.choices > 1 { body.choices = UInt32(chat.choices) }
        let directives: [String: CacheDirective] = ["off": .off, "refresh": .refresh, "only": .only]
        self.init(
            deadlineMs: UInt32(chat.deadlineMilliseconds ?? 0), idempotencyKey: Text(chat.idempotencyKey ?? ""),
            credential: Text(chat.key ?? ""), cache: chat.cache.flatMap { directives[$0] } ?? .default, operation: .chat(body))
    }
}
