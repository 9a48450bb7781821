import Foundation
import GatewayCore
import GatewayPipeline
import NIOCore
import NIOEmbedded
import Testing

@testable import HTTPShim

@Suite("Responses in a WebSocket")
struct ResponsesSocketTests {
    /// A connection that has become a WebSocket, and what it says.
    private final class Socket {
        let connection: HTTP1Connection
        private var received = ByteBuffer()

        init(_ backend: ScriptedBackend = ScriptedBackend(), _ headers: [String] = []) throws {
            backend.isStreamed = true
            connection = try HTTP1Connection(backend)
            try connection.send(Self.upgrade(headers))
            #expect(try connection.response().status == 101)
        }

        static func upgrade(_ headers: [String] = [], key: String = ScriptedBackend.key) -> String {
            let lines = [
                "GET /v1/responses HTTP/1.1", "host: gateway", "authorization: Bearer \(key)", "upgrade: websocket", "connection: Upgrade",
                "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version: 13",
            ]
            return (lines + headers).joined(separator: "\r\n") + "\r\n\r\n"
        }

        /// A client's frame, its mask all zeros.
        static func frame(_ opcode: UInt8, _ payload: [UInt8], isLast: Bool = true) -> ByteBuffer {
            var frame = ByteBuffer()
            frame.writeInteger((isLast ? 0x80 : 0) | opcode)
            if payload.count < 126 {
                frame.writeInteger(0x80 | UInt8(payload.count))
            } else {
                frame.writeInteger(UInt8(0x80 | 126))
                frame.writeInteger(UInt16(payload.count))
            }
            frame.writeInteger(UInt32(0))
            frame.writeBytes(payload)
            return frame
        }

        func send(_ bytes: ByteBuffer) throws {
            guard connection.channel.isActive else { return }
            try connection.channel.writeInbound(bytes)
            connection.channel.embeddedEventLoop.run()
        }

        func send(_ text: String) throws { try send(Self.frame(1, Array(text.utf8))) }

        func ask(_ input: String, _ rest: String = "") throws {
            try send(#"{"type":"response.create","model":"m","input":"\#(input)"\#(rest)}"#)
        }

        /// The frames that came since the last look: opcode and payload.
        func frames() throws -> [(opcode: UInt8, payload: [UInt8])] {
            connection.channel.embeddedEventLoop.run()
            while var bytes = try connection.channel.readOutbound(as: ByteBuffer.self) { received.writeBuffer(&bytes) }
            var frames: [(opcode: UInt8, payload: [UInt8])] = []
            while let first = received.readInteger(as: UInt8.self), let short = received.readInteger(as: UInt8.self) {
                #expect(first & 0xF0 == 0x80 && short < 128)
                var length = Int(short)
                if short == 126 { length = Int(received.readInteger(as: UInt16.self) ?? 0) }
                if short == 127 { length = Int(received.readInteger(as: UInt64.self) ?? 0) }
                let payload = received.readBytes(length: length)
                frames.append((first & 0x0F, try #require(payload)))
            }
            return frames
        }

        /// The events that came since the last look, each a text frame of its own.
        func events() throws -> [Event] {
            try frames().map { frame in
                #expect(frame.opcode == 1)
                return try JSONDecoder().decode(Event.self, from: Data(frame.payload))
            }
        }

        /// The code of the Close that came.
        func closeCode() throws -> Int? {
            guard let frame = try frames().last, frame.opcode == 8, frame.payload.count >= 2 else { return nil }
            return Int(frame.payload[0]) << 8 | Int(frame.payload[1])
        }
    }

    private struct Event: Decodable {
        struct Response: Decodable { var id: String }
        struct Failure: Decodable {
            var code: String
            var param: String?
        }
        var type: String
        var delta: String?
        var status: Int?
        var response: Response?
        var error: Failure?
    }

    private static func chunk(_ text: String) -> AnswerChunk {
        AnswerChunk(
            raw: ByteBuffer(),
            fragments: [
                AnswerFragment(key: AnswerItemKey(choice: 0, kind: .text), text: ByteBuffer(string: text), rawRange: nil)
            ])
    }

    private static func answer(_ exchange: ScriptedExchange, _ text: String = "Hi") {
        exchange.begin()
        exchange.send(chunk(text))
        exchange.end()
    }

    @Test("a request is carried out as a stream of the caller's, and each event is a text frame")
    func request() throws {
        let backend = ScriptedBackend()
        let socket = try Socket(backend, ["x-agentshield-drop-unsupported: true", "x-agentshield-cache: off"])
        try socket.send(#"{"type":"response.create","model":"m", "stream":false,"input":"Hello","temperature":0.5}"#)
        let exchange = try #require(backend.exchanges.first)
        #expect(exchange.body == #"{"stream":true,"model":"m","temperature":0.5,"input":[{"role":"user","content":"Hello"}]}"#)
        #expect(exchange.request.surface == .responses && exchange.request.dropsUnsupported && exchange.request.cache == .off)
        #expect(exchange.request.principal.tenant == "acme" && exchange.request.clientAddress == "192.0.2.1")
        Self.answer(exchange)
        let events = try socket.events()
        #expect(events.first?.type == "response.created" && events.last?.type == "response.completed")
        #expect(events.compactMap(\.delta) == ["Hi"] && events.count == 9)
    }

    @Test("requests are carried out one behind the other, and go on from the last response alone")
    func conversation() throws {
        let backend = ScriptedBackend()
        let socket = try Socket(backend)
        try socket.ask("One")
        try socket.ask("Two")
        #expect(backend.exchanges.count == 1)
        Self.answer(backend.exchanges[0], "First")
        let first = try #require(try socket.events().last?.response?.id)
        #expect(backend.exchanges.count == 2)
        Self.answer(backend.exchanges[1])
        let second = try #require(try socket.events().last?.response?.id)

        try socket.ask("Three", #","previous_response_id":"\#(first)""#)
        let lost = try #require(try socket.events().last)
        #expect(lost.type == "error" && lost.status == 400 && lost.error?.code == "previous_response_not_found")
        try socket.ask("Three", #","previous_response_id":"\#(second)""#)
        let body = try #require(backend.exchanges.last?.body)
        #expect(body.hasPrefix(#"{"stream":true,"model":"m","input":[{"role":"user","content":"Two"},{"id":"msg_"#), "\(body)")
        #expect(body.contains(#""text":"Hi""#) && body.hasSuffix(#"},{"role":"user","content":"Three"}]}"#))
        #expect(backend.reservedBytes > 0)
        try socket.connection.channel.close().wait()
        #expect(backend.reservedBytes == 0 && backend.exchanges.last?.isCancelled == true)
    }

    @Test("a request that asks for nothing is what the next one goes on from, and costs nothing")
    func warmUp() throws {
        let backend = ScriptedBackend()
        let socket = try Socket(backend)
        try socket.ask("Context", #","generate":false"#)
        let events = try socket.events()
        #expect(events.map(\.type) == ["response.created", "response.in_progress", "response.completed"] && backend.exchanges.isEmpty)
        try socket.ask("Now", #","previous_response_id":"\#(events[0].response?.id ?? "")""#)
        #expect(
            backend.exchanges.first?.body
                == #"{"stream":true,"model":"m","input":[{"role":"user","content":"Context"},{"role":"user","content":"Now"}]}"#)
    }

    @Test("what is wrong is an error event, and the connection goes on")
    func errors() throws {
        let backend = ScriptedBackend()
        let socket = try Socket(backend)
        for (text, code, field) in [
            ("{", "malformed_body", nil), ("[]", "malformed_body", nil), (#"{"model":"m"}"#, "invalid_request", "type"),
            (#"{"type":"response.steer"}"#, "invalid_request", "type"),
            (#"{"type":"response.create","type":"x"}"#, "malformed_body", nil),
            (#"{"type":"response.create","input":7}"#, "invalid_request", "input"),
        ] as [(String, String, String?)] {
            try socket.send(text)
            let events = try socket.events()
            #expect(events.map(\.type) == ["error"] && events[0].error?.code == code && events[0].error?.param == field, "\(text)")
        }
        try socket.ask("x")
        backend.exchanges[0].fail(Fault(.modelNotFound, origin: .downstream, message: "No such model."))
        let refused = try socket.events()
        #expect(refused.map(\.type) == ["error"] && refused[0].status == 404 && refused[0].error?.code == "model_not_found")
        try socket.ask("x")
        backend.exchanges[1].begin()
        backend.exchanges[1].send(Self.chunk("Hi"))
        backend.exchanges[1].fail(Fault(.streamBroken, origin: .upstream, message: "It broke."))
        #expect(try socket.events().suffix(2).map(\.type) == ["error", "response.failed"])
        try socket.ask("x")
        #expect(backend.exchanges.count == 3)
    }

    @Test("the credential is looked up for every request: one that was revoked ends the connection")
    func authority() throws {
        let backend = ScriptedBackend()
        let socket = try Socket(backend)
        let digest = try #require(CredentialDigest([UInt8](repeating: 1, count: 32)))
        backend.connectionsCaller = .unknown(Credential(digest))
        try socket.ask("x")
        try socket.ask("y")
        #expect(backend.exchanges.isEmpty && backend.lookUps.count == 1)
        backend.lookUps[0](.success(ScriptedBackend.principal(tenant: "other")))
        #expect(backend.exchanges[0].request.principal.tenant == "other")
        backend.connectionsCaller = .refused(Fault(.unauthenticated, origin: .downstream, message: "The API key is unknown."))
        Self.answer(backend.exchanges[0])
        let frames = try socket.frames()
        #expect(frames.last?.opcode == 8 && backend.exchanges.count == 1)
        let error = try JSONDecoder().decode(Event.self, from: Data(frames[frames.count - 2].payload))
        #expect(error.type == "error" && error.status == 401 && error.error?.code == "invalid_api_key")
    }

    @Test("frames: a text in pieces is one message; pings are answered; binary and unmasked frames are not taken")
    func frames() throws {
        let backend = ScriptedBackend()
        let socket = try Socket(backend)
        let text = Array(#"{"type":"response.create","model":"m","input":"x"}"#.utf8)
        try socket.send(Socket.frame(1, Array(text[..<20]), isLast: false))
        try socket.send(Socket.frame(9, [1, 2]))
        try socket.send(Socket.frame(0, Array(text[20...])))
        let frames = try socket.frames()
        #expect(frames.count == 1 && frames[0].opcode == 10 && frames[0].payload == [1, 2] && backend.exchanges.count == 1)
        #expect(backend.reservedBytes == 0)
        try socket.send(Socket.frame(2, [1]))
        #expect(try socket.closeCode() == 1003 && backend.exchanges[0].isCancelled)
        let other = try Socket()
        try other.send(ByteBuffer(bytes: [0x81, 0x01, 0x41]))
        #expect(try other.closeCode() == 1002)
    }

    @Test("a client's Close is answered, and what is under way is given up")
    func close() throws {
        let backend = ScriptedBackend()
        let socket = try Socket(backend)
        try socket.ask("x")
        try socket.send(Socket.frame(8, [3, 232]))
        #expect(try socket.closeCode() == 1000)
        #expect(socket.connection.isClosed && backend.exchanges[0].isCancelled)
    }

    @Test("a message that is too long, too slow, or one too many ends the connection; nothing stays reserved")
    func limits() throws {
        let backend = ScriptedBackend()
        backend.settings.maxRequestBytes = 1000
        let long = try Socket(backend)
        try long.send(ByteBuffer(bytes: [0x81, 0xFE, 0x10, 0x00]))
        #expect(try long.closeCode() == 1009)
        let pieces = try Socket(backend)
        for piece in 0..<3 { try pieces.send(Socket.frame(piece == 0 ? 1 : 0, Array(repeating: 0x20, count: 400), isLast: false)) }
        #expect(try pieces.closeCode() == 1009 && backend.reservedBytes == 0)

        let slow = try Socket(backend)
        try slow.send(ByteBuffer(bytes: [0x81, 0xFE, 0x00, 0x80, 0, 0, 0, 0, 0x7B]))
        #expect(backend.reservedBytes == 9)
        slow.connection.advance(.seconds(21))
        #expect(try slow.frames().contains { $0.opcode == 8 } && backend.reservedBytes == 0)

        let many = try Socket(backend)
        for _ in 0..<10 { try many.ask("x") }
        let frames = try many.frames()
        #expect(frames.map(\.opcode) == [1, 8] && backend.reservedBytes == 0)
        #expect(String(decoding: frames[0].payload, as: UTF8.self).contains("too_many_requests"))

        backend.byteBudget = 8
        let poor = try Socket(backend)
        try poor.ask("x")
        #expect(try poor.closeCode() == 1013 && backend.reservedBytes == 0)
    }

    @Test("a silent client is asked whether it is there, and closed if it does not say; after an hour it is told to come again")
    func time() throws {
        let socket = try Socket()
        socket.connection.advance(.seconds(31))
        #expect(try socket.frames().map(\.opcode) == [9])
        try socket.send(Socket.frame(10, []))
        socket.connection.advance(.seconds(31))
        #expect(try socket.frames().map(\.opcode) == [9])
        socket.connection.advance(.seconds(31))
        #expect(socket.connection.isClosed)

        let backend = ScriptedBackend()
        let old = try Socket(backend)
        try old.ask("x")
        for _ in 0..<180 {
            old.connection.advance(.seconds(21))
            try old.send(Socket.frame(10, []))
        }
        #expect(!old.connection.isClosed)
        _ = try old.frames()
        Self.answer(backend.exchanges[0])
        #expect(try old.closeCode() == 1001)
    }

    @Test("who does not read stops the answer, and is cut in the end")
    func backPressure() throws {
        let backend = ScriptedBackend()
        let socket = try Socket(backend)
        try socket.ask("x")
        socket.connection.setWritable(false)
        #expect(backend.exchanges[0].isPaused)
        socket.connection.setWritable(true)
        #expect(!backend.exchanges[0].isPaused)
        socket.connection.setWritable(false)
        for _ in 0..<6 {
            socket.connection.advance(.seconds(21))
            try socket.send(Socket.frame(10, []))
        }
        #expect(socket.connection.isClosed && backend.exchanges[0].isCancelled)
    }

    @Test("a gateway that goes away lets the answer under way end")
    func drain() throws {
        let backend = ScriptedBackend()
        let (idle, busy) = (try Socket(backend), try Socket(backend))
        try busy.ask("x")
        for socket in [idle, busy] { socket.connection.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        #expect(try idle.closeCode() == 1001)
        Self.answer(backend.exchanges[0])
        let frames = try busy.frames()
        #expect(frames.last?.opcode == 8 && frames.dropLast().allSatisfy { $0.opcode == 1 } && frames.count == 10)
    }

    @Test("the upgrade needs a credential, and is none over a plain GET")
    func upgrade() throws {
        let connection = try HTTP1Connection()
        try connection.send(Socket.upgrade(key: "wrong"))
        let refused = try connection.response()
        #expect(refused.status == 401 && refused.body.contains("invalid_api_key"))
        let plain = try HTTP1Connection()
        try plain.get("/v1/responses")
        #expect(try plain.response().status == 426)
    }
}
