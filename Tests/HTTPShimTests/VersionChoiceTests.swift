import GatewayPipeline
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import HTTPShim

/// A connection without TLS says by its first bytes which HTTP it speaks.
@Suite struct VersionChoiceTests {
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    @Test("only the whole preface is HTTP/2, and a part of it decides nothing")
    func decision() {
        for count in 0..<Self.preface.count {
            #expect(VersionChoice.version(of: ByteBuffer(bytes: Self.preface.prefix(count)).readableBytesView) == nil)
            var other = Array(Self.preface.prefix(count + 1))
            other[count] ^= 1
            #expect(VersionChoice.version(of: ByteBuffer(bytes: other).readableBytesView) == .http1)
        }
        #expect(VersionChoice.version(of: ByteBuffer(bytes: Self.preface + [0, 0]).readableBytesView) == .http2)
    }

    @Test("a client that begins with HTTP/2 is answered by it")
    func http2() throws {
        let connection = try HTTP2Connection(isPlain: true)
        let stream = try connection.open(.GET, "/v1/models", body: nil)
        #expect(stream.status == 200 && stream.body.contains("gpt-4o"))
        let chat = try connection.open()
        try #require(connection.backend.exchanges.first).answer(#"{"id":"x"}"#)
        try connection.exchangeBytes()
        #expect(chat.body == #"{"id":"x"}"#)
    }

    @Test("HTTP/1.1 is served in whatever pieces it comes, also one that begins like a preface")
    func http1() throws {
        let connection = try HTTP1Connection(isPlain: true)
        for byte in "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: \(ScriptedBackend.key)\r\ncontent-length: 2\r\n\r\n{}".utf8
        {
            try connection.send([byte])
        }
        try connection.exchange.answer(#"{"id":"x"}"#)
        #expect(try connection.response().body == #"{"id":"x"}"#)
        try connection.get("/healthz")
        #expect(try connection.response().status == 200)

        let other = try HTTP1Connection(isPlain: true)
        for byte in "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".utf8 { try other.send([byte]) }
        #expect([400, 501, 505].contains(try other.response().status))
    }

    @Test(
        "who says nothing, or a part of the preface, is cut in time; so is who has not begun when the gateway drains",
        arguments: ["", "PRI * "])
    func silence(sent: String) throws {
        let connection = try HTTP1Connection(isPlain: true)
        try connection.send(sent)
        connection.advance(connection.backend.settings.slowRequestTimeout - .nanoseconds(1))
        #expect(!connection.isClosed)
        connection.advance(.nanoseconds(1))
        #expect(connection.isClosed)

        let drained = try HTTP1Connection(isPlain: true)
        try drained.send(sent)
        drained.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        drained.channel.embeddedEventLoop.run()
        #expect(drained.isClosed)
    }
}
