import NIOCore
import Wire

/// A run's requests, encoded before it starts: sending one is a copy, so that the load is not what is measured.
///
/// Where no two requests may be alike, each carries twelve letters that change. In an LZ4 block they stand as they are, since nothing like them comes
/// before: the number is written over them, whatever is compressed around it.
struct RequestPool: Sendable {
    private struct Encoded {
        var bytes: ByteBuffer
        /// Where the changing letters are.
        var mark: Int?
    }

    private let requests: [Encoded]
    /// False where a request takes several frames, which only the protocol's own machine can send, within its credit.
    let isSingleFrame: Bool

    let prompts: Prompts

    init(_ plan: LoadPlan) throws {
        let prompts = Prompts(plan)
        self.prompts = prompts
        switch plan.target.door {
        case .wire:
            let frames = (0..<prompts.count).map { Self.frames(plan, prompts.messages($0, letters: Prompts.mark)) }
            isSingleFrame = frames.allSatisfy(\.isSingle)
            requests = isSingleFrame ? try frames.map { try Self.marked($0.bytes, plan) } : []
        case .sdk:
            isSingleFrame = true
            requests = []
        case .http, .https:
            isSingleFrame = true
            requests = try (0..<prompts.count).map { try Self.marked(Self.http(plan, prompts.messages($0, letters: Prompts.mark)), plan) }
        }
    }

    /// The bytes of a request of HTTP/1.1.
    ///
    /// - Parameter number: the requests before it in the run.
    func http(_ number: Int) -> ByteBuffer {
        let request = requests[number % requests.count]
        guard let mark = request.mark else { return request.bytes }
        var bytes = request.bytes
        bytes.setBytes(Prompts.letters(number), at: mark)
        return bytes
    }

    /// The bytes of a request's frame.
    func frame(_ number: Int, on stream: StreamID) -> ByteBuffer {
        let request = requests[number % requests.count]
        var bytes = request.bytes
        bytes.setInteger(stream.rawValue, at: bytes.readerIndex + 4)
        if let mark = request.mark { bytes.setBytes(Prompts.letters(number), at: mark) }
        return bytes
    }

    private static func marked(_ bytes: ByteBuffer, _ plan: LoadPlan) throws -> Encoded {
        guard plan.prompts == .unique else { return Encoded(bytes: bytes, mark: nil) }
        guard let range = bytes.readableBytesView.firstRange(of: Array(Prompts.mark.utf8)) else {
            throw BenchFailure(description: "a request has no place for its number")
        }
        return Encoded(bytes: bytes, mark: range.lowerBound)
    }

    private static func body(_ plan: LoadPlan, _ texts: [String]) -> String {
        let messages = texts.enumerated().map { index, text in
            "{\"role\":\"\(index % 2 == 0 ? "user" : "assistant")\",\"content\":\"\(text)\"}"
        }
        return """
            {"model":"\(plan.model)","messages":[{"role":"system","content":"You are a support agent."},\(messages.joined(separator: ","))]\
            \(plan.isStreamed ? ",\"stream\":true" : "")\(plan.maxTokens.map { ",\"max_tokens\":\($0)" } ?? "")}
            """
    }

    private static func http(_ plan: LoadPlan, _ texts: [String]) -> ByteBuffer {
        let body = body(plan, texts)
        return ByteBuffer(
            string: "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(plan.target.credential)\r\n"
                + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    static func request(_ plan: LoadPlan, _ texts: [String]) -> Request {
        let messages =
            [ChatMessage(role: .system, parts: [Part(.text("You are a support agent."))])]
            + texts.enumerated().map { index, text in
                ChatMessage(role: index % 2 == 0 ? .user : .assistant, parts: [Part(.text(Text(text)))])
            }
        var chat = ChatRequest(model: Text(plan.model), messages: messages, stream: plan.isStreamed)
        chat.maxOutputTokens = plan.maxTokens.map { UInt32(clamping: $0) }
        return Request(operation: .chat(chat))
    }

    /// What the protocol's own machine makes of a request, behind its HELLO.
    private static func frames(_ plan: LoadPlan, _ texts: [String]) -> (bytes: ByteBuffer, isSingle: Bool) {
        var machine = ClientConnection(credential: Text(), compressor: LZ4Compressor(), now: .now())
        _ = machine.takeOutbound()
        guard (try? machine.send(request(plan, texts))) != nil, let bytes = machine.takeOutbound() else { return (ByteBuffer(), false) }
        let length = bytes.getInteger(at: bytes.readerIndex, as: UInt32.self).map { Int($0 >> 8) }
        return (bytes, length == bytes.readableBytes - FrameHeader.byteCount)
    }

    /// HELLO alone.
    static func hello(_ credential: String) -> ByteBuffer {
        var machine = ClientConnection(credential: Text(credential), agent: "gateway-bench", compressor: LZ4Compressor(), now: .now())
        return machine.takeOutbound() ?? ByteBuffer()
    }
}
