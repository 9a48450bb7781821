package import GatewayCore
package import NIOCore

/// A chat request as a door hands it to the pipeline: authenticated, received whole, not yet read.
package struct CallerRequest {
    package var id: RequestID
    package var operation: RequestOperation
    package var door: Door
    package var principal: Principal
    /// The body, in the surface's dialect.
    package var body: ByteBuffer
    /// What the caller speaks.
    package var surface: Dialect
    /// Headers of the surface's dialect, which go to a provider of the same one as they are.
    package var dialectHeaders: [DialectHeader]
    /// Whether fields that the provider's dialect has no place for are left out; otherwise they are refused.
    package var dropsUnsupported: Bool
    /// When the last byte of the request was there.
    package var receivedAt: NIODeadline
    /// What authentication took, in nanoseconds; told to the caller with the other phases.
    package var authenticationNanoseconds: Int64
    /// How long the caller will wait. `nil`: the configured default. Never longer than the configured maximum.
    package var timeout: TimeAmount?
    /// How long the caller waits without hearing anything of the answer. `nil`: it does not say.
    package var silenceTimeout: TimeAmount?
    package var cache: CacheDirective
    /// How long the new answer may be used again; `nil`, or longer than configured: as configured.
    package var cacheTimeToLive: TimeAmount?
    /// Names the request, whatever repeats it; checked by the door (``IdempotencyClaim/isKey(_:)``).
    package var idempotencyKey: String?
    /// The caller's own user; recorded, not authenticated.
    package var endUser: String?
    /// The caller's own name for the request; recorded.
    package var callerRequestID: String?
    /// W3C trace context, passed to the provider.
    package var traceparent: String?
    package var tracestate: String?
    /// Where the request came from: an IP address, by the word of a proven edge or of the socket.
    package var clientAddress: String?

    package init(
        id: RequestID, operation: RequestOperation = .answer, door: Door = .http, principal: Principal, body: ByteBuffer,
        surface: Dialect = .openAI,
        dialectHeaders: [DialectHeader] = [], dropsUnsupported: Bool = false, receivedAt: NIODeadline, authenticationNanoseconds: Int64 = 0,
        timeout: TimeAmount? = nil, silenceTimeout: TimeAmount? = nil, cache: CacheDirective = .modelDefault,
        cacheTimeToLive: TimeAmount? = nil, idempotencyKey: String? = nil, endUser: String? = nil, callerRequestID: String? = nil,
        traceparent: String? = nil, tracestate: String? = nil, clientAddress: String? = nil
    ) {
        self.id = id
        self.operation = operation
        self.door = door
        self.principal = principal
        self.body = body
        self.surface = surface
        self.dialectHeaders = dialectHeaders
        self.dropsUnsupported = dropsUnsupported
        self.receivedAt = receivedAt
        self.authenticationNanoseconds = authenticationNanoseconds
        self.timeout = timeout
        self.silenceTimeout = silenceTimeout
        self.cache = cache
        self.cacheTimeToLive = cacheTimeToLive
        self.idempotencyKey = idempotencyKey
        self.endUser = endUser
        self.callerRequestID = callerRequestID
        self.traceparent = traceparent
        self.tracestate = tracestate
        self.clientAddress = clientAddress
    }
}

/// A header that belongs to a dialect, such as `anthropic-beta`.
package struct DialectHeader: Sendable, Equatable {
    /// In lower case.
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// Where a door takes its answer. Called on the request's event loop only, and never before `Exchange.start`, which may call it from inside.
///
/// The order is: `answerBegan`, any number of `answerReceived` (exactly one for an unstreamed answer), `answerEnded`. `answerFailed` may
/// come in place of any of these. After `answerEnded` or `answerFailed`, and after `Exchange.cancel`, nothing comes any more.
package protocol AnswerReceiver: AnyObject {
    func answerBegan(_ head: AnswerHead)
    /// Placeholders are already restored: fragments that say `isRewritten` must be spliced over what stands in `raw`.
    func answerReceived(_ chunk: AnswerChunk)
    func answerEnded(_ summary: AnswerSummary)
    func answerFailed(_ fault: Fault, summary: AnswerSummary)
}

/// A model that a principal may name.
package struct ModelListing: Sendable, Equatable {
    package var name: String
    /// The provider's name, or `alias`.
    package var owner: String

    package init(name: String, owner: String) {
        self.name = name
        self.owner = owner
    }
}
