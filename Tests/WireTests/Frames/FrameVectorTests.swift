import Foundation
import NIOCore
import Testing
import Wire

/// `protocol/vectors/frames`, whose README says what is in a vector.
@Suite("Frames: vectors")
struct FrameVectorTests {
    private func vectors(valid: Bool) throws -> [[String: Any]] {
        try VectorFiles.load("frames").filter { ($0["file"] as? String == "valid") == valid }
    }

    @Test("every frame type has a vector, and every vector a name of its own")
    func coverage() throws {
        let valid = try vectors(valid: true)
        let types = valid.compactMap { ($0["header"] as? [String: Any])?["type"] as? String }
        #expect(Set(types) == Set(FrameType.allCases.map { "\($0)".uppercased() }))
        let names = (valid + (try vectors(valid: false))).compactMap { $0["name"] as? String }
        #expect(names.count >= 80 && Set(names).count == names.count)
    }

    @Test("a valid frame is read as its vector says, and its header written back")
    func valid() throws {
        for vector in try vectors(valid: true) {
            let name = try #require(vector["name"] as? String)
            let expected = try #require(vector["header"] as? [String: Any])
            var bytes = try VectorFiles.bytes(hex: vector["hex"])
            let read = bytes.readFrameHeader()
            let header = try #require(read)
            #expect(header.length == expected["length"] as? Int, "\(name)")
            #expect(header.stream.rawValue == expected["stream"] as? UInt32, "\(name)")
            #expect(header.flags == FrameFlags(names: expected["flags"] as? [String] ?? []), "\(name)")
            if let type = expected["type"] as? String {
                #expect(header.type.map { "\($0)".uppercased() } == type, "\(name)")
            } else {
                #expect(header.type == nil && header.kind & 0x1F == expected["type"] as? UInt8, "\(name)")
            }
            #expect(bytes.readableBytes == header.length, "\(name)")
            var written = ByteBuffer()
            written.writeFrameHeader(header)
            #expect(written == (try VectorFiles.bytes(hex: vector["hex"])).getSlice(at: 0, length: 8), "\(name)")
            try checkPayload(bytes, header, vector, name)
        }
    }

    private func checkPayload(_ payload: ByteBuffer, _ header: FrameHeader, _ vector: [String: Any], _ name: String) throws {
        var content = payload
        if vector["uncompressed"] != nil {
            content = try VectorFiles.bytes(hex: vector["uncompressed"])
            #expect(header.flags.contains(.compressed), "\(name)")
        }
        for key in ["message_length", "increment"] {
            guard let expected = vector[key] as? UInt32 else { continue }
            let number = content.readInteger(as: UInt32.self)
            #expect(number == expected, "\(name)")
        }
        if vector["opaque"] != nil { #expect(content == (try VectorFiles.bytes(hex: vector["opaque"])), "\(name)") }
        guard let message = vector["message"] as? String else { return }
        let type = try #require(CataloguedMessage.all.first { $0.name == message })
        let json = try JSONSerialization.data(withJSONObject: #require(vector["body"]))
        let reading = try type.readByUs(Array(content.readableBytesView)).get()
        #expect(reading == (try type.readByThem(json: String(decoding: json, as: UTF8.self))), "\(name)")
    }

    @Test("a wrong frame ends the connection with the error that its vector says")
    func invalid() throws {
        for vector in try vectors(valid: false) {
            let name = try #require(vector["name"] as? String)
            let bytes = try VectorFiles.bytes(hex: vector["hex"])
            let sent = vector["receiver"] as? String == "client" ? try sentByClient(receiving: bytes) : try sentByServer(receiving: bytes)
            let first = try #require(sent.first, "\(name): nothing was sent")
            let error: ErrorBody = try first.decoded()
            #expect(first.knownType == .error && first.stream == 0, "\(name)")
            #expect(error.code.entry?.name == vector["error"] as? String, "\(name): \(error.message.string)")
            #expect(error.code.entry?.scope == .connection, "\(name)")
        }
    }

    /// A server that has a request on stream 1, and LZ4.
    private func sentByServer(receiving bytes: ByteBuffer) throws -> [TestFrame] {
        var server = ServerConnection(now: .start)
        server.receive(TestFrame(.hello, on: 0, Hello(minVersion: 1, maxVersion: 1, features: 1)))
        _ = server.nextEvent()
        server.accept()
        server.receive(TestFrame(whole: .request, on: 1, Request()))
        #expect(server.takeEvents() == [.requestReceived(StreamID(rawValue: 1), Request())])
        _ = server.takeFrames()
        return sent(by: &server, receiving: bytes)
    }

    /// A client that waits for an answer on stream 1, of which BEGIN has come, and LZ4.
    private func sentByClient(receiving bytes: ByteBuffer) throws -> [TestFrame] {
        var client = ClientConnection(credential: "key", now: .start)
        client.receive(TestFrame(.welcome, on: 0, Welcome(version: 1, features: 1)))
        let id = try client.send(Request())
        client.receive(TestFrame(.begin, on: id.rawValue, Begin()))
        #expect(client.takeFrames().map(\.knownType) == [.hello, .request])
        #expect(client.takeEvents().last == .beginReceived(id, Begin()))
        return sent(by: &client, receiving: bytes)
    }

    private func sent(by machine: inout some ConnectionMachine, receiving bytes: ByteBuffer) -> [TestFrame] {
        var bytes = bytes
        machine.receive(&bytes, now: .start)
        _ = machine.takeEvents()
        #expect(machine.isClosed)
        return machine.takeFrames()
    }
}

extension FrameFlags {
    /// The flags with the names that SPEC.md uses.
    init(names: [String]) {
        self = []
        if names.contains("compressed") { insert(.compressed) }
        if names.contains("endStream") { insert(.endStream) }
        if names.contains("more") { insert(.more) }
    }
}
