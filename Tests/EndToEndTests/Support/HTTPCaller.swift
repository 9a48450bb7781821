import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One connection of HTTP/1.1, which answers one request after the other.
final class HTTPCaller: Caller {
    struct Response: Sendable {
        var status = 0
        var headers = HTTPHeaders()
        var body = ""
        /// The message ended as HTTP says, not with its connection.
        var isComplete = false
    }

    let closed: EventLoopFuture<Void>
    private let channel: any Channel
    private let responses: NIOLoopBound<HTTPResponses>
    private let key: String?

    private init(channel: any Channel, responses: NIOLoopBound<HTTPResponses>, key: String?) {
        self.channel = channel
        self.responses = responses
        self.key = key
        closed = channel.closeFuture
    }

    static func connect(_ stack: Stack, key: String?) async throws -> HTTPCaller {
        try await connect(port: stack.httpPort, tls: nil, key: key, preamble: stack.preamble)
    }

    /// Through the port for everything.
    static func connectTLS(_ stack: Stack, key: String?, protocols: [String] = ["http/1.1"], maximum: TLSVersion? = nil) async throws
        -> HTTPCaller
    {
        try await connect(port: stack.tlsPort, tls: { try stack.tls(protocols, maximum: maximum) }, key: key, preamble: stack.preamble)
    }

    static func connect(
        port: Int, tls: (@Sendable () throws -> NIOSSLClientHandler)?, key: String?, preamble: [UInt8] = []
    ) async throws -> HTTPCaller {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let made = loop.makePromise(of: NIOLoopBound<HTTPResponses>.self)
        let channel = try await ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // A small window: a client that does not read is noticed after little.
            .channelOption(.socketOption(.so_rcvbuf), value: 256 * 1024)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let responses = HTTPResponses()
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(Preamble(preamble))
                    if let tls { try pipeline.addHandler(try tls()) }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(responses)
                    made.succeed(NIOLoopBound(responses, eventLoop: channel.eventLoop))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return HTTPCaller(channel: channel, responses: try await made.futureResult.get(), key: key)
    }

    /// Sends a request and waits for its response.
    func send(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: Data? = nil
    ) async throws -> Response {
        let promise = channel.eventLoop.makePromise(of: Response.self)
        write(method, path, headers, body, HTTPResponses.Reader { promise.succeed($0) })
        return try await promise.futureResult.within("a response to \(method) \(path)")
    }

    func begin(_ chat: Chat) async throws -> Call {
        let first = channel.eventLoop.makePromise(of: Void.self)
        let whole = channel.eventLoop.makePromise(of: Reply.self)
        let events = NIOLoopBoundBox.makeEmptyBox(valueType: EventReader.self, eventLoop: channel.eventLoop)
        let body = try chat.json()
        let key = chat.key ?? key
        var headers: [(String, String)] = [("content-type", "application/json")]
        if let key { headers.append(("authorization", "Bearer \(key)")) }
        if let deadline = chat.deadlineMilliseconds { headers.append(("x-agentshield-deadline-ms", "\(deadline)")) }
        if let key = chat.idempotencyKey { headers.append(("idempotency-key", key)) }
        if let cache = chat.cache { headers.append(("x-agentshield-cache", cache)) }
        let fields = headers
        try await channel.eventLoop.submit { [self] in
            events.value = EventReader()
            var reader = HTTPResponses.Reader { response in
                let reply = Reply(response, events.value ?? EventReader())
                first.succeed(())
                whole.succeed(reply)
            }
            reader.onBody = { bytes, isStream in
                guard isStream else { return false }
                events.value?.receive(bytes)
                if events.value?.pieces ?? 0 > 0 { first.succeed(()) }
                return true
            }
            write("POST", "/v1/chat/completions", fields, body, reader)
        }.get()
        return Call(
            firstContent: first.futureResult, whole: whole.futureResult, cancel: { [channel] in channel.close(promise: nil) },
            setReading: { [channel] isReading in
                channel.setOption(.autoRead, value: isReading).whenSuccess { if isReading { channel.read() } }
            })
    }

    /// A response to what is already under way, or to bytes of the test's own.
    private func write(_ method: String, _ path: String, _ headers: [(String, String)], _ body: Data?, _ reader: HTTPResponses.Reader) {
        channel.eventLoop.execute { [channel, responses] in
            guard channel.isActive else {
                reader.onEnd(Response())
                return
            }
            responses.value.expect(reader)
            var fields = HTTPHeaders(headers)
            if !fields.contains(name: "host") { fields.add(name: "host", value: "localhost") }
            if let body { fields.add(name: "content-length", value: String(body.count)) }
            let head = HTTPRequestHead(version: .http1_1, method: HTTPMethod(rawValue: method), uri: path, headers: fields)
            channel.write(HTTPClientRequestPart.head(head), promise: nil)
            if let body { channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil) }
            channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        }
    }

    func close() {
        channel.close(promise: nil)
    }
}

/// Hands each response to whoever waits for it; confined to its event loop.
private final class HTTPResponses: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    struct Reader: Sendable {
        /// Takes a part of the body; `false`: it is to be kept for the end.
        var onBody: @Sendable (_ bytes: ByteBuffer, _ isEventStream: Bool) -> Bool = { _, _ in false }
        var onEnd: @Sendable (HTTPCaller.Response) -> Void

        init(onEnd: @escaping @Sendable (HTTPCaller.Response) -> Void) {
            self.onEnd = onEnd
        }
    }

    private var readers: CircularBuffer<Reader> = []
    private var response = HTTPCaller.Response()
    private var body = ByteBuffer()

    func expect(_ reader: Reader) {
        readers.append(reader)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            response = HTTPCaller.Response(status: Int(head.status.code), headers: head.headers)
            body.clear()
        case .body(let bytes):
            let isEventStream = response.headers.first(name: "content-type")?.hasPrefix("text/event-stream") ?? false
            if readers.first?.onBody(bytes, isEventStream) != true { body.writeImmutableBuffer(bytes) }
        case .end:
            response.isComplete = true
            finish()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        while !readers.isEmpty { finish() }
        context.fireChannelInactive()
    }

    private func finish() {
        guard let reader = readers.popFirst() else { return }
        response.body = String(buffer: body)
        body.clear()
        let finished = response
        response = HTTPCaller.Response()
        reader.onEnd(finished)
    }
}

/// Reads server-sent events of a chat.
private struct EventReader {
    private(set) var texts: [Int: String] = [:]
    private(set) var pieces = 0
    private(set) var isDone = false
    private(set) var error: JSON?
    private(set) var finishReason: String?
    private(set) var isMalformed = false
    private var unread = ByteBuffer()

    mutating func receive(_ bytes: ByteBuffer) {
        unread.writeImmutableBuffer(bytes)
        // Each event is one line of data.
        while let length = unread.lineLength, let line = unread.readString(length: length) {
            if line.hasPrefix("data: ") { receive(String(line.dropFirst(6).dropLast())) }
        }
        unread.discardReadBytes()
    }

    private mutating func receive(_ data: String) {
        guard data != "[DONE]" else {
            isDone = true
            return
        }
        guard !isDone, let json = try? JSON(data) else {
            isMalformed = true
            return
        }
        if json.has("error") { error = json }
        for choice in json.list("choices") {
            if let reason = choice.string("finish_reason") { finishReason = reason }
            for call in choice.list("delta.tool_calls") {
                texts[choice.int("index") ?? 0, default: ""] += call.string("function.arguments") ?? ""
            }
            guard let text = choice.string("delta.content"), !text.isEmpty else { continue }
            texts[choice.int("index") ?? 0, default: ""] += text
            pieces += 1
        }
    }
}

extension ByteBuffer {
    /// Bytes up to the first line feed, with it; `nil`: no line is whole.
    fileprivate var lineLength: Int? {
        withUnsafeReadableBytes { bytes in
            guard let start = bytes.baseAddress, let end = memchr(start, 0x0A, bytes.count) else { return nil }
            return start.distance(to: UnsafeRawPointer(end)) + 1
        }
    }
}

extension Reply {
    fileprivate init(_ response: HTTPCaller.Response, _ events: EventReader) {
        cache = response.headers.first(name: "x-agentshield-cache")
        provider = response.headers.first(name: "x-agentshield-provider")
        routeReason = response.headers.first(name: "x-agentshield-route-reason")
        scrubbed = response.headers.first(name: "x-agentshield-scrubbed")
        requestID = response.headers.first(name: "x-request-id")
        texts = events.texts
        pieces = events.pieces
        finishReason = events.finishReason
        let isStream = response.headers.first(name: "content-type")?.hasPrefix("text/event-stream") ?? false
        let json = isStream ? events.error : try? JSON(response.body)
        if let error = json, error.has("error") {
            // All four keys are always there.
            let hasAllKeys = Set(error.object("error").keys) == ["message", "type", "param", "code"]
            fault = Fault(
                told: "\(response.status) \(hasAllKeys ? error.string("error.code") ?? "?" : "an error object without all of its keys")",
                parameter: error.string("error.param"),
                retryAfterMilliseconds: response.headers.first(name: "retry-after-ms").flatMap { Int($0) },
                message: error.string("error.message") ?? "")
        } else if !isStream, let answer = json, response.status == 200 {
            for choice in answer.list("choices") {
                let calls = choice.list("message.tool_calls").map { $0.string("function.arguments") ?? "" }
                texts[choice.int("index") ?? 0] = choice.string("message.content") ?? calls.joined()
            }
            finishReason = answer.string("choices.0.finish_reason")
            outputTokens = answer.int("usage.completion_tokens")
            pieces = 1
            isWhole = response.isComplete
        } else if isStream, events.isDone, !events.isMalformed {
            isWhole = response.isComplete
        } else {
            let told = response.status == 0 ? "the connection is gone" : "\(response.status), and no end"
            fault = Fault(told: told, message: told)
        }
    }
}
