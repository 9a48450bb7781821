import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// What a gateway answered.
struct Answer: Sendable {
    var status = 0
    var headers = HTTPHeaders()
    var body = ""

    var remainingRequests: Int? { headers.first(name: "x-ratelimit-remaining-requests").flatMap { Int($0) } }
    var remainingTokens: Int? { headers.first(name: "x-ratelimit-remaining-tokens").flatMap { Int($0) } }
    /// What the gateway itself says it added.
    var overheadMicroseconds: Int? { headers.first(name: "x-agentshield-overhead-us").flatMap { Int($0) } }
}

/// One HTTP/1.1 connection to a gateway, which answers one request after the other. An answer of status 0: the connection is gone.
final class Connection: Sendable {
    private let channel: any Channel
    private let reader: NIOLoopBound<AnswerReader>
    private let key: String
    /// What every request says besides.
    private let headers: HTTPHeaders

    private init(channel: any Channel, reader: NIOLoopBound<AnswerReader>, key: String, headers: HTTPHeaders) {
        self.headers = headers
        self.channel = channel
        self.reader = reader
        self.key = key
    }

    static func open(port: Int, key: String, headers: HTTPHeaders = HTTPHeaders()) async throws -> Connection {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let made = loop.makePromise(of: NIOLoopBound<AnswerReader>.self)
        do {
            let channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let reader = AnswerReader()
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        try channel.pipeline.syncOperations.addHandler(reader)
                        made.succeed(NIOLoopBound(reader, eventLoop: channel.eventLoop))
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
            return Connection(channel: channel, reader: try await made.futureResult.get(), key: key, headers: headers)
        } catch {
            made.fail(error)
            throw error
        }
    }

    /// A chat, whole; one that is streamed is told with all its events.
    func chat(
        _ model: String = "echo", _ text: String = "Hello", streamed: Bool = false, maxTokens: Int? = nil,
        deadlineMilliseconds: Int? = nil, idempotencyKey: String? = nil
    ) async throws -> Answer {
        let cap = maxTokens.map { ",\"max_tokens\":\($0)" } ?? ""
        let body = #"{"model":"\#(model)","messages":[{"role":"user","content":"\#(text)"}],"stream":\#(streamed)\#(cap)}"#
        var headers = HTTPHeaders([
            ("host", "localhost"), ("content-type", "application/json"), ("authorization", "Bearer \(key)"),
            ("content-length", String(body.utf8.count)),
        ])
        if let deadlineMilliseconds { headers.add(name: "x-agentshield-deadline-ms", value: String(deadlineMilliseconds)) }
        if let idempotencyKey { headers.add(name: "idempotency-key", value: idempotencyKey) }
        return try await send(HTTPRequestHead(version: .http1_1, method: .POST, uri: "/v1/chat/completions", headers: headers), body)
    }

    /// Any request, with the connection's key and without a body.
    func get(_ path: String, host: String = "localhost") async throws -> Answer {
        let headers = HTTPHeaders([("host", host)] + (key.isEmpty ? [] : [("authorization", "Bearer \(key)")]))
        return try await send(HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers), "")
    }

    /// Any request, with the connection's key.
    func request(_ method: HTTPMethod, _ path: String, _ body: String, host: String) async throws -> Answer {
        let headers: HTTPHeaders = [
            "host": host, "authorization": "Bearer \(key)", "content-type": "application/json", "content-length": "\(body.utf8.count)",
        ]
        return try await send(HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: headers), body)
    }

    private func send(_ head: HTTPRequestHead, _ body: String) async throws -> Answer {
        var head = head
        head.headers.add(contentsOf: headers)
        let sent = head
        return try await channel.eventLoop.flatSubmit { [channel, reader] in
            let answer = reader.value.expect(on: channel)
            channel.write(HTTPClientRequestPart.head(sent), promise: nil)
            if !body.isEmpty { channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil) }
            channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
            return answer
        }.get()
    }

    /// What has come of the answer under way.
    var soFar: String { get async throws { try await channel.eventLoop.submit { [reader] in reader.value.soFar }.get() } }

    func close() { channel.close(promise: nil) }
}

/// Confined to its connection's event loop.
private final class AnswerReader: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private var answer = Answer()
    private var promise: EventLoopPromise<Answer>?

    func expect(on channel: any Channel) -> EventLoopFuture<Answer> {
        guard channel.isActive else { return channel.eventLoop.makeSucceededFuture(Answer()) }
        let promise = channel.eventLoop.makePromise(of: Answer.self)
        self.promise = promise
        return promise.futureResult
    }

    var soFar: String { promise == nil ? "" : answer.body }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): answer = Answer(status: Int(head.status.code), headers: head.headers)
        case .body(let bytes): answer.body += String(buffer: bytes)
        case .end:
            promise?.succeed(answer)
            promise = nil
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise?.succeed(Answer())
        promise = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
