import GatewayCore
import GatewayPipeline
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import HTTPShim

@Suite struct HTTP2Tests {
    private func streaming() -> ScriptedBackend {
        let backend = ScriptedBackend()
        backend.isStreamed = true
        return backend
    }

    @Test("a request on a stream is answered on it")
    func answers() throws {
        let connection = try HTTP2Connection()
        let stream = try connection.open(body: #"{"model":"gpt-4o"}"#)
        let exchange = try #require(connection.backend.exchanges.first)
        #expect(exchange.body == #"{"model":"gpt-4o"}"#)
        exchange.answer(#"{"id":"x"}"#)
        try connection.exchangeBytes()
        #expect(stream.status == 200)
        #expect(stream.body == #"{"id":"x"}"#)
        #expect(stream.isEnded)
        #expect(stream.head?.headers["x-request-id"] == [exchange.request.id.description])
        #expect(stream.head?.headers["x-agentshield-cost-usd"] == ["0.001234500"])
        #expect(stream.head?.headers["connection"] == [])
    }

    @Test("streams run side by side, and one that breaks leaves the others alone")
    func sideBySide() throws {
        let connection = try HTTP2Connection(streaming())
        let streams = try (0..<20).map { _ in try connection.open() }
        let exchanges = connection.backend.exchanges
        #expect(exchanges.count == 20)
        for exchange in exchanges { exchange.begin() }
        exchanges[0].fail(Fault(.streamBroken, origin: .upstream, message: "broken"))
        for exchange in exchanges.dropFirst() {
            exchange.send(#"{"n":1}"#)
            exchange.end()
        }
        try connection.exchangeBytes()
        #expect(streams[0].body.contains("stream_broken"))
        #expect(!streams[0].body.contains("[DONE]"))
        #expect(streams.allSatisfy { $0.isEnded })
        #expect(streams.dropFirst().allSatisfy { $0.body == "data: {\"n\":1}\n\ndata: [DONE]\n\n" })
        #expect(connection.server.isActive)
    }

    @Test("a client that opens many streams and reads none of their answers costs no more than the bound")
    func boundsUnreadAnswers() throws {
        let connection = try HTTP2Connection(clientWindow: 0)
        let answer = #"{"text":"\#(String(repeating: "x", count: 1 << 20))"}"#
        let streams = try (0..<40).map { _ in try connection.open() }
        for exchange in connection.backend.exchanges { exchange.answer(answer) }
        try connection.exchangeBytes()
        let held = connection.backend.reservedBytes
        #expect(held > 30 << 20)
        #expect(held <= ShimLimits.maxUnreadAnswerBytes)
        #expect(streams.filter { $0.status == 200 }.count == held / answer.utf8.count)
        let refused = streams.filter { $0.status == 502 }
        #expect(refused.count == 40 - held / answer.utf8.count)
        #expect(refused.allSatisfy { $0.head?.headers["x-should-retry"] == ["false"] })

        // Who goes leaves nothing behind.
        for stream in streams.prefix(10) { stream.channel?.close(promise: nil) }
        try connection.exchangeBytes()
        #expect(connection.backend.reservedBytes == held - 10 * answer.utf8.count)
        connection.client.close(promise: nil)
        connection.server.close(promise: nil)
        try connection.exchangeBytes()
        #expect(connection.backend.reservedBytes == 0)
    }

    @Test("one answer alone is always let through, and what was read makes room")
    func unreadAnswersMakeRoom() throws {
        let connection = try HTTP2Connection()
        let large = #"{"text":"\#(String(repeating: "x", count: ShimLimits.maxUnreadAnswerBytes))"}"#
        for _ in 0..<2 {
            let stream = try connection.open()
            try #require(connection.backend.exchanges.last).answer(large)
            try connection.exchangeBytes()
            #expect(stream.status == 200)
            #expect(stream.body.utf8.count == large.utf8.count)
            #expect(connection.backend.reservedBytes == 0)
        }
    }

    @Test("trailers come to a client that takes them")
    func trailers() throws {
        let connection = try HTTP2Connection(streaming())
        let stream = try connection.open(.POST, "/v1/chat/completions", [("x-api-key", ScriptedBackend.key), ("te", "trailers")])
        let exchange = try #require(connection.backend.exchanges.first)
        exchange.begin()
        exchange.end()
        try connection.exchangeBytes()
        #expect(stream.trailers?["x-agentshield-cost-usd"] == ["0.001234500"])
        #expect(stream.trailers?["x-agentshield-overhead-us"] == ["42"])
    }

    @Test("routes, errors and the missing key are as on HTTP/1.1")
    func refuses() throws {
        let connection = try HTTP2Connection()
        let unauthenticated = try connection.open(.POST, "/v1/chat/completions", [])
        #expect(unauthenticated.status == 401)
        #expect(try ErrorObject(unauthenticated.body).code == "invalid_api_key")
        #expect(unauthenticated.isEnded)
        #expect(try connection.open(.GET, "/healthz", [], body: nil).status == 200)
        #expect(try connection.open(.GET, "/v1/models", body: nil).body.contains("gpt-4o"))
        #expect(try connection.open(.POST, "/v1/audio/speech").status == 501)
    }

    @Test("a body that is longer than declared costs its stream, not the connection")
    func refusesLyingLength() throws {
        let connection = try HTTP2Connection()
        let other = try connection.open()
        let stream = try connection.open(
            .POST, "/v1/chat/completions", [("x-api-key", ScriptedBackend.key), ("content-length", "1")], body: "{}")
        #expect(stream.isReset)
        #expect(connection.backend.reservedBytes == 0)
        connection.backend.exchanges.first?.answer()
        try connection.exchangeBytes()
        #expect(other.status == 200)
        #expect(connection.server.isActive)
    }

    @Test("a client that waits for 100 Continue is told to go on")
    func continues() throws {
        let connection = try HTTP2Connection()
        let headers = [("x-api-key", ScriptedBackend.key), ("expect", "100-continue"), ("content-length", "2")]
        let stream = try connection.open(.POST, "/v1/chat/completions", headers, body: nil, ends: false)
        #expect(stream.informational == [100])
        stream.channel?.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: "{}"))), promise: nil)
        stream.channel?.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        try connection.exchangeBytes()
        #expect(connection.backend.exchanges.first?.body == "{}")
    }

    @Test("a body that grows too long is a 413, and the stream alone is reset when it goes on")
    func refusesGrownBody() throws {
        let backend = ScriptedBackend()
        backend.settings.maxRequestBytes = 100
        let connection = try HTTP2Connection(backend)
        let stream = try connection.open(body: String(repeating: "x", count: 200), ends: false)
        #expect(stream.status == 413)
        #expect(backend.reservedBytes == 0)
        try connection.advance(.seconds(20))
        #expect(stream.isReset)
        #expect(try connection.open(.GET, "/healthz", [], body: nil).status == 200)
    }

    @Test("a body that stops arriving is a 408 on its stream alone")
    func cutsSlowBody() throws {
        let connection = try HTTP2Connection()
        let stream = try connection.open(body: "{", ends: false)
        try connection.advance(.seconds(20))
        #expect(stream.status == 408)
        #expect(connection.backend.reservedBytes == 0)
        #expect(try connection.open(.GET, "/healthz", [], body: nil).status == 200)
    }

    @Test("a stream that is reset is cancelled at once, before the first byte and after it", arguments: [false, true])
    func cancelsOnReset(hasBegun: Bool) throws {
        let connection = try HTTP2Connection(streaming())
        let stream = try connection.open()
        let other = try connection.open()
        let exchanges = connection.backend.exchanges
        if hasBegun {
            exchanges[0].begin()
            exchanges[0].send("{}")
            try connection.exchangeBytes()
        }
        stream.channel?.close(promise: nil)
        try connection.exchangeBytes()
        #expect(exchanges[0].isCancelled)
        #expect(!exchanges[1].isCancelled)
        exchanges[1].begin()
        exchanges[1].end()
        try connection.exchangeBytes()
        #expect(other.isEnded)
    }

    @Test("a client that opens streams and resets them at once loses its connection, and leaves nothing behind")
    func rapidReset() throws {
        let connection = try HTTP2Connection(streaming())
        var opened = 0
        while opened < 1000, connection.server.isActive, connection.events.goAways == 0 {
            try connection.open(isReading: false).channel?.close(promise: nil)
            try connection.exchangeBytes()
            opened += 1
        }
        #expect(opened < 1000)
        #expect(connection.backend.exchanges.allSatisfy { $0.isCancelled })
        #expect(connection.backend.reservedBytes == 0)
    }

    @Test("a connection that is lost cancels all its streams")
    func cancelsOnLoss() throws {
        let connection = try HTTP2Connection()
        for _ in 0..<3 { _ = try connection.open() }
        connection.server.close(promise: nil)
        connection.server.embeddedEventLoop.run()
        #expect(connection.backend.exchanges.map(\.isCancelled) == [true, true, true])
    }

    @Test(
        "a client that opens no window for a small answer holds neither its stream nor the connection for ever", arguments: [true, false])
    func neverTaken(isRefused: Bool) throws {
        let connection = try HTTP2Connection(clientWindow: 1)
        let stream = try connection.open(.GET, isRefused ? "/v1/nothing" : "/healthz", body: nil, isReading: false)
        #expect(!stream.isEnded)
        try connection.advance(.seconds(121))
        #expect(stream.isReset)
        try connection.advance(.seconds(200))
        #expect(!connection.server.isActive)
    }

    @Test("a paused reader stops only its own upstream")
    func pauses() throws {
        let connection = try HTTP2Connection(streaming(), clientWindow: 16_384)
        let stalled = try connection.open(isReading: false)
        let reading = try connection.open()
        let exchanges = connection.backend.exchanges
        let text = "\"\(String(repeating: "x", count: 8_000))\""
        for exchange in exchanges { exchange.begin() }
        for _ in 0..<20 {
            for exchange in exchanges { exchange.send(text) }
            try connection.exchangeBytes()
        }
        #expect(exchanges[0].isPaused)
        #expect(!exchanges[1].isPaused)
        #expect(reading.body.utf8.count == 20 * (text.utf8.count + 8))
        for _ in 0..<100 {
            stalled.channel?.read()
            try connection.exchangeBytes()
        }
        #expect(!exchanges[0].isPaused)
        #expect(stalled.body.utf8.count == 20 * (text.utf8.count + 8))
    }

    @Test(
        "a connection that breaks a rule is closed within a bound, also while its streams wait",
        arguments: [
            // RST_STREAM, DATA and WINDOW_UPDATE of a stream that never was; WINDOW_UPDATE by nothing; SETTINGS of a stream; half of a SETTINGS.
            [0, 0, 4, 3, 0, 0, 0, 0, 99, 0, 0, 0, 8], [0, 0, 1, 0, 0, 0, 0, 0, 99, 0], [0, 0, 4, 8, 0, 0, 0, 0, 99, 0, 0, 0, 1],
            [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 4, 0, 0, 0, 0, 1], [0, 0, 5, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ] as [[UInt8]])
    func brokenRule(frame: [UInt8]) throws {
        let connection = try HTTP2Connection()
        _ = try connection.open()
        _ = try? connection.server.writeInbound(ByteBuffer(bytes: frame))
        try? connection.exchangeBytes()
        #expect(connection.events.goAways > 0)
        try? connection.advance(ShimLimits.lingerTimeout)
        #expect(!connection.server.isActive)
        #expect(connection.backend.exchanges.first?.isCancelled == true)
    }

    @Test("a drained connection says GOAWAY, finishes its streams and closes")
    func drains() throws {
        let connection = try HTTP2Connection()
        let stream = try connection.open()
        connection.server.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        try connection.exchangeBytes()
        #expect(connection.events.goAways > 0)
        #expect(connection.server.isActive)
        connection.backend.exchanges.first?.answer()
        try connection.exchangeBytes()
        #expect(stream.status == 200)
        #expect(!connection.server.isActive)
    }

    @Test("what is not over shortly after the drain deadline is cut")
    func cutsDrain() throws {
        let connection = try HTTP2Connection()
        _ = try connection.open()
        connection.server.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        try connection.exchangeBytes()
        try connection.advance(connection.backend.settings.drainDeadline + ShimLimits.lingerTimeout)
        #expect(!connection.server.isActive)
        #expect(connection.backend.exchanges.first?.isCancelled == true)
    }

    @Test("an idle connection is told GOAWAY and closed after the idle timeout")
    func closesIdle() throws {
        let connection = try HTTP2Connection()
        try connection.advance(.seconds(10))
        _ = try connection.open(.GET, "/healthz", [], body: nil)
        try connection.advance(.seconds(119))
        #expect(connection.server.isActive)
        try connection.advance(.seconds(1))
        #expect(connection.events.goAways > 0)
        #expect(!connection.server.isActive)
    }

    @Test("a connection without a request is closed after the slow-request timeout")
    func closesSilent() throws {
        let connection = try HTTP2Connection()
        try connection.advance(.seconds(19))
        #expect(connection.server.isActive)
        try connection.advance(.seconds(1))
        #expect(!connection.server.isActive)
    }

    @Test("a client that does not answer while the connection drains is cut all the same")
    func cutsUnresponsive() throws {
        let connection = try HTTP2Connection()
        _ = try connection.open()
        connection.server.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        connection.server.embeddedEventLoop.advanceTime(by: .seconds(24))
        #expect(connection.server.isActive)
        connection.server.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(!connection.server.isActive)
    }

    @Test(
        "what is not HTTP/2 ends the connection, not the process",
        arguments: [
            "GET /v1/models HTTP/1.1\r\nhost: gateway\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u{1}\u{2}\u{3}garbage that is no frame at all",
        ])
    func refusesGarbage(text: String) throws {
        let backend = ScriptedBackend()
        let server = EmbeddedChannel()
        try configureHTTP2(server, backend: backend, needsEdgeProof: false, clientAddress: nil)
        server.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        _ = try? server.writeInbound(ByteBuffer(string: text))
        server.embeddedEventLoop.run()
        #expect(!server.isActive)
        _ = try? server.finish(acceptAlreadyClosed: true)
    }
}
