import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayCrypto
import Logging
import NIOCore
import NIOHTTP1

/// Who may call the listener for administration, and by which names.
struct ControlGate: Sendable {
    private let credential: Secret
    private let hosts: Set<String>

    /// - Parameter port: where the listener is.
    init(_ listener: Configuration.ControlListener, port: Int) {
        credential = listener.credential
        // A page in somebody's browser can send requests to this machine, but not with these names (DNS rebinding).
        let own =
            ["localhost", "127.0.0.1", "[::1]"] + [
                listener.address.host.contains(":") ? "[\(listener.address.host)]" : listener.address.host
            ]
        hosts = Set((own.map { "\($0):\(port)" } + listener.hosts).map { $0.lowercased() })
    }

    func check(_ head: HTTPRequestHead) throws(ControlRefusal) {
        let named = head.headers["host"]
        guard named.count == 1, hosts.contains(named[0].lowercased()) else { throw .wrongHost }
        let presented = head.headers["authorization"]
        guard presented.count == 1, presented[0].lowercased().hasPrefix("bearer ") else { throw .unauthenticated }
        let given = Array(presented[0].utf8.dropFirst("bearer ".utf8.count))
        let isRight = given.withUnsafeBytes { given in credential.withUnsafeBytes { constantTimeEqual(given, $0) } }
        guard isRight else { throw .unauthenticated }
    }
}

/// Reads requests for ``ControlAPI`` and writes its answers; one request at a time on a connection.
final class ControlHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let maxBodyBytes = 64 << 10
    /// Between requests, and within one.
    static let idleTimeout = TimeAmount.seconds(30)

    private let api: ControlAPI
    private let gate: ControlGate
    private let makeRequestID: () -> RequestID
    private let logger: Logger
    private var head: HTTPRequestHead?
    private var refusal: ControlRefusal?
    private var body = ByteBuffer()

    init(api: ControlAPI, gate: ControlGate, logger: Logger, makeRequestID: @escaping () -> RequestID) {
        self.api = api
        self.gate = gate
        self.logger = logger
        self.makeRequestID = makeRequestID
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
            do throws(ControlRefusal) {
                try gate.check(head)
                refusal = nil
            } catch {
                refusal = error
            }
        case .body(let bytes):
            guard refusal == nil else { return }
            if body.readableBytes + bytes.readableBytes > Self.maxBodyBytes {
                refusal = .tooLarge
            } else {
                body.writeImmutableBuffer(bytes)
            }
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let id = makeRequestID()
        if let refusal { return write(refusal, head, id, context) }
        let request = Self.request(head, body)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let (api, logger) = (api, logger)
        Task {
            let outcome: Result<(status: Int, body: Data), ControlRefusal>
            do {
                let answer = try await api.answer(request)
                outcome = .success((answer.status, try answer.body.encoded()))
            } catch {
                outcome = .failure(ControlRefusal(error))
            }
            // Ids alone: what was asked for may hold names of people.
            if request.method != "GET" {
                let status =
                    switch outcome {
                    case .success(let answer): answer.status
                    case .failure(let refusal): refusal.status
                    }
                logger.notice(
                    "administered",
                    metadata: [
                        "request": "\(id)", "method": "\(request.method)", "path": "/\(request.path.joined(separator: "/"))",
                        "status": "\(status)",
                    ])
            }
            let told = outcome
            bound.eventLoop.execute {
                let (handler, context) = bound.value
                switch told {
                case .success(let answer): handler.write(answer.status, answer.body, head, id, context)
                case .failure(let refusal): handler.write(refusal, head, id, context)
                }
            }
        }
    }

    private static func request(_ head: HTTPRequestHead, _ body: ByteBuffer) -> ControlAPI.Request {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = (parts.first ?? "").split(separator: "/").map { String($0).removingPercentEncoding ?? String($0) }
        let query = parts.count > 1 ? parts[1].split(separator: "&") : []
        let after = query.first { $0.hasPrefix("after=") }.map { String($0.dropFirst("after=".count)) }
        return ControlAPI.Request(
            method: head.method.rawValue, path: path, after: after.flatMap(\.removingPercentEncoding) ?? "",
            body: Data(body.readableBytesView))
    }

    private func write(_ refusal: ControlRefusal, _ head: HTTPRequestHead, _ id: RequestID, _ context: ChannelHandlerContext) {
        let object = JSONObject(["error": ["code": refusal.code, "message": refusal.message, "request_id": id.description]])
        write(refusal.status, (try? object.encoded()) ?? Data(), head, id, context)
    }

    private func write(_ status: Int, _ body: Data, _ head: HTTPRequestHead, _ id: RequestID, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        let bytes = ByteBuffer(bytes: body)
        var headers = HTTPHeaders([
            ("content-type", "application/json"), ("content-length", String(bytes.readableBytes)), ("cache-control", "no-store"),
            ("x-request-id", id.description),
        ])
        if status == 401 { headers.add(name: "www-authenticate", value: "Bearer") }
        let keepsAlive = head.isKeepAlive && status != 413
        if !keepsAlive { headers.add(name: "connection", value: "close") }
        let answer = HTTPResponseHead(version: head.version, status: HTTPResponseStatus(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(answer)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            if !keepsAlive { bound.value.close(promise: nil) }
        }
    }
}
