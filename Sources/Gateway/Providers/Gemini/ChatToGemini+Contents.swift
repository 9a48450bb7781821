import GatewayCore
import GatewayJSON
import NIOCore

/// The conversation: contents of `user` and of `model`, made of parts.
extension ChatToGemini {
    mutating func writeSystem(_ root: JSONValue) throws(Fault) {
        var isOpen = false
        for message in try root.elements("messages") where try Self.isSystem(message) {
            try gaps.refuseOthers(in: message, but: ["role", "content"])
            for text in try texts(of: message) {
                if !isOpen {
                    isOpen = true
                    json.key("systemInstruction")
                    json.beginObject()
                    json.key("parts")
                    json.beginArray()
                }
                json.object { $0.member("text", text) }
            }
        }
        guard isOpen else { return }
        json.endArray()
        json.endObject()
    }

    private static func isSystem(_ message: JSONValue) throws(Fault) -> Bool {
        let role = try message.requiredString("role")
        return role.equals("system") || role.equals("developer")
    }

    /// The texts of a content that has nothing else.
    private mutating func texts(of message: JSONValue) throws(Fault) -> [JSONValue] {
        guard let content = try message.field("content") else { return [] }
        if content.isString { return content.isBlank ? [] : [content] }
        guard content.isArray else { throw .invalidField(content.path, "must be a string or an array of content parts") }
        var texts: [JSONValue] = []
        for part in content.elements {
            let type = try part.requiredString("type")
            guard type.equals("text") || type.equals("refusal") else {
                try gaps.refuse(type)
                continue
            }
            let text = try type.equals("text") ? part.requiredString("text") : part.requiredString("refusal")
            try gaps.refuseOthers(in: part, but: ["type", "text", "refusal"])
            if !text.isBlank { texts.append(text) }
        }
        return texts
    }

    mutating func writeContents(_ root: JSONValue) throws(Fault) {
        json.key("contents")
        json.beginArray()
        let beginning = json.buffer.readableBytes
        for message in try root.elements("messages") where try !Self.isSystem(message) {
            let role = try message.requiredString("role")
            if role.equals("user") {
                try write(user: message)
            } else if role.equals("assistant") {
                try write(assistant: message)
            } else if role.equals("tool") {
                try write(result: message)
            } else {
                throw .invalidField(role.path, "must be system, developer, user, assistant or tool for this model's provider")
            }
        }
        close()
        guard json.buffer.readableBytes > beginning else { throw .nothingToAnswer }
        json.endArray()
    }

    /// Begins a content at its first part, for one without any is refused. Only results of functions go on with the one that is open.
    private mutating func open(_ role: String) {
        guard openRole != role || role != "function" else { return }
        close()
        openRole = role
        json.beginObject()
        json.member("role", role == "model" ? "model" : "user")
        json.key("parts")
        json.beginArray()
    }

    private mutating func close() {
        guard openRole != nil else { return }
        openRole = nil
        json.endArray()
        json.endObject()
    }

    // MARK: user

    private mutating func write(user message: JSONValue) throws(Fault) {
        try gaps.refuseOthers(in: message, but: ["role", "content"])
        guard let content = try message.field("content") else { return }
        if content.isString {
            guard !content.isBlank else { return }
            open("user")
            return json.object { $0.member("text", content) }
        }
        guard content.isArray else { throw .invalidField(content.path, "must be a string or an array of content parts") }
        var isOpen = false
        for part in content.elements {
            guard part.isObject else { throw .invalidField(part.path, "must be an object") }
            guard let written = try self.part(part) else { continue }
            if !isOpen { open("user") }
            isOpen = true
            json.raw(written)
        }
    }

    /// A part in this dialect; `nil` for one that says nothing, or was dropped.
    private mutating func part(_ part: JSONValue) throws(Fault) -> ByteBuffer? {
        var json = JSONWriter()
        let type = try part.requiredString("type")
        if type.equals("text") {
            let text = try part.requiredString("text")
            try gaps.refuseOthers(in: part, but: ["type", "text"])
            guard !text.isBlank else { return nil }
            json.object { $0.member("text", text) }
        } else if type.equals("image_url") {
            let url = try part.chatImageURL(&gaps)
            Self.write(try ChatMedia(url: url), url, to: &json)
        } else if type.equals("file") {
            guard let file = try part.object("file") else { throw .invalidField("\(part.path).file", "is required") }
            if let id = try file.field("file_id") {
                try gaps.refuse(id)
                return nil
            }
            let data = try file.requiredString("file_data")
            // A file has no name there.
            try gaps.refuseOthers(in: file, but: ["file_data", "filename"])
            Self.write(try ChatMedia(url: data), data, to: &json)
        } else if type.equals("input_audio") {
            guard let audio = try part.object("input_audio") else { throw .invalidField("\(part.path).input_audio", "is required") }
            let (data, format) = (try audio.requiredString("data"), try audio.requiredString("format"))
            json.object { json in
                json.key("inlineData")
                json.object { json in
                    json.member("mimeType", "audio/\(format.string ?? "")")
                    json.member("data", data)
                }
            }
        } else {
            try gaps.refuse(type)
            return nil
        }
        return json.buffer
    }

    private static func write(_ media: ChatMedia, _ url: JSONValue, to json: inout JSONWriter) {
        json.object { json in
            switch media {
            case .data(let mediaType, let base64):
                json.key("inlineData")
                json.object { json in
                    json.member("mimeType", mediaType)
                    json.member("data", base64)
                }
            case .url:
                json.key("fileData")
                json.object { json in
                    if let type = mediaType(ofName: url.string ?? "") { json.member("mimeType", type) }
                    json.member("fileUri", url)
                }
            }
        }
    }

    /// The type of a file, by the end of its URL's path; `nil`: the server says it.
    private static func mediaType(ofName url: String) -> String? {
        let path = url.prefix { $0 != "?" && $0 != "#" }
        switch path.split(separator: ".").last.map({ $0.lowercased() }) {
        case "png": return "image/png"
        case "jpg", "jpeg": return "image/jpeg"
        case "webp": return "image/webp"
        case "gif": return "image/gif"
        case "pdf": return "application/pdf"
        default: return nil
        }
    }

    // MARK: the model's turn

    private static let assistantFields: Set<String> = [
        "role", "content", "refusal", "tool_calls", "thinking_blocks", "reasoning_content", "reasoning", "reasoning_details",
    ]

    private mutating func write(assistant message: JSONValue) throws(Fault) {
        try gaps.refuseOthers(in: message, but: Self.assistantFields)
        let signatures = try message.elements("thinking_blocks").filter { $0.members.contains { $0.value.equals("thought_signature") } }
        var texts = try texts(of: message)
        if let refusal = try message.string("refusal"), !refusal.isBlank { texts.append(refusal) }
        let ofText = try signatures.first { block in !block.members.contains { $0.key.equals("tool_call_id") } }?.string("signature")
        let calls = try message.array("tool_calls").map { Array($0.elements) } ?? []
        guard !texts.isEmpty || !calls.isEmpty else { return }
        open("model")
        for (number, text) in texts.enumerated() {
            json.object { json in
                json.member("text", text)
                if number == texts.count - 1, let ofText { json.member("thoughtSignature", ofText) }
            }
        }
        var isSigned = false
        for (number, call) in calls.enumerated() {
            let signature = try signature(of: call, signatures)
            isSigned = isSigned || signature != nil
            // Of the calls of one step the first one is signed.
            try write(call: call, signature, isUnsigned: number == 0 && signature == nil && signsCalls && !isSigned)
        }
        close()
    }

    /// The signature of a call: a block beside it, or where Google's own interface for OpenAI's clients has it.
    private func signature(of call: JSONValue, _ blocks: [JSONValue]) throws(Fault) -> JSONValue? {
        if let id = try call.string("id")?.string {
            for block in blocks where try block.string("tool_call_id")?.equals(id) == true { return try block.string("signature") }
        }
        return try call.object("extra_content")?.object("google")?.string("thought_signature")
    }

    private mutating func write(call: JSONValue, _ signature: JSONValue?, isUnsigned: Bool) throws(Fault) {
        guard let function = try call.object("function") else { throw .invalidField("\(call.path).function", "is required") }
        let (id, name) = (try call.string("id"), try function.requiredString("name"))
        functions.called(id, name)
        let arguments = try function.chatArguments()
        try gaps.refuseOthers(in: call, but: ["id", "type", "function", "index", "extra_content"])
        try gaps.refuseOthers(in: function, but: ["name", "arguments"])
        json.object { json in
            json.key("functionCall")
            json.object { json in
                if let id, !MadeCallID.isMade(id.string ?? "") { json.member("id", id) }
                json.member("name", name)
                json.key("args")
                json.raw(arguments)
            }
            if let signature { json.member("thoughtSignature", signature) }
            if isUnsigned { json.member("thoughtSignature", ThoughtSignature.unsigned) }
        }
    }

    // MARK: results

    private mutating func write(result message: JSONValue) throws(Fault) {
        let id = try message.requiredString("tool_call_id")
        let name = try functions.name(of: id)
        try gaps.refuseOthers(in: message, but: ["role", "content", "tool_call_id", "name"])
        var text = ByteBuffer()
        for (number, piece) in try resultTexts(of: message).enumerated() {
            if number > 0 { text.writeStaticString("\n") }
            piece.decodeString(into: &text)
        }
        var index = JSONIndex()
        let isObject = (try? index.scan(text)) != nil && index.read(text, { $0.isObject && $0.firstDuplicateKey() == nil })
        open("function")
        json.object { json in
            json.key("functionResponse")
            json.object { json in
                if !MadeCallID.isMade(id.string ?? "") { json.member("id", id) }
                json.member("name", name)
                json.key("response")
                // An object it must be.
                if isObject {
                    json.raw(text)
                } else {
                    json.object { json in
                        json.key("output")
                        json.string(text)
                    }
                }
            }
        }
    }

    private mutating func resultTexts(of message: JSONValue) throws(Fault) -> [JSONValue] {
        // What says nothing is a result too.
        guard let content = try message.field("content"), content.isString else { return try texts(of: message) }
        return [content]
    }
}
