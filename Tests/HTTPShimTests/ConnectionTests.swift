import GatewayCore
import GatewayPipeline
import NIOCore
import NIOEmbedded
import Testing

@testable import HTTPShim

@Suite struct PipeliningTests {
    @Test("pipelined requests are taken one after another and answered in order")
    func answersInOrder() throws {
        let connection = try HTTP1Connection()
        let chat = "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: \(ScriptedBackend.key)\r\ncontent-length: 7\r\n\r\n"
        try connection.send(chat + "{\"n\":1}" + chat + "{\"n\":2}" + "GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n")
        #expect(connection.backend.exchanges.map(\.body) == [#"{"n":1}"#])
        try connection.exchange.answer("\"first\"")
        #expect(connection.backend.exchanges.map(\.body) == [#"{"n":1}"#, #"{"n":2}"#])
        try connection.exchange.answer("\"second\"")
        #expect(try connection.responses().map(\.body) == ["\"first\"", "\"second\"", #"{"status":"ok"}"#])
    }

    @Test("more requests than may wait are dropped, and the last answer says that the connection ends")
    func boundsWaiting() throws {
        let connection = try HTTP1Connection()
        let health = "GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n"
        try connection.post("{}")
        try connection.send(String(repeating: health, count: 200))
        #expect(try connection.sent().isEmpty)
        try connection.exchange.answer()
        let responses = try connection.responses()
        #expect(responses.count == 1 + ShimLimits.maxPipelinedRequests)
        #expect(responses.dropLast().allSatisfy { $0["connection"] == nil })
        #expect(responses.last?["connection"] == "close")
        #expect(connection.isClosed)
    }

    @Test("a refused request in the middle leaves its neighbours alone")
    func refusesOne() throws {
        let connection = try HTTP1Connection()
        try connection.send(
            "GET /healthz HTTP/1.1\r\nhost: g\r\n\r\nPOST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 3\r\n\r\nabcGET /healthz HTTP/1.1\r\nhost: g\r\n\r\n"
        )
        #expect(try connection.responses().map(\.status) == [200, 401, 200])
    }

    /// Stands where the socket is.
    private final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = Never
        private(set) var reads = 0

        func read(context: ChannelHandlerContext) {
            reads += 1
            context.read()
        }
    }

    @Test("a client that reads none of its answers is not read any further, until it does")
    func readsNoFurther() throws {
        let connection = try HTTP1Connection()
        let counter = ReadCounter()
        try connection.channel.pipeline.syncOperations.addHandler(counter, position: .first)
        connection.setWritable(false)
        connection.channel.read()
        connection.channel.read()
        #expect(counter.reads == 0)
        connection.setWritable(true)
        #expect(counter.reads == 1)
        connection.channel.read()
        #expect(counter.reads == 2)
    }

    @Test("thousands of requests on one connection leave nothing behind")
    func manyRequests() throws {
        let connection = try HTTP1Connection()
        for number in 0..<2_000 {
            try connection.post("{\"n\":\(number)}")
            try connection.exchange.answer()
            #expect(try connection.response().status == 200)
        }
        #expect(connection.backend.reservedBytes == 0)
        #expect(!connection.isClosed)
    }
}

@Suite struct HygieneTests {
    @Test(
        "what is not HTTP is a 400 in the error shape, and the connection closes",
        arguments: [
            "\u{16}\u{3}\u{1}\u{2}\u{0}", "GET\r\n\r\n", "GET / HTTP/1.1\r\nbad header: x\r\n\r\n",
            "GET / HTTP/1.1\r\nx: a\rb\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n",
            "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
            "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
            "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: -2\r\n\r\n{}",
            "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2x\r\n\r\n{}",
        ])
    func refusesGarbage(text: String) throws {
        let connection = try HTTP1Connection()
        try connection.send(text)
        let response = try #require(try connection.responses().first)
        #expect(response.status == 400)
        #expect(try response.error().code == "protocol_error")
        #expect(response["x-request-id"]?.hasPrefix("req_") == true)
        #expect(response["connection"] == "close")
        #expect(connection.isClosed)
    }

    @Test("a broken chunk in a body is a 400, and what was kept is given back")
    func brokenChunk() throws {
        let connection = try HTTP1Connection()
        try connection.send(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: \(ScriptedBackend.key)\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n"
        )
        #expect(try connection.response().status == 400)
        #expect(connection.backend.reservedBytes == 0)
        #expect(connection.isClosed)
    }

    @Test("garbage behind a request is answered after that request")
    func garbageBehind() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}")
        try connection.send("\u{1}\u{2}garbage\r\n\r\n")
        try connection.exchange.answer()
        #expect(try connection.responses().map(\.status) == [200, 400])
        #expect(connection.isClosed)
    }

    @Test(
        "headers are bounded in length, sum and number",
        arguments: [
            "x: \(String(repeating: "a", count: 17_000))\r\n",
            String(repeating: "x: \(String(repeating: "a", count: 8_000))\r\n", count: 9),
            String(repeating: "x: a\r\n", count: 129),
        ])
    func boundsHeaders(headers: String) throws {
        let connection = try HTTP1Connection()
        try connection.send("GET /healthz HTTP/1.1\r\nhost: g\r\n\(headers)\r\n")
        #expect(try connection.response().status == 431)
        #expect(connection.isClosed)
    }

    @Test("a target is bounded in length")
    func boundsTarget() throws {
        let connection = try HTTP1Connection()
        try connection.send("GET /\(String(repeating: "a", count: 17_000)) HTTP/1.1\r\nhost: g\r\n\r\n")
        #expect(try connection.response().status == 414)
    }

    @Test("an offer to upgrade is declined, and the connection ends with the answer")
    func declinesUpgrade() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}", ["connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABk"])
        try connection.exchange.answer()
        let response = try connection.response()
        #expect(response.status == 200)
        #expect(response["connection"] == "close")
        #expect(connection.isClosed)
    }

    @Test("CONNECT is refused, and the connection ends")
    func refusesConnect() throws {
        let connection = try HTTP1Connection()
        try connection.send("CONNECT example.com:443 HTTP/1.1\r\nhost: g\r\n\r\n")
        #expect(try connection.response().status == 404)
        #expect(connection.isClosed)
    }
}

@Suite struct ConnectionLifeTests {
    @Test("a head that does not arrive whole is a 408")
    func cutsSlowHead() throws {
        let connection = try HTTP1Connection()
        connection.advance(.seconds(5))
        try connection.send("GET /healthz HT")
        connection.advance(.seconds(10))
        try connection.send("TP/1.1\r\nx: ")
        connection.advance(.seconds(9))
        #expect(try connection.sent().isEmpty)
        connection.advance(.seconds(1))
        let response = try connection.response()
        #expect(response.status == 408)
        #expect(try response.error().code == "timeout")
        #expect(response["x-request-id"]?.hasPrefix("req_") == true)
        #expect(connection.isClosed)
    }

    @Test("a connection that never asks is closed without a word")
    func closesSilent() throws {
        let connection = try HTTP1Connection()
        connection.advance(.seconds(20))
        #expect(connection.isClosed)
        #expect(try connection.sent().isEmpty)
    }

    @Test("a kept connection may be idle for the idle timeout, counted from its last answer")
    func closesIdle() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}")
        connection.advance(.minutes(10))
        try connection.exchange.answer()
        _ = try connection.response()
        connection.advance(.seconds(119))
        #expect(!connection.isClosed)
        try connection.get("/healthz")
        _ = try connection.response()
        connection.advance(.seconds(119))
        #expect(!connection.isClosed)
        connection.advance(.seconds(1))
        #expect(connection.isClosed)
    }

    @Test("a client that asks to close is obeyed")
    func closesOnRequest() throws {
        let connection = try HTTP1Connection()
        try connection.get("/healthz", ["connection: close"])
        #expect(try connection.response()["connection"] == "close")
        #expect(connection.isClosed)
    }

    @Test("while the gateway drains, every answer ends its connection")
    func drains() throws {
        let connection = try HTTP1Connection()
        connection.backend.isDraining = true
        try connection.get("/healthz")
        #expect(try connection.response()["connection"] == "close")
        #expect(connection.isClosed)
    }

    @Test("a connection told to drain finishes what is under way and closes; an idle one closes at once")
    func quiesces() throws {
        let busy = try HTTP1Connection()
        try busy.post("{}")
        busy.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        #expect(!busy.isClosed)
        try busy.exchange.answer()
        let response = try busy.response()
        #expect(response.status == 200)
        #expect(response["connection"] == "close")
        #expect(busy.isClosed)

        let idle = try HTTP1Connection()
        idle.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        idle.channel.embeddedEventLoop.run()
        #expect(idle.isClosed)
    }

    @Test("a connection told to drain is cut shortly after the drain deadline")
    func cutsDrain() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}")
        connection.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        connection.advance(.seconds(24))
        #expect(!connection.isClosed)
        connection.advance(.seconds(1))
        #expect(connection.isClosed)
        #expect(try connection.exchange.isCancelled)
    }

    @Test("a client that leaves has its request cancelled at once, before the first byte and after it", arguments: [false, true])
    func cancelsOnClose(hasBegun: Bool) throws {
        let backend = ScriptedBackend()
        backend.isStreamed = true
        let connection = try HTTP1Connection(backend)
        try connection.post("{}")
        let exchange = try connection.exchange
        if hasBegun {
            exchange.begin()
            exchange.send("{}")
        }
        connection.channel.close(promise: nil)
        #expect(exchange.isCancelled)
        connection.channel.embeddedEventLoop.run()
    }

    @Test("a client that closes its side is gone, also with requests waiting behind")
    func cancelsOnHalfClose() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}")
        try connection.get("/healthz")
        connection.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(try connection.exchange.isCancelled)
        connection.channel.embeddedEventLoop.run()
        #expect(connection.isClosed)
    }

    @Test("a reader that stops pauses its own exchange until it reads again")
    func pauses() throws {
        let backend = ScriptedBackend()
        backend.isStreamed = true
        let connection = try HTTP1Connection(backend)
        let other = try HTTP1Connection(backend)
        try other.post("{}")
        let undisturbed = try other.exchange
        try connection.post("{}")
        let exchange = try connection.exchange
        exchange.begin()
        connection.setWritable(false)
        #expect(exchange.isPaused)
        #expect(!undisturbed.isPaused)
        connection.setWritable(true)
        #expect(!exchange.isPaused)
        #expect(exchange.pauses == 1)
    }

    @Test("a request that begins on a connection with unread answers is paused from the start")
    func beginsPaused() throws {
        let connection = try HTTP1Connection()
        connection.setWritable(false)
        try connection.post("{}")
        #expect(try connection.exchange.isPaused)
    }

    @Test("a reader that stays away is given up, and gets no comments meanwhile")
    func givesUpStalled() throws {
        let backend = ScriptedBackend()
        backend.isStreamed = true
        let connection = try HTTP1Connection(backend)
        try connection.post("{}")
        let exchange = try connection.exchange
        exchange.begin()
        _ = try connection.sent()
        connection.setWritable(false)
        connection.advance(.seconds(119))
        #expect(try connection.sent().isEmpty)
        #expect(!exchange.isCancelled)
        connection.advance(.seconds(1))
        #expect(exchange.isCancelled)
        #expect(connection.isClosed)
    }
}
