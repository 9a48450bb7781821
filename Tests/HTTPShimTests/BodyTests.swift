import GatewayCore
import GatewayPipeline
import NIOCore
import NIOEmbedded
import Testing

@testable import HTTPShim

@Suite struct BodyTests {
    private let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: \(ScriptedBackend.key)\r\n"

    private func connection(maxRequestBytes: Int = 100_000) throws -> HTTP1Connection {
        let backend = ScriptedBackend()
        backend.settings.maxRequestBytes = maxRequestBytes
        return try HTTP1Connection(backend)
    }

    @Test("a body in pieces is put together, counted while it arrives and handed over at its end")
    func gathersPieces() throws {
        let connection = try connection()
        try connection.send(head + "content-length: 9\r\n\r\n{\"a")
        try connection.send("\":1")
        #expect(connection.backend.reservedBytes == 6)
        #expect(connection.backend.exchanges.isEmpty)
        try connection.send("23}")
        #expect(try connection.exchange.body == #"{"a":123}"#)
        #expect(connection.backend.reservedBytes == 0)
        #expect(connection.backend.mostReservedBytes == 9)
    }

    @Test("a chunked body is put together")
    func gathersChunks() throws {
        let connection = try connection()
        try connection.send(head + "transfer-encoding: chunked\r\n\r\n1\r\n{\r\n")
        try connection.send("1\r\n}\r\n0\r\nx-trailer: 1\r\n\r\n")
        #expect(try connection.exchange.body == "{}")
    }

    @Test("a transfer coding that the door does not undo is refused, not read as if it were not there")
    func refusesForeignCoding() throws {
        let connection = try HTTP1Connection()
        try connection.send(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: \(ScriptedBackend.key)\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        )
        let response = try connection.response()
        #expect(response.status == 501)
        #expect(try response.error().param == "transfer-encoding")
        #expect(connection.backend.exchanges.isEmpty)
    }

    @Test("a body of declared length and many pieces arrives whole")
    func gathersManyPieces() throws {
        let connection = try connection(maxRequestBytes: 3_000_000)
        let piece = String(repeating: "0123456789abcdef", count: 4_096)
        try connection.send(head + "content-length: \(piece.utf8.count * 40)\r\n\r\n")
        for _ in 0..<40 { try connection.send(piece) }
        #expect(try connection.exchange.body == String(repeating: piece, count: 40))
        #expect(connection.backend.reservedBytes == 0)
    }

    @Test("a client that waits for 100 Continue is told to go on once it may")
    func continues() throws {
        let connection = try connection()
        try connection.send(head + "expect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        #expect(try connection.sent() == "HTTP/1.1 100 Continue\r\n\r\n")
        try connection.send("{}")
        try connection.exchange.answer("{}")
        #expect(try connection.response().status == 200)
        #expect(!connection.isClosed)
    }

    @Test("a refused client that waits for 100 Continue is answered and its connection closed")
    func refusesContinue() throws {
        let connection = try connection()
        try connection.send("POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        let response = try connection.response()
        #expect(response.status == 401)
        #expect(response["connection"] == "close")
        connection.advance(.seconds(5))
        #expect(connection.isClosed)
    }

    @Test("another expectation is a 417")
    func refusesExpectation() throws {
        let connection = try connection()
        try connection.post("{}", ["expect: miracles"])
        #expect(try connection.response().status == 417)
    }

    @Test(
        "JSON's media types, or none, are taken",
        arguments: [
            "content-type: application/json", "content-type: application/json; charset=utf-8", "Content-Type: Application/JSON",
            "content-type: application/vnd.api+json", "x-none: 1",
        ])
    func acceptsType(header: String) throws {
        let connection = try connection()
        try connection.post("{}", [header])
        #expect(connection.backend.exchanges.count == 1)
    }

    @Test(
        "another media type is a 400 and a body compressed in an unknown way a 415, each naming its header",
        arguments: [
            ("content-type: text/plain", 400), ("content-type: application/x-www-form-urlencoded", 400),
            ("content-encoding: gzip, gzip", 415),
            ("content-encoding: br", 415),
        ])
    func refusesType(header: String, status: Int) throws {
        let connection = try connection()
        try connection.post("{}", [header])
        let response = try connection.response()
        #expect(response.status == status)
        #expect(try response.error().param == String(header.prefix { $0 != ":" }))
        #expect(response["connection"] == nil)
    }

    @Test("a body that is declared too long is a 413 before it arrives, and the connection lingers until it is read")
    func refusesDeclaredLength() throws {
        let connection = try connection(maxRequestBytes: 100)
        try connection.send(head + "content-length: 1000000\r\n\r\n")
        let response = try connection.response()
        #expect(response.status == 413)
        #expect(try response.error().code == "request_too_large")
        #expect(response["connection"] == "close")
        try connection.send(String(repeating: "x", count: 200_000))
        #expect(!connection.isClosed)
        try connection.send(String(repeating: "x", count: 800_000))
        #expect(connection.isClosed)
        #expect(connection.backend.mostReservedBytes == 0)
    }

    @Test(
        "a length beyond all numbers is a 413 or a bad request, never a crash",
        arguments: ["9223372036854775808", "99999999999999999999999"])
    func refusesHugeLength(length: String) throws {
        let connection = try connection()
        try connection.send(head + "content-length: \(length)\r\n\r\n")
        #expect([400, 413].contains(try connection.response().status))
    }

    @Test("a chunked body that grows too long is a 413, and what was kept is given back")
    func refusesGrownBody() throws {
        let connection = try connection(maxRequestBytes: 100)
        try connection.send(head + "transfer-encoding: chunked\r\n\r\n40\r\n\(String(repeating: "x", count: 64))\r\n")
        #expect(connection.backend.reservedBytes == 64)
        try connection.send("40\r\n\(String(repeating: "x", count: 64))\r\n")
        #expect(try connection.response().status == 413)
        #expect(connection.backend.reservedBytes == 0)
        try connection.send("0\r\n\r\n")
        #expect(connection.isClosed)
    }

    @Test("a refused client that goes on sending is cut off after the linger timeout")
    func lingersNotForEver() throws {
        let connection = try connection(maxRequestBytes: 100)
        try connection.send(head + "content-length: 1000000\r\n\r\n")
        for _ in 0..<4 {
            connection.advance(.seconds(1))
            try connection.send("more")
        }
        #expect(!connection.isClosed)
        connection.advance(.seconds(1))
        #expect(connection.isClosed)
    }

    @Test("when the byte budget is used up, the request is shed with a 503 and advice")
    func shedsBytes() throws {
        let connection = try connection()
        connection.backend.byteBudget = 4
        try connection.send(head + "content-length: 8\r\n\r\n1234")
        try connection.send("5678")
        let response = try connection.response()
        #expect(response.status == 503)
        #expect(try response.error().code == "overloaded")
        #expect(response["retry-after"] == "1")
        #expect(response["retry-after-ms"] == "1000")
        #expect(connection.backend.reservedBytes == 0)
        #expect(!connection.isClosed)
    }

    @Test("a body that stops arriving is a 408, and the connection closes")
    func cutsSlowBody() throws {
        let connection = try connection()
        try connection.send(head + "content-length: 8\r\n\r\n1234")
        connection.advance(.seconds(19))
        #expect(try connection.sent().isEmpty)
        connection.advance(.seconds(1))
        let response = try connection.response()
        #expect(response.status == 408)
        #expect(try response.error().code == "timeout")
        #expect(response["connection"] == "close")
        #expect(connection.backend.reservedBytes == 0)
        connection.advance(.seconds(5))
        #expect(connection.isClosed)
    }

    @Test("dripping bytes buy no time, an honest rate does")
    func boundsRate() throws {
        let slow = try connection()
        try slow.send(head + "content-length: 80000\r\n\r\n")
        for _ in 0..<19 {
            slow.advance(.seconds(1))
            try slow.send("x")
        }
        slow.advance(.seconds(1))
        #expect(try slow.response().status == 408)

        let steady = try connection(maxRequestBytes: 4_000_000)
        try steady.send(head + "content-length: 1638400\r\n\r\n")
        for _ in 0..<50 {
            steady.advance(.seconds(1))
            try steady.send(String(repeating: "x", count: 32_768))
        }
        #expect(steady.backend.exchanges.count == 1)
    }

    @Test("a client that leaves while its body arrives gives its bytes back")
    func releasesOnLeave() throws {
        let connection = try connection()
        try connection.send(head + "content-length: 8\r\n\r\n1234")
        connection.channel.close(promise: nil)
        connection.channel.embeddedEventLoop.run()
        #expect(connection.backend.reservedBytes == 0)
        #expect(connection.backend.exchanges.isEmpty)
    }
}
