import NIOCore
import NIOPosix

/// A connection that says exactly what a test makes it say, and keeps what it is told.
final class RawSocket: Sendable {
    private let channel: any Channel
    private let received: EventLoopFuture<[UInt8]>

    private init(channel: any Channel, received: EventLoopFuture<[UInt8]>) {
        self.channel = channel
        self.received = received
    }

    /// - Parameter bytes: sent at once, before anything is read.
    static func connect(port: Int, sending bytes: [UInt8]) async throws -> RawSocket {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let received = loop.makePromise(of: [UInt8].self)
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Collector(received)) }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let socket = RawSocket(channel: channel, received: received.futureResult)
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        return socket
    }

    func close() { channel.close(promise: nil) }

    /// Everything up to the other side's end of the connection.
    func untilEnd() async throws -> [UInt8] {
        try await received.within("the end of a connection")
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private var bytes: [UInt8] = []
        private let whole: EventLoopPromise<[UInt8]>

        init(_ whole: EventLoopPromise<[UInt8]>) { self.whole = whole }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { bytes += unwrapInboundIn(data).readableBytesView }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelInactive(context: ChannelHandlerContext) { whole.succeed(bytes) }
    }
}

/// What a server said on a connection that asked for a WebSocket.
struct WebSocketTranscript {
    private struct NoAnswer: Error {}

    var status: Int
    var head: String
    /// Payloads of binary frames, joined.
    var bytes: [UInt8] = []
    var pongs = 0
    /// `nil`: the connection ended without Close.
    var closeCode: Int?

    static func upgrade(_ headers: [String] = []) -> [UInt8] {
        let lines = [
            "GET /agentshield/v1 HTTP/1.1", "host: gateway", "upgrade: websocket", "connection: Upgrade",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version: 13", "sec-websocket-protocol: agentshield.v1",
        ]
        return Array(((lines + headers).joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    /// A frame as a client writes it, masked with zeros. The length may be a lie.
    static func frame(
        _ opcode: UInt8, _ payload: [UInt8] = [], fin: Bool = true, masked: Bool = true, reserved: UInt8 = 0, length: Int? = nil
    ) -> [UInt8] {
        let length = length ?? payload.count
        let mask: UInt8 = masked ? 0x80 : 0
        var bytes: [UInt8] = [(fin ? 0x80 : 0) | reserved | opcode]
        switch length {
        case ..<126: bytes.append(mask | UInt8(length))
        case ..<65_536: bytes += [mask | 126, UInt8(length >> 8), UInt8(length & 0xFF)]
        default: bytes += [mask | 127] + (0..<8).reversed().map { UInt8(length >> ($0 * 8) & 0xFF) }
        }
        return bytes + (masked ? [0, 0, 0, 0] : []) + payload
    }

    init(_ received: [UInt8]) throws {
        guard let end = received.firstRange(of: Array("\r\n\r\n".utf8)) else { throw NoAnswer() }
        head = String(decoding: received[..<end.lowerBound], as: UTF8.self).lowercased()
        status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        var rest = received[end.upperBound...]
        while status == 101, let first = rest.popFirst(), var length = rest.popFirst().map(Int.init) {
            if length >= 126 {
                let count = length == 126 ? 2 : 8
                length = rest.prefix(count).reduce(0) { $0 << 8 | Int($1) }
                rest = rest.dropFirst(count)
            }
            let payload = rest.prefix(length)
            rest = rest.dropFirst(length)
            switch first & 0xF {
            case 8: closeCode = payload.count >= 2 ? payload.prefix(2).reduce(0) { $0 << 8 | Int($1) } : 1005
            case 10: pongs += 1
            default: bytes += payload
            }
        }
    }
}
