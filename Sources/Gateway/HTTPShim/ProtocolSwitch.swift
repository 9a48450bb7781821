package import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Puts the wire protocol at the end of a channel whose bytes are a WebSocket's from now on.
///
/// - Parameter clientAddress: for the log; of the edge's word only where its proof held.
package typealias WebSocketDoor = (_ channel: any Channel, _ clientAddress: String?) throws -> Void

/// Turns one HTTP/1.1 connection into a WebSocket: answers the upgrade, takes HTTP out of the pipeline and lets a door put its handlers there. Bytes that came behind the upgrade request are the WebSocket's, whenever they came, and are never read as another request.
final class ProtocolSwitch {
    /// Of the wire protocol.
    let wire: WebSocketDoor
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    /// From the front of the pipeline to its end.
    private let handlers: [any RemovableChannelHandler]

    init(_ wire: @escaping WebSocketDoor, decoder: ByteToMessageHandler<HTTPRequestDecoder>, handlers: [any RemovableChannelHandler]) {
        self.wire = wire
        self.decoder = decoder
        self.handlers = handlers
    }

    /// To be called when the request is whole, by the last handler of the pipeline, which is taken out too.
    ///
    /// - Parameters:
    ///   - head: as ``WebSocketUpgrade`` found it good.
    ///   - subprotocol: which of the offered ones is taken.
    ///   - door: puts the handlers there that speak from now on.
    func upgrade(
        _ head: HTTPRequestHead, subprotocol: String?, last: any RemovableChannelHandler, _ context: ChannelHandlerContext,
        door: @escaping (any Channel) throws -> Void
    ) {
        let loop = context.eventLoop
        let own = HTTPHeaders(subprotocol.map { [("sec-websocket-protocol", $0)] } ?? [])
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in
                channel.eventLoop.makeSucceededFuture(own)
            }, upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        let answer = upgrader.buildUpgradeResponse(channel: context.channel, upgradeRequest: head, initialResponseHeaders: [:])
        let bound = NIOLoopBound((self, last, context, door), eventLoop: loop)
        answer.whenComplete { outcome in
            let (this, last, context, door) = bound.value
            switch outcome {
            case .success(let headers): this.carryOut(headers, last, context, door)
            case .failure: context.close(promise: nil)
            }
        }
    }

    private func carryOut(
        _ headers: HTTPHeaders, _ last: any RemovableChannelHandler, _ context: ChannelHandlerContext, _ door: (any Channel) throws -> Void
    ) {
        let channel = context.channel
        let head = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
        context.writeAndFlush(NIOAny(HTTPServerResponsePart.head(head)), promise: nil)
        let pipeline = channel.pipeline.syncOperations
        // These go at once; the decoder only after this tick, with what it still holds, and by then the door is there to read it.
        for handler in [last] + handlers.reversed() { pipeline.removeHandler(handler, promise: nil) }
        do {
            try door(channel)
        } catch {
            return channel.close(promise: nil)
        }
        pipeline.removeHandler(decoder, promise: nil)
        // HTTP may have held reads back.
        channel.read()
    }
}
