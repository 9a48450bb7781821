package import GatewayJSON
package import NIOCore

/// What a request asks of a model, read from its scrubbed body once it is to be arbitrated.
package struct RequestTraits: Sendable, Equatable {
    /// Messages of the conversation, at least 1.
    package var turns = 1
    package var tools = 0
    /// Names of functions that are offered; the first ``mostNames``. Empty where some have none.
    package var toolNames: Set<String> = []
    package var hasImages = false
    /// An answer that is JSON, by a schema or without.
    package var wantsJSON = false
    /// What the schema's object requires; the first ``mostNames``.
    package var requiredMembers: [String] = []
    /// Of the first message of the user and what precedes it: equal in all turns of a conversation.
    package var conversation: UInt64 = 0
    /// Of the last message of the user, and how many there are.
    package var question: UInt64 = 0

    static let mostNames = 256
    /// Longer texts are hashed and looked at in part.
    static let mostTextBytes = 64 * 1024

    package init() {}

    package var needs: ModelCapabilities {
        var needs: ModelCapabilities = []
        if tools > 0 { needs.insert(.tools) }
        if hasImages { needs.insert(.vision) }
        if wantsJSON { needs.insert(.structuredOutput) }
        return needs
    }

    package var shape: RequestShape { RequestShape(turns: turns, tools: tools) }

    /// Reads a request in any of the callers' dialects.
    ///
    /// - Parameter text: gets the last message of the user: what features are made of.
    package init(reading root: JSONValue, text: inout [UInt8]) {
        text.removeAll(keepingCapacity: true)
        for member in root.members {
            let (key, value) = (member.key, member.value)
            if key.equals("messages") || key.equals("input") || key.equals("prompt") {
                readTurns(value, &text)
            } else if key.equals("tools") || key.equals("functions") {
                readTools(value)
            } else if key.equals("response_format") {
                readFormat(value)
            } else if key.equals("text"), value.isObject {
                for part in value.members where part.key.equals("format") { readFormat(part.value) }
            }
        }
        question = Self.hash(text[...], from: UInt64(turns))
    }

    private mutating func readTurns(_ value: JSONValue, _ text: inout [UInt8]) {
        guard value.isArray else {
            Self.append(value, to: &text)
            conversation = Self.hash(text[...], from: 0)
            return
        }
        turns = 0
        var isFirst = true
        for message in value.elements {
            turns += 1
            guard message.isObject else {
                // A list of prompts.
                Self.append(message, to: &text)
                continue
            }
            var isUser = false
            var content: JSONValue?
            for member in message.members {
                if member.key.equals("role") { isUser = member.value.equals("user") }
                if member.key.equals("content") { content = member.value }
            }
            guard let content else { continue }
            if isUser { text.removeAll(keepingCapacity: true) }
            if isUser { readContent(content, &text) } else { noteImages(content) }
            if isUser, isFirst {
                conversation = Self.hash(text[...], from: 0)
                isFirst = false
            }
        }
        turns = max(1, turns)
    }

    private mutating func readContent(_ content: JSONValue, _ text: inout [UInt8]) {
        guard content.isArray else { return Self.append(content, to: &text) }
        for part in content.elements {
            guard part.isObject else {
                Self.append(part, to: &text)
                continue
            }
            for member in part.members where member.key.equals("text") { Self.append(member.value, to: &text) }
        }
        noteImages(content)
    }

    private mutating func noteImages(_ content: JSONValue) {
        guard content.isArray else { return }
        for part in content.elements where part.isObject {
            for member in part.members where member.key.equals("type") {
                let type = member.value
                if type.equals("image_url") || type.equals("input_image") || type.equals("image") { hasImages = true }
            }
        }
    }

    private mutating func readTools(_ value: JSONValue) {
        guard value.isArray else { return }
        var areNamed = true
        for tool in value.elements {
            tools += 1
            guard toolNames.count < Self.mostNames else {
                areNamed = false
                break
            }
            var name: String?
            for member in tool.isObject ? Array(tool.members) : [] {
                if member.key.equals("name") { name = member.value.string }
                if member.key.equals("function"), member.value.isObject {
                    for inner in member.value.members where inner.key.equals("name") { name = inner.value.string }
                }
            }
            if let name { toolNames.insert(name) } else { areNamed = false }
        }
        if !areNamed { toolNames.removeAll() }
    }

    private mutating func readFormat(_ value: JSONValue) {
        guard value.isObject else { return }
        for member in value.members {
            if member.key.equals("type") {
                wantsJSON = wantsJSON || member.value.equals("json_schema") || member.value.equals("json_object")
            } else if member.key.equals("schema") {
                readSchema(member.value)
            } else if member.key.equals("json_schema"), member.value.isObject {
                for inner in member.value.members where inner.key.equals("schema") { readSchema(inner.value) }
            }
        }
    }

    private mutating func readSchema(_ schema: JSONValue) {
        guard schema.isObject else { return }
        for member in schema.members where member.key.equals("required") && member.value.isArray {
            requiredMembers = member.value.elements.prefix(Self.mostNames).compactMap(\.string)
        }
    }

    private static func append(_ value: JSONValue, to text: inout [UInt8]) {
        guard value.isString, text.count < mostTextBytes else { return }
        if !text.isEmpty { text.append(0x0A) }
        value.decodeString(into: &text)
    }

    private static func hash(_ text: ArraySlice<UInt8>, from start: UInt64) -> UInt64 {
        Hash.mixed(text.prefix(mostTextBytes).reduce(Hash.start ^ start) { Hash.extended($0, $1) })
    }
}

extension RequestWorkspace {
    /// Reads what an already rendered body asks of a model.
    ///
    /// - Parameter text: as ``RequestTraits/init(reading:text:)`` has it.
    package mutating func traits(of body: ByteBuffer, text: inout [UInt8]) -> RequestTraits {
        withScanned(body) { RequestTraits(reading: $0, text: &text) } ?? RequestTraits()
    }
}
