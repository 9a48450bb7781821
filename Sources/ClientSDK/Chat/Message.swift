/// One message of a conversation.
public struct Message: Sendable, Hashable {
    public enum Role: Sendable, Hashable {
        case system
        case developer
        case user
        case assistant
        case tool
    }

    public var role: Role
    public var parts: [Part]
    /// Tells participants of the same role apart.
    public var name: String?
    /// Only of ``Role/assistant``: what the model asked to have called.
    public var toolCalls: [ToolCall] = []
    /// Only of ``Role/tool``: which call this answers.
    public var toolCallID: String?

    public init(role: Role, parts: [Part], name: String? = nil) {
        self.role = role
        self.parts = parts
        self.name = name
    }

    public static func system(_ text: String) -> Message { Message(role: .system, parts: [.text(text)]) }

    public static func developer(_ text: String) -> Message { Message(role: .developer, parts: [.text(text)]) }

    public static func user(_ text: String) -> Message { Message(role: .user, parts: [.text(text)]) }

    public static func user(_ parts: [Part]) -> Message { Message(role: .user, parts: parts) }

    public static func assistant(_ text: String, toolCalls: [ToolCall] = []) -> Message {
        var message = Message(role: .assistant, parts: text.isEmpty ? [] : [.text(text)])
        message.toolCalls = toolCalls
        return message
    }

    /// The result of a tool call.
    public static func tool(_ result: String, answering call: ToolCall) -> Message {
        var message = Message(role: .tool, parts: [.text(result)])
        message.toolCallID = call.id
        return message
    }
}

/// A piece of a message's content.
public enum Part: Sendable, Hashable {
    case text(String)
    case image(Media)
    case audio(Media)
    case file(Media)
    /// What the model said instead of an answer.
    case refusal(String)
    /// What the model thought.
    case reasoning(String)
    case providerBlock(ProviderBlock)
}

/// An image, a recording or a document.
public struct Media: Sendable, Hashable {
    /// Where it is, or the bytes themselves.
    public enum Source: Sendable, Hashable {
        case url(String)
        case data([UInt8])
    }

    public var source: Source
    /// Such as `image/png`; needed with ``Source/data(_:)``.
    public var mediaType: String
    /// How closely an image is to be looked at, in the provider's words.
    public var detail: String?
    public var filename: String?

    public init(_ source: Source, mediaType: String = "", detail: String? = nil, filename: String? = nil) {
        self.source = source
        self.mediaType = mediaType
        self.detail = detail
        self.filename = filename
    }
}

/// An opaque block of a provider (signed thinking, citations) that must come back unchanged in the next request.
public struct ProviderBlock: Sendable, Hashable {
    public var provider: String
    public var type: String
    public var data: [UInt8]

    public init(provider: String, type: String, data: [UInt8]) {
        self.provider = provider
        self.type = type
        self.data = data
    }
}

/// A function that the model asks to have called.
public struct ToolCall: Sendable, Hashable {
    public var id: String
    public var name: String
    /// JSON text as the model wrote it; may be invalid JSON.
    public var arguments: String

    public init(id: String, name: String, arguments: String) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}
