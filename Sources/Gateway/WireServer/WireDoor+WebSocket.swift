package import GatewayPipeline
package import NIOCore
package import Wire
import WireTransport

extension WireDoor {
    /// Makes a channel that has become a WebSocket one of the door's connections: everything below is the same as with TLS.
    package static func addWebSocket(
        to channel: any Channel, loop: GatewayLoop, compressor: LZ4Compressor, connections: WireConnections, resumable: ResumableAnswers,
        clientAddress: String?
    ) throws {
        let handler = makeHandler(
            loop: loop, compressor: compressor, connections: connections, resumable: resumable, clientAddress: clientAddress)
        try WebSocketHandler.add(.server, and: handler, to: channel) { loop.isDraining }
    }
}
