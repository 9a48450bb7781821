import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// One request to the HTTP door, on a connection of its own.
enum ShimCall {
    struct Response: Sendable {
        var status = 0
        var requestID = ""
        var body = ""
        /// The response ended as HTTP says.
        var isWhole = false
    }

    static func run(_ job: Job, _ gateway: Gateway, tenant: Tenant) async throws -> JobEnd {
        let body =
            #"{"model":"\#(job.model)","stream":\#(job.isStreamed),"messages":[{"role":"user","content":"Hello out there"}]}"#
        let headers = HTTPHeaders([
            ("host", "localhost"), ("content-type", "application/json"), ("authorization", "Bearer \(tenant.key)"),
            ("content-length", String(body.utf8.count)), ("x-request-id", job.mark), ("traceparent", job.traceparent),
        ])
        let response = try await send(
            HTTPRequestHead(version: .http1_1, method: .POST, uri: "/v1/chat/completions", headers: headers), body, port: gateway.httpPort,
            leavesAfter: job.kind == .cancelled ? job.leavesAfter : nil)
        guard response.isWhole else { return .lost }
        guard response.status == 200 else { return .refused(code(in: response.body)) }
        // A stream is complete when it says so; one that failed ends with an error event.
        if job.isStreamed, !response.body.hasSuffix("data: [DONE]\n\n") { return .refused(code(in: response.body)) }
        return .completed(Completed(id: response.requestID, tenant: tenant.name, job: job))
    }

    static func get(_ path: String, port: Int) async throws -> String {
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: HTTPHeaders([("host", "localhost")]))
        return try await send(head, "", port: port, leavesAfter: nil).body
    }

    private static func code(in body: String) -> String {
        guard let range = body.range(of: #""code":""#) else { return "unknown" }
        return String(body[range.upperBound...].prefix { $0 != "\"" })
    }

    private static func send(_ head: HTTPRequestHead, _ body: String, port: Int, leavesAfter: Int?) async throws -> Response {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: Response.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .connectTimeout(.seconds(5))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        try channel.pipeline.syncOperations.addHandler(ResponseReader(promise))
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
        } catch {
            promise.succeed(Response())
            throw error
        }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if !body.isEmpty { channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil) }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        if let leavesAfter { loop.scheduleTask(in: .milliseconds(Int64(leavesAfter))) { channel.close(promise: nil) } }
        let limit = loop.scheduleTask(in: .seconds(30)) { channel.close(promise: nil) }
        let response = try await promise.futureResult.get()
        limit.cancel()
        channel.close(promise: nil)
        return response
    }
}

private final class ResponseReader: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private var response = ShimCall.Response()
    private let promise: EventLoopPromise<ShimCall.Response>

    init(_ promise: EventLoopPromise<ShimCall.Response>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            response.status = Int(head.status.code)
            response.requestID = head.headers.first(name: "x-request-id") ?? ""
        case .body(let bytes): response.body += String(buffer: bytes)
        case .end:
            response.isWhole = true
            promise.succeed(response)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { promise.succeed(response) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
