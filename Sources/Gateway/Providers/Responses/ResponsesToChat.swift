package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Writes a request of OpenAI's Responses API as a chat completion, the gateway's canonical form. Pure.
///
/// What the dialect has no place for goes to ``TranslationGaps``. Left out without a word is only what changes nothing of the answer: what names or
/// stores it (`store`, `metadata`), what providers keep their prompts by, `include`, what bounds tools that providers run, and reasoning of earlier
/// turns that its provider has not signed.
package struct ResponsesToChat {
    var json = JSONWriter()
    var gaps: TranslationGaps
    /// The provider's dialect, in which the chat completion ends.
    let target: Dialect
    /// What each message written so far was made of.
    var messages: [String] = []
    /// The assistant's turn that has been read and not written.
    var turn = ResponsesTurn()
    private var hasTools = false
    private var hasUser = false

    /// - Parameters:
    ///   - model: the provider's name for the model.
    ///   - target: the provider's dialect.
    package static func body(
        of request: ByteBuffer, model: String, target: Dialect, gaps: inout TranslationGaps, index: inout JSONIndex
    ) throws(Fault) -> (body: ByteBuffer, names: CallerNames) {
        do {
            try index.scan(request)
        } catch {
            throw Fault.malformedJSON(error)
        }
        var translation = ResponsesToChat(gaps: gaps, target: target)
        defer { gaps = translation.gaps }
        return try index.read(request) { root throws(Fault) in
            try translation.write(root, model: model)
            var names = CallerNames(members: names, messages: translation.messages)
            names.hasFlatTools = true
            return (translation.json.buffer, names)
        }
    }

    private static let names: [(chat: String, caller: String)] = [
        ("messages", "input"),
        ("response_format", "text.format"), ("verbosity", "text.verbosity"), ("reasoning_effort", "reasoning.effort"),
        ("max_tokens", "max_output_tokens"), ("max_completion_tokens", "max_output_tokens"), ("logprobs", "include"),
    ]

    private init(gaps: TranslationGaps, target: Dialect) {
        self.gaps = gaps
        self.target = target
    }

    private mutating func write(_ root: JSONValue, model: String) throws(Fault) {
        json.beginObject()
        json.member("model", model)
        json.key("messages")
        json.beginArray()
        if let instructions = try root.string("instructions"), instructions.maxDecodedLength > 0 { write(instructions: instructions) }
        if let input = try root.field("input") { try write(input: input) }
        json.endArray()
        try writeTools(root)
        try writeToolChoice(root)
        for member in root.members { try write(parameter: member, model: model) }
        // What else may be included, of tools that providers run and signatures, changes nothing: there are none, or they are there anyway.
        if ResponsesEcho.asksForLogprobs(root) { json.member("logprobs", true) }
        json.endObject()
    }

    private mutating func write(instructions: JSONValue) {
        messages.append("instructions")
        json.object { json in
            json.member("role", "system")
            json.member("content", instructions)
        }
    }

    // MARK: parameters

    private mutating func write(parameter member: JSONMember, model: String) throws(Fault) {
        guard let key = member.key.string else { return }
        let value = member.value
        guard !value.isNull else { return }
        switch key {
        case "model", "input", "instructions", "tools", "tool_choice": break
        case "store", "metadata", "client_metadata", "max_tool_calls", "stream_options", "prompt_cache_key", "prompt_cache_retention",
            "prompt_cache_options":
            break
        // Refused before, where they say something.
        case "previous_response_id", "conversation", "prompt", "background": break
        case "max_output_tokens":
            if OpenAIModel.takesNewName(model) { json.member("max_completion_tokens", value) } else { json.member("max_tokens", value) }
        case "stream":
            guard value.bool == true else { return }
            json.member("stream", true)
            json.key("stream_options")
            json.object { json in json.member("include_usage", true) }
        case "temperature": json.member("temperature", value)
        case "top_p": json.member("top_p", value)
        case "user", "safety_identifier":
            if !hasUser, value.isString { json.member("user", value) }
            hasUser = true
        case "parallel_tool_calls": if hasTools, let isParallel = value.bool { json.member("parallel_tool_calls", isParallel) }
        case "service_tier": if !value.equals("auto") { json.member("service_tier", value) }
        case "text": try write(text: value)
        case "reasoning": try write(reasoning: value)
        case "include": guard value.isArray else { throw .invalidField("include", "must be an array of strings") }
        case "top_logprobs":
            guard let count = value.int else { throw .invalidField("top_logprobs", "must be a whole number") }
            if count > 0 { json.member("top_logprobs", value) }
        case "truncation":
            if !value.equals("disabled") { try gaps.refuse("truncation", "must be disabled: no conversation is shortened here") }
        default: if !value.saysNothing { try gaps.refuse(String(key.prefix(64))) }
        }
    }

    private mutating func write(text: JSONValue) throws(Fault) {
        guard text.isObject else { throw .invalidField("text", "must be an object") }
        if let format = try text.object("format") { try write(format: format) }
        // The middle is what models do unasked.
        if let verbosity = try text.string("verbosity"), !verbosity.equals("medium") { json.member("verbosity", verbosity) }
        for member in text.members where !member.key.equals("format") && !member.key.equals("verbosity") && !member.value.saysNothing {
            try gaps.refuse(member.value)
        }
    }

    private mutating func write(format: JSONValue) throws(Fault) {
        let type = try format.requiredString("type")
        if type.equals("text") { return }
        if type.equals("json_object") {
            json.key("response_format")
            return json.object { json in json.member("type", "json_object") }
        }
        guard type.equals("json_schema") else { return try gaps.refuse(type) }
        let name = try format.requiredString("name")
        guard let schema = try format.object("schema") else { throw .invalidField("\(format.path).schema", "is required") }
        let (description, strict) = (try format.string("description"), try format.field("strict"))
        json.key("response_format")
        json.object { json in
            json.member("type", "json_schema")
            json.key("json_schema")
            json.object { json in
                json.member("name", name)
                if let description { json.member("description", description) }
                json.member("schema", schema)
                if let strict { json.member("strict", strict) }
            }
        }
    }

    /// How reasoning is told is not a matter of the request: what there is of it stands in the answer as its summary.
    private mutating func write(reasoning: JSONValue) throws(Fault) {
        guard reasoning.isObject else { throw .invalidField("reasoning", "must be an object") }
        if let effort = try reasoning.string("effort") { json.member("reasoning_effort", effort) }
        for member in reasoning.members {
            let isKnown = ["effort", "summary", "generate_summary"].contains { member.key.equals($0) }
            guard !isKnown, !member.value.equals("auto"), !member.value.saysNothing else { continue }
            try gaps.refuse(member.value)
        }
    }

    // MARK: tools

    private mutating func writeTools(_ root: JSONValue) throws(Fault) {
        guard let tools = try root.array("tools"), !tools.isEmpty else { return }
        for tool in tools.elements {
            guard tool.isObject else { throw .invalidField(tool.path, "must be an object") }
            let type = try tool.requiredString("type")
            // All others are OpenAI's to run, or known to its models alone.
            guard type.equals("function") || type.equals("custom") else {
                try gaps.refuse(type)
                continue
            }
            if !hasTools {
                json.key("tools")
                json.beginArray()
            }
            hasTools = true
            if type.equals("custom") { try write(customTool: tool) } else { try write(tool: tool) }
        }
        if hasTools { json.endArray() }
    }

    private mutating func write(tool: JSONValue) throws(Fault) {
        let (name, description) = (try tool.requiredString("name"), try tool.string("description"))
        let (parameters, strict) = (try tool.object("parameters"), try tool.field("strict"))
        json.object { json in
            json.member("type", "function")
            json.key("function")
            json.object { json in
                json.member("name", name)
                if let description { json.member("description", description) }
                if let parameters { json.member("parameters", parameters) }
                if let strict { json.member("strict", strict) }
            }
        }
        for member in tool.members {
            guard let key = member.key.string, !Self.toolFields.contains(key), !member.value.saysNothing else { continue }
            try gaps.refuse(member.value)
        }
    }

    private static let toolFields: Set<String> = ["type", "name", "description", "parameters", "strict"]

    /// A custom tool takes a text; here it is a function with that text for its one argument (``ResponsesCustomTool``).
    private mutating func write(customTool tool: JSONValue) throws(Fault) {
        let description = try ResponsesCustomTool.description(of: tool, &gaps)
        let name = try tool.requiredString("name")
        json.object { json in
            json.member("type", "function")
            json.key("function")
            json.object { json in
                json.member("name", name)
                if !description.isEmpty { json.member("description", description) }
                json.key("parameters")
                json.raw(ResponsesCustomTool.parameters)
            }
        }
    }

    private mutating func writeToolChoice(_ root: JSONValue) throws(Fault) {
        // Where no tool is left nothing can be said of their choice.
        guard let choice = try root.field("tool_choice"), hasTools else { return }
        guard choice.isObject else {
            guard choice.equals("auto") || choice.equals("none") || choice.equals("required") else {
                throw .invalidField("tool_choice", "must be auto, none, required or a function")
            }
            return json.member("tool_choice", choice)
        }
        let type = try choice.requiredString("type")
        if type.equals("function") || type.equals("custom") {
            let name = try choice.requiredString("name")
            json.key("tool_choice")
            json.object { json in Self.write(function: name, &json) }
        } else if type.equals("allowed_tools") {
            try write(allowed: choice)
        } else {
            try gaps.refuse(type)
        }
    }

    private static func write(function name: JSONValue, _ json: inout JSONWriter) {
        json.member("type", "function")
        json.key("function")
        json.object { json in json.member("name", name) }
    }

    private mutating func write(allowed choice: JSONValue) throws(Fault) {
        let mode = try choice.requiredString("mode")
        var names: [JSONValue] = []
        for tool in try choice.elements("tools") {
            let type = try tool.requiredString("type")
            let isCallable = type.equals("function") || type.equals("custom")
            if isCallable { names.append(try tool.requiredString("name")) } else { try gaps.refuse(type) }
        }
        json.key("tool_choice")
        json.object { json in
            json.member("type", "allowed_tools")
            json.key("allowed_tools")
            json.object { json in
                json.member("mode", mode)
                json.key("tools")
                json.array { json in
                    for name in names { json.object { json in Self.write(function: name, &json) } }
                }
            }
        }
    }
}
