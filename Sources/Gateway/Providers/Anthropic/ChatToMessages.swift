package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Writes a request of OpenAI's chat completion dialect as one of Anthropic's Messages. Pure.
///
/// What the dialect has no place for goes to ``TranslationGaps``. Left out without a word is only what changes nothing: fields that say nothing
/// (`null`, `false`, 0, empty), how OpenAI stores, bills and keeps prompts (`store`, `metadata`, `service_tier`, `prompt_cache_key`), and the unsigned reasoning of earlier turns, which no provider
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
        let cap = try root.chatCap()
        let claude = ClaudeModel(name: model)
        let plan = try planThinking(root, claude, cap: cap)
        // Thinking comes on top of the cap that is assumed here.
        json.member("max_tokens", cap ?? Int64(clamping: maxTokens &+ UInt64(clamping: plan.tokens)))
        plan.write(to: &json)
        try writeSystem(root)
        try writeMessages(root)
        try writeTools(root)
        try writeToolChoice(root, claude)
        try writeOutputConfig(root, effort: plan.effort)
        for member in root.members { try write(parameter: member, claude, thinks: plan.thinks, root) }
        json.endObject()
    }

    // MARK: parameters

    private mutating func write(
        parameter member: JSONMember, _ model: ClaudeModel, thinks: Bool, _ root: JSONValue
    ) throws(Fault) {
        guard let key = member.key.string else { return }
        let value = member.value
        switch key {
        case "model", "messages", "max_tokens", "max_completion_tokens", "tools", "tool_choice", "parallel_tool_calls", "response_format",
            "stream_options", "reasoning_effort", "thinking", "store":
            break
        case "user", "safety_identifier": try write(user: member)
        case "stream": if value.bool == true { json.member("stream", true) }
        case "temperature": try write(sampling: "temperature", value, model, thinks: thinks, root: root)
        case "top_p": try write(sampling: "top_p", value, model, thinks: thinks, root: root)
        // What is Anthropic's own may stand in a chat request too.
        case "top_k": try write(sampling: "top_k", value, model, thinks: thinks, root: root)
        case "stop": try value.writeChatStops("stop_sequences", to: &json)
        case "metadata": try write(metadata: value)
        default: try ChatParameters.refuse(member, &gaps)
        }
    }

    private var hasMetadata = false

    /// The first of the names that a request has for its user counts.
    private mutating func write(user member: JSONMember) throws(Fault) {
        guard !hasMetadata, member.value.isString else { return }
        hasMetadata = true
        json.key("metadata")
        json.object { json in json.member("user_id", member.value) }
    }

    /// What OpenAI's API keeps beside an answer that it stores. Anthropic's own name of the user may stand there too.
    private mutating func write(metadata value: JSONValue) throws(Fault) {
        guard value.isObject || value.isNull else { throw .invalidField("metadata", "must be an object") }
        for member in value.members where member.key.equals("user_id") { try write(user: member) }
    }

    private mutating func writeOutputConfig(_ root: JSONValue, effort: String?) throws(Fault) {
        let schema = try schema(of: root)
        guard effort != nil || schema != nil else { return }
        json.key("output_config")
        json.object { json in
            if let effort { json.member("effort", effort) }
            guard let schema else { return }
            json.key("format")
            json.object { json in
                json.member("type", "json_schema")
                json.member("schema", schema)
            }
        }
    }

    /// The schema that the answer is to keep to.
    private mutating func schema(of root: JSONValue) throws(Fault) -> JSONValue? {
        switch try ChatFormat(of: root) {
        case .text: return nil
        case .json:
            try gaps.refuse("response_format.type")
            return nil
        case .schema(let schema, let told):
            // Every schema is kept to strictly there, and needs no name.
            try gaps.refuseOthers(in: told, but: ["name", "schema", "strict"])
            return schema
        }
    }

    // MARK: tools

    private mutating func writeTools(_ root: JSONValue) throws(Fault) {
        let functions = try ChatFunctions.read(root, &gaps)
        guard !functions.isEmpty else { return }
        json.key("tools")
        json.beginArray()
        for (tool, function) in functions {
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
            try gaps.refuseOthers(in: function, but: ["name", "description", "parameters", "strict"])
        }
        json.endArray()
    }

    private mutating func writeToolChoice(_ root: JSONValue, _ model: ClaudeModel) throws(Fault) {
        var choice = try ChatToolChoice(of: root)
        let isSerial = try root.field("parallel_tool_calls")?.bool == false
        let hasTools = try root.array("tools").map { !$0.isEmpty } ?? false
        guard choice != nil || (isSerial && hasTools) else { return }
        if choice?.isForced == true, !model.takesForcedTools {
            try gaps.refuse("tool_choice", "cannot force this model, which thinks first")
            choice = .auto
        }
        json.key("tool_choice")
        json.object { json in
            switch choice ?? .auto {
            case .auto: json.member("type", "auto")
            case .none: json.member("type", "none")
            case .required: json.member("type", "any")
            case .function(let name):
                json.member("type", "tool")
                json.member("name", name)
            }
            if case .some(.none) = choice { return }
            if isSerial { json.member("disable_parallel_tool_use", true) }
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
            try refuseRest(of: message)
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
                try refuseRest(of: message)
                if let content = try message.field("content") { try writeUser(content) }
            } else if role.equals("assistant") {
                turn = "assistant"
                try writeAssistant(message)
            } else if role.equals("tool") {
                turn = "user"
                try writeResult(message)
            } else {
                throw .invalidField(role.path, "must be system, developer, user, assistant or tool for this model's provider")
            }
        }
        guard openRole != nil else { throw .nothingToAnswer }
        closeMessage()
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

    private mutating func refuseRest(of message: JSONValue) throws(Fault) {
        try gaps.refuseOthers(in: message, but: ["role", "content"])
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
            try gaps.refuseOthers(in: part, but: ["type", "text"])
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
        let url = try part.chatImageURL(&gaps)
        openMessage()
        json.beginObject()
        json.member("type", "image")
        try write(source: url)
        try writeCacheControl(of: part)
        json.endObject()
    }

    /// A data URL in its parts, and any other as it is.
    private mutating func write(source url: JSONValue) throws(Fault) {
        let media = try ChatMedia(url: url)
        json.key("source")
        json.object { json in
            switch media {
            case .url:
                json.member("type", "url")
                json.member("url", url)
            case .data(let mediaType, let base64):
                json.member("type", "base64")
                json.member("media_type", mediaType)
                json.member("data", base64)
            }
        }
    }

    private mutating func write(file part: JSONValue) throws(Fault) {
        guard let file = try part.object("file") else { throw .invalidField("\(part.path).file", "is required") }
        if let id = try file.field("file_id") { return try gaps.refuse(id) }
        let data = try file.requiredString("file_data")
        guard data.string?.hasPrefix("data:application/pdf;base64,") == true else {
            return try gaps.refuse(data, "must be a PDF as a data URL in base64 for this model's provider")
        }
        try gaps.refuseOthers(in: file, but: ["file_data", "filename"])
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
        for block in try message.elements("thinking_blocks") where try Self.isOwn(block) {
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
        try gaps.refuseOthers(in: message, but: Self.assistantFields)
    }

    /// What another provider has signed says nothing here.
    private static func isOwn(_ block: JSONValue) throws(Fault) -> Bool {
        guard let type = try block.field("type") else { return true }
        return !type.equals("thought_signature")
    }

    private static let assistantFields: Set<String> = [
        "role", "content", "refusal", "tool_calls", "thinking_blocks", "reasoning_content", "reasoning", "reasoning_details",
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
        json.raw(try function.chatArguments())
        json.endObject()
        // Some servers number the calls, and Google's signs them.
        try gaps.refuseOthers(in: call, but: ["id", "type", "function", "index", "extra_content"])
        try gaps.refuseOthers(in: function, but: ["name", "arguments"])
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
        try gaps.refuseOthers(in: message, but: ["role", "content", "tool_call_id", "name"])
    }
}
