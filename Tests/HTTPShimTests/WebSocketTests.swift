import GatewayAuthentication
import GatewayCore
import GatewayPipeline
import NIOCore
import NIOEmbedded
import Testing

@testable import HTTPShim

@Suite("The upgrade to a WebSocket")
struct WebSocketTests {
    /// The request of RFC 6455, 1.2, with our path and subprotocol; a header is replaced by its name, or taken out by an empty value.
    private static func request(
        _ changes: [(String, String)] = [], line: String = "GET /agentshield/v1 HTTP/1.1", further: [String] = []
    ) -> String {
        var headers = [
            ("host", "gateway"), ("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"), ("sec-websocket-protocol", "agentshield.v1"),
        ]
        for (name, value) in changes {
            headers = headers.map { $0.0 == name ? (name, value) : $0 }
            if !headers.contains(where: { $0.0 == name }) { headers.append((name, value)) }
        }
        let lines = headers.filter { !$0.1.isEmpty }.map { "\($0.0): \($0.1)" }
        return ([line] + lines + further).joined(separator: "\r\n") + "\r\n\r\n"
    }

    @Test("a good request is answered as RFC 6455's example, and the rest of the connection is the WebSocket's")
    func upgrade() throws {
        let connection = try HTTP1Connection()
        try connection.send(Self.request())
        let response = try connection.response()
        #expect(response.status == 101)
        #expect(response["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(response["sec-websocket-protocol"] == "agentshield.v1")
        #expect(response["upgrade"] == "websocket" && response["connection"] == "upgrade")
        #expect(response["content-length"] == nil && response["transfer-encoding"] == nil && response["sec-websocket-extensions"] == nil)
        #expect(connection.afterUpgrade.isReached && connection.afterUpgrade.clientAddress == "192.0.2.1")
        try connection.send("frames")
        #expect(connection.afterUpgrade.text == "frames")
        connection.advance(.hours(1))
        #expect(!connection.isClosed)
        try connection.channel.close().wait()
    }

    @Test("an HTTP/1.1 connection may become one after other requests, and tokens may stand in lists and in any case")
    func later() throws {
        let connection = try HTTP1Connection()
        try connection.get("/healthz")
        #expect(try connection.response().status == 200)
        try connection.send(
            Self.request([
                ("connection", "keep-alive, upgrade"), ("upgrade", "WebSocket"), ("sec-websocket-protocol", "chat, agentshield.v1"),
                ("origin", "https://elsewhere.example"), ("sec-websocket-extensions", "permessage-deflate"),
            ]))
        #expect(try connection.response().status == 101)
        #expect(connection.afterUpgrade.isReached)
    }

    @Test("an upgrade waits for the answer to the request before it")
    func pipelined() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}")
        try connection.send(Self.request())
        #expect(try connection.sent().isEmpty && !connection.afterUpgrade.isReached)
        try connection.exchange.answer()
        #expect(try connection.responses().map(\.status) == [200, 101])
        #expect(connection.afterUpgrade.isReached)
    }

    @Test("bytes behind the upgrade are never a request: not in the same read, not later")
    func smuggled() throws {
        for isOneRead in [true, false] {
            let connection = try HTTP1Connection()
            let smuggled = "GET /healthz HTTP/1.1\r\n\r\n"
            if isOneRead {
                try connection.send(Self.request() + smuggled)
            } else {
                try connection.send(Self.request())
                try connection.send(smuggled)
            }
            #expect(try connection.responses().map(\.status) == [101])
            #expect(connection.afterUpgrade.text == smuggled)
        }
    }

    @Test(
        "what is no good upgrade is answered like any bad request, and its connection ends, so that nothing behind it is read as a request",
        arguments: [
            ([("sec-websocket-version", "8")], 426), ([("sec-websocket-version", "")], 426), ([("sec-websocket-version", "13, 8")], 426),
            ([("connection", "keep-alive")], 426), ([("upgrade", "h2c")], 426),
            ([("sec-websocket-key", "")], 400), ([("sec-websocket-key", "short==")], 400),
            ([("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZR==")], 400), ([("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZ===")], 400),
            ([("sec-websocket-protocol", "")], 400), ([("sec-websocket-protocol", "agentshield.v2")], 400),
        ])
    func refusals(changes: [(String, String)], status: Int) throws {
        let connection = try HTTP1Connection()
        try connection.send(Self.request(changes) + "GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n")
        let response = try connection.response()
        #expect(response.status == status)
        #expect(try response.error().code == "invalid_request")
        #expect(response.headers.contains { $0 == ("connection", "close") })
        #expect((response["sec-websocket-version"] == "13") == (status == 426))
        #expect((response["upgrade"] == "websocket") == (status == 426))
        #expect(!connection.afterUpgrade.isReached)
    }

    @Test("a key or a version twice, a body, another method and HTTP/1.0 are refused")
    func shapes() throws {
        let requests: [(String, Int)] = [
            (Self.request(further: ["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="]), 400),
            (Self.request(further: ["sec-websocket-version: 13"]), 426),
            (Self.request([("content-length", "3")]) + "abc", 400),
            (Self.request([("transfer-encoding", "chunked")]) + "3\r\nabc\r\n0\r\n\r\n", 400),
            (Self.request(line: "GET /agentshield/v1 HTTP/1.0"), 426),
            (Self.request(line: "POST /agentshield/v1 HTTP/1.1"), 405),
            (Self.request(line: "GET /agentshield/v2 HTTP/1.1"), 404),
            ("GET /agentshield/v1 HTTP/1.1\r\nhost: gateway\r\n\r\n", 426),
        ]
        for (text, status) in requests {
            let connection = try HTTP1Connection()
            try connection.send(text)
            #expect(try connection.responses().map(\.status) == [status], "\(text)")
            #expect(!connection.afterUpgrade.isReached)
        }
        let connection = try HTTP1Connection()
        try connection.send(Self.request(line: "HEAD /agentshield/v1 HTTP/1.1"))
        #expect(try connection.response(toHead: true).status == 426)
    }

    @Test("half a request is answered in time like any other, and the connection ends")
    func half() throws {
        let connection = try HTTP1Connection()
        try connection.send(String(Self.request().dropLast(20)))
        connection.advance(connection.backend.settings.slowRequestTimeout + .seconds(1))
        #expect(try connection.response().status == 408)
        connection.advance(.seconds(10))
        #expect(connection.isClosed)
    }

    @Test("bytes behind an upgrade that is not taken are kept within a bound, while the answer before them takes its time")
    func bound() throws {
        let connection = try HTTP1Connection()
        try connection.post("{}", ["upgrade: something", "connection: upgrade"])
        let chunk = String(repeating: "x", count: 32 * 1024)
        try connection.send(chunk)
        #expect(!connection.isClosed)
        for _ in 0..<2 { _ = try? connection.send(chunk) }
        #expect(connection.isClosed)
    }

    @Test(
        "without the edge's proof an upgrade is refused before anything of it is looked at; with it, the edge's word of the client counts")
    func edge() throws {
        func connect() throws -> HTTP1Connection {
            let backend = ScriptedBackend()
            backend.onEdgeEvidence = {
                $0.originSecret == "proof" ? nil : Fault(.edgeProofRequired, origin: .downstream, message: "No proof.")
            }
            return try HTTP1Connection(backend, needsEdgeProof: true)
        }
        let connection = try connect()
        try connection.send(Self.request([("sec-websocket-version", "8")]))
        let refused = try connection.response()
        #expect(refused.status == 403)
        #expect(try refused.error().code == "edge_proof_required")

        let proven = try connect()
        try proven.send(Self.request([("x-agentshield-origin-secret", "proof"), ("cf-connecting-ip", "203.0.113.9")]))
        #expect(try proven.response().status == 101)
        #expect(proven.afterUpgrade.clientAddress == "203.0.113.9")
    }
}
