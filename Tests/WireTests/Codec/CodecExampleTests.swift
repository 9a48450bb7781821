import NIOCore
import Testing
import Wire

/// Bytes worked out by hand from the Protocol Buffers specification.
@Suite("Codec: examples by hand")
struct CodecExampleTests {
    @Test("a chat request is the bytes that the specification says")
    func chatRequest() throws {
        let request = Request(
            deadlineMs: 300,
            operation: .chat(
                ChatRequest(
                    model: "m", messages: [ChatMessage(role: .user, parts: [Part(.text("hé"))])], stream: true, maxOutputTokens: 0,
                    temperature: 0.5, seed: -1)))
        let body: [UInt8] =
            [0x0A, 1, 0x6D]  // model
            + [0x12, 9, 0x08, 3, 0x12, 5, 0x0A, 3, 0x68, 0xC3, 0xA9]  // messages: role, parts: text
            + [0x18, 1]  // stream
            + [0x20, 0]  // max_output_tokens, present though zero
            + [0x29, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F]  // temperature
            + [0x68, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]  // seed
        let bytes: [UInt8] = [0x08, 0xAC, 0x02, 0x82, 0x01, UInt8(body.count)] + body

        var buffer = ByteBuffer()
        request.encode(into: &buffer)
        #expect(Array(buffer.readableBytesView) == bytes)
        #expect(request.encodedLength == bytes.count)
        #expect(try Request.decode(from: ByteBuffer(bytes: bytes)) == request)
    }

    @Test("a fault tells its rule and the field it is in")
    func faultPath() {
        // Request.chat (16) .messages (2) .parts (2) .text (1) with the byte FF.
        let bytes: [UInt8] = [0x82, 0x01, 7, 0x12, 5, 0x12, 3, 0x0A, 1, 0xFF]
        let fault = #expect(throws: DecodingFault.self) { try Request.decode(from: ByteBuffer(bytes: bytes)) }
        #expect(fault == DecodingFault(.invalidUTF8, path: [16, 2, 2, 1]))
        #expect(fault?.description == "invalid_utf8 at 16.2.2.1")
    }
}
