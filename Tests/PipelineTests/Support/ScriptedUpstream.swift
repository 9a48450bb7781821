import NIOCore
import NIOPosix

/// An HTTP/1.1 server of a provider whose every answer the test writes itself, byte by byte if it likes.
final class ScriptedUpstream: Sendable {
    let port: Int
    private let log: NIOLoopBound<CallLog>
    private let loop: any EventLoop

    /// - Parameter reply: what each request gets at once; `nil`: nothing.
    init(loop: any EventLoop, reply: String? = nil) async throws {
        let log = try await loop.submit { NIOLoopBound(CallLog(loop: loop), eventLoop: loop) }.get()
        let listener = try await ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(CallHandler(log: log.value, reply: reply))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
        self.log = log
        self.loop = loop
    }

    /// The next request that the provider gets, whether it has come already or not.
    func call() async throws -> ProviderCall {
        try await loop.flatSubmit { self.log.value.next() }.get()
    }

    /// Requests so far.
    var calls: Int {
        get async throws { try await loop.submit { self.log.value.count }.get() }
    }
}

/// One request at the provider.
struct ProviderCall: Sendable {
    var body: String
    private let channel: any Channel

    init(body: String, channel: any Channel) {
        self.body = body
        self.channel = channel
    }

    func write(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    /// Ends the answer in the middle of whatever it is in.
    func cut() async throws { try await channel.close() }

    /// Returns when the gateway has closed the connection.
    func closed() async throws { try await channel.closeFuture.get() }

    // MARK: answers

    func answer(_ text: String = "Hello", finish: String = "stop", usage: String? = #"{"prompt_tokens":7,"completion_tokens":3}"#)
        async throws
    {
        let told = usage.map { ",\"usage\":\($0)" } ?? ""
        let body =
            #"{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"\#(text)"},"finish_reason":"\#(finish)"}]\#(told)}"#
        try await respond(200, body)
    }

    func respond(_ status: Int, _ body: String, type: String = "application/json") async throws {
        try await write("HTTP/1.1 \(status) X\r\ncontent-type: \(type)\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    func fail(_ status: Int) async throws {
        try await respond(status, #"{"error":{"message":"no","type":"t","code":null}}"#)
    }

    func beginStream() async throws {
        try await write("HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    }

    func event(_ json: String) async throws { try await write("data: \(json)\n\n") }

    func piece(_ text: String, choice: Int = 0) async throws {
        try await event(#"{"id":"c","choices":[{"index":\#(choice),"delta":{"content":"\#(text)"}}]}"#)
    }

    func finish(_ reason: String = "stop", choice: Int = 0) async throws {
        try await event(#"{"id":"c","choices":[{"index":\#(choice),"delta":{},"finish_reason":"\#(reason)"}]}"#)
    }

    func done() async throws {
        try await write("data: [DONE]\n\n")
        try await channel.close()
    }
}

private final class CallLog {
    private let loop: any EventLoop
    private var waiting: CircularBuffer<EventLoopPromise<ProviderCall>> = []
    private var untaken: CircularBuffer<ProviderCall> = []
    private(set) var count = 0

    init(loop: any EventLoop) {
        self.loop = loop
    }

    func next() -> EventLoopFuture<ProviderCall> {
        let promise = loop.makePromise(of: ProviderCall.self)
        if let call = untaken.popFirst() { promise.succeed(call) } else { waiting.append(promise) }
        return promise.futureResult
    }

    func received(_ call: ProviderCall) {
        count += 1
        if let promise = waiting.popFirst() { promise.succeed(call) } else { untaken.append(call) }
    }
}

private final class CallHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let log: CallLog
    private let reply: String?
    private var received = ""

    init(log: CallLog, reply: String?) {
        self.log = log
        self.reply = reply
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += String(buffer: unwrapInboundIn(data))
        guard let headEnd = received.firstRange(of: "\r\n\r\n") else { return }
        let head = received[..<headEnd.upperBound].lowercased()
        let length = head.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }.flatMap { Int($0.dropFirst(16)) } ?? 0
        guard received[headEnd.upperBound...].utf8.count >= length else { return }
        let body = String(received[headEnd.upperBound...])
        received = ""
        if let reply { context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: reply)), promise: nil) }
        log.received(ProviderCall(body: body, channel: context.channel))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
