import GatewayCore
import NIOCore
import Testing

@testable import HTTPShim

/// Requests that two readers could understand differently, or that a reader should not have to understand: answered, and their connection closed.
@Suite struct SyntaxTests {
    struct Case: CustomTestStringConvertible {
        var name: String
        var lines: [String]
        var body = ""
        var status = 400

        var testDescription: String { name }
        var text: String { lines.joined(separator: "\r\n") + "\r\n\r\n" + body }
    }

    private static let post = "POST /v1/chat/completions HTTP/1.1"
    private static let get = "GET /healthz HTTP/1.1"
    private static let host = "host: gateway"
    private static let key = "x-api-key: \(ScriptedBackend.key)"
    private static let chunked = "transfer-encoding: chunked"
    private static let chunks = "2\r\n{}\r\n0\r\n\r\n"

    static let cases: [Case] = [
        Case(name: "a length and chunks", lines: [post, host, key, "content-length: 2", chunked], body: chunks),
        Case(name: "chunks and a length", lines: [post, host, key, chunked, "content-length: 2"], body: chunks),
        Case(name: "two equal lengths", lines: [post, host, key, "content-length: 2", "content-length: 2"], body: "{}"),
        Case(name: "two lengths", lines: [post, host, key, "content-length: 2", "content-length: 3"], body: "{}"),
        Case(name: "a list of lengths", lines: [post, host, key, "content-length: 2, 2"], body: "{}"),
        Case(name: "a signed length", lines: [post, host, key, "content-length: +2"], body: "{}"),
        Case(name: "a hexadecimal length", lines: [post, host, key, "content-length: 0x2"], body: "{}"),
        Case(name: "no length", lines: [post, host, key, "content-length: "], body: "{}"),
        Case(name: "a length beyond 64 bits", lines: [post, host, key, "content-length: 99999999999999999999"], body: "{}"),
        Case(name: "chunked not last", lines: [post, host, key, "transfer-encoding: chunked, identity"], body: chunks),
        Case(name: "identity and chunked", lines: [post, host, key, "transfer-encoding: identity, chunked"], body: chunks, status: 501),
        Case(name: "an unknown coding", lines: [post, host, key, "transfer-encoding: xchunked"], body: chunks, status: 501),
        Case(name: "chunked twice", lines: [post, host, key, chunked, chunked], body: chunks),
        Case(name: "a vertical tab before chunked", lines: [post, host, key, "transfer-encoding: \u{B}chunked"], body: chunks),
        Case(name: "chunks in HTTP/1.0", lines: ["POST /v1/chat/completions HTTP/1.0", key, chunked], body: chunks),
        Case(name: "a space before the colon", lines: [post, host, key, "transfer-encoding : chunked"], body: chunks),
        Case(name: "a folded header", lines: [get, host, "x: a\r\n b"]),
        Case(name: "a folded coding", lines: [post, host, key, "transfer-encoding:\r\n chunked"], body: chunks),
        Case(name: "a space before the first header", lines: [get, " x: a", host]),
        Case(name: "a header without a colon", lines: [get, host, "nothing"]),
        Case(name: "a header without a name", lines: [get, host, ": a"]),
        Case(name: "a line that ends with LF alone", lines: [get, host, "x: a\ny: b"]),
        Case(name: "a CR in a value", lines: [get, host, "x: a\ry: b"]),
        Case(name: "NUL in a value", lines: [get, host, "x: a\0b"]),
        Case(name: "NUL in a name", lines: [get, host, "x\0y: b"]),
        Case(name: "a space in a name", lines: [get, host, "x y: b"]),
        Case(name: "a negative chunk", lines: [post, host, key, chunked], body: "-1\r\n{}\r\n0\r\n\r\n"),
        Case(name: "a prefixed chunk", lines: [post, host, key, chunked], body: "0x2\r\n{}\r\n0\r\n\r\n"),
        Case(name: "a chunk beyond 64 bits", lines: [post, host, key, chunked], body: "10000000000000000\r\n{}\r\n0\r\n\r\n"),
        Case(name: "a chunk without a size", lines: [post, host, key, chunked], body: "\r\n{}\r\n0\r\n\r\n"),
        Case(name: "a chunk longer than its size", lines: [post, host, key, chunked], body: "1\r\n{}\r\n0\r\n\r\n"),
        Case(name: "LF alone behind a chunk's size", lines: [post, host, key, chunked], body: "2\n{}\r\n0\r\n\r\n"),
        Case(name: "no host", lines: [get]),
        Case(name: "two hosts", lines: [get, host, "host: other"]),
        Case(name: "two equal hosts", lines: [get, host, host]),
        Case(name: "a host with a space", lines: [get, "host: a b"]),
        Case(name: "a host with a user", lines: [get, "host: a@b"]),
        Case(name: "a host with a path", lines: [get, "host: a/b"]),
        Case(name: "an authority for a target", lines: ["GET gateway:80 HTTP/1.1", host]),
        Case(name: "a relative target", lines: ["GET healthz HTTP/1.1", host]),
        Case(name: "a control character in the target", lines: ["GET /healthz\u{1} HTTP/1.1", host]),
        Case(name: "no version", lines: ["GET /healthz", host], status: 505),
        Case(name: "HTTP/2 without TLS", lines: ["GET /healthz HTTP/2.0", host], status: 505),
        Case(name: "a version that there is not", lines: ["GET /healthz HTTP/9.9", host], status: 505),
        Case(name: "an unknown method", lines: ["BREW /healthz HTTP/1.1", host], status: 501),
        Case(name: "a method in small letters", lines: ["get /healthz HTTP/1.1", host], status: 501),
        Case(name: "a method that is no word", lines: ["G@T /healthz HTTP/1.1", host]),
        Case(name: "a long target", lines: ["GET /\(String(repeating: "a", count: 17_000)) HTTP/1.1", host], status: 414),
        Case(name: "a long name", lines: [get, host, "\(String(repeating: "a", count: 17_000)): b"], status: 431),
        Case(name: "a long value", lines: [get, host, "a: \(String(repeating: "b", count: 17_000))"], status: 431),
        Case(name: "a long head", lines: [get, host] + (0..<9).map { "a\($0): \(String(repeating: "b", count: 8_000))" }, status: 431),
        Case(name: "many headers", lines: [get, host] + (0..<200).map { "a\($0): b" }, status: 431),
        Case(
            name: "many trailers", lines: [post, host, key, chunked],
            body: "2\r\n{}\r\n0\r\n" + (0..<200).map { "a\($0): b\r\n" }.joined() + "\r\n", status: 431),
        Case(
            name: "a long trailer", lines: [post, host, key, chunked],
            body: "2\r\n{}\r\n0\r\na: \(String(repeating: "b", count: 17_000))\r\n\r\n", status: 431),
    ]

    @Test(
        "what breaks HTTP's rules is answered once, in the error shape, and its connection closes; nothing behind it is read",
        arguments: cases)
    func refuses(example: Case) throws {
        for pieces in [1, 7] {
            let connection = try HTTP1Connection()
            let bytes = Array((example.text + "GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n").utf8)
            for start in stride(from: 0, to: bytes.count, by: pieces == 1 ? bytes.count : pieces) {
                try connection.send(
                    String(decoding: bytes[start..<min(bytes.count, start + (pieces == 1 ? bytes.count : pieces))], as: UTF8.self))
            }
            let responses = try connection.responses()
            #expect(responses.map(\.status) == [example.status], "\(responses)")
            let response = try #require(responses.first)
            #expect(response["connection"] == "close")
            #expect(response["x-request-id"]?.hasPrefix("req_") == true)
            _ = try response.error()
            connection.advance(.seconds(60))
            #expect(connection.isClosed)
            #expect(connection.backend.exchanges.isEmpty)
            #expect(connection.backend.reservedBytes == 0)
        }
    }

    @Test(
        "what HTTP allows is taken",
        arguments: [
            ["\r\n\r\nGET /healthz HTTP/1.1", "host: g"], ["GET /healthz HTTP/1.1", "host:"],
            ["GET /healthz HTTP/1.1", "host: [::1]:8080"],
            ["GET http://other/healthz HTTP/1.1", "host: g"], ["GET /healthz HTTP/1.0"], ["GET /healthz HTTP/1.1", "HOST:\tg \t", "x:"],
            ["GET /healthz?a=b HTTP/1.1", "host: g", "x: \u{E9}"],
        ])
    func takes(lines: [String]) throws {
        let connection = try HTTP1Connection()
        try connection.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
        #expect(try connection.response().status == 200)
    }

    @Test("blanks around a length are no part of it")
    func blanksAroundLength() throws {
        let connection = try HTTP1Connection()
        try connection.send("\(Self.post)\r\n\(Self.host)\r\n\(Self.key)\r\ncontent-length: \t 2  \r\n\r\n{}")
        #expect(try connection.exchange.body == "{}")
    }

    @Test("chunks of a byte are taken; extensions and zeros that outweigh the body are not")
    func boundsFraming() throws {
        let head = "\(Self.post)\r\n\(Self.host)\r\n\(Self.key)\r\n\(Self.chunked)\r\n\r\n"
        let honest = try HTTP1Connection()
        let body = "{" + String(repeating: " ", count: 100_000) + "}"
        try honest.send(head)
        try honest.send(body.map { "1;a=b\r\n\($0)\r\n" }.joined() + "0\r\n\r\n")
        #expect(try honest.exchange.body == body)
        for filler in [";" + String(repeating: "a", count: 10_000), String(repeating: "0", count: 10_000)] {
            let connection = try HTTP1Connection()
            try connection.send(head + (filler.hasPrefix(";") ? "2" : ""))
            for _ in 0..<100 { try connection.send(filler) }
            #expect(try connection.response().status == 400)
            #expect(connection.isClosed)
        }
    }

    @Test("an expectation that nobody can meet is a 417, with a body and without")
    func expectations() throws {
        let connection = try HTTP1Connection()
        try connection.get("/v1/models", ["expect: tea"])
        #expect(try connection.response().status == 417)
        try connection.post("{}", ["expect: 100-Continue "])
        #expect(try connection.responses().map(\.status) == [100])
    }

    @Test("OPTIONS tells what a path takes, without a key, and lets no other origin in")
    func options() throws {
        let connection = try HTTP1Connection()
        try connection.send(
            """
            OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: g\r\norigin: https://a.example\r\naccess-control-request-method: POST\r\n\r\n\
            OPTIONS /v1/models HTTP/1.1\r\nhost: g\r\n\r\nOPTIONS * HTTP/1.1\r\nhost: g\r\n\r\nOPTIONS /nowhere HTTP/1.1\r\nhost: g\r\n\r\n
            """)
        let text = try connection.sent()
        #expect(
            text.split(separator: "\r\n").filter { $0.hasPrefix("HTTP/1.1") }.map { String($0.dropFirst(9).prefix(3)) } == [
                "204", "204", "204", "404",
            ])
        #expect(
            text.split(separator: "\r\n").filter { $0.hasPrefix("allow: ") }
                == ["allow: POST, OPTIONS", "allow: GET, HEAD, OPTIONS", "allow: GET, HEAD, OPTIONS, POST"])
        #expect(!text.contains("access-control-"))
    }
}

@Suite struct HTTP2FrameBudgetTests {
    private static func frame(_ kind: UInt8, _ length: Int, flags: UInt8 = 0) -> [UInt8] {
        [UInt8(length >> 16), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), kind, flags, 0, 0, 0, 1]
            + [UInt8](repeating: 7, count: length)
    }

    @Test("heads of frames are found in any pieces, behind the preface", arguments: [1, 2, 8, 9, 10, 31, 10_000])
    func finds(piece: Int) {
        let bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Self.frame(4, 0) + Self.frame(0, 300, flags: 1) + Self.frame(8, 4)
        var scanner = HTTP2FrameScanner(preface: 24)
        var found: [HTTP2FrameHead] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
            scanner.scan(ByteBuffer(bytes: bytes[start..<min(bytes.count, start + piece)]).readableBytesView) { found.append($0) }
        }
        #expect(
            found == [
                HTTP2FrameHead(length: 0, kind: 4, flags: 0), HTTP2FrameHead(length: 300, kind: 0, flags: 1),
                HTTP2FrameHead(length: 4, kind: 8, flags: 0),
            ])
        #expect(found[1].endsStream && !found[2].endsStream)
    }

    @Test("frames without work use the budget up, and frames with work fill it")
    func budget() {
        let update = HTTP2FrameHead(length: 4, kind: HTTP2FrameHead.windowUpdate, flags: 0)
        for useful in [0, 50] {
            var budget = HTTP2FrameBudget()
            for _ in 0..<useful { budget.sent(HTTP2FrameHead(length: 9_000, kind: HTTP2FrameHead.data, flags: 0)) }
            for _ in 0..<HTTP2FrameBudget.free + useful * HTTP2FrameBudget.perUsefulFrame { budget.received(update) }
            #expect(!budget.isUsedUp)
            budget.received(update)
            #expect(budget.isUsedUp)
        }
        var budget = HTTP2FrameBudget()
        for _ in 0..<100_000 {
            budget.received(HTTP2FrameHead(length: 16, kind: HTTP2FrameHead.data, flags: 0))
            budget.received(update)
        }
        #expect(!budget.isUsedUp)
        for kind: UInt8 in [0, 0xFA] {
            var budget = HTTP2FrameBudget()
            for _ in 0...HTTP2FrameBudget.free { budget.received(HTTP2FrameHead(length: 1, kind: kind, flags: 0)) }
            #expect(budget.isUsedUp)
        }
    }
}
