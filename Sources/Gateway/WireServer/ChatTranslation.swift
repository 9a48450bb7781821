import GatewayCore
import GatewayJSON
import NIOCore
import Wire

/// Writes a chat request of the wire protocol in the gateway's canonical form, OpenAI's chat completion dialect.
///
/// What that dialect has no place for is refused by its name, never dropped.
struct ChatTranslation {
    private var json: JSONWriter

    /// - Throws: ``FaultKind/invalidRequest`` with the schema's name of the field at fault.
    static func body(of chat: ChatRequest, extra index: inout JSONIndex) throws(Fault) -> ByteBuffer {
        // Room for it all: memory that grows by doubling is allocated many times.
        var translation = ChatTranslation(json: JSONWriter(into: ByteBufferAllocator().buffer(capacity: estimatedBytes(of: chat))))
        translation.json.beginObject()
        try translation.write(chat)
        try ExtraMembers.write(chat.extraJSON, of: "chat", except: typedFields, index: &index, into: &translation.json)
        translation.json.endObject()
        return translation.json.buffer
    }

    private static func estimatedBytes(of chat: ChatRequest) -> Int {
        chat.messages.reduce(256) { sum, message in
            message.parts.reduce(sum + 64) { sum, part in
                if case .text(let text) = part.content { sum + text.count + text.count / 16 } else { sum }
            }
        }
    }

    private mutating func write(_ chat: ChatRequest) throws(Fault) {
        guard !chat.model.isEmpty else { throw .invalidField("chat.model", "is required: the name of a model") }
        guard !chat.messages.isEmpty else { throw .invalidField("chat.messages", "must have at least one message") }
        json.key("model")
        json.string(chat.model.buffer)
        json.key("messages")
        json.beginArray()
        for (position, message) in chat.messages.enumerated() { try write(message, at: position) }
        json.endArray()
        if chat.stream { json.member("stream", true) }
        try writeParameters(chat)
        if !chat.tools.isEmpty {
            json.key("tools")
            json.beginArray()
            for (position, tool) in chat.tools.enumerated() { try write(tool, at: position) }
            json.endArray()
        }
        if let choice = chat.toolChoice { try write(choice) }
        if let format = chat.responseFormat { try write(format) }
    }

    private mutating func writeParameters(_ chat: ChatRequest) throws(Fault) {
        if let cap = chat.maxOutputTokens { json.member("max_tokens", Int64(cap)) }
        if let temperature = chat.temperature { try writeFinite("temperature", temperature) }
        if let topP = chat.topP { try writeFinite("top_p", topP) }
        if !chat.stop.isEmpty {
            json.key("stop")
            json.beginArray()
            for stop in chat.stop { json.string(stop.buffer) }
            json.endArray()
        }
        if let choices = chat.choices {
            guard choices > 0 else { throw .invalidField("chat.choices", "must be at least 1") }
            json.member("n", Int64(choices))
        }
        if let parallel = chat.parallelToolCalls { json.member("parallel_tool_calls", parallel) }
        if let seed = chat.seed { json.member("seed", seed) }
        if !chat.reasoningEffort.isEmpty {
            json.key("reasoning_effort")
            json.string(chat.reasoningEffort.buffer)
        }
    }

    /// JSON has neither infinities nor NaN: they would reach the provider as `null`.
    private mutating func writeFinite(_ key: StaticString, _ value: Double) throws(Fault) {
        guard value.isFinite else { throw .invalidField("chat.\(key)", "must be a finite number") }
        json.member(key, value)
    }

    // MARK: tools and formats

    private mutating func write(_ tool: ToolDefinition, at position: Int) throws(Fault) {
        guard !tool.name.isEmpty else { throw .invalidField("chat.tools[\(position)].name", "is required") }
        json.beginObject()
        json.member("type", "function")
        json.key("function")
        json.beginObject()
        json.key("name")
        json.string(tool.name.buffer)
        if !tool.description.isEmpty {
            json.key("description")
            json.string(tool.description.buffer)
        }
        if tool.parametersJSON.readableBytes > 0 {
            json.key("parameters")
            json.raw(try Self.checked(tool.parametersJSON, field: "chat.tools[\(position)].parameters_json"))
        }
        if let strict = tool.strict { json.member("strict", strict) }
        json.endObject()
        json.endObject()
    }

    private mutating func write(_ choice: ToolChoice) throws(Fault) {
        json.key("tool_choice")
        switch choice.mode {
        case .auto: json.string("auto")
        case .none: json.string("none")
        case .required: json.string("required")
        case .named:
            guard !choice.name.isEmpty else { throw .invalidField("chat.tool_choice.name", "is required with the mode NAMED") }
            json.beginObject()
            json.member("type", "function")
            json.key("function")
            json.beginObject()
            json.key("name")
            json.string(choice.name.buffer)
            json.endObject()
            json.endObject()
        default: throw .invalidField("chat.tool_choice.mode", "must be one of the schema's modes")
        }
    }

    private mutating func write(_ format: ResponseFormat) throws(Fault) {
        json.key("response_format")
        json.beginObject()
        switch format.kind {
        case .text: json.member("type", "text")
        case .jsonObject: json.member("type", "json_object")
        case .jsonSchema:
            json.member("type", "json_schema")
            json.key("json_schema")
            json.beginObject()
            json.key("name")
            json.string(format.name.buffer)
            if !format.description.isEmpty {
                json.key("description")
                json.string(format.description.buffer)
            }
            json.key("schema")
            json.raw(try Self.checked(format.schemaJSON, field: "chat.response_format.schema_json"))
            if let strict = format.strict { json.member("strict", strict) }
            json.endObject()
        default: throw .invalidField("chat.response_format.kind", "must be one of the schema's kinds")
        }
        json.endObject()
    }

    /// JSON of the caller goes into the body as it is, so it must be exactly one object.
    private static func checked(_ object: ByteBuffer, field: String) throws(Fault) -> ByteBuffer {
        var index = JSONIndex()
        do {
            try index.scan(object)
        } catch {
            throw .invalidField(field, "is not valid JSON: \(error.message)")
        }
        guard index.read(object, { $0.isObject }) else { throw .invalidField(field, "must be a JSON object") }
        return object
    }

    // MARK: extra_json

    /// What has a field of its own in the schema, or follows from one.
    private static let typedFields: Set<String> = [
        "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "n",
        "tools",
        "tool_choice", "functions", "function_call", "parallel_tool_calls", "response_format", "seed", "reasoning_effort",
    ]
}

// MARK: messages

extension ChatTranslation {
    private mutating func write(_ message: ChatMessage, at position: Int) throws(Fault) {
        let path = { "chat.messages[\(position)]" }
        json.beginObject()
        json.member("role", try Self.name(of: message.role, path: path))
        try writeContent(message, path: path)
        if !message.name.isEmpty {
            json.key("name")
            json.string(message.name.buffer)
        }
        if !message.toolCalls.isEmpty {
            guard message.role == .assistant else {
                throw .invalidField("\(path()).tool_calls", "belongs to messages of the role ASSISTANT")
            }
            writeToolCalls(message.toolCalls)
        }
        if message.role == .tool {
            guard !message.toolCallID.isEmpty else { throw .invalidField("\(path()).tool_call_id", "is required for the role TOOL") }
            json.key("tool_call_id")
            json.string(message.toolCallID.buffer)
        } else if !message.toolCallID.isEmpty {
            throw .invalidField("\(path()).tool_call_id", "belongs to messages of the role TOOL")
        }
        json.endObject()
    }

    private static func name(of role: Role, path: () -> String) throws(Fault) -> String {
        switch role {
        case .system: "system"
        case .developer: "developer"
        case .user: "user"
        case .assistant: "assistant"
        case .tool: "tool"
        default: throw .invalidField("\(path()).role", "must be one of the schema's roles")
        }
    }

    private mutating func writeToolCalls(_ calls: [ToolCall]) {
        json.key("tool_calls")
        json.beginArray()
        for call in calls {
            json.beginObject()
            json.key("id")
            json.string(call.id.buffer)
            json.member("type", "function")
            json.key("function")
            json.beginObject()
            json.key("name")
            json.string(call.name.buffer)
            json.key("arguments")
            json.string(call.arguments.buffer)
            json.endObject()
            json.endObject()
        }
        json.endArray()
    }

    /// One text part is written as a plain string, which every server understands; anything else as an array of parts.
    private mutating func writeContent(_ message: ChatMessage, path: () -> String) throws(Fault) {
        var reasoning: [Text] = []
        var blocks: [ByteBuffer] = []
        var visible = 0
        for (position, part) in message.parts.enumerated() {
            switch part.content {
            case .reasoning(let text): reasoning.append(text)
            case .providerBlock(let block): blocks.append(try Self.checked(block, message.role, path: { "\(path()).parts[\(position)]" }))
            default: visible += 1
            }
        }
        json.key("content")
        if visible == 0 {
            if message.role == .assistant { json.null() } else { json.string("") }
        } else if visible == 1, let text = Self.onlyText(of: message) {
            json.string(text.buffer)
        } else {
            json.beginArray()
            for (position, part) in message.parts.enumerated() { try write(part, path: { "\(path()).parts[\(position)]" }) }
            json.endArray()
        }
        if !reasoning.isEmpty {
            json.key("reasoning_content")
            var whole = ByteBuffer()
            for text in reasoning { whole.writeImmutableBuffer(text.buffer) }
            json.string(whole)
        }
        guard !blocks.isEmpty else { return }
        json.key("thinking_blocks")
        json.beginArray()
        for block in blocks { json.raw(block) }
        json.endArray()
    }

    /// Whose blocks there are: signed thinking of Anthropic's, and signatures of Google's.
    private static let blockProviders: Set<String> = ["anthropic", "gemini"]

    /// What a block is called: its provider's dialect and its type.
    static func name(ofBlock fragment: AnswerFragment, _ type: String) -> String { (fragment.isSealed ? "gemini/" : "anthropic/") + type }

    private static func checked(_ block: ProviderBlock, _ role: Role, path: () -> String) throws(Fault) -> ByteBuffer {
        guard role == .assistant, blockProviders.contains(block.provider.string) else {
            throw .invalidField(
                "\(path()).provider_block", "must be a block of the provider `anthropic` or `gemini`, in a message of the role ASSISTANT")
        }
        return try checked(block.data, field: "\(path()).provider_block.data")
    }

    private static func onlyText(of message: ChatMessage) -> Text? {
        for part in message.parts {
            if case .text(let text) = part.content { return text }
        }
        return nil
    }

    private mutating func write(_ part: Part, path: () -> String) throws(Fault) {
        switch part.content {
        case .reasoning, .providerBlock: return
        case .text(let text): writeText(text, type: "text", key: "text")
        case .refusal(let text): writeText(text, type: "refusal", key: "refusal")
        case .image(let media): try writeImage(media, path: path)
        case .audio(let media): try writeAudio(media, path: path)
        case .file(let media): try writeFile(media, path: path)
        case nil: throw .invalidField(path(), "has no content that this gateway knows")
        }
    }

    private mutating func writeText(_ text: Text, type: String, key: StaticString) {
        json.beginObject()
        json.member("type", type)
        json.key(key)
        json.string(text.buffer)
        json.endObject()
    }

    private mutating func writeImage(_ media: Media, path: () -> String) throws(Fault) {
        json.beginObject()
        json.member("type", "image_url")
        json.key("image_url")
        json.beginObject()
        json.key("url")
        switch media.source {
        case .url(let url): json.string(url.buffer)
        case .data(let data): json.string(Base64.dataURL(data, mediaType: try Self.mediaType(of: media, path: { "\(path()).image" })))
        case nil: throw .invalidField("\(path()).image", "needs a url or data")
        }
        if !media.detail.isEmpty {
            json.key("detail")
            json.string(media.detail.buffer)
        }
        json.endObject()
        json.endObject()
    }

    private mutating func writeAudio(_ media: Media, path: () -> String) throws(Fault) {
        guard case .data(let data) = media.source else {
            throw .invalidField("\(path()).audio", "needs data: this dialect takes no URL of audio")
        }
        let type = try Self.mediaType(of: media, path: { "\(path()).audio" })
        json.beginObject()
        json.member("type", "input_audio")
        json.key("input_audio")
        json.beginObject()
        json.key("data")
        json.string(Base64.encoded(data))
        json.member("format", type == "audio/mpeg" ? "mp3" : type.split(separator: "/").last.map(String.init) ?? type)
        json.endObject()
        json.endObject()
    }

    private mutating func writeFile(_ media: Media, path: () -> String) throws(Fault) {
        guard case .data(let data) = media.source else {
            throw .invalidField("\(path()).file", "needs data: this dialect takes no URL of a file")
        }
        json.beginObject()
        json.member("type", "file")
        json.key("file")
        json.beginObject()
        if !media.filename.isEmpty {
            json.key("filename")
            json.string(media.filename.buffer)
        }
        json.key("file_data")
        json.string(Base64.dataURL(data, mediaType: try Self.mediaType(of: media, path: { "\(path()).file" })))
        json.endObject()
        json.endObject()
    }

    /// A media type goes into a URL, so it must be a plain `type/subtype`.
    private static func mediaType(of media: Media, path: () -> String) throws(Fault) -> String {
        let type = media.mediaType.string
        let isPlain = type.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "/.+-_".utf8.contains(byte)
            }
        }
        guard isPlain, type.utf8.count <= 128, type.split(separator: "/", omittingEmptySubsequences: false).count == 2 else {
            throw .invalidField("\(path()).media_type", "must be a media type such as image/png")
        }
        return type
    }
}
