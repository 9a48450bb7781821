// Generated from protocol/error-codes.json by Scripts/generate-error-codes.py; change it there.

extension ErrorCode {
    /// The peer broke a rule of the protocol.
    package static let protocolError = ErrorCode(rawValue: 100)
    /// A frame is longer than the limit, declared or decompressed.
    package static let frameTooLarge = ErrorCode(rawValue: 101)
    /// A compressed payload does not decompress to its declared length.
    package static let badCompression = ErrorCode(rawValue: 102)
    /// More bytes were sent than there was credit, or credit overflowed.
    package static let flowControlError = ErrorCode(rawValue: 103)
    /// The two sides have no protocol version in common.
    package static let unsupportedVersion = ErrorCode(rawValue: 104)
    /// A budget for pings, cancellations, empty or unknown frames was used up.
    package static let abuse = ErrorCode(rawValue: 105)
    /// HELLO, the rest of a message or a sign of life did not come in time.
    package static let timeout = ErrorCode(rawValue: 106)
    /// The request's content breaks a rule; param names the field.
    package static let invalidRequest = ErrorCode(rawValue: 200)
    /// The body is not valid JSON or not a valid message of the protocol.
    package static let malformedBody = ErrorCode(rawValue: 201)
    /// The request is larger than the gateway accepts.
    package static let requestTooLarge = ErrorCode(rawValue: 202)
    /// The gateway does not offer this operation or path.
    package static let unsupported = ErrorCode(rawValue: 203)
    /// There is no such thing, or it belongs to somebody else.
    package static let notFound = ErrorCode(rawValue: 204)
    /// No configured model has this name, or the key may not use it.
    package static let modelNotFound = ErrorCode(rawValue: 205)
    /// The scrubbing policy forbids what the request contains; the kinds are named, never the values.
    package static let blockedByPolicy = ErrorCode(rawValue: 206)
    /// The idempotency key was used for another request.
    package static let idempotencyConflict = ErrorCode(rawValue: 207)
    /// The path exists, with another HTTP method.
    package static let methodNotAllowed = ErrorCode(rawValue: 208)
    /// The caller asked for a cached answer only, and there is none.
    package static let cacheMiss = ErrorCode(rawValue: 209)
    /// The stream cannot be resumed: unknown, over, or its buffer is gone.
    package static let resumeUnavailable = ErrorCode(rawValue: 210)
    /// The answer is larger than the client accepts, or outran the credit that the client gave.
    package static let answerTooLarge = ErrorCode(rawValue: 211)
    /// No credential, or one that is wrong, expired or revoked.
    package static let unauthenticated = ErrorCode(rawValue: 300)
    /// The credential is valid but does not allow this.
    package static let permissionDenied = ErrorCode(rawValue: 301)
    /// The credential's tenant is paused until an operator lets it go on.
    package static let tenantPaused = ErrorCode(rawValue: 302)
    /// The credential's tenant is bound to another region than this replica's; nothing was done.
    package static let wrongRegion = ErrorCode(rawValue: 303)
    /// The gateway is reached through its edge only, and nothing proves that the request came that way.
    package static let edgeProofRequired = ErrorCode(rawValue: 310)
    /// What would verify the credential cannot be had, and what is known of it is missing or too old; nothing was done.
    package static let authorityUnavailable = ErrorCode(rawValue: 311)
    /// A limit of the gateway is used up; retry-after says until when.
    package static let rateLimited = ErrorCode(rawValue: 400)
    /// A budget is used up; the message names its level and when it resets.
    package static let budgetExceeded = ErrorCode(rawValue: 401)
    /// The gateway sheds load, or leaves a provider alone that has failed too often (its breaker is open); nothing was done.
    package static let overloaded = ErrorCode(rawValue: 402)
    /// This replica is going away; nothing was done, or the drain deadline cut the answer.
    package static let draining = ErrorCode(rawValue: 403)
    /// The connection has as many open streams as it may have; nothing was done.
    package static let tooManyStreams = ErrorCode(rawValue: 404)
    /// An operator has stopped all traffic, or the tenant's.
    package static let trafficStopped = ErrorCode(rawValue: 405)
    /// Requests cannot be written down durably at present. Before an answer nothing was done; an answer that ends so was made and is charged.
    package static let ledgerUnavailable = ErrorCode(rawValue: 406)
    /// A model that the request might go to has no known price, and is not used without one; an operator must act.
    package static let priceUnknown = ErrorCode(rawValue: 407)
    /// The provider failed.
    package static let upstreamError = ErrorCode(rawValue: 500)
    /// No connection to the provider could be made.
    package static let upstreamUnreachable = ErrorCode(rawValue: 501)
    /// The provider did not answer in time.
    package static let upstreamTimeout = ErrorCode(rawValue: 502)
    /// The provider's answer is empty, cut, not JSON or too large.
    package static let upstreamBadAnswer = ErrorCode(rawValue: 503)
    /// The provider refused the request itself; its message is passed on.
    package static let upstreamRejected = ErrorCode(rawValue: 504)
    /// The provider's limit for the gateway's credential is used up.
    package static let upstreamRateLimited = ErrorCode(rawValue: 505)
    /// The provider refused the gateway's own credential; an operator must act.
    package static let upstreamCredential = ErrorCode(rawValue: 506)
    /// The provider's stream broke after a part of the answer was delivered.
    package static let streamBroken = ErrorCode(rawValue: 507)
    /// The provider has no capacity at present.
    package static let upstreamOverloaded = ErrorCode(rawValue: 508)
    /// The request's deadline passed.
    package static let deadlineExceeded = ErrorCode(rawValue: 600)
    /// The caller cancelled.
    package static let cancelled = ErrorCode(rawValue: 601)
    /// A fault of the gateway itself; the request id finds it in its log.
    package static let internalError = ErrorCode(rawValue: 602)
    /// The client took nothing of the answer for too long.
    package static let stalled = ErrorCode(rawValue: 603)

    /// The registry's entry of every known code.
    package static let registry: [ErrorCode: Entry] = [
        .protocolError: Entry(name: "protocol_error", scope: .connection, retry: .never),
        .frameTooLarge: Entry(name: "frame_too_large", scope: .connection, retry: .never),
        .badCompression: Entry(name: "bad_compression", scope: .connection, retry: .never),
        .flowControlError: Entry(name: "flow_control_error", scope: .connection, retry: .never),
        .unsupportedVersion: Entry(name: "unsupported_version", scope: .connection, retry: .never),
        .abuse: Entry(name: "abuse", scope: .connection, retry: .later),
        .timeout: Entry(name: "timeout", scope: .connection, retry: .elsewhere),
        .invalidRequest: Entry(name: "invalid_request", scope: .stream, retry: .never),
        .malformedBody: Entry(name: "malformed_body", scope: .stream, retry: .never),
        .requestTooLarge: Entry(name: "request_too_large", scope: .stream, retry: .never),
        .unsupported: Entry(name: "unsupported", scope: .stream, retry: .never),
        .notFound: Entry(name: "not_found", scope: .stream, retry: .never),
        .modelNotFound: Entry(name: "model_not_found", scope: .stream, retry: .never),
        .blockedByPolicy: Entry(name: "blocked_by_policy", scope: .stream, retry: .never),
        .idempotencyConflict: Entry(name: "idempotency_conflict", scope: .stream, retry: .never),
        .methodNotAllowed: Entry(name: "method_not_allowed", scope: .stream, retry: .never),
        .cacheMiss: Entry(name: "cache_miss", scope: .stream, retry: .never),
        .resumeUnavailable: Entry(name: "resume_unavailable", scope: .stream, retry: .never),
        .answerTooLarge: Entry(name: "answer_too_large", scope: .stream, retry: .never),
        .unauthenticated: Entry(name: "unauthenticated", scope: .stream, retry: .never),
        .permissionDenied: Entry(name: "permission_denied", scope: .stream, retry: .never),
        .tenantPaused: Entry(name: "tenant_paused", scope: .stream, retry: .never),
        .wrongRegion: Entry(name: "wrong_region", scope: .stream, retry: .elsewhere),
        .edgeProofRequired: Entry(name: "edge_proof_required", scope: .stream, retry: .never),
        .authorityUnavailable: Entry(name: "authority_unavailable", scope: .stream, retry: .later),
        .rateLimited: Entry(name: "rate_limited", scope: .stream, retry: .later),
        .budgetExceeded: Entry(name: "budget_exceeded", scope: .stream, retry: .never),
        .overloaded: Entry(name: "overloaded", scope: .stream, retry: .later),
        .draining: Entry(name: "draining", scope: .stream, retry: .elsewhere),
        .tooManyStreams: Entry(name: "too_many_streams", scope: .stream, retry: .safe),
        .trafficStopped: Entry(name: "traffic_stopped", scope: .stream, retry: .later),
        .ledgerUnavailable: Entry(name: "ledger_unavailable", scope: .stream, retry: .later),
        .priceUnknown: Entry(name: "price_unknown", scope: .stream, retry: .never),
        .upstreamError: Entry(name: "upstream_error", scope: .stream, retry: .later),
        .upstreamUnreachable: Entry(name: "upstream_unreachable", scope: .stream, retry: .later),
        .upstreamTimeout: Entry(name: "upstream_timeout", scope: .stream, retry: .later),
        .upstreamBadAnswer: Entry(name: "upstream_bad_answer", scope: .stream, retry: .later),
        .upstreamRejected: Entry(name: "upstream_rejected", scope: .stream, retry: .never),
        .upstreamRateLimited: Entry(name: "upstream_rate_limited", scope: .stream, retry: .later),
        .upstreamCredential: Entry(name: "upstream_credential", scope: .stream, retry: .never),
        .streamBroken: Entry(name: "stream_broken", scope: .stream, retry: .later),
        .upstreamOverloaded: Entry(name: "upstream_overloaded", scope: .stream, retry: .later),
        .deadlineExceeded: Entry(name: "deadline_exceeded", scope: .stream, retry: .never),
        .cancelled: Entry(name: "cancelled", scope: .stream, retry: .never),
        .internalError: Entry(name: "internal_error", scope: .stream, retry: .later),
        .stalled: Entry(name: "stalled", scope: .stream, retry: .never),
    ]
}
