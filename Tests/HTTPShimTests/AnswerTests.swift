import GatewayCore
import GatewayPipeline
import NIOCore
import NIOEmbedded
import Testing

@testable import HTTPShim

@Suite struct UnstreamedAnswerTests {
    @Test("an answer goes out byte for byte, with what the gateway adds in its headers")
    func passesBytesOn() throws {
        let connection = try HTTP1Connection()
        try connection.post(#"{"model":"gpt-4o"}"#)
        let json = "{ \"id\" : \"x\",\n \"unknown\":null, \"é\":1.50 }\n"
        let limit = LimitReport(
            requests: RateLimitStatus(limit: 10, remaining: 9, resetMilliseconds: 6_000),
            tokens: RateLimitStatus(limit: 5_000, remaining: 400, resetMilliseconds: 61_000),
            places: RateLimitStatus(limit: 8, remaining: 7, resetMilliseconds: 0))
        try connection.exchange.answer(
            json,
            connection.exchange.head(scrubbed: [ScrubCount(kind: "EMAIL", count: 2), ScrubCount(kind: "IBAN", count: 1)], rateLimit: limit))
        let response = try connection.response()
        #expect(response.status == 200)
        #expect(response.body == json)
        #expect(response["content-type"] == "application/json")
        #expect(try response["x-request-id"] == connection.exchange.request.id.description)
        #expect(response["x-agentshield-model"] == "gpt-4o")
        #expect(response["x-agentshield-provider"] == "openai")
        #expect(response["x-agentshield-cache"] == "miss")
        #expect(response["x-agentshield-route-reason"] == "exact")
        #expect(response["x-agentshield-scrubbed"] == "EMAIL=2,IBAN=1")
        #expect(response["x-agentshield-cost-usd"] == "0.001234500")
        #expect(response["x-agentshield-overhead-us"] == "42")
        #expect(response["x-ratelimit-limit-requests"] == "10")
        #expect(response["x-ratelimit-remaining-requests"] == "9")
        #expect(response["x-ratelimit-reset-requests"] == "6s")
        #expect(response["x-ratelimit-limit-tokens"] == "5000")
        #expect(response["x-ratelimit-remaining-tokens"] == "400")
        #expect(response["x-ratelimit-reset-tokens"] == "1m1s")
        #expect(response["x-ratelimit-limit-concurrent-requests"] == "8")
        #expect(response["x-ratelimit-remaining-concurrent-requests"] == "7")
        #expect(response["connection"] == nil)
    }

    @Test("head and body go out in one piece, unless that is more than a TLS record holds", arguments: [100, 16_000, 20_000])
    func isOnePiece(count: Int) throws {
        let connection = try HTTP1Connection()
        for _ in 0..<2 {
            try connection.post("{}")
            let json = "\"" + String(repeating: "x", count: count) + "\""
            try connection.exchange.answer(json)
            var pieces: [ByteBuffer] = []
            while let piece = try connection.channel.readOutbound(as: ByteBuffer.self) { pieces.append(piece) }
            pieces.removeAll { $0.readableBytes == 0 }
            #expect(pieces.count == (count < 20_000 ? 1 : 2))
            var bytes = pieces.flatMap { Array($0.readableBytesView) }[...]
            #expect(HTTPResponse(reading: &bytes)?.body == json)
            #expect(bytes.isEmpty)
        }
    }

    @Test("rewritten fragments are spliced in, escaped, and nothing else changes")
    func splicesFragments() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}")
        let exchange = try connection.exchange
        exchange.begin()
        exchange.send(
            AnswerChunk(
                #"{"a": "[EMAIL_1]", "b":[1.0 ,"[NAME_1]"] }"#,
                rewritten: [(#""[EMAIL_1]""#, "ana@example.com"), (#""[NAME_1]""#, "Zoë \"Z\"\n")]))
        exchange.end()
        #expect(try connection.response().body == #"{"a": "ana@example.com", "b":[1.0 ,"Zoë \"Z\"\n"] }"#)
    }

    @Test("an answer whose fragment has no place is an error, not a placeholder")
    func refusesUnplacedFragment() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}")
        let exchange = try connection.exchange
        exchange.begin()
        exchange.send(AnswerChunk(#"{"a":"[EMAIL_1]"}"#, rewritten: [("absent", "ana@example.com")]))
        exchange.end()
        let response = try connection.response()
        #expect(response.status == 500)
        #expect(try response.error().code == "internal_error")
    }

    @Test("nothing is sent before the answer is whole, so a late failure has its own status")
    func failsWithStatus() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}")
        let exchange = try connection.exchange
        exchange.begin()
        exchange.send("{}")
        #expect(try connection.sent().isEmpty)
        exchange.fail(Fault(.upstreamTimeout, origin: .upstream, message: "late"))
        #expect(try connection.response().status == 504)
    }

    @Test("names from configuration cannot break out of a header")
    func sanitisesHeaders() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}")
        let exchange = try connection.exchange
        exchange.answer("{}", exchange.head(model: "a\r\nset-cookie: b", provider: "prövider", routeReason: "x\u{0}y"))
        let response = try connection.response()
        #expect(response["x-agentshield-model"] == "a??set-cookie: b")
        #expect(response["x-agentshield-provider"] == "pr??vider")
        #expect(response["x-agentshield-route-reason"] == "x?y")
        #expect(response["set-cookie"] == nil)
    }
}

@Suite struct StreamedAnswerTests {
    private func stream(_ headers: [String] = []) throws -> HTTP1Connection {
        let backend = ScriptedBackend()
        backend.isStreamed = true
        let connection = try HTTP1Connection(backend)
        try connection.post(#"{"stream":true}"#, headers)
        return connection
    }

    @Test("each chunk is an event, sent at once, and [DONE] ends the stream")
    func sendsEvents() throws {
        let connection = try stream()
        let exchange = try connection.exchange
        exchange.begin()
        exchange.send(#"{"n":1}"#)
        let first = try connection.sent()
        #expect(first.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(first.contains("content-type: text/event-stream; charset=utf-8\r\n"))
        #expect(first.contains("cache-control: no-cache\r\n"))
        #expect(first.contains("data: {\"n\":1}\n\n"))
        exchange.send(#"{"n":2}"#)
        #expect(try connection.sent() == "f\r\ndata: {\"n\":2}\n\n\r\n")
        exchange.end()
        #expect(try connection.sent() == "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        #expect(!connection.isClosed)
    }

    @Test("chunks of one tick go out in one piece")
    func gathersTick() throws {
        let connection = try stream()
        let exchange = try connection.exchange
        exchange.begin()
        for number in 1...3 { exchange.send("{\"n\":\(number)}") }
        #expect(try connection.sent().contains("\r\n2d\r\ndata: {\"n\":1}\n\ndata: {\"n\":2}\n\ndata: {\"n\":3}\n\n\r\n"))
    }

    @Test("rewritten fragments are spliced into events, and a line break between tokens does not end one")
    func splicesEvents() throws {
        let connection = try stream()
        let exchange = try connection.exchange
        exchange.begin()
        exchange.send(AnswerChunk("{\"a\":\r\n\"[E_1]\"}", rewritten: [(#""[E_1]""#, "two\nlines")]))
        exchange.end()
        #expect(try connection.response().body == "data: {\"a\":  \"two\\nlines\"}\n\ndata: [DONE]\n\n")
    }

    @Test("a stream that breaks ends with an error event, no [DONE] and a clean end, and the connection takes the next request")
    func breaksStream() throws {
        let connection = try stream(["te: trailers"])
        let exchange = try connection.exchange
        exchange.begin()
        exchange.send("{}")
        exchange.fail(Fault(.streamBroken, origin: .upstream, message: "The provider's stream broke."))
        let response = try connection.response()
        #expect(response.isComplete)
        let events = response.body.split(separator: "\n\n")
        #expect(events.first == "data: {}")
        #expect(try ErrorObject(String(events[1].dropFirst(6))).code == "stream_broken")
        #expect(events.count == 2)
        #expect(!connection.isClosed)
        try connection.get("/healthz")
        #expect(try connection.response().status == 200)
    }

    @Test("a stream that fails before it starts is an ordinary error")
    func failsBeforeStart() throws {
        let connection = try stream()
        try connection.exchange.fail(Fault(.upstreamUnreachable, origin: .upstream, message: "No connection."))
        let response = try connection.response()
        #expect(response.status == 502)
        #expect(try response.error().code == "upstream_unreachable")
        #expect(!connection.isClosed)
    }

    @Test("a chunk that cannot be put together breaks the stream and cancels the exchange")
    func breaksOnUnplacedFragment() throws {
        let connection = try stream()
        let exchange = try connection.exchange
        exchange.begin()
        exchange.send(AnswerChunk("{}", rewritten: [("absent", "secret")]))
        #expect(exchange.isCancelled)
        let body = try connection.response().body
        #expect(body.contains("internal_error"))
        #expect(!body.contains("[DONE]"))
    }

    @Test("cost and overhead come as trailers to a client that takes trailers")
    func sendsTrailers() throws {
        let connection = try stream(["te: trailers"])
        try connection.exchange.begin()
        try connection.exchange.end()
        let response = try connection.response()
        #expect(response["trailer"] == "x-agentshield-cost-usd, x-agentshield-overhead-us")
        #expect(response.trailer("x-agentshield-cost-usd") == "0.001234500")
        #expect(response.trailer("x-agentshield-overhead-us") == "42")
    }

    @Test("a client that does not ask for trailers gets none")
    func omitsTrailers() throws {
        let connection = try stream()
        try connection.exchange.begin()
        try connection.exchange.end()
        let response = try connection.response()
        #expect(response["trailer"] == nil)
        #expect(response.trailers.isEmpty)
    }

    @Test("a silent stream carries a comment every keep-alive interval, counted from the last chunk")
    func keepsAlive() throws {
        let connection = try stream()
        let exchange = try connection.exchange
        exchange.begin()
        _ = try connection.sent()
        connection.advance(.seconds(9))
        exchange.send("{}")
        _ = try connection.sent()
        connection.advance(.seconds(9))
        #expect(try connection.sent().isEmpty)
        connection.advance(.seconds(1))
        #expect(try connection.sent() == "e\r\n: keep-alive\n\n\r\n")
        connection.advance(.seconds(10))
        #expect(try connection.sent() == "e\r\n: keep-alive\n\n\r\n")
    }

    @Test("a provider that thinks for long is heard of in comments, and the answer's head comes in trailers")
    func beginsWithoutAnswer() throws {
        let connection = try stream(["te: trailers"])
        let exchange = try connection.exchange
        connection.advance(.seconds(14))
        #expect(try connection.sent().isEmpty)
        connection.advance(.seconds(1))
        var told = try connection.sent()
        #expect(told.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(told.contains("content-type: text/event-stream; charset=utf-8\r\n"))
        #expect(told.hasSuffix("\r\n\r\ne\r\n: keep-alive\n\n\r\n"))
        connection.advance(.seconds(10))
        told += try connection.sent()
        exchange.begin()
        exchange.send("{}")
        exchange.end()
        told += try connection.sent()
        var bytes = Array(told.utf8)[...]
        let response = try #require(HTTPResponse(reading: &bytes))
        #expect(response.body == ": keep-alive\n\n: keep-alive\n\ndata: {}\n\ndata: [DONE]\n\n")
        #expect(response["x-agentshield-model"] == nil)
        let named = try #require(response["trailer"]).split(separator: ", ").map(String.init)
        #expect(response.trailers.map(\.name) == named)
        #expect(response.trailer("x-agentshield-model") == "gpt-4o")
        #expect(response.trailer("x-agentshield-cost-usd") == "0.001234500")
        #expect(!connection.isClosed)
    }

    @Test("a failure before the comments begin has its own status, one after that is an error event")
    func failsAroundBeginning() throws {
        for (wait, status) in [(TimeAmount.seconds(14), 504), (.seconds(15), 200)] {
            let connection = try stream()
            connection.advance(wait)
            try connection.exchange.fail(Fault(.upstreamTimeout, origin: .upstream, message: "The provider did not answer in time."))
            let response = try connection.response()
            #expect(response.status == status)
            #expect(response.isComplete)
            #expect(response.body.contains(#""code":"upstream_timeout""#))
            #expect(response.body.hasPrefix(": keep-alive\n\ndata: {\"error\"") == (status == 200))
            #expect(!response.body.contains("[DONE]"))
            #expect(!connection.isClosed)
        }
    }

    @Test("who leaves before the answer, heard or not, has his request cancelled")
    func leavesEarly() throws {
        for wait in [TimeAmount.seconds(1), .seconds(16)] {
            let connection = try stream()
            connection.advance(wait)
            connection.channel.close(promise: nil)
            connection.channel.embeddedEventLoop.run()
            #expect(try connection.exchange.isCancelled)
        }
    }

    @Test("an HTTP/1.0 client gets a stream that ends with the connection")
    func serves10() throws {
        let backend = ScriptedBackend()
        backend.isStreamed = true
        let connection = try HTTP1Connection(backend)
        try connection.send(
            "POST /v1/chat/completions HTTP/1.0\r\nx-api-key: \(ScriptedBackend.key)\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\n{}"
        )
        try connection.exchange.begin()
        try connection.exchange.send("{}")
        try connection.exchange.end()
        let response = try connection.response()
        #expect(response["connection"] == "close")
        #expect(response.body == "data: {}\n\ndata: [DONE]\n\n")
        #expect(connection.isClosed)
    }
}
