package import GatewayJSON

extension ChatEnvelope {
    /// Reads and checks what the gateway interprets of a chat completion request. What it does not interpret is the provider's to judge.
    ///
    /// Keys that occur twice in an object that is read here are refused: the provider might take the other one.
    ///
    /// - Throws: ``FaultKind/invalidRequest`` with the field at fault, or ``FaultKind/malformedBody`` for a repeated key.
    package init(reading root: JSONValue) throws(Fault) {
        guard root.isObject else { throw Fault.invalidField("", "must be a JSON object") }
        try Self.refuseDuplicateKeys(in: root)
        var envelope = ChatEnvelope(model: "")
        var sawMessages = false
        for member in root.members {
            if try envelope.readRouting(member) { continue }
            if member.key.equals("messages") {
                try Self.checkMessages(member.value)
                sawMessages = true
            } else {
                try envelope.readParameter(member)
            }
        }
        guard !envelope.model.isEmpty else { throw Fault.invalidField("model", "is required: the name of a model") }
        guard sawMessages else { throw Fault.invalidField("messages", "is required: the conversation") }
        self = envelope
    }

    /// Longest model name that is looked up, in bytes.
    private static let maxModelBytes = 256

    mutating func readRouting(_ member: JSONMember) throws(Fault) -> Bool {
        let value = member.value
        if member.key.equals("model") {
            guard value.isString, value.maxDecodedLength <= Self.maxModelBytes * 6, let name = value.string, !name.isEmpty,
                name.utf8.count <= Self.maxModelBytes
            else { throw Fault.invalidField("model", "must be the name of a model: a string of 1 to \(Self.maxModelBytes) bytes") }
            model = name
        } else if member.key.equals("stream") {
            guard value.isNull || value.bool != nil else { throw Fault.invalidField("stream", "must be true or false") }
            isStreamed = value.bool ?? false
        } else if member.key.equals("stream_options") {
            try readStreamOptions(value)
        } else {
            return false
        }
        return true
    }

    private mutating func readStreamOptions(_ value: JSONValue) throws(Fault) {
        guard !value.isNull else { return }
        guard value.isObject else { throw Fault.invalidField("stream_options", "must be an object") }
        try Self.refuseDuplicateKeys(in: value)
        for member in value.members where member.key.equals("include_usage") {
            guard member.value.isNull || member.value.bool != nil else {
                throw Fault.invalidField("stream_options.include_usage", "must be true or false")
            }
            wantsUsageChunk = member.value.bool ?? false
        }
    }

    mutating func readParameter(_ member: JSONMember) throws(Fault) {
        let value = member.value
        if member.key.equals("temperature") {
            guard value.isNull || value.isNumber else { throw Fault.invalidField("temperature", "must be a number") }
            temperature = value.double
        } else if member.key.equals("max_tokens") || member.key.equals("max_completion_tokens") {
            guard value.isNull || value.int.map({ $0 > 0 }) == true else {
                throw Fault.invalidField(member.key.string ?? "max_tokens", "must be a positive whole number")
            }
            // Of two caps nobody knows which one the provider keeps.
            if let cap = value.int { maxOutputTokens = max(UInt64(cap), maxOutputTokens ?? 0) }
        } else if member.key.equals("tools") || member.key.equals("functions") {
            guard value.isNull || value.isArray else { throw Fault.invalidField(member.key.string ?? "tools", "must be an array") }
            hasTools = hasTools || (value.isArray && !value.isEmpty)
        } else if member.key.equals("n") {
            guard value.isNull || value.int.map({ (1...128).contains($0) }) == true else {
                throw Fault.invalidField("n", "must be a whole number from 1 to 128")
            }
            choices = value.int.map(UInt64.init) ?? 1
        }
    }

    static func checkMessages(_ messages: JSONValue) throws(Fault) {
        guard messages.isArray, !messages.isEmpty else { throw Fault.invalidField("messages", "must be an array of at least one message") }
        for message in messages.elements {
            guard message.isObject else { throw Fault.invalidField(message.path, "must be an object") }
            try refuseDuplicateKeys(in: message)
            var hasRole = false
            for member in message.members {
                if member.key.equals("role") {
                    guard member.value.isString else { throw Fault.invalidField(member.value.path, "must be a string") }
                    hasRole = true
                } else if member.key.equals("content") {
                    try checkContent(member.value)
                }
            }
            guard hasRole else { throw Fault.invalidField("\(message.path).role", "is required") }
        }
    }

    static func checkContent(_ content: JSONValue) throws(Fault) {
        guard !content.isString, !content.isNull else { return }
        guard content.isArray else { throw Fault.invalidField(content.path, "must be a string or an array of content parts") }
        for part in content.elements {
            guard part.isObject || part.isString else { throw Fault.invalidField(part.path, "must be a content part: an object") }
            try refuseDuplicateKeys(in: part)
        }
    }

    static func refuseDuplicateKeys(in object: JSONValue) throws(Fault) {
        guard let key = object.firstDuplicateKey() else { return }
        throw Fault(
            .malformedBody, origin: .downstream, message: "The body has an object with the same key twice. Send each key once.",
            parameter: key.path)
    }
}

extension Fault {
    /// A field of the request breaks a rule.
    ///
    /// - Parameter path: the field, as the caller writes it; empty for the whole body.
    package static func invalidField(_ path: String, _ rule: String) -> Fault {
        Fault(
            .invalidRequest, origin: .downstream, message: path.isEmpty ? "The body \(rule)." : "`\(path)` \(rule).",
            parameter: path.isEmpty ? nil : path)
    }

    /// The body is not JSON as RFC 8259 has it.
    package static func malformedJSON(_ fault: JSONFault) -> Fault {
        switch fault.reason {
        case .depthExceeded, .tooManyValues:
            Fault(.invalidRequest, origin: .downstream, message: "The body cannot be accepted: \(fault.message).")
        default:
            Fault(.malformedBody, origin: .downstream, message: "The body is not valid JSON: \(fault.message).")
        }
    }
}
