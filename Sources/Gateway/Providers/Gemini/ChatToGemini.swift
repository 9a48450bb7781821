package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Writes a request of OpenAI's chat completion dialect as one of Google's `generateContent`. Pure.
///
/// What the dialect has no place for goes to ``TranslationGaps``. Left out without a word is only what changes nothing of the answer: fields that say
/// nothing, who the user is and how OpenAI stores and bills, and the reasoning of earlier turns, whose signatures stand by themselves.
package struct ChatToGemini {
    var json = JSONWriter()
    var gaps: TranslationGaps
    var functions = CalledFunctions()
    /// Whose content is open: results of functions that follow each other are one.
    var openRole: String?
    let signsCalls: Bool

    /// - Parameters:
    ///   - model: the provider's name for the model.
    ///   - isCounting: whether only the tokens of the request are asked for (`countTokens`).
    package static func body(
        of chat: ByteBuffer, model: String, isCounting: Bool = false, gaps: inout TranslationGaps, index: inout JSONIndex
    ) throws(Fault) -> ByteBuffer {
        do {
            try index.scan(chat)
        } catch {
            throw Fault.malformedJSON(error)
        }
        var translation = ChatToGemini(gaps: gaps, signsCalls: GeminiModel.signsCalls(model))
        defer { gaps = translation.gaps }
        return try index.read(chat) { root throws(Fault) in
            guard isCounting else {
                translation.json.beginObject()
                try translation.write(root, model)
                translation.json.endObject()
                return translation.json.buffer
            }
            translation.json.beginObject()
            translation.json.key("generateContentRequest")
            translation.json.beginObject()
            translation.json.member("model", GeminiModel.path(of: model))
            try translation.write(root, model)
            translation.json.endObject()
            translation.json.endObject()
            return translation.json.buffer
        }
    }

    private init(gaps: TranslationGaps, signsCalls: Bool) {
        self.gaps = gaps
        self.signsCalls = signsCalls
    }

    private mutating func write(_ root: JSONValue, _ model: String) throws(Fault) {
        try writeSystem(root)
        try writeContents(root)
        try writeTools(root)
        try writeConfig(root, model)
        // What is Google's own may stand in a chat request too.
        let safety = (try root.array("safety_settings"), try root.array("safetySettings"))
        if let safety = safety.0 ?? safety.1 { json.member("safetySettings", safety) }
        if let cached = try root.string("cached_content", or: "cachedContent") { json.member("cachedContent", cached) }
    }

    // MARK: tools

    private mutating func writeTools(_ root: JSONValue) throws(Fault) {
        let choice = try ChatToolChoice(of: root)
        let functions = try ChatFunctions.read(root, &gaps)
        guard !functions.isEmpty else { return }
        if try root.field("parallel_tool_calls")?.bool == false { try gaps.refuse("parallel_tool_calls") }
        json.key("tools")
        json.beginArray()
        json.beginObject()
        json.key("functionDeclarations")
        json.beginArray()
        var isStrict = false
        for (_, function) in functions {
            try write(declaration: function)
            if try function.field("strict")?.bool == true { isStrict = true }
        }
        json.endArray()
        json.endObject()
        json.endArray()
        writeChoice(choice, isStrict: isStrict)
    }

    private mutating func write(declaration function: JSONValue) throws(Fault) {
        let (name, description) = (try function.requiredString("name"), try function.string("description"))
        let parameters = try function.object("parameters")
        try gaps.refuseOthers(in: function, but: ["name", "description", "parameters", "strict"])
        json.object { json in
            json.member("name", name)
            if let description { json.member("description", description) }
            // JSON Schema as it is; `parameters` takes a part of it only.
            if let parameters, !parameters.isEmpty { json.member("parametersJsonSchema", parameters) }
        }
    }

    /// A mode that keeps calls to their schemas, `ANY` or `VALIDATED`, is what `strict` asks for.
    private mutating func writeChoice(_ choice: ChatToolChoice?, isStrict: Bool) {
        let mode: String
        var name: JSONValue?
        switch choice {
        case nil, .auto?:
            guard isStrict || choice != nil else { return }
            mode = isStrict ? "VALIDATED" : "AUTO"
        case .some(.none): mode = "NONE"
        case .required?: mode = "ANY"
        case .function(let function)?: (mode, name) = ("ANY", function)
        }
        json.key("toolConfig")
        json.object { json in
            json.key("functionCallingConfig")
            json.object { json in
                json.member("mode", mode)
                guard let name else { return }
                json.key("allowedFunctionNames")
                json.array { $0.raw(name) }
            }
        }
    }

    // MARK: parameters

    private static let numbers: [(chat: String, config: StaticString)] = [
        ("temperature", "temperature"), ("top_p", "topP"), ("top_k", "topK"), ("seed", "seed"), ("frequency_penalty", "frequencyPenalty"),
        ("presence_penalty", "presencePenalty"),
    ]
    private static let own: Set<String> = [
        "safety_settings", "safetySettings", "cached_content", "cachedContent", "thinking",
    ]

    private mutating func writeConfig(_ root: JSONValue, _ model: String) throws(Fault) {
        var config = JSONWriter()
        config.beginObject()
        if let cap = try root.chatCap() { config.member("maxOutputTokens", cap) }
        for member in root.members {
            guard let key = member.key.string, !member.value.isNull else { continue }
            if let number = Self.numbers.first(where: { $0.chat == key }) {
                guard member.value.isNumber else { throw .invalidField(key, "must be a number") }
                config.member(number.config, member.value)
            } else if key == "stop" {
                try member.value.writeChatStops("stopSequences", to: &config)
            } else if key == "n" {
                if member.value.int.map({ $0 > 1 }) == true { config.member("candidateCount", member.value) }
            } else if !Self.own.contains(key) {
                try ChatParameters.refuse(member, &gaps)
            }
        }
        try write(format: ChatFormat(of: root), to: &config)
        try writeThinking(root, model, to: &config)
        config.endObject()
        guard config.buffer.readableBytes > 2 else { return }
        json.key("generationConfig")
        json.raw(config.buffer)
    }

    private mutating func write(format: ChatFormat, to config: inout JSONWriter) throws(Fault) {
        switch format {
        case .text: return
        case .json: config.member("responseMimeType", "application/json")
        case .schema(let schema, let told):
            // Answers are kept to the schema strictly.
            try gaps.refuseOthers(in: told, but: ["name", "schema", "strict"])
            config.member("responseMimeType", "application/json")
            config.member("responseJsonSchema", schema)
        }
    }

    /// Levels or budgets, as the model takes them; with thoughts in the answer, as far as it tells them.
    private func writeThinking(_ root: JSONValue, _ model: String, to config: inout JSONWriter) throws(Fault) {
        let word = try root.string("reasoning_effort")?.string
        let level = word.flatMap(ReasoningLevel.init)
        if let word, level == nil, word != "none" {
            throw .invalidField("reasoning_effort", "must be none, minimal, low, medium, high or xhigh")
        }
        let budget = try root.object("thinking")?.field("budget_tokens")?.int
        guard word != nil || budget != nil else { return }
        config.key("thinkingConfig")
        config.object { config in
            if let budget, budget >= 0 {
                config.member("thinkingBudget", budget)
            } else if signsCalls {
                config.member("thinkingLevel", Self.level(word, level))
            } else {
                config.member("thinkingBudget", Self.budget(level))
            }
            if level != nil || budget.map({ $0 != 0 }) == true { config.member("includeThoughts", true) }
        }
    }

    /// These models cannot but think; the least that they take stands for `none`.
    private static func level(_ word: String?, _ level: ReasoningLevel?) -> String {
        switch level {
        case nil: "minimal"
        case .low: word == "minimal" ? "minimal" : "low"
        case .medium: "medium"
        case .high, .extraHigh, .most: "high"
        }
    }

    /// As Google's own interface for OpenAI's clients has them.
    private static func budget(_ level: ReasoningLevel?) -> Int64 {
        switch level {
        case nil: 0
        case .low: 1_024
        case .medium: 8_192
        case .high, .extraHigh, .most: 24_576
        }
    }
}
