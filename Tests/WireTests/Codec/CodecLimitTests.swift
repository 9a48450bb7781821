import NIOCore
import Testing
import Wire

@Suite("Codec: limits")
struct CodecLimitTests {
    /// A chat request of as many empty messages, two bytes each.
    private func chat(messages count: Int) -> ByteBuffer {
        ByteBuffer(bytes: Array(repeating: [0x12, 0x00], count: count).joined())
    }

    @Test("a message has as many elements as the default limit, and not one more")
    func defaultLimit() throws {
        let limit = FieldReader.defaultElementLimit
        #expect(try ChatRequest.decode(from: chat(messages: limit)).messages.count == limit)
        #expect(throws: DecodingFault(.tooManyElements, path: [2])) { try ChatRequest.decode(from: chat(messages: limit + 1)) }
    }

    @Test("an element is as small in memory as the limit's documentation says")
    func elementSize() {
        let sizes = [
            MemoryLayout<Text>.stride, MemoryLayout<ChatMessage>.stride, MemoryLayout<Part>.stride, MemoryLayout<ToolCall>.stride,
            MemoryLayout<ToolDefinition>.stride, MemoryLayout<Choice>.stride, MemoryLayout<Item>.stride, MemoryLayout<Embedding>.stride,
            MemoryLayout<ModelEntry>.stride, MemoryLayout<Finish>.stride, MemoryLayout<ScrubCount>.stride, MemoryLayout<PhaseTiming>.stride,
            MemoryLayout<LimitStatus>.stride,
        ]
        #expect(sizes.allSatisfy { $0 <= 80 }, "\(sizes)")
    }

    @Test("texts and bytes are slices of the buffer that the message came in")
    func slices() throws {
        var buffer = ByteBuffer()
        Item(kind: .text, id: "id", data: ByteBuffer(string: "data")).encode(into: &buffer)
        let item = try Item.decode(from: buffer)

        let received = buffer.withUnsafeReadableBytes {
            UInt(bitPattern: $0.baseAddress)..<UInt(bitPattern: $0.baseAddress) + UInt($0.count)
        }
        let data = item.data.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        let id = item.id.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
        #expect(received.contains(data))
        #expect(received.contains(id))
    }
}
