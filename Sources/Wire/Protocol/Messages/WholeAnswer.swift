package import NIOCore

/// A whole answer. `body` is `nil` where it is missing, or of a kind that this build does not know.
package struct ResultBody: Sendable, Equatable {
    package enum Body: Sendable, Equatable {
        case chat(ChatResult)
        case embeddings(EmbeddingsResult)
        case models(ModelsResult)
        case feedback(FeedbackResult)
    }

    package var body: Body?

    package init(_ body: Body? = nil) {
        self.body = body
    }
}

extension ResultBody: WireMessage {
    package init() {
        self.init(nil)
    }

    package static var oneof: ClosedRange<UInt32>? { 1...4 }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&body, as: Body.chat)
        case 2: try reader.read(&body, as: Body.embeddings)
        case 3: try reader.read(&body, as: Body.models)
        case 4: try reader.read(&body, as: Body.feedback)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        switch body {
        case .chat(let value): writer.writeMember(1, value)
        case .embeddings(let value): writer.writeMember(2, value)
        case .models(let value): writer.writeMember(3, value)
        case .feedback(let value): writer.writeMember(4, value)
        case nil: break
        }
    }
}

/// The answer to a chat that was not streamed.
package struct ChatResult: Sendable, Equatable {
    package var choices: [Choice]

    package init(choices: [Choice] = []) {
        self.choices = choices
    }
}

extension ChatResult: WireMessage {
    package init() {
        self.init(choices: [])
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&choices)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, choices)
    }
}

/// One of the answers that a chat asked for.
package struct Choice: Sendable, Equatable {
    package var index: UInt32
    package var items: [Item]

    package init(index: UInt32 = 0, items: [Item] = []) {
        self.index = index
        self.items = items
    }
}

extension Choice: WireMessage {
    package init() {
        self.init(index: 0)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&index)
        case 2: try reader.read(&items)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, index)
        writer.write(2, items)
    }
}

/// A text, a tool call or another piece of an answer, whole.
package struct Item: Sendable, Equatable {
    package var kind: ItemKind
    package var id: Text
    package var name: Text
    package var data: ByteBuffer

    package init(kind: ItemKind = .unspecified, id: Text = Text(), name: Text = Text(), data: ByteBuffer = ByteBuffer()) {
        self.kind = kind
        self.id = id
        self.name = name
        self.data = data
    }
}

extension Item: WireMessage {
    package init() {
        self.init(kind: .unspecified)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&kind)
        case 2: try reader.read(&id)
        case 3: try reader.read(&name)
        case 4: try reader.read(&data)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, kind)
        writer.write(2, id)
        writer.write(3, name)
        writer.write(4, data)
    }
}

/// The vectors, in the order that `index` says.
package struct EmbeddingsResult: Sendable, Equatable {
    package var embeddings: [Embedding]

    package init(embeddings: [Embedding] = []) {
        self.embeddings = embeddings
    }
}

extension EmbeddingsResult: WireMessage {
    package init() {
        self.init(embeddings: [])
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&embeddings)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, embeddings)
    }
}

/// The vector of one input.
package struct Embedding: Sendable, Equatable {
    package var index: UInt32
    package var values: [Float]

    package init(index: UInt32 = 0, values: [Float] = []) {
        self.index = index
        self.values = values
    }
}

extension Embedding: WireMessage {
    package init() {
        self.init(index: 0)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&index)
        case 2: try reader.read(&values)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, index)
        writer.write(2, values)
    }
}

/// The models that the credential may use.
package struct ModelsResult: Sendable, Equatable {
    package var models: [ModelEntry]

    package init(models: [ModelEntry] = []) {
        self.models = models
    }
}

extension ModelsResult: WireMessage {
    package init() {
        self.init(models: [])
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&models)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, models)
    }
}

/// A model that can be named in a request.
package struct ModelEntry: Sendable, Equatable {
    package var id: Text
    package var ownedBy: Text
    package var created: UInt64

    package init(id: Text = Text(), ownedBy: Text = Text(), created: UInt64 = 0) {
        self.id = id
        self.ownedBy = ownedBy
        self.created = created
    }
}

extension ModelEntry: WireMessage {
    package init() {
        self.init(id: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&id)
        case 2: try reader.read(&ownedBy)
        case 3: try reader.read(&created)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, id)
        writer.write(2, ownedBy)
        writer.write(3, created)
    }
}

/// Whether the feedback was recorded.
package struct FeedbackResult: Sendable, Equatable {
    package var accepted: Bool

    package init(accepted: Bool = false) {
        self.accepted = accepted
    }
}

extension FeedbackResult: WireMessage {
    package init() {
        self.init(accepted: false)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&accepted)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, accepted)
    }
}
