import GatewayCore
import GatewayDecompression
import GatewayPipeline
import NIOCore
import Testing

/// Compressed request bodies: undone as they come, within the bounds of any body.
@Suite struct CompressionTests {
    private static let text = Array(
        #"{"model":"m","messages":[{"role":"user","content":"\#(String(repeating: "Write to ana. ", count: 400))"}]}"#.utf8)

    private func post(_ connection: HTTP1Connection, _ body: [UInt8], _ coding: String = "gzip", piece: Int = .max) throws {
        var bytes = Array(
            """
            POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: \(ScriptedBackend.key)\r\ncontent-encoding: \(coding)\r\n\
            content-length: \(body.count)\r\n\r\n
            """.utf8)
        bytes += body
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + min(piece, bytes.count))
            try connection.send(Array(bytes[start..<end]))
            start = end
        }
    }

    @Test(
        "a compressed body is taken in any pieces, and its memory is given back",
        arguments: [
            ("gzip", GzipText.Format.gzip), ("x-gzip", .gzip), ("GZIP", .gzip), ("deflate", .zlib), ("deflate", .bareDeflate),
        ], [1, 17, 1 << 20])
    func takes(coding: (name: String, format: GzipText.Format), piece: Int) throws {
        let connection = try HTTP1Connection()
        try post(connection, GzipText.compressed(Self.text, coding.format), coding.name, piece: piece)
        #expect(try connection.exchange.body == String(decoding: Self.text, as: UTF8.self))
        try connection.exchange.answer()
        #expect(try connection.response().status == 200)
        #expect(connection.backend.reservedBytes == 0)
        // The connection goes on.
        try connection.get("/healthz")
        #expect(try connection.response().status == 200)
    }

    @Test("members that follow one another are one body")
    func members() throws {
        let connection = try HTTP1Connection()
        let (first, second) = (Array(Self.text[..<50]), Array(Self.text[50...]))
        try post(connection, GzipText.compressed(first) + GzipText.compressed([]) + GzipText.compressed(second), piece: 13)
        #expect(try connection.exchange.body == String(decoding: Self.text, as: UTF8.self))
    }

    @Test(
        "what is not whole, not sound or not alone is a 400 that names the header",
        arguments: ["cut", "cut trailer", "empty", "not compressed", "wrong checksum", "garbage behind", "zeros behind", "two of zlib's"])
    func refuses(flaw: String) throws {
        let whole = GzipText.compressed(Self.text)
        var coding = "gzip"
        var body = whole
        switch flaw {
        case "cut": body = Array(whole[..<(whole.count / 2)])
        case "cut trailer": body.removeLast(3)
        case "empty": body = []
        case "not compressed": body = Self.text
        case "wrong checksum": body[whole.count - 6] ^= 1
        case "garbage behind": body += Array("garbage".utf8)
        case "zeros behind": body += [0, 0, 0]
        default:
            coding = "deflate"
            body = GzipText.compressed(Self.text, .zlib) + GzipText.compressed(Self.text, .zlib)
        }
        for piece in [5, Int.max] {
            let connection = try HTTP1Connection()
            try post(connection, body, coding, piece: piece)
            let response = try connection.response()
            #expect(response.status == 400)
            let error = try response.error()
            #expect(error.param == "content-encoding" && error.code == "malformed_body")
            #expect(connection.backend.exchanges.isEmpty)
            #expect(connection.backend.reservedBytes == 0)
        }
    }

    @Test("a body of the limit is taken, one more byte is a 413, however small it came", arguments: [0, 1])
    func boundsOutput(extra: Int) throws {
        let connection = try HTTP1Connection()
        connection.backend.settings.maxRequestBytes = 100_000
        try post(connection, GzipText.compressed([UInt8](repeating: 0x20, count: 100_000 + extra)))
        if extra == 0 {
            #expect(try connection.exchange.body.utf8.count == 100_000)
        } else {
            #expect(try connection.response().status == 413)
            #expect(connection.backend.mostReservedBytes <= 100_000 + Inflater.workingBytes)
        }
    }

    @Test("what expands like a bomb is given up long before the limit, alone and in members")
    func boundsRatio() throws {
        let mebibyte = GzipText.compressed([UInt8](repeating: 0, count: 1 << 20))
        let bombs = [GzipText.compressed([UInt8](repeating: 0, count: 32 << 20)), Array(repeatElement(mebibyte, count: 32).joined())]
        for bomb in bombs {
            let connection = try HTTP1Connection()
            connection.backend.settings.maxRequestBytes = 64 << 20
            try post(connection, bomb)
            let response = try connection.response()
            #expect(response.status == 413)
            #expect(try response.error().code == "request_too_large")
            #expect(connection.backend.mostReservedBytes < 16 << 20)
            #expect(connection.backend.reservedBytes == 0)
        }
    }

    @Test("an expanding body that finds no room is shed")
    func sheds() throws {
        let connection = try HTTP1Connection()
        connection.backend.byteBudget = 60_000
        try post(connection, GzipText.compressed([UInt8](repeating: 0x20, count: 50_000)))
        #expect(try connection.response().status == 503)
        #expect(connection.backend.reservedBytes == 0)
    }

    @Test("an unknown coding is a 415 that says what is taken", arguments: ["br", "zstd", "gzip, gzip", "compress"])
    func unknown(coding: String) throws {
        let connection = try HTTP1Connection()
        try post(connection, Self.text, coding)
        let response = try connection.response()
        #expect(response.status == 415)
        #expect(response["accept-encoding"] == "gzip, deflate")
        #expect(try response.error().message.contains("gzip"))
    }

    @Test("a request without a body of its own may say what it likes of its coding")
    func ignoresElsewhere() throws {
        let connection = try HTTP1Connection()
        try connection.get("/v1/models", ["content-encoding: gzip"])
        #expect(try connection.response().status == 200)
    }
}
