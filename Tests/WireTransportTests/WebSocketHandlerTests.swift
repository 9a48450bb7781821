import Foundation
import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@testable import WireTransport

@Suite("WebSocketHandler")
struct WebSocketHandlerTests {
    /// What stands behind a WebSocket, as ``WireHandler`` does.
    private final class Bytes: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private(set) var received = ByteBuffer()
        var text: String { String(buffer: received) }
        private(set) var failure: WebSocketClosed?
        private(set) var context: ChannelHandlerContext?

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }
        func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { received.writeImmutableBuffer(unwrapInboundIn(data)) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            // The first: what comes behind it is refused without another reason.
            if failure == nil { failure = error as? WebSocketClosed }
            context.close(promise: nil)
        }
    }

    private struct Connection {
        let channel = EmbeddedChannel()
        let bytes = Bytes()

        init(_ side: WebSocketRules.Side = .server) throws {
            try WebSocketHandler.add(side, and: bytes, to: channel) { true }
            channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        }

        func receive(_ bytes: [UInt8]) throws {
            try channel.writeInbound(ByteBuffer(bytes: bytes))
        }

        /// What went out since the last look.
        func sent() throws -> [UInt8] {
            var sent: [UInt8] = []
            while let bytes = try channel.readOutbound(as: ByteBuffer.self) { sent += bytes.readableBytesView }
            return sent
        }

        func setWritable(_ isWritable: Bool) {
            channel.isWritable = isWritable
            channel.pipeline.fireChannelWritabilityChanged()
        }
    }

    /// The example of RFC 6455, 5.7.
    private static let maskedHello: [UInt8] = [0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]

    @Test("frames become bytes, byte by byte too, and bytes become frames")
    func bothWays() throws {
        let connection = try Connection()
        try connection.receive(Self.maskedHello)
        for byte in Self.maskedHello { try connection.receive([byte]) }
        #expect(connection.bytes.text == "HelloHello")
        connection.bytes.context?.writeAndFlush(NIOAny(ByteBuffer(string: "Hello")), promise: nil)
        #expect(try connection.sent() == [0x82, 5] + Array("Hello".utf8))
        _ = try? connection.channel.finish()
    }

    @Test("long bytes go out in frames of at most 64 KiB, and none in no frame")
    func splitting() throws {
        let connection = try Connection()
        let written = connection.channel.eventLoop.makePromise(of: Void.self)
        connection.bytes.context?.writeAndFlush(NIOAny(ByteBuffer(repeating: 7, count: 65_537)), promise: nil)
        let sent = try connection.sent()
        #expect(sent.count == 10 + 65_536 + 2 + 1)
        #expect(sent.prefix(10) == [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0] && sent.suffix(3) == [0x82, 1, 7])
        connection.bytes.context?.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
        #expect(try connection.sent().isEmpty)
        try written.futureResult.wait()
        _ = try? connection.channel.finish()
    }

    @Test("a client masks, each frame with another key")
    func masking() throws {
        let connection = try Connection(.client)
        for _ in 0..<2 { connection.bytes.context?.writeAndFlush(NIOAny(ByteBuffer(string: "Hello")), promise: nil) }
        let sent = try connection.sent()
        #expect(sent.count == 22 && sent[1] == 0x85)
        let unmasked = (0..<5).map { sent[6 + $0] ^ sent[2 + $0 % 4] }
        #expect(unmasked == Array("Hello".utf8))
        #expect(sent[2..<6] != sent[13..<17])
        _ = try? connection.channel.finish()
    }

    @Test("a peer that pings and does not read is owed the last answer only")
    func pongs() throws {
        let connection = try Connection()
        try connection.receive([0x89, 0x81, 0, 0, 0, 0, 1])
        #expect(try connection.sent() == [0x8A, 1, 1])
        connection.setWritable(false)
        for byte in UInt8(2)...9 { try connection.receive([0x89, 0x81, 0, 0, 0, 0, byte]) }
        #expect(try connection.sent().isEmpty)
        connection.setWritable(true)
        #expect(try connection.sent() == [0x8A, 1, 9])
        _ = try? connection.channel.finish()
    }

    @Test("closing the output says Close with the side's code; the peer's answer ends the connection")
    func orderlyEnd() throws {
        let connection = try Connection()
        let closed = connection.channel.eventLoop.makePromise(of: Void.self)
        connection.bytes.context?.close(mode: .output, promise: closed)
        #expect(try connection.sent() == [0x88, 2, 3, 233])
        try closed.futureResult.wait()
        #expect(connection.channel.isActive)
        let late = connection.channel.eventLoop.makePromise(of: Void.self)
        connection.bytes.context?.writeAndFlush(NIOAny(ByteBuffer(string: "late")), promise: late)
        #expect(throws: ChannelError.self) { try late.futureResult.wait() }
        try connection.receive(Self.maskedHello)
        #expect(connection.bytes.text.isEmpty)
        try connection.receive([0x88, 0x82, 0, 0, 0, 0, 3, 233])
        #expect(!connection.channel.isActive)
        #expect(try connection.sent().isEmpty)
    }

    @Test("a peer's Close is answered and told as the reason")
    func peersEnd() throws {
        let connection = try Connection()
        try connection.receive([0x88, 0x82, 0, 0, 0, 0, 3, 232])
        #expect(try connection.sent() == [0x88, 2, 3, 232])
        #expect(connection.bytes.failure?.code == .normalClosure && connection.bytes.failure?.byPeer == true)
        #expect(!connection.channel.isActive)
    }

    /// One of `protocol/vectors/websocket/server.json`.
    private struct Vector: Decodable, CustomTestStringConvertible {
        var name: String
        var client: String
        var bytes: String
        var server: String
        var ends: Bool

        var testDescription: String { name }

        static func all() throws -> [Vector] {
            let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
                .appendingPathComponent("protocol/vectors/websocket/server.json")
            return try JSONDecoder().decode([Vector].self, from: Data(contentsOf: file))
        }

        static func read(_ hex: String) -> [UInt8] {
            let digits = hex.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
            return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        }
    }

    @Test(
        "every vector's bytes, pongs and Close come as it says, in one piece and byte by byte", arguments: try Vector.all(), [false, true])
    private func vectors(vector: Vector, isInPieces: Bool) throws {
        let connection = try Connection()
        let client = Vector.read(vector.client)
        if isInPieces {
            for byte in client { try connection.receive([byte]) }
        } else {
            try connection.receive(client)
        }
        #expect(try connection.sent() == Vector.read(vector.server))
        #expect(Array(connection.bytes.received.readableBytesView) == Vector.read(vector.bytes))
        #expect((connection.bytes.failure != nil) == vector.ends)
        // An embedded channel has no half of it to close: the timer that lets the peer read does the rest.
        connection.channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(connection.channel.isActive != vector.ends)
        _ = try? connection.channel.finish()
    }
}
