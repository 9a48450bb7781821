import NIOCore
import NIOTLS
import Wire
import WireTransport

/// Waits for TLS, and lets the wire protocol begin only if the gateway agreed to it: the credential goes to nobody else.
final class HandshakeGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let connection: ClientChannel
    private let transport: NetworkTransport
    private let credential: String

    init(_ connection: ClientChannel, transport: NetworkTransport, credential: String) {
        self.connection = connection
        self.transport = transport
        self.credential = credential
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let agreed) = event as? TLSUserEvent else { return context.fireUserInboundEventTriggered(event) }
        guard agreed == NetworkTransport.applicationProtocol else {
            return fail(context, "the server does not speak \(NetworkTransport.applicationProtocol)")
        }
        let handler = transport.makeHandler(for: connection, credential: credential)
        do {
            try context.pipeline.syncOperations.addHandler(handler, position: .after(context.handler))
        } catch {
            return fail(context, "the connection was lost")
        }
        connection.established(handler)
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(context, "TLS failed: \(error)")
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(context, "the server closed the connection during TLS")
    }

    private func fail(_ context: ChannelHandlerContext, _ message: String) {
        let address = connection.address
        transport.connectionFailed(
            connection, AgentShieldError(.unreachable, "\(address.host):\(address.port): \(message)", isRetryable: true))
        context.close(promise: nil)
    }
}
