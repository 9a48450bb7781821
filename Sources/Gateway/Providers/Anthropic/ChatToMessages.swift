package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Writes a request of OpenAI's chat completion dialect as one of Anthropic's Messages. Pure.
///
/// What the dialect has no place for goes to ``TranslationGaps``. Left out without a word is only what changes nothing: fields that say nothing
/// (`null`, `false`, 0, empty), how OpenAI stores and bills (`store`, `service_tier`), and the unsigned reasoning of earlier turns, which no provider
/// takes back.
package struct ChatToMessages {
    var json = JSONWriter()
    var gaps: TranslationGaps
    /// Whose content is being written; messages of one role that follow each other become one.
    private var openRole: String?
    /// Of the message that is being translated; `nil`: none is.
    private var turn: String?

    /// - Parameters:
    ///   - model: the provider's name for the model.
    ///   - maxTokens: the cap on the output where the request has none: this API demands one.
    package static func body(
        of chat: ByteBuffer, model: String, maxTokens: UInt64, gaps: inout TranslationGaps, index: inout JSONIndex
    ) throws(Fault) -> ByteBuffer {
        do {
            try index.scan(chat)
        } catch {
            throw Fault.malformedJSON(error)
        }
        var translation = ChatToMessages(gaps: gaps)
        defer { gaps = translation.gaps }
        return try index.read(chat) { root throws(Fault) in
            try translation.write(root, model: model, maxTokens: maxTokens)
            return translation.json.buffer
        }
    }

    private mutating func write(_ root: JSONValue, model: String, maxTokens: UInt64) throws(Fault) {
        json.beginObject()
        json.member("model", model)
        let cap = try cap(of: root)
        let thinking = try thinking(root, cap: cap)
        // Thinking that the caller asked for by its effort comes on top of the cap that is assumed here.
        let ownBudget = try ownThinking(root)
        json.member("max_tokens", cap ?? Int64(clamping: maxTokens &+ UInt64(thinking ?? ownBudget)))
        if let thinking {
            json.key("thinking")
            json.object { json in
                json.member("type", "enabled")
                json.member("budget_tokens", thinking)
            }
        }
        try writeSystem(root)
        try writeMessages(root)
        try writeTools(root)
        try writeToolChoice(root)
        try writeFormat(root)
        for member in root.members { try write(parameter: member) }
        json.endObject()
    }

    // MARK: parameters

    /// Of two caps the larger one counts, as it does for budgets.
    private func cap(of root: JSONValue) throws(Fault) -> Int64? {
        let caps = (try root.field("max_tokens")?.int, try root.field("max_completion_tokens")?.int)
        guard let one = caps.0 ?? caps.1 else { return nil }
        return max(one, caps.1 ?? one)
    }

    /// The tokens for thinking that the caller asks for in Anthropic's own words.
    private func ownThinking(_ root: JSONValue) throws(Fault) -> Int64 {
        guard let budget = try root.object("thinking")?.field("budget_tokens")?.int else { return 0 }
        return min(max(0, budget), 1 << 32)
    }

    /// The least that Anthropic's API takes as a budget for thinking.
    private static let minThinking: Int64 = 1024

    /// The tokens that a `reasoning_effort` gives to thinking; `nil`: none are asked for.
    private mutating func thinking(_ root: JSONValue, cap: Int64?) throws(Fault) -> Int64? {
        guard let effort = try root.string("reasoning_effort"), try root.object("thinking") == nil else { return nil }
        let budget: Int64
        switch effort.string {
        case "none": return nil
        case "minimal", "low": budget = Self.minThinking
        case "medium": budget = 4_096
        case "high": budget = 16_384
        case "xhigh", "max": budget = 32_768
        default: throw .invalidField("reasoning_effort", "must be none, minimal, low, medium, high or xhigh")
        }
        guard let cap else { return budget }
        guard cap > Self.minThinking else {
            try gaps.refuse(
                "reasoning_effort", "needs a cap on the output of more than \(Self.minThinking) tokens at this model's provider")
            return nil
        }
        return min(budget, cap - 1)
    }

    private mutating func write(parameter member: JSONMember) throws(Fault) {
        guard let key = member.key.string else { return }
        let value = member.value
        switch key {
        case "model", "messages", "max_tokens", "max_completion_tokens", "tools", "tool_choice", "parallel_tool_calls", "response_format",
            "stream_options", "reasoning_effort", "store":
            break
        case "user", "safety_identifier": try write(user: member)
        case "stream": if value.bool == true { json.member("stream", true) }
        case "temperature":
            if let number = value.double, number > 1 {
                try gaps.refuse("temperature", "must not be above 1 at this model's provider")
            } else if !value.isNull {
                json.member("temperature", value)
            }
        // What is Anthropic's own may stand in a chat request too.
        case "top_p": if !value.isNull { json.member("top_p", value) }
        case "top_k": if !value.isNull { json.member("top_k", value) }
        case "thinking": if !value.isNull { json.member("thinking", value) }
        case "stop": try write(stop: value)
        case "n": if value.int.map({ $0 > 1 }) == true { try gaps.refuse("n", "must be 1 at this model's provider") }
        case "metadata": try write(metadata: value)
        case "service_tier": if !value.isNull, !value.equals("auto"), !value.equals("default") { try gaps.refuse(value) }
        case "modalities":
            for modality in value.elements where !modality.equals("text") { try gaps.refuse("modalities") }
        default: if !value.saysNothing { try gaps.refuse(key.count <= 64 ? key : String(key.prefix(64))) }
        }
    }

    private mutating func write(stop value: JSONValue) throws(Fault) {
        guard !value.isNull else { return }
        guard value.isString || value.isArray else { throw .invalidField("stop", "must be a string or an array of strings") }
        json.key("stop_sequences")
        json.beginArray()
        if value.isString { json.raw(value) }
        for stop in value.elements {
            guard stop.isString else { throw .invalidField(stop.path, "must be a string") }
            json.raw(stop)
        }
        json.endArray()
    }

    private var hasMetadata = false

    /// The first of the names that a request has for its user counts.
    private mutating func write(user member: JSONMember) throws(Fault) {
        guard !hasMetadata, member.value.isString else { return }
        hasMetadata = true
        json.key("metadata")
        json.object { json in json.member("user_id", member.value) }
    }

    private mutating func write(metadata value: JSONValue) throws(Fault) {
        for member in value.members {
            if member.key.equals("user_id") { try write(user: member) } else { try gaps.refuse("metadata") }
        }
    }

    private mutating func writeFormat(_ root: JSONValue) throws(Fault) {
        guard let format = try root.object("response_format") else { return }
        let type = try format.requiredString("type")
        if type.equals("text") { return }
        guard type.equals("json_schema") else { return try gaps.refuse(type) }
        guard let schema = try format.object("json_schema")?.object("schema") else {
            throw .invalidField("response_format.json_schema.schema", "is required")
        }
        json.key("output_config")
        json.object { json in
            json.key("format")
            json.object { json in
                json.member("type", "json_schema")
                json.member("schema", schema)
            }
        }
    }

    // MARK: tools

    private mutating func writeTools(_ root: JSONValue) throws(Fault) {
        guard let tools = try root.array("tools"), !tools.isEmpty else { return }
        json.key("tools")
        json.beginArray()
        for tool in tools.elements {
            guard tool.isObject else { throw .invalidField(tool.path, "must be an object") }
            let type = try tool.requiredString("type")
            guard type.equals("function") else {
                try gaps.refuse(type)
                continue
            }
            guard let function = try tool.object("function") else { throw .invalidField("\(tool.path).function", "is required") }
            json.beginObject()
            json.member("name", try function.requiredString("name"))
            if let description = try function.string("description") { json.member("description", description) }
            json.key("input_schema")
            if let parameters = try function.object("parameters"), !parameters.isEmpty {
                json.raw(parameters)
            } else {
                json.object { json in
                    json.member("type", "object")
                    json.key("properties")
                    json.object { _ in }
                }
            }
            if try function.field("strict")?.bool == true { json.member("strict", true) }
            if let cache = try tool.object("cache_control") { json.member("cache_control", cache) }
            json.endObject()
        }
        json.endArray()
    }

    private mutating func writeToolChoice(_ root: JSONValue) throws(Fault) {
        let choice = try root.field("tool_choice")
        let isSerial = try root.field("parallel_tool_calls")?.bool == false
        let hasTools = try root.array("tools").map { !$0.isEmpty } ?? false
        guard choice != nil || (isSerial && hasTools) else { return }
        let (type, name) = try Self.toolChoice(choice)
        json.key("tool_choice")
        json.object { json in
            json.member("type", type)
            if let name { json.member("name", name) }
            if isSerial, type != "none" { json.member("disable_parallel_tool_use", true) }
        }
    }

    private static func toolChoice(_ choice: JSONValue?) throws(Fault) -> (type: String, name: JSONValue?) {
        guard let choice else { return ("auto", nil) }
        if choice.isObject {
            guard try choice.requiredString("type").equals("function"), let function = try choice.object("function") else {
                throw .invalidField("tool_choice", "must be auto, none, required or a function for this model's provider")
            }
            return ("tool", try function.requiredString("name"))
        }
        switch choice.string {
        case "auto": return ("auto", nil)
        case "none": return ("none", nil)
        case "required": return ("any", nil)
        default: throw .invalidField("tool_choice", "must be auto, none, required or a function")
        }
    }
}

// MARK: messages

extension ChatToMessages {
    private init(gaps: TranslationGaps) {
        self.gaps = gaps
    }

    /// System and developer messages, wherever they stand, become the one system prompt that this dialect has.
    private mutating func writeSystem(_ root: JSONValue) throws(Fault) {
        var isOpen = false
        for message in try root.elements("messages") where try Self.isSystem(message) {
            guard let content = try message.field("content") else { continue }
            try refuseName(of: message)
            if !isOpen {
                json.key("system")
                json.beginArray()
                isOpen = true
            }
            try write(content: content) { part, type, translation throws(Fault) in try translation.gaps.refuse(type ?? part) }
        }
        if isOpen { json.endArray() }
    }

    private static func isSystem(_ message: JSONValue) throws(Fault) -> Bool {
        let role = try message.requiredString("role")
        return role.equals("system") || role.equals("developer")
    }

    private mutating func writeMessages(_ root: JSONValue) throws(Fault) {
        json.key("messages")
        json.beginArray()
        for message in try root.elements("messages") {
            let role = try message.requiredString("role")
            if role.equals("system") || role.equals("developer") {
                continue
            } else if role.equals("user") {
                turn = "user"
                try refuseName(of: message)
                if let content = try message.field("content") { try writeUser(content) }
            } else if role.equals("assistant") {
                turn = "assistant"
                try refuseName(of: message)
                try writeAssistant(message)
            } else if role.equals("tool") {
                turn = "user"
                try writeResult(message)
            } else {
                throw .invalidField(role.path, "must be system, developer, user, assistant or tool for this model's provider")
            }
        }
        if openRole != nil { closeMessage() }
        json.endArray()
    }

    /// Begins the turn's message, if it is not the one that is open: at its first block, for this API takes no message without one.
    private mutating func openMessage() {
        guard let turn, openRole != turn else { return }
        if openRole != nil { closeMessage() }
        openRole = turn
        json.beginObject()
        json.member("role", turn)
        json.key("content")
        json.beginArray()
    }

    private mutating func closeMessage() {
        json.endArray()
        json.endObject()
    }

    private mutating func refuseName(of message: JSONValue) throws(Fault) {
        if let name = try message.field("name"), !name.saysNothing { try gaps.refuse(name) }
    }

    /// Writes a content's texts; every other part is `other`'s. A text without a letter is left out, for this API refuses it.
    private mutating func write(
        content: JSONValue, other: (JSONValue, JSONValue?, inout ChatToMessages) throws(Fault) -> Void
    ) throws(Fault) {
        if content.isString {
            guard !content.isBlank else { return }
            openMessage()
            return json.object { json in
                json.member("type", "text")
                json.member("text", content)
            }
        }
        guard content.isArray else { throw .invalidField(content.path, "must be a string or an array of content parts") }
        for part in content.elements {
            guard part.isObject else { throw .invalidField(part.path, "must be an object") }
            let type = try part.requiredString("type")
            guard type.equals("text") else {
                try other(part, type, &self)
                continue
            }
            let text = try part.requiredString("text")
            guard !text.isBlank else { continue }
            openMessage()
            json.beginObject()
            json.member("type", "text")
            json.member("text", text)
            try writeCacheControl(of: part)
            json.endObject()
        }
    }

    private mutating func writeCacheControl(of part: JSONValue) throws(Fault) {
        if let cache = try part.object("cache_control") { json.member("cache_control", cache) }
    }

    private mutating func writeUser(_ content: JSONValue) throws(Fault) {
        try write(content: content) { part, type, translation throws(Fault) in
            if type?.equals("image_url") == true {
                try translation.write(image: part)
            } else if type?.equals("file") == true {
                try translation.write(file: part)
            } else {
                try translation.gaps.refuse(type ?? part)
            }
        }
    }

    private mutating func write(image part: JSONValue) throws(Fault) {
        let image = try part.field("image_url")
        // Some clients send the URL bare.
        let url = try image?.isString == true ? image : image?.string("url")
        guard let url else { throw .invalidField("\(part.path).image_url.url", "is required") }
        openMessage()
        json.beginObject()
        json.member("type", "image")
        try write(source: url)
        try writeCacheControl(of: part)
        json.endObject()
    }

    /// A data URL in its parts, and any other as it is.
    private mutating func write(source url: JSONValue) throws(Fault) {
        guard let text = url.string else { return }
        json.key("source")
        guard text.hasPrefix("data:") else {
            guard text.hasPrefix("https://") || text.hasPrefix("http://") else {
                throw .invalidField(url.path, "must be a data URL in base64, or an http:// or https:// URL")
            }
            return json.object { json in
                json.member("type", "url")
                json.member("url", url)
            }
        }
        guard let comma = text.firstIndex(of: ","), text[..<comma].hasSuffix(";base64") else {
            throw .invalidField(url.path, "must be a data URL in base64, or an http:// or https:// URL")
        }
        let mediaType = text[..<comma].dropFirst(5).prefix { $0 != ";" }
        json.object { json in
            json.member("type", "base64")
            // The type has no other name there.
            json.member("media_type", mediaType == "image/jpg" ? "image/jpeg" : String(mediaType))
            json.member("data", String(text[text.index(after: comma)...]))
        }
    }

    private mutating func write(file part: JSONValue) throws(Fault) {
        guard let file = try part.object("file") else { throw .invalidField("\(part.path).file", "is required") }
        if let id = try file.field("file_id") { return try gaps.refuse(id) }
        let data = try file.requiredString("file_data")
        guard data.string?.hasPrefix("data:application/pdf;base64,") == true else {
            return try gaps.refuse(data, "must be a PDF as a data URL in base64 for this model's provider")
        }
        openMessage()
        json.beginObject()
        json.member("type", "document")
        try write(source: data)
        if let name = try file.string("filename") { json.member("title", name) }
        try writeCacheControl(of: part)
        json.endObject()
    }

    // MARK: assistant and tools

    private mutating func writeAssistant(_ message: JSONValue) throws(Fault) {
        // Signed thinking comes first, as it did in the answer, and as it was there.
        for block in try message.elements("thinking_blocks") {
            openMessage()
            json.raw(block)
        }
        if let content = try message.field("content") {
            try write(content: content) { part, type, translation throws(Fault) in
                guard type?.equals("refusal") == true else { return try translation.gaps.refuse(type ?? part) }
                try translation.write(refusal: part.requiredString("refusal"))
            }
        }
        if let refusal = try message.string("refusal") { write(refusal: refusal) }
        for call in try message.elements("tool_calls") { try write(call: call) }
        for member in message.members {
            guard let key = member.key.string, !Self.assistantFields.contains(key), !member.value.saysNothing else { continue }
            try gaps.refuse(member.value)
        }
    }

    private static let assistantFields: Set<String> = [
        "role", "content", "name", "refusal", "tool_calls", "thinking_blocks", "reasoning_content", "reasoning",
    ]

    private mutating func write(refusal text: JSONValue) {
        guard !text.isBlank else { return }
        openMessage()
        json.object { json in
            json.member("type", "text")
            json.member("text", text)
        }
    }

    private mutating func write(call: JSONValue) throws(Fault) {
        guard let function = try call.object("function") else { throw .invalidField("\(call.path).function", "is required") }
        openMessage()
        json.beginObject()
        json.member("type", "tool_use")
        json.member("id", try call.requiredString("id"))
        json.member("name", try function.requiredString("name"))
        json.key("input")
        json.raw(try Self.input(function))
        json.endObject()
    }

    /// The arguments, which are JSON in a string here and an object there.
    private static func input(_ function: JSONValue) throws(Fault) -> ByteBuffer {
        guard let arguments = try function.string("arguments"), arguments.maxDecodedLength > 0 else { return ByteBuffer(string: "{}") }
        var text = ByteBuffer()
        arguments.decodeString(into: &text)
        var index = JSONIndex()
        guard (try? index.scan(text)) != nil, index.read(text, { $0.isObject }) else {
            throw .invalidField(arguments.path, "must be a JSON object in a string for this model's provider")
        }
        return text
    }

    /// Results that follow each other, and the user's words behind them, are one message there.
    private mutating func writeResult(_ message: JSONValue) throws(Fault) {
        openMessage()
        json.beginObject()
        json.member("type", "tool_result")
        json.member("tool_use_id", try message.requiredString("tool_call_id"))
        if let content = try message.field("content") {
            json.key("content")
            json.beginArray()
            try writeUser(content)
            json.endArray()
        }
        try writeCacheControl(of: message)
        json.endObject()
    }
}

extension JSONValue {
    /// A string without anything but white space, as short ones may be.
    fileprivate var isBlank: Bool {
        guard isString else { return false }
        return maxDecodedLength == 0 || (maxDecodedLength <= 256 && string?.allSatisfy(\.isWhitespace) == true)
    }
}
