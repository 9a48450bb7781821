import GatewayCore
import GatewayJSON
import NIOCore

/// The assistant's items that follow each other, which are one message of a chat completion.
struct ResponsesTurn {
    /// Where the first one stands; `nil`: there is none.
    var path: String?
    /// Blocks of thinking, as their provider has signed them.
    var thinking: [ByteBuffer] = []
    /// Contents of messages.
    var contents: [JSONValue] = []
    var calls: [JSONValue] = []
}

// The items of `input`, one behind the other.
extension ResponsesToChat {
    mutating func write(input: JSONValue) throws(Fault) {
        if input.isString {
            messages.append("input")
            return json.object { json in
                json.member("role", "user")
                json.member("content", input)
            }
        }
        for item in input.elements { try write(item: item) }
        try endTurn()
    }

    private mutating func write(item: JSONValue) throws(Fault) {
        guard let type = try item.string("type"), !type.equals("message") else {
            try refuseUnknownFields(of: item)
            return try write(message: item)
        }
        if type.equals("function_call") || type.equals("custom_tool_call") {
            try refuseUnknownFields(of: item)
            take(item)
            turn.calls.append(item)
        } else if type.equals("reasoning") {
            try take(reasoning: item)
        } else if type.equals("function_call_output") || type.equals("custom_tool_call_output") {
            try refuseUnknownFields(of: item)
            try endTurn()
            try write(output: item)
        } else if type.equals("item_reference") {
            throw .invalidField(type.path, "names an item that is not stored here: send the item itself")
        } else {
            try gaps.refuse(type)
        }
    }

    private mutating func refuseUnknownFields(of item: JSONValue) throws(Fault) {
        // Who makes a call is the model itself, unless a tool that OpenAI runs does.
        if let caller = try item.object("caller"), let type = try caller.string("type"), !type.equals("direct") { try gaps.refuse(type) }
        for member in item.members where !member.value.saysNothing {
            guard let key = member.key.string, !Self.itemFields.contains(key) else { continue }
            try gaps.refuse(member.value)
        }
    }

    /// What items may say: their ids and how they ended are their caller's to know.
    private static let itemFields: Set<String> = [
        "type", "id", "status", "role", "content", "phase", "call_id", "name", "arguments", "input", "output", "caller",
    ]

    /// Begins the assistant's turn, if none is open.
    private mutating func take(_ item: JSONValue) {
        if turn.path == nil { turn.path = item.path }
    }

    // MARK: messages

    private mutating func write(message: JSONValue) throws(Fault) {
        let role = try message.requiredString("role")
        guard let content = try message.field("content") else { throw .invalidField("\(message.path).content", "is required") }
        if role.equals("assistant") {
            take(message)
            return turn.contents.append(content)
        }
        try endTurn()
        guard role.equals("user") || role.equals("system") || role.equals("developer") else {
            throw .invalidField(role.path, "must be user, assistant, system or developer")
        }
        messages.append(message.path)
        json.beginObject()
        json.member("role", role)
        try write(contents: [content], takesMedia: role.equals("user"))
        json.endObject()
    }

    /// Writes `content`: the one text that there is as a string, which many servers take in no other form, and else parts.
    private mutating func write(contents: [JSONValue], takesMedia: Bool) throws(Fault) {
        json.key("content")
        if let text = try Self.onlyText(of: contents) { return json.raw(text) }
        json.beginArray()
        for content in contents {
            if content.isString { write(text: content) }
            for part in content.elements { try write(part: part, takesMedia: takesMedia) }
        }
        json.endArray()
    }

    private static func onlyText(of contents: [JSONValue]) throws(Fault) -> JSONValue? {
        guard contents.count == 1, let content = contents.first else { return nil }
        if content.isString { return content }
        var parts = content.elements
        guard let part = parts.next(), parts.next() == nil, isText(try part.requiredString("type")) else { return nil }
        return try part.requiredString("text")
    }

    private static func isText(_ type: JSONValue) -> Bool { type.equals("input_text") || type.equals("output_text") || type.equals("text") }

    private mutating func write(text: JSONValue) {
        json.object { json in
            json.member("type", "text")
            json.member("text", text)
        }
    }

    private mutating func write(part: JSONValue, takesMedia: Bool) throws(Fault) {
        let type = try part.requiredString("type")
        if Self.isText(type) {
            write(text: try part.requiredString("text"))
        } else if type.equals("refusal") {
            let refusal = try part.requiredString("refusal")
            json.object { json in
                json.member("type", "refusal")
                json.member("refusal", refusal)
            }
        } else if !takesMedia {
            try gaps.refuse(type)
        } else if type.equals("input_image") {
            try write(image: part)
        } else if type.equals("input_file") {
            try write(file: part)
        } else if type.equals("input_audio"), let audio = try part.object("input_audio") {
            json.object { json in
                json.member("type", "input_audio")
                json.member("input_audio", audio)
            }
        } else {
            try gaps.refuse(type)
        }
    }

    private mutating func write(image part: JSONValue) throws(Fault) {
        guard let url = try part.string("image_url") else {
            guard let id = try part.field("file_id") else { throw .invalidField("\(part.path).image_url", "is required") }
            return try gaps.refuse(id)
        }
        let detail = try part.string("detail")
        json.object { json in
            json.member("type", "image_url")
            json.key("image_url")
            json.object { json in
                json.member("url", url)
                if let detail, !detail.equals("auto") { json.member("detail", detail) }
            }
        }
    }

    private mutating func write(file part: JSONValue) throws(Fault) {
        guard let data = try part.string("file_data") else {
            let elsewhere = (try part.field("file_id"), try part.field("file_url"))
            guard let elsewhere = elsewhere.0 ?? elsewhere.1 else { throw .invalidField("\(part.path).file_data", "is required") }
            return try gaps.refuse(elsewhere, "cannot be fetched: send the file itself in `file_data`")
        }
        let name = try part.string("filename")
        json.object { json in
            json.member("type", "file")
            json.key("file")
            json.object { json in
                if let name { json.member("filename", name) } else { json.member("filename", "file") }
                json.member("file_data", data)
            }
        }
    }

    // MARK: the assistant's turn

    /// Reasoning that a provider has signed goes back to one that may know it; no provider takes any other.
    private mutating func take(reasoning item: JSONValue) throws(Fault) {
        guard let sealed = try item.string("encrypted_content"), let block = ResponsesSeal.block(of: sealed, item, for: target) else {
            return
        }
        take(item)
        turn.thinking.append(block)
    }

    private mutating func endTurn() throws(Fault) {
        let turn = self.turn
        guard let path = turn.path else { return }
        self.turn = ResponsesTurn()
        messages.append(path)
        json.beginObject()
        json.member("role", "assistant")
        if !turn.thinking.isEmpty {
            json.key("thinking_blocks")
            json.beginArray()
            for block in turn.thinking { json.raw(block) }
            json.endArray()
        }
        // Without calls there must be a text, as after thinking alone.
        if !turn.contents.isEmpty {
            try write(contents: turn.contents, takesMedia: false)
        } else if turn.calls.isEmpty {
            json.member("content", "")
        } else {
            json.memberNull("content")
        }
        if !turn.calls.isEmpty {
            json.key("tool_calls")
            json.beginArray()
            for call in turn.calls { try write(call: call) }
            json.endArray()
        }
        json.endObject()
    }

    private mutating func write(call: JSONValue) throws(Fault) {
        let (id, name) = (try call.requiredString("call_id"), try call.requiredString("name"))
        let isCustom = try call.requiredString("type").equals("custom_tool_call")
        let arguments = try call.requiredString(isCustom ? "input" : "arguments")
        json.object { json in
            json.member("id", id)
            json.member("type", "function")
            json.key("function")
            json.object { json in
                json.member("name", name)
                if isCustom {
                    json.key("arguments")
                    json.string(ResponsesCustomTool.arguments(input: arguments))
                } else {
                    json.member("arguments", arguments)
                }
            }
        }
    }

    /// A tool's result: what is not text in it only Anthropic's dialect has a place for.
    private mutating func write(output item: JSONValue) throws(Fault) {
        let id = try item.requiredString("call_id")
        guard let output = try item.field("output") else { throw .invalidField("\(item.path).output", "is required") }
        guard output.isString || output.isArray else { throw .invalidField(output.path, "must be a string or an array of content parts") }
        messages.append(item.path)
        json.beginObject()
        json.member("role", "tool")
        json.member("tool_call_id", id)
        if output.isEmpty { json.member("content", "") } else { try write(contents: [output], takesMedia: target == .anthropic) }
        json.endObject()
    }
}
