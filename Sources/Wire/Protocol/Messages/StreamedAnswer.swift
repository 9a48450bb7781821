package import NIOCore

/// The head of a streamed answer.
package struct Begin: Sendable, Equatable {
    package var responseID: Text
    /// The model really used.
    package var model: Text
    package var provider: Text
    package var cache: CacheStatus
    package var requestID: Text
    /// Seconds since 1970.
    package var created: UInt64

    package init(
        responseID: Text = Text(), model: Text = Text(), provider: Text = Text(), cache: CacheStatus = .unspecified,
        requestID: Text = Text(), created: UInt64 = 0
    ) {
        self.responseID = responseID
        self.model = model
        self.provider = provider
        self.cache = cache
        self.requestID = requestID
        self.created = created
    }
}

extension Begin: WireMessage {
    package init() {
        self.init(responseID: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&responseID)
        case 2: try reader.read(&model)
        case 3: try reader.read(&provider)
        case 4: try reader.read(&cache)
        case 5: try reader.read(&requestID)
        case 6: try reader.read(&created)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, responseID)
        writer.write(2, model)
        writer.write(3, provider)
        writer.write(4, cache)
        writer.write(5, requestID)
        writer.write(6, created)
    }
}

/// How an answer and the response cache met.
package struct CacheStatus: OpenEnum {
    package static let unspecified = CacheStatus(rawValue: 0)
    package static let miss = CacheStatus(rawValue: 1)
    package static let hit = CacheStatus(rawValue: 2)
    package static let bypass = CacheStatus(rawValue: 3)
    /// Waited for an equal request that was under way.
    package static let coalesced = CacheStatus(rawValue: 4)

    package var rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }
}

/// A piece of a streamed answer.
package struct Delta: Sendable, Equatable {
    /// From 1, without gaps, over the whole stream.
    package var sequence: UInt64
    package var choice: UInt32
    /// Index of the item within its choice.
    package var item: UInt32
    package var kind: ItemKind
    /// ``ItemKind/toolCall``: the call's id, on the item's first delta.
    package var id: Text
    /// ``ItemKind/toolCall``: the function; ``ItemKind/providerBlock``: "provider/type"; on the first delta.
    package var name: Text
    /// UTF-8 text (opaque for ``ItemKind/providerBlock``); an item's deltas are concatenated.
    package var data: ByteBuffer
    /// Zeros; only where the feature `padding` was agreed.
    package var padding: ByteBuffer

    package init(
        sequence: UInt64 = 0, choice: UInt32 = 0, item: UInt32 = 0, kind: ItemKind = .unspecified, id: Text = Text(),
        name: Text = Text(), data: ByteBuffer = ByteBuffer(), padding: ByteBuffer = ByteBuffer()
    ) {
        self.sequence = sequence
        self.choice = choice
        self.item = item
        self.kind = kind
        self.id = id
        self.name = name
        self.data = data
        self.padding = padding
    }
}

extension Delta: WireMessage {
    package init() {
        self.init(sequence: 0)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&sequence)
        case 2: try reader.read(&choice)
        case 3: try reader.read(&item)
        case 4: try reader.read(&kind)
        case 5: try reader.read(&id)
        case 6: try reader.read(&name)
        case 7: try reader.read(&data)
        case 8: try reader.read(&padding)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, sequence)
        writer.write(2, choice)
        writer.write(3, item)
        writer.write(4, kind)
        writer.write(5, id)
        writer.write(6, name)
        writer.write(7, data)
        writer.write(8, padding)
    }
}

/// What a piece of an answer is.
package struct ItemKind: OpenEnum {
    package static let unspecified = ItemKind(rawValue: 0)
    package static let text = ItemKind(rawValue: 1)
    package static let reasoning = ItemKind(rawValue: 2)
    /// Its data is the arguments' JSON text.
    package static let toolCall = ItemKind(rawValue: 3)
    package static let refusal = ItemKind(rawValue: 4)
    package static let providerBlock = ItemKind(rawValue: 5)

    package var rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }
}
