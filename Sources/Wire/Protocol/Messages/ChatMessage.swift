package import NIOCore

/// Whose message it is.
package struct Role: OpenEnum {
    package static let unspecified = Role(rawValue: 0)
    package static let system = Role(rawValue: 1)
    package static let developer = Role(rawValue: 2)
    package static let user = Role(rawValue: 3)
    package static let assistant = Role(rawValue: 4)
    package static let tool = Role(rawValue: 5)

    package var rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }
}

/// One message of a conversation.
package struct ChatMessage: Sendable, Equatable {
    package var role: Role
    package var parts: [Part]
    package var name: Text
    /// Only of ``Role/assistant``.
    package var toolCalls: [ToolCall]
    /// Only of ``Role/tool``: which call this answers.
    package var toolCallID: Text

    package init(
        role: Role = .unspecified, parts: [Part] = [], name: Text = Text(), toolCalls: [ToolCall] = [], toolCallID: Text = Text()
    ) {
        self.role = role
        self.parts = parts
        self.name = name
        self.toolCalls = toolCalls
        self.toolCallID = toolCallID
    }
}

extension ChatMessage: WireMessage {
    package init() {
        self.init(role: .unspecified)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&role)
        case 2: try reader.read(&parts)
        case 3: try reader.read(&name)
        case 4: try reader.read(&toolCalls)
        case 5: try reader.read(&toolCallID)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, role)
        writer.write(2, parts)
        writer.write(3, name)
        writer.write(4, toolCalls)
        writer.write(5, toolCallID)
    }
}

/// A piece of a message's content. `content` is `nil` where it is missing, or of a kind that this build does not know.
package struct Part: Sendable, Equatable {
    package enum Content: Sendable, Equatable {
        case text(Text)
        case refusal(Text)
        indirect case image(Media)
        indirect case audio(Media)
        indirect case file(Media)
        indirect case providerBlock(ProviderBlock)
        case reasoning(Text)
    }

    package var content: Content?

    package init(_ content: Content? = nil) {
        self.content = content
    }
}

extension Part: WireMessage {
    package init() {
        self.init(nil)
    }

    package static var oneof: ClosedRange<UInt32>? { 1...7 }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&content, as: Content.text)
        case 2: try reader.read(&content, as: Content.refusal)
        case 3: try reader.read(&content, as: Content.image)
        case 4: try reader.read(&content, as: Content.audio)
        case 5: try reader.read(&content, as: Content.file)
        case 6: try reader.read(&content, as: Content.providerBlock)
        case 7: try reader.read(&content, as: Content.reasoning)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        switch content {
        case .text(let value): writer.writeMember(1, value)
        case .refusal(let value): writer.writeMember(2, value)
        case .image(let value): writer.writeMember(3, value)
        case .audio(let value): writer.writeMember(4, value)
        case .file(let value): writer.writeMember(5, value)
        case .providerBlock(let value): writer.writeMember(6, value)
        case .reasoning(let value): writer.writeMember(7, value)
        case nil: break
        }
    }
}

/// An image, a recording or a document: where it is, or the bytes themselves.
package struct Media: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        case url(Text)
        case data(ByteBuffer)
    }

    package var source: Source?
    package var mediaType: Text
    package var detail: Text
    package var filename: Text

    package init(source: Source? = nil, mediaType: Text = Text(), detail: Text = Text(), filename: Text = Text()) {
        self.source = source
        self.mediaType = mediaType
        self.detail = detail
        self.filename = filename
    }
}

extension Media: WireMessage {
    package init() {
        self.init(source: nil)
    }

    package static var oneof: ClosedRange<UInt32>? { 1...2 }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&source, as: Source.url)
        case 2: try reader.read(&source, as: Source.data)
        case 3: try reader.read(&mediaType)
        case 4: try reader.read(&detail)
        case 5: try reader.read(&filename)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        switch source {
        case .url(let value): writer.writeMember(1, value)
        case .data(let value): writer.writeMember(2, value)
        case nil: break
        }
        writer.write(3, mediaType)
        writer.write(4, detail)
        writer.write(5, filename)
    }
}

/// An opaque block of a provider (signed thinking, citations) that must come back unchanged in the next request.
package struct ProviderBlock: Sendable, Equatable {
    package var provider: Text
    package var type: Text
    package var data: ByteBuffer

    package init(provider: Text = Text(), type: Text = Text(), data: ByteBuffer = ByteBuffer()) {
        self.provider = provider
        self.type = type
        self.data = data
    }
}

extension ProviderBlock: WireMessage {
    package init() {
        self.init(provider: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&provider)
        case 2: try reader.read(&type)
        case 3: try reader.read(&data)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, provider)
        writer.write(2, type)
        writer.write(3, data)
    }
}
