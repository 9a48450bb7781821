import Foundation
import NIOCore

/// What the bench's provider answers.
struct UpstreamAnswer: Hashable {
    enum Content: Hashable {
        case constant(chunks: Int)
        case clock(deltas: Int, milliseconds: Int)
        case statistics
    }

    var content: Content
    var isStreamed = false

    /// Searches a request's bytes for what is needed to choose an answer; `nil`: nobody knows that model.
    init?(head: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer) {
        if head.starts(with: "GET ".utf8) {
            self.init(.statistics)
            return
        }
        guard let model = Self.value(of: "\"model\"", in: body), model.first == UInt8(ascii: "\"") else { return nil }
        let words = String(decoding: model.dropFirst().prefix { $0 != UInt8(ascii: "\"") }.prefix(64), as: UTF8.self).split(separator: ":")
        let numbers = words.dropFirst().compactMap { Int($0) }.filter { (0...100_000).contains($0) }
        let isStreamed = Self.value(of: "\"stream\"", in: body)?.starts(with: "true".utf8) ?? false
        switch (words.first, numbers.count) {
        case ("bench", 0): self.init(.constant(chunks: 16), isStreamed)
        case ("bench", 1): self.init(.constant(chunks: max(1, numbers[0])), isStreamed)
        case ("clock", 2): self.init(.clock(deltas: numbers[0], milliseconds: max(1, numbers[1])), isStreamed)
        default: return nil
        }
    }

    private init(_ content: Content, _ isStreamed: Bool = false) {
        self.content = content
        self.isStreamed = isStreamed
    }

    /// The bytes behind the first key of this name and its colon.
    private static func value(of key: String, in bytes: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
        guard let found = bytes.firstOffset(of: key) else { return nil }
        let rest = bytes[(found + key.utf8.count)...].drop { $0 == UInt8(ascii: " ") }
        guard rest.first == UInt8(ascii: ":") else { return nil }
        return rest.dropFirst().drop { $0 == UInt8(ascii: " ") }
    }

    // MARK: bytes

    /// The whole answer; of a clock, its head.
    var bytes: ByteBuffer {
        switch content {
        case .statistics: ByteBuffer()
        case .clock: ByteBuffer(string: Self.streamHead)
        case .constant(let chunks) where isStreamed:
            ByteBuffer(string: Self.streamHead + (0..<chunks).map { Self.event("word\($0) ") }.joined() + Self.end(tokens: chunks))
        case .constant(let chunks):
            Self.whole(
                """
                {"id":"chatcmpl-bench","object":"chat.completion","created":1767225600,"model":"bench","choices":[{"index":0,"message":\
                {"role":"assistant","content":"\((0..<chunks).map { "word\($0) " }.joined())"},"finish_reason":"stop"}],\
                "usage":{"prompt_tokens":16,"completion_tokens":\(chunks),"total_tokens":\(16 + chunks)}}
                """)
        }
    }

    static func whole(_ body: String, status: String = "200 OK") -> ByteBuffer {
        ByteBuffer(
            string: "HTTP/1.1 \(status)\r\ncontent-type: application/json\r\nx-request-id: req_bench\r\n"
                + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    private static let streamHead =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n"

    static func event(_ text: String) -> String {
        chunk(choice("{\"index\":0,\"delta\":{\"content\":\"\(text)\"},\"finish_reason\":null}"))
    }

    static func end(tokens: Int) -> String {
        let usage = "{\"prompt_tokens\":16,\"completion_tokens\":\(tokens),\"total_tokens\":\(16 + tokens)}"
        return chunk(choice("{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}"))
            + chunk(choice("", usage: ",\"usage\":\(usage)")) + chunk("data: [DONE]\n\n") + "0\r\n\r\n"
    }

    private static func choice(_ choice: String, usage: String = "") -> String {
        "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"bench\","
            + "\"choices\":[\(choice)]\(usage)}\n\n"
    }

    private static func chunk(_ text: String) -> String {
        "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n"
    }
}

extension UnsafeRawBufferPointer {
    /// Where a text is first, by memchr and memcmp: prompts may have a megabyte.
    func firstOffset(of text: String) -> Int? {
        var text = text
        return text.withUTF8 { needle in
            guard let base = baseAddress, let first = needle.first, let wanted = needle.baseAddress else { return nil }
            var from = 0
            while from + needle.count <= count, let found = memchr(base + from, Int32(first), count - from) {
                let offset = base.distance(to: UnsafeRawPointer(found))
                guard offset + needle.count <= count else { return nil }
                if memcmp(base + offset, wanted, needle.count) == 0 { return offset }
                from = offset + 1
            }
            return nil
        }
    }
}
