import AgentShield
import NIOCore
import Wire

/// What the same request takes on the wire in three forms, measured by encoding it.
struct WireSizes {
    var json: Int
    var wire: Int
    var compressed: Int

    static func of(_ request: AgentShield.ChatRequest) -> WireSizes {
        WireSizes(
            json: jsonBytes(of: request), wire: frameBytes(of: request, compresses: false),
            compressed: frameBytes(of: request, compresses: true))
    }

    var table: String {
        """
        the request on the wire
          plain JSON (body only)   \(json) bytes
          our frames               \(wire) bytes
          our frames with LZ4      \(compressed) bytes
        """
    }

    /// The bytes that the client's machine puts on the wire for this request, behind its HELLO.
    private static func frameBytes(of request: AgentShield.ChatRequest, compresses: Bool) -> Int {
        var connection = ClientConnection(credential: Text(), compressor: compresses ? LZ4Compressor() : nil, now: .now())
        _ = connection.takeOutbound()
        guard (try? connection.send(Wire.Request(operation: .chat(wire(request))))) != nil else { return 0 }
        return connection.takeOutbound()?.readableBytes ?? 0
    }

    private static func wire(_ request: AgentShield.ChatRequest) -> Wire.ChatRequest {
        var chat = Wire.ChatRequest()
        chat.model = Text(request.model)
        chat.stream = true
        chat.messages = request.messages.map { message in
            ChatMessage(role: message.role == .system ? .system : .user, parts: texts(of: message).map { Part(.text(Text($0))) })
        }
        chat.tools = request.tools.map {
            ToolDefinition(name: Text($0.name), description: Text($0.description), parametersJSON: ByteBuffer(string: $0.parameters ?? ""))
        }
        return chat
    }

    private static func jsonBytes(of request: AgentShield.ChatRequest) -> Int {
        let messages = request.messages.map { message in
            "{\"role\":\"\(message.role)\",\"content\":\"\(texts(of: message).joined())\"}"
        }
        let tools = request.tools.map { tool in
            """
            {"type":"function","function":{"name":"\(tool.name)","description":"\(tool.description)","parameters":\(tool.parameters ?? "{}")}}
            """
        }
        return """
            {"model":"\(request.model)","messages":[\(messages.joined(separator: ","))],"stream":true,"tools":[\(tools.joined(separator: ","))]}
            """.utf8.count
    }

    private static func texts(of message: Message) -> [String] {
        message.parts.compactMap { part in
            if case .text(let text) = part { text } else { nil }
        }
    }
}
