package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Writes a request of Anthropic's Messages dialect as one of OpenAI's chat completions, the gateway's canonical form. Pure.
///
/// What the dialect has no place for goes to ``TranslationGaps``. Left out without a word is only what changes nothing of the answer:
/// `cache_control`, fields that say nothing (`null`, `false`, 0, empty), and the thinking of earlier turns, which belongs to the provider that wrote it.
package struct MessagesToChat {
    var json = JSONWriter()
    var gaps: TranslationGaps
    /// The request may say these in two places: the first counts, and the other must not repeat a key.
    private var hasUser = false
    private var hasTools = false
    /// All that there were.
    private var droppedTools = false
    private var hasFormat = false
    /// Of each message that was written.
    private var places: [MessagePlace] = []
    /// What the provider speaks, for which the chat is translated once more.
    private let target: Dialect

    /// - Parameters:
    ///   - model: the provider's name for the model.
    ///   - target: what the provider speaks. For others than OpenAI's servers the chat says what these do not know: `top_k`, and, for Google's, the
    ///     signatures of earlier turns (``ThoughtSignature``).
    ///   - gaps: afterwards it knows what the caller calls the chat's fields.
    package static func body(
        of messages: ByteBuffer, model: String, for target: Dialect = .openAI, gaps: inout TranslationGaps, index: inout JSONIndex
    ) throws(Fault) -> ByteBuffer {
        do {
            try index.scan(messages)
        } catch {
            throw Fault.malformedJSON(error)
        }
        var translation = MessagesToChat(gaps: gaps, target: target)
        defer { gaps = translation.gaps }
        return try index.read(messages) { root throws(Fault) in
            try translation.write(root, model: model)
            translation.gaps.names = .messages(translation.places)
            return translation.json.buffer
        }
    }

    private init(gaps: TranslationGaps, target: Dialect) {
        self.gaps = gaps
        self.target = target
    }

    private mutating func write(_ root: JSONValue, model: String) throws(Fault) {
        json.beginObject()
        json.member("model", model)
        json.key("messages")
        json.beginArray()
        if let system = try root.field("system") { try write(system: system) }
        var number = 0
        for message in try root.elements("messages") {
            try write(message: message, number)
            number += 1
        }
        json.endArray()
        try writeTools(root)
        try writeToolChoice(root)
        var effort: String?
        for member in root.members { try write(parameter: member, model: model, effort: &effort) }
        if let effort { json.member("reasoning_effort", effort) }
        json.endObject()
    }

    // MARK: parameters

    private mutating func write(parameter member: JSONMember, model: String, effort: inout String?) throws(Fault) {
        guard let key = member.key.string else { return }
        let value = member.value
        guard !value.isNull else { return }
        switch key {
        case "model", "messages", "system", "tools", "tool_choice", "cache_control": break
        case "context_management": try refuseEdits(value)
        case "speed": if !value.equals("standard") { try gaps.refuse(value) }
        case "max_tokens":
            if OpenAIModel.takesNewName(model) { json.member("max_completion_tokens", value) } else { json.member("max_tokens", value) }
        case "stream":
            guard value.bool == true else { return }
            json.member("stream", true)
            json.key("stream_options")
            json.object { json in json.member("include_usage", true) }
        case "temperature": json.member("temperature", value)
        case "top_p": json.member("top_p", value)
        case "top_k" where target != .openAI: json.member("top_k", value)
        case "stop_sequences": if !value.isEmpty { json.member("stop", value) }
        case "metadata":
            guard value.isObject else { throw .invalidField("metadata", "must be an object") }
            if !hasUser, let user = try value.field("user_id") {
                json.member("user", user)
                hasUser = true
            }
            try gaps.refuseOthers(in: value, but: ["user_id"])
        case "thinking": if effort == nil { effort = try Self.effort(ofThinking: value) }
        case "output_config":
            if let told = try value.string("effort") { effort = told.string == "max" ? "xhigh" : told.string }
            if let format = try value.object("format") { try write(format: format) }
            try gaps.refuseOthers(in: value, but: ["effort", "format"])
        case "output_format": try write(format: value)
        case "service_tier":
            guard value.equals("standard_only") || value.equals("auto") else {
                throw .invalidField("service_tier", "must be auto or standard_only")
            }
            json.member("service_tier", value.equals("standard_only") ? "default" : "auto")
        default: if !value.saysNothing { try gaps.refuse(String(key.prefix(64))) }
        }
    }

    /// Of what Anthropic's API takes out of a conversation only earlier thinking is taken out here too, whatever is asked.
    private mutating func refuseEdits(_ management: JSONValue) throws(Fault) {
        guard management.isObject else { throw .invalidField(management.path, "must be an object") }
        for edit in try management.elements("edits") {
            let type = try edit.requiredString("type")
            if type.string?.hasPrefix("clear_thinking_") != true { try gaps.refuse(type) }
        }
        try gaps.refuseOthers(in: management, but: ["edits"])
    }

    /// A budget of thinking in OpenAI's words. `nil`: none is asked for, or the model decides.
    private static func effort(ofThinking thinking: JSONValue) throws(Fault) -> String? {
        guard let type = try thinking.string("type"), type.equals("enabled"), let budget = try thinking.field("budget_tokens")?.int else {
            return nil
        }
        return budget < 4_096 ? "low" : budget < 16_384 ? "medium" : "high"
    }

    private mutating func write(format: JSONValue) throws(Fault) {
        let type = try format.requiredString("type")
        guard type.equals("json_schema") else { return try gaps.refuse(type) }
        guard let schema = try format.object("schema") else { throw .invalidField("\(format.path).schema", "is required") }
        try gaps.refuseOthers(in: format, but: ["type", "schema", "name", "strict"])
        let strict = try format.field("strict")?.bool ?? StrictSchema.isKept(by: schema)
        guard !hasFormat else { return }
        hasFormat = true
        json.key("response_format")
        json.object { json in
            json.member("type", "json_schema")
            json.key("json_schema")
            json.object { json in
                // OpenAI demands a name.
                json.member("name", "answer")
                json.member("schema", schema)
                if strict { json.member("strict", true) }
            }
        }
    }

    // MARK: tools

    private mutating func writeTools(_ root: JSONValue) throws(Fault) {
        guard let tools = try root.array("tools"), !tools.isEmpty else { return }
        for tool in tools.elements {
            guard tool.isObject else { throw .invalidField(tool.path, "must be an object") }
            // Tools of a type of their own are Anthropic's to run, or known to its models alone.
            if let type = try tool.string("type"), !type.equals("custom") {
                try gaps.refuse(type)
                continue
            }
            // A list without tools would be refused.
            if !hasTools {
                json.key("tools")
                json.beginArray()
            }
            hasTools = true
            json.beginObject()
            json.member("type", "function")
            json.key("function")
            json.beginObject()
            json.member("name", try tool.requiredString("name"))
            if let description = try tool.string("description") { json.member("description", description) }
            if let schema = try tool.object("input_schema") { json.member("parameters", schema) }
            if let strict = try tool.field("strict") { json.member("strict", strict) }
            json.endObject()
            json.endObject()
            for caller in try tool.elements("allowed_callers") where !caller.equals("direct") { try gaps.refuse(caller) }
            try gaps.refuseOthers(in: tool, but: Self.toolFields)
        }
        if hasTools { json.endArray() } else { droppedTools = true }
    }

    /// How the arguments come changes none of them.
    private static let toolFields: Set<String> = [
        "type", "name", "description", "input_schema", "strict", "allowed_callers", "eager_input_streaming",
    ]

    private mutating func writeToolChoice(_ root: JSONValue) throws(Fault) {
        // Where no tool is left nothing can be said of their choice.
        guard let choice = try root.object("tool_choice"), !droppedTools else { return }
        let type = try choice.requiredString("type")
        json.key("tool_choice")
        if type.equals("tool") {
            let name = try choice.requiredString("name")
            json.object { json in
                json.member("type", "function")
                json.key("function")
                json.object { json in json.member("name", name) }
            }
        } else if type.equals("any") {
            json.string("required")
        } else if type.equals("auto") || type.equals("none") {
            json.raw(type)
        } else {
            throw .invalidField(type.path, "must be auto, any, tool or none")
        }
        if try choice.field("disable_parallel_tool_use")?.bool == true { json.member("parallel_tool_calls", false) }
        try gaps.refuseOthers(in: choice, but: ["type", "name", "disable_parallel_tool_use"])
    }
}

// MARK: messages

extension MessagesToChat {
    /// - Parameter number: of the message that it is; `nil`: it is the request's own.
    private mutating func write(system: JSONValue, _ number: Int? = nil) throws(Fault) {
        guard !system.isEmpty else { return }
        let dropped = gaps.dropped.count
        defer { places.append(MessagePlace(message: number, keepsBlocks: gaps.dropped.count == dropped)) }
        json.beginObject()
        json.member("role", "system")
        try write(texts: system)
        json.endObject()
    }

    /// Writes `content` of texts alone: a string as it is, and blocks as parts.
    private mutating func write(texts content: JSONValue) throws(Fault) {
        json.key("content")
        if let text = try onlyText(of: content) { return json.raw(text) }
        guard content.isArray else { throw .invalidField(content.path, "must be a string or an array of content blocks") }
        json.beginArray()
        for block in content.elements {
            let type = try block.requiredString("type")
            if type.equals("text") { try write(text: block) } else { try gaps.refuse(type) }
        }
        json.endArray()
    }

    /// The one text that a content is, beside blocks that are written elsewhere: many servers of the dialect take a text in no other form.
    private mutating func onlyText(of content: JSONValue, beside others: [StaticString] = []) throws(Fault) -> JSONValue? {
        if content.isString { return content }
        var only: JSONValue?
        for block in content.elements {
            let type = try block.requiredString("type")
            if others.contains(where: { type.equals($0) }) { continue }
            guard only == nil, type.equals("text") else { return nil }
            only = block
        }
        guard let only else { return nil }
        try refuseRest(ofText: only)
        return try only.requiredString("text")
    }

    /// The citations of an earlier answer tell where its words come from, and change none of them.
    private mutating func refuseRest(ofText block: JSONValue) throws(Fault) {
        try gaps.refuseOthers(in: block, but: ["type", "text", "citations"])
    }

    private mutating func write(text block: JSONValue) throws(Fault) {
        let text = try block.requiredString("text")
        try refuseRest(ofText: block)
        json.object { json in
            json.member("type", "text")
            json.member("text", text)
        }
    }

    private mutating func write(message: JSONValue, _ number: Int) throws(Fault) {
        let role = try message.requiredString("role")
        guard let content = try message.field("content") else { throw .invalidField("\(message.path).content", "is required") }
        if role.equals("user") {
            try write(user: content, number)
        } else if role.equals("assistant") {
            try write(assistant: content)
            places.append(MessagePlace(message: number))
        } else if role.equals("system") {
            try write(system: content, number)
        } else {
            throw .invalidField(role.path, "must be user, assistant or system")
        }
    }

    // MARK: user

    /// Results of tools are messages of their own there, and come first; what is left is the user's message.
    private mutating func write(user content: JSONValue, _ number: Int) throws(Fault) {
        guard content.isString || content.isArray else {
            throw .invalidField(content.path, "must be a string or an array of content blocks")
        }
        var (hasMore, hasResults, position) = (content.isString, false, 0)
        for block in content.elements {
            if try block.requiredString("type").equals("tool_result") {
                try write(result: block)
                places.append(MessagePlace(message: number, block: position))
                hasResults = true
            } else {
                hasMore = true
            }
            position += 1
        }
        guard hasMore else { return }
        let dropped = gaps.dropped.count
        defer { places.append(MessagePlace(message: number, keepsBlocks: !hasResults && gaps.dropped.count == dropped)) }
        json.beginObject()
        json.member("role", "user")
        json.key("content")
        if let text = try onlyText(of: content, beside: ["tool_result"]) {
            json.raw(text)
        } else {
            json.beginArray()
            for block in content.elements where try !block.requiredString("type").equals("tool_result") { try write(userBlock: block) }
            json.endArray()
        }
        json.endObject()
    }

    private mutating func write(userBlock block: JSONValue) throws(Fault) {
        let type = try block.requiredString("type")
        if type.equals("text") {
            try write(text: block)
        } else if type.equals("image") {
            guard let source = try block.object("source") else { throw .invalidField("\(block.path).source", "is required") }
            guard let url = try Self.url(source) else { return try gaps.refuse(source) }
            try gaps.refuseOthers(in: block, but: ["type", "source"])
            json.object { json in
                json.member("type", "image_url")
                json.key("image_url")
                json.object { json in json.member("url", url) }
            }
        } else if type.equals("document") {
            try write(document: block)
        } else {
            try gaps.refuse(type)
        }
    }

    /// - Returns: `nil`: a source that only Anthropic can read, such as a file of its own.
    private static func url(_ source: JSONValue) throws(Fault) -> String? {
        let type = try source.requiredString("type")
        if type.equals("url") { return try source.requiredString("url").string }
        guard type.equals("base64") else { return nil }
        let (mediaType, data) = (try source.requiredString("media_type"), try source.requiredString("data"))
        return "data:\(mediaType.string ?? "");base64,\(data.string ?? "")"
    }

    private mutating func write(document block: JSONValue) throws(Fault) {
        guard let source = try block.object("source") else { throw .invalidField("\(block.path).source", "is required") }
        let type = try source.requiredString("type")
        if type.equals("text") {
            let text = try source.requiredString("data")
            try refuseRest(ofDocument: block, ["type", "source"])
            return json.object { json in
                json.member("type", "text")
                json.member("text", text)
            }
        }
        guard type.equals("base64"), let data = try Self.url(source) else { return try gaps.refuse(type) }
        try refuseRest(ofDocument: block, ["type", "source", "title"])
        let title = try block.string("title")
        json.object { json in
            json.member("type", "file")
            json.key("file")
            json.object { json in
                if let title { json.member("filename", title) } else { json.member("filename", "document.pdf") }
                json.member("file_data", data)
            }
        }
    }

    private mutating func refuseRest(ofDocument block: JSONValue, _ known: Set<String>) throws(Fault) {
        var known = known
        if let citations = try block.object("citations") {
            if try citations.field("enabled")?.bool != true { known.insert("citations") }
        }
        try gaps.refuseOthers(in: block, but: known)
    }

    private mutating func write(result block: JSONValue) throws(Fault) {
        json.beginObject()
        json.member("role", "tool")
        json.member("tool_call_id", try block.requiredString("tool_use_id"))
        let isError = try block.field("is_error")?.bool == true
        try gaps.refuseOthers(in: block, but: ["type", "tool_use_id", "content", "is_error"])
        let content = try block.field("content")
        if !isError, content.map({ $0.isNull || ($0.isArray && $0.isEmpty) }) ?? true {
            json.member("content", "")
        } else if !isError, let content {
            try write(texts: content)
        } else {
            // That it is an error has no field of its own there, so it is said in words.
            json.key("content")
            json.beginArray()
            if isError {
                json.object { json in
                    json.member("type", "text")
                    json.member("text", "Error:")
                }
            }
            if let content, content.isString {
                json.object { json in
                    json.member("type", "text")
                    json.member("text", content)
                }
            }
            for part in try block.field("content").map({ $0.elements }) ?? block.elements {
                let type = try part.requiredString("type")
                if type.equals("text") { try write(text: part) } else { try gaps.refuse(type) }
            }
            json.endArray()
        }
        json.endObject()
    }

    // MARK: assistant

    private mutating func write(assistant content: JSONValue) throws(Fault) {
        json.beginObject()
        json.member("role", "assistant")
        guard content.isString || content.isArray else {
            throw .invalidField(content.path, "must be a string or an array of content blocks")
        }
        let text = try onlyText(of: content, beside: ["tool_use", "thinking", "redacted_thinking"])
        if let text { json.member("content", text) }
        var hasText = text != nil
        var hasCalls = false
        for block in content.elements {
            let type = try block.requiredString("type")
            if type.equals("tool_use") {
                hasCalls = true
            } else if type.equals("text") {
                guard text == nil else { continue }
                if !hasText {
                    hasText = true
                    json.key("content")
                    json.beginArray()
                }
                try write(text: block)
            } else if !type.equals("thinking"), !type.equals("redacted_thinking") {
                try gaps.refuse(type)
            }
        }
        // Without text and calls, as after thinking alone, there must be a text all the same.
        if !hasText { hasCalls ? json.memberNull("content") : json.member("content", "") } else if text == nil { json.endArray() }
        if hasCalls { try write(callsOf: content) }
        if target == .gemini { try write(signaturesOf: content) }
        json.endObject()
    }

    private mutating func write(callsOf content: JSONValue) throws(Fault) {
        json.key("tool_calls")
        json.beginArray()
        for block in content.elements where try block.requiredString("type").equals("tool_use") {
            let (id, name) = (try block.requiredString("id"), try block.requiredString("name"))
            let input = try block.object("input")
            // Who makes a call is the model itself, unless a tool that Anthropic runs does.
            if let caller = try block.object("caller"), let type = try caller.string("type"), !type.equals("direct") {
                try gaps.refuse(type)
            }
            try gaps.refuseOthers(in: block, but: ["type", "id", "name", "input", "caller"])
            json.object { json in
                json.member("id", id)
                json.member("type", "function")
                json.key("function")
                json.object { json in
                    json.member("name", name)
                    json.key("arguments")
                    if let input { json.string(input.rawBytes) } else { json.string("{}") }
                }
            }
        }
        json.endArray()
    }
}
