package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Writes a request of OpenAI's chat completion dialect as one of Ollama's `/api/chat`. Pure.
///
/// What the dialect has no place for goes to ``TranslationGaps``. Left out without a word is only what changes nothing of the answer: fields that say
/// nothing, who the user is and how OpenAI stores and bills, and thinking that another provider has signed.
package struct ChatToOllama {
    private var json = JSONWriter()
    private var gaps: TranslationGaps
    private var functions = CalledFunctions()

    /// - Parameter model: the provider's name for the model.
    package static func body(
        of chat: ByteBuffer, model: String, gaps: inout TranslationGaps, index: inout JSONIndex
    ) throws(Fault) -> ByteBuffer {
        do {
            try index.scan(chat)
        } catch {
            throw Fault.malformedJSON(error)
        }
        var translation = ChatToOllama(gaps: gaps)
        defer { gaps = translation.gaps }
        return try index.read(chat) { root throws(Fault) in
            try translation.write(root, model: model)
            return translation.json.buffer
        }
    }

    private init(gaps: TranslationGaps) {
        self.gaps = gaps
    }

    private mutating func write(_ root: JSONValue, model: String) throws(Fault) {
        json.beginObject()
        json.member("model", model)
        json.key("messages")
        json.beginArray()
        for message in try root.elements("messages") { try write(message: message) }
        json.endArray()
        try writeTools(root)
        try writeFormat(root)
        try writeThink(root, model)
        if let time = try root.field("keep_alive") { json.member("keep_alive", time) }
        try writeOptions(root)
        // Without a word a stream is what this API answers with.
        json.member("stream", try root.field("stream")?.bool == true)
        json.endObject()
    }

    // MARK: parameters

    private static let optionNames: [(chat: String, option: StaticString)] = [
        ("temperature", "temperature"), ("top_p", "top_p"), ("top_k", "top_k"), ("min_p", "min_p"), ("seed", "seed"),
        ("frequency_penalty", "frequency_penalty"), ("presence_penalty", "presence_penalty"),
    ]

    /// What the request says in OpenAI's words goes before its own `options`, which pass.
    private mutating func writeOptions(_ root: JSONValue) throws(Fault) {
        var options = JSONWriter()
        var said: Set<String> = []
        options.beginObject()
        if let cap = try root.chatCap() {
            options.member("num_predict", cap)
            said.insert("num_predict")
        }
        for member in root.members {
            guard let key = member.key.string, !member.value.isNull else { continue }
            if let name = Self.optionNames.first(where: { $0.chat == key }) {
                guard member.value.isNumber else { throw .invalidField(key, "must be a number") }
                options.member(name.option, member.value)
                said.insert(key)
            } else if key == "stop" {
                try member.value.writeChatStops("stop", to: &options)
                said.insert(key)
            } else if !["options", "think", "keep_alive"].contains(key) {
                try ChatParameters.refuse(member, &gaps)
            }
        }
        if let own = try root.object("options") {
            for member in own.members {
                guard let key = member.key.string, said.insert(key).inserted else { continue }
                options.key(named: key)
                options.raw(member.value)
            }
        }
        options.endObject()
        guard !said.isEmpty else { return }
        json.key("options")
        json.raw(options.buffer)
    }

    /// Only gpt-oss knows levels; the others think or do not.
    private mutating func writeThink(_ root: JSONValue, _ model: String) throws(Fault) {
        if let think = try root.field("think") { return json.member("think", think) }
        guard let word = try root.string("reasoning_effort")?.string else { return }
        if word == "none" { return json.member("think", false) }
        guard let level = ReasoningLevel(word) else {
            throw .invalidField("reasoning_effort", "must be none, minimal, low, medium, high or xhigh")
        }
        guard model.contains("gpt-oss") else { return json.member("think", true) }
        json.member("think", level == .low ? "low" : level == .medium ? "medium" : "high")
    }

    private mutating func writeFormat(_ root: JSONValue) throws(Fault) {
        switch try ChatFormat(of: root) {
        case .text: return
        case .json: json.member("format", "json")
        case .schema(let schema, let told):
            // The grammar that the schema becomes is kept to strictly.
            try gaps.refuseOthers(in: told, but: ["name", "schema", "strict"])
            json.member("format", schema)
        }
    }

    private mutating func writeTools(_ root: JSONValue) throws(Fault) {
        let choice = try ChatToolChoice(of: root)
        if choice?.isForced == true { try gaps.refuse("tool_choice") }
        // A model that may call none is best not told of any.
        if case .some(.none) = choice { return }
        let functions = try ChatFunctions.read(root, &gaps)
        guard !functions.isEmpty else { return }
        if try root.field("parallel_tool_calls")?.bool == false { try gaps.refuse("parallel_tool_calls") }
        json.key("tools")
        json.beginArray()
        for (_, function) in functions { try write(function: function) }
        json.endArray()
    }

    private mutating func write(function: JSONValue) throws(Fault) {
        let (name, description) = (try function.requiredString("name"), try function.string("description"))
        let parameters = try function.object("parameters")
        try gaps.refuseOthers(in: function, but: ["name", "description", "parameters"])
        json.object { json in
            json.member("type", "function")
            json.key("function")
            json.object { json in
                json.member("name", name)
                if let description { json.member("description", description) }
                json.key("parameters")
                if let parameters { json.raw(parameters) } else { json.object { $0.member("type", "object") } }
            }
        }
    }
}

// MARK: messages

extension ChatToOllama {
    private mutating func write(message: JSONValue) throws(Fault) {
        let role = try message.requiredString("role")
        if role.equals("system") || role.equals("developer") {
            try write(message, as: "system")
        } else if role.equals("user") {
            try write(message, as: "user")
        } else if role.equals("assistant") {
            try write(assistant: message)
        } else if role.equals("tool") {
            try write(result: message)
        } else {
            throw .invalidField(role.path, "must be system, developer, user, assistant or tool for this model's provider")
        }
    }

    private mutating func write(_ message: JSONValue, as role: String) throws(Fault) {
        json.beginObject()
        json.member("role", role)
        try writeContent(of: message, takesImages: role == "user")
        json.endObject()
        try gaps.refuseOthers(in: message, but: ["role", "content"])
    }

    private static let assistantFields: Set<String> = [
        "role", "content", "refusal", "tool_calls", "thinking_blocks", "reasoning_content", "reasoning", "reasoning_details",
    ]

    private mutating func write(assistant message: JSONValue) throws(Fault) {
        json.beginObject()
        json.member("role", "assistant")
        try writeContent(of: message, takesImages: false)
        if let thinking = try message.string("reasoning_content", or: "reasoning") { json.member("thinking", thinking) }
        let calls = try message.array("tool_calls")
        if let calls, !calls.isEmpty {
            json.key("tool_calls")
            json.beginArray()
            for call in calls.elements { try write(call: call) }
            json.endArray()
        }
        json.endObject()
        try gaps.refuseOthers(in: message, but: Self.assistantFields)
    }

    private mutating func write(call: JSONValue) throws(Fault) {
        guard let function = try call.object("function") else { throw .invalidField("\(call.path).function", "is required") }
        let (id, name) = (try call.string("id"), try function.requiredString("name"))
        functions.called(id, name)
        let arguments = try function.chatArguments()
        json.object { json in
            if let id { json.member("id", id) }
            json.key("function")
            json.object { json in
                json.member("name", name)
                json.key("arguments")
                json.raw(arguments)
            }
        }
        try gaps.refuseOthers(in: call, but: ["id", "type", "function", "index", "extra_content"])
        try gaps.refuseOthers(in: function, but: ["name", "arguments"])
    }

    private mutating func write(result message: JSONValue) throws(Fault) {
        let id = try message.requiredString("tool_call_id")
        let name = try functions.name(of: id)
        json.beginObject()
        json.member("role", "tool")
        try writeContent(of: message, takesImages: false)
        json.member("tool_name", name)
        json.member("tool_call_id", id)
        json.endObject()
        try gaps.refuseOthers(in: message, but: ["role", "content", "tool_call_id", "name"])
    }

    /// A message has one text there, and its images beside it.
    private mutating func writeContent(of message: JSONValue, takesImages: Bool) throws(Fault) {
        var text = ByteBuffer()
        var images: [String] = []
        let content = try message.field("content")
        if let content {
            guard content.isString || content.isArray else {
                throw .invalidField(content.path, "must be a string or an array of content parts")
            }
            content.decodeString(into: &text)
            for part in content.elements { try read(part, &text, &images, takesImages: takesImages) }
        }
        if let refusal = try message.string("refusal") { Self.append(refusal, to: &text) }
        json.key("content")
        json.string(text)
        guard !images.isEmpty else { return }
        json.key("images")
        json.array { json in
            for image in images { json.string(image) }
        }
    }

    private mutating func read(
        _ part: JSONValue, _ text: inout ByteBuffer, _ images: inout [String], takesImages: Bool
    ) throws(Fault) {
        guard part.isObject else { throw .invalidField(part.path, "must be an object") }
        let type = try part.requiredString("type")
        if type.equals("text") || type.equals("refusal") {
            Self.append(try type.equals("text") ? part.requiredString("text") : part.requiredString("refusal"), to: &text)
            try gaps.refuseOthers(in: part, but: ["type", "text", "refusal"])
        } else if type.equals("image_url"), takesImages {
            let url = try part.chatImageURL(&gaps)
            guard case .data(_, let base64) = try ChatMedia(url: url) else {
                return try gaps.refuse(url, "must be a data URL in base64 for this model's provider")
            }
            images.append(base64)
        } else {
            try gaps.refuse(type)
        }
    }

    private static func append(_ piece: JSONValue, to text: inout ByteBuffer) {
        if text.readableBytes > 0 { text.writeStaticString("\n") }
        piece.decodeString(into: &text)
    }
}
