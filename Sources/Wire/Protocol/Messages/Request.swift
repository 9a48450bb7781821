package import NIOCore

/// What the client asks for. `operation` is `nil` where it is missing, or one that this build does not know.
package struct Request: Sendable, Equatable {
    package enum Operation: Sendable, Equatable {
        indirect case chat(ChatRequest)
        case embeddings(EmbeddingsRequest)
        case models(ModelsRequest)
        case feedback(FeedbackRequest)
        case resume(ResumeRequest)
    }

    /// From receipt; 0: the server's own limit.
    package var deadlineMs: UInt32
    package var idempotencyKey: Text
    package var resumable: Bool
    /// The caller's own user, for limits and the ledger.
    package var endUser: Text
    /// Instead of HELLO's, for this request alone.
    package var credential: Text
    /// W3C trace context.
    package var traceparent: Text
    package var tracestate: Text
    package var cache: CacheDirective
    /// Names a route of the gateway's configuration.
    package var route: Text
    /// How long the new answer may be used again, never longer than configured; 0: as configured.
    package var cacheTtlMs: UInt32
    package var operation: Operation?

    package init(
        deadlineMs: UInt32 = 0, idempotencyKey: Text = Text(), resumable: Bool = false, endUser: Text = Text(),
        credential: Text = Text(), traceparent: Text = Text(), tracestate: Text = Text(), cache: CacheDirective = .default,
        route: Text = Text(), cacheTtlMs: UInt32 = 0, operation: Operation? = nil
    ) {
        self.deadlineMs = deadlineMs
        self.idempotencyKey = idempotencyKey
        self.resumable = resumable
        self.endUser = endUser
        self.credential = credential
        self.traceparent = traceparent
        self.tracestate = tracestate
        self.cache = cache
        self.route = route
        self.cacheTtlMs = cacheTtlMs
        self.operation = operation
    }
}

extension Request: WireMessage {
    package init() {
        self.init(deadlineMs: 0)
    }

    package static var oneof: ClosedRange<UInt32>? { 16...20 }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&deadlineMs)
        case 2: try reader.read(&idempotencyKey)
        case 3: try reader.read(&resumable)
        case 4: try reader.read(&endUser)
        case 5: try reader.read(&credential)
        case 6: try reader.read(&traceparent)
        case 7: try reader.read(&tracestate)
        case 8: try reader.read(&cache)
        case 9: try reader.read(&route)
        case 10: try reader.read(&cacheTtlMs)
        case 16: try reader.read(&operation, as: Operation.chat)
        case 17: try reader.read(&operation, as: Operation.embeddings)
        case 18: try reader.read(&operation, as: Operation.models)
        case 19: try reader.read(&operation, as: Operation.feedback)
        case 20: try reader.read(&operation, as: Operation.resume)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, deadlineMs)
        writer.write(2, idempotencyKey)
        writer.write(3, resumable)
        writer.write(4, endUser)
        writer.write(5, credential)
        writer.write(6, traceparent)
        writer.write(7, tracestate)
        writer.write(8, cache)
        writer.write(9, route)
        writer.write(10, cacheTtlMs)
        switch operation {
        case .chat(let value): writer.writeMember(16, value)
        case .embeddings(let value): writer.writeMember(17, value)
        case .models(let value): writer.writeMember(18, value)
        case .feedback(let value): writer.writeMember(19, value)
        case .resume(let value): writer.writeMember(20, value)
        case nil: break
        }
    }
}

/// What the request may have of the response cache.
package struct CacheDirective: OpenEnum {
    /// As the route says.
    package static let `default` = CacheDirective(rawValue: 0)
    /// Look up and store, also where the route would not.
    package static let use = CacheDirective(rawValue: 1)
    /// Neither look up nor store.
    package static let off = CacheDirective(rawValue: 2)
    /// Do not look up, store the new answer.
    package static let refresh = CacheDirective(rawValue: 3)
    /// Answer from the cache or fail with cache_miss.
    package static let only = CacheDirective(rawValue: 4)

    package var rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }
}

/// Texts to turn into vectors.
package struct EmbeddingsRequest: Sendable, Equatable {
    package var model: Text
    package var input: [Text]
    package var dimensions: UInt32?
    package var extraJSON: ByteBuffer

    package init(model: Text = Text(), input: [Text] = [], dimensions: UInt32? = nil, extraJSON: ByteBuffer = ByteBuffer()) {
        self.model = model
        self.input = input
        self.dimensions = dimensions
        self.extraJSON = extraJSON
    }
}

extension EmbeddingsRequest: WireMessage {
    package init() {
        self.init(model: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&model)
        case 2: try reader.read(&input)
        case 3: try reader.read(&dimensions)
        case 4: try reader.read(&extraJSON)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, model)
        writer.write(2, input)
        writer.write(3, dimensions)
        writer.write(4, extraJSON)
    }
}

/// Asks which models there are.
package struct ModelsRequest: Sendable, Equatable {
    /// Empty: all that the credential may use.
    package var id: Text

    package init(id: Text = Text()) {
        self.id = id
    }
}

extension ModelsRequest: WireMessage {
    package init() {
        self.init(id: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&id)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, id)
    }
}

/// How good an earlier answer was.
package struct FeedbackRequest: Sendable, Equatable {
    package var receiptID: Text
    /// 0 to 1.
    package var score: Double
    package var comment: Text

    package init(receiptID: Text = Text(), score: Double = 0, comment: Text = Text()) {
        self.receiptID = receiptID
        self.score = score
        self.comment = comment
    }
}

extension FeedbackRequest: WireMessage {
    package init() {
        self.init(receiptID: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&receiptID)
        case 2: try reader.read(&score)
        case 3: try reader.read(&comment)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, receiptID)
        writer.write(2, score)
        writer.write(3, comment)
    }
}

/// Asks for the rest of a stream whose connection was lost.
package struct ResumeRequest: Sendable, Equatable {
    package var responseID: Text
    /// The last DELTA that arrived whole.
    package var lastSequence: UInt64

    package init(responseID: Text = Text(), lastSequence: UInt64 = 0) {
        self.responseID = responseID
        self.lastSequence = lastSequence
    }
}

extension ResumeRequest: WireMessage {
    package init() {
        self.init(responseID: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&responseID)
        case 2: try reader.read(&lastSequence)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, responseID)
        writer.write(2, lastSequence)
    }
}
