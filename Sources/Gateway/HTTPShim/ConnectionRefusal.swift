package import GatewayCore
package import NIOCore
import NIOHTTP1

/// Answers a connection that there is no room for, whatever it asks, and closes it. To be called when it is accepted, on its event loop.
///
/// - Parameter requestID: what the log and the client call it.
package func refuseHTTP1(_ channel: any Channel, _ refusal: ConnectionRefusal, requestID: RequestID) throws {
    try channel.pipeline.syncOperations.addHandler(RefusalHandler(refusal.answer(requestID)))
}

/// Why a connection is not taken.
package enum ConnectionRefusal: Sendable {
    /// The gateway has as many as it takes.
    case full
    /// The client's address has.
    case addressFull

    private var fault: Fault {
        switch self {
        case .full:
            Fault(
                .overloaded, origin: .gateway, message: "The gateway has as many connections as it takes. Try again shortly.",
                retryAfterMilliseconds: 1_000)
        case .addressFull:
            Fault(
                .rateLimited, origin: .downstream,
                message: "This address has as many connections open as the gateway takes from one. Close some, or use them again.",
                retryAfterMilliseconds: 1_000)
        }
    }

    func answer(_ requestID: RequestID) -> ByteBuffer {
        let fault = fault
        var body = ByteBuffer()
        fault.writeErrorObject(into: &body)
        var headers = HTTPHeaders(requestID: requestID, contentType: "application/json", contentLength: body.readableBytes, closing: true)
        headers.add(fault)
        let status = HTTPResponseStatus(statusCode: fault.httpStatus)
        var answer = ByteBuffer(string: "HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\n")
        for (name, value) in headers { answer.writeString("\(name): \(value)\r\n") }
        answer.writeString("\r\n")
        answer.writeBuffer(&body)
        return answer
    }
}

/// Says one thing and hangs up: our side at once, the rest when the client has, or after a second, so that the answer is not lost in a reset.
private final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let timeout = TimeAmount.seconds(1)

    private let answer: ByteBuffer
    private var timer: Scheduled<Void>?

    init(_ answer: ByteBuffer) {
        self.answer = answer
    }

    /// Behind a balancer the connection has said who its client is, and is active by now.
    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { refuse(context) }
    }

    func channelActive(context: ChannelHandlerContext) { refuse(context) }

    private func refuse(_ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        context.close(mode: .output, promise: nil)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.timeout) { context.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func channelInactive(context: ChannelHandlerContext) { timer?.cancel() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
