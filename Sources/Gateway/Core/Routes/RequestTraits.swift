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
    /// Images, documents and sounds, and how much of the body they are.
    package var mediaParts = 0
    package var mediaBytes = 0
    /// What the user's last words are of.
    package var mix = ByteMix()
    /// Of the instructions and the first message of the user: equal in all turns of a conversation, within this process.
    package var conversation: UInt64 = 0
    /// Of everything but the model's name: equal where the same is asked again, within this process.
    package var question: UInt64 = 0

    static let mostNames = 256
    /// Longer texts are hashed and looked at in part.
    static let mostTextBytes = 64 * 1024
    /// What an image, a document or a sound is taken for, whatever its size: providers count them by pixels, pages and seconds.
    package static let tokensOfMedia = 1_000

    package init() {}

    /// Tokens of a prompt that was read from so many bytes, for a model of these rates. All of the prompt is taken to be in the letters of the user's words.
    package func inputTokens(bytes: Int, rates: TokenRates = .plain) -> UInt64 {
        UInt64(rates.tokens(bytes: bytes - mediaBytes, mixedAs: mix) + mediaParts * Self.tokensOfMedia)
    }

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
    /// - Parameter text: gets the last words of the user, or, where there are none, of what tools have said: what features are made of.
    package init(reading root: JSONValue, text: inout [UInt8]) {
        text.removeAll(keepingCapacity: true)
        var (asked, begun) = (Hasher(), Hasher())
        for member in root.members {
            let (key, value) = (member.key, member.value)
            if key.equals("model") { continue }
            asked.combine(bytes: key.rawBytes)
            asked.combine(bytes: value.rawBytes)
            if key.equals("messages") || key.equals("input") || key.equals("prompt") {
                readTurns(value, &text, &begun)
            } else if key.equals("system") || key.equals("instructions") {
                Self.hashText(value, &begun)
            } else if key.equals("tools") || key.equals("functions") {
                readTools(value)
            } else if key.equals("response_format") {
                readFormat(value)
            } else if key.equals("output_format") {
                readFormat(value)
            } else if key.equals("text") || key.equals("output_config"), value.isObject {
                for part in value.members where part.key.equals("format") { readFormat(part.value) }
            }
        }
        question = Self.finished(asked)
        conversation = Self.finished(begun)
    }

    private static func finished(_ hasher: Hasher) -> UInt64 { UInt64(bitPattern: Int64(hasher.finalize())) }

    /// Takes the texts of a message's content, and leaves what stands beside them, such as marks for the provider's cache, which move from turn to turn.
    private static func hashText(_ content: JSONValue, _ hasher: inout Hasher) {
        if content.isString { hasher.combine(bytes: content.rawBytes) }
        guard content.isArray else { return }
        for part in content.elements {
            if part.isString { hasher.combine(bytes: part.rawBytes) }
            guard part.isObject else { continue }
            for member in part.members where member.key.equals("text") { hasher.combine(bytes: member.value.rawBytes) }
        }
    }

    /// - Parameter begun: takes what all turns of a conversation begin with.
    private mutating func readTurns(_ value: JSONValue, _ text: inout [UInt8], _ begun: inout Hasher) {
        guard value.isArray else {
            Self.append(value, to: &text)
            Self.hashText(value, &begun)
            return
        }
        turns = 0
        var isFirst = true
        var told: JSONValue?
        for message in value.elements {
            turns += 1
            guard message.isObject else {
                // A list of prompts.
                Self.append(message, to: &text)
                if isFirst { Self.hashText(message, &begun) }
                continue
            }
            var (isUser, isTool) = (false, false)
            var content: JSONValue?
            for member in message.members {
                let key = member.key
                if key.equals("role") { (isUser, isTool) = (member.value.equals("user"), member.value.equals("tool")) }
                if key.equals("content") { content = member.value }
                if key.equals("output") { (content, isTool) = (member.value, true) }
            }
            guard let content else { continue }
            noteMedia(content)
            if isFirst { Self.hashText(content, &begun) }
            if isUser { isFirst = false }
            if isUser, Self.hasText(content) {
                text.removeAll(keepingCapacity: true)
                Self.readText(content, &text)
            } else if isUser || isTool {
                told = content
            }
        }
        if text.isEmpty, let told { Self.readToolText(told, &text) }
        turns = max(1, turns)
    }

    private static func hasText(_ content: JSONValue) -> Bool {
        guard content.isArray else { return content.maxDecodedLength > 0 }
        return content.elements.contains { part in
            part.isString ? part.maxDecodedLength > 0 : self.member("text", of: part).map { $0.maxDecodedLength > 0 } ?? false
        }
    }

    private static func readText(_ content: JSONValue, _ text: inout [UInt8]) {
        guard content.isArray else { return append(content, to: &text) }
        for part in content.elements {
            if let words = part.isString ? part : member("text", of: part) { append(words, to: &text) }
        }
    }

    /// Of what a tool has said: in parts of a message (`tool_result`), or as the content itself.
    private static func readToolText(_ content: JSONValue, _ text: inout [UInt8]) {
        readText(content, &text)
        guard content.isArray else { return }
        for part in content.elements {
            if let inner = member("content", of: part) { readText(inner, &text) }
        }
    }

    private static func member(_ name: StaticString, of value: JSONValue) -> JSONValue? {
        guard value.isObject else { return nil }
        for member in value.members where member.key.equals(name) { return member.value }
        return nil
    }

    /// Counts images, documents and sounds, also in what a tool has said.
    private mutating func noteMedia(_ content: JSONValue, isInner: Bool = false) {
        guard content.isArray else { return }
        for part in content.elements {
            guard let type = Self.member("type", of: part) else { continue }
            let isImage = type.equals("image_url") || type.equals("input_image") || type.equals("image")
            if isImage { hasImages = true }
            if isImage || Self.isOtherMedium(type, part) {
                mediaParts += 1
                mediaBytes += part.rawBytes.count
            } else if !isInner, let inner = Self.member("content", of: part) {
                noteMedia(inner, isInner: true)
            }
        }
    }

    /// A document that is given as text is text.
    private static func isOtherMedium(_ type: JSONValue, _ part: JSONValue) -> Bool {
        if type.equals("input_audio") || type.equals("input_file") || type.equals("file") { return true }
        guard type.equals("document"), let source = member("source", of: part), let kind = member("type", of: source) else { return false }
        return !kind.equals("text") && !kind.equals("content")
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
}

extension RequestWorkspace {
    /// Reads what an already rendered body asks of a model.
    ///
    /// - Parameter text: as ``RequestTraits/init(reading:text:)`` has it.
    package mutating func traits(of body: ByteBuffer, text: inout [UInt8]) -> RequestTraits {
        withScanned(body) { RequestTraits(reading: $0, text: &text) } ?? RequestTraits()
    }
}
