// Generated from protocol/error-codes.json by Scripts/generate-error-codes.py; change it there.

/// What went wrong, in the registry's words. The raw value is the wire protocol's error code.
package enum FaultKind: UInt32, CaseIterable, Sendable {
    /// The peer broke a rule of the protocol.
    case protocolError = 100
    /// A frame is longer than the limit, declared or decompressed.
    case frameTooLarge = 101
    /// A compressed payload does not decompress to its declared length.
    case badCompression = 102
    /// More bytes were sent than there was credit, or credit overflowed.
    case flowControlError = 103
    /// The two sides have no protocol version in common.
    case unsupportedVersion = 104
    /// A budget for pings, cancellations, empty or unknown frames was used up.
    case abuse = 105
    /// HELLO, the rest of a message or a sign of life did not come in time.
    case timeout = 106
    /// The request's content breaks a rule; param names the field.
    case invalidRequest = 200
    /// The body is not valid JSON or not a valid message of the protocol.
    case malformedBody = 201
    /// The request is larger than the gateway accepts.
    case requestTooLarge = 202
    /// The gateway does not offer this operation or path.
    case unsupported = 203
    /// There is no such thing, or it belongs to somebody else.
    case notFound = 204
    /// No configured model has this name, or the key may not use it.
    case modelNotFound = 205
    /// The scrubbing policy forbids what the request contains; the kinds are named, never the values.
    case blockedByPolicy = 206
    /// The idempotency key was used for another request.
    case idempotencyConflict = 207
    /// The path exists, with another HTTP method.
    case methodNotAllowed = 208
    /// The caller asked for a cached answer only, and there is none.
    case cacheMiss = 209
    /// The stream cannot be resumed: unknown, over, or its buffer is gone.
    case resumeUnavailable = 210
    /// The answer is larger than the client accepts, or outran the credit that the client gave.
    case answerTooLarge = 211
    /// No credential, or one that is wrong, expired or revoked.
    case unauthenticated = 300
    /// The credential is valid but does not allow this.
    case permissionDenied = 301
    /// The credential's tenant is paused until an operator lets it go on.
    case tenantPaused = 302
    /// The credential's tenant is bound to another region than this replica's; nothing was done.
    case wrongRegion = 303
    /// The gateway is reached through its edge only, and nothing proves that the request came that way.
    case edgeProofRequired = 310
    /// What would verify the credential cannot be had, and what is known of it is missing or too old; nothing was done.
    case authorityUnavailable = 311
    /// A limit of the gateway is used up; retry-after says until when.
    case rateLimited = 400
    /// A budget is used up; the message names its level and when it resets.
    case budgetExceeded = 401
    /// The gateway sheds load, or leaves a provider alone that has failed too often (its breaker is open); nothing was done.
    case overloaded = 402
    /// This replica is going away; nothing was done, or the drain deadline cut the answer.
    case draining = 403
    /// The connection has as many open streams as it may have; nothing was done.
    case tooManyStreams = 404
    /// An operator has stopped all traffic, or the tenant's.
    case trafficStopped = 405
    /// Requests cannot be written down durably at present. Before an answer nothing was done; an answer that ends so was made and is charged.
    case ledgerUnavailable = 406
    /// A model that the request might go to has no known price, and is not used without one; an operator must act.
    case priceUnknown = 407
    /// The provider failed.
    case upstreamError = 500
    /// No connection to the provider could be made.
    case upstreamUnreachable = 501
    /// The provider did not answer in time.
    case upstreamTimeout = 502
    /// The provider's answer is empty, cut, not JSON or too large.
    case upstreamBadAnswer = 503
    /// The provider refused the request itself; its message is passed on.
    case upstreamRejected = 504
    /// The provider's limit for the gateway's credential is used up.
    case upstreamRateLimited = 505
    /// The provider refused the gateway's own credential; an operator must act.
    case upstreamCredential = 506
    /// The provider's stream broke after a part of the answer was delivered.
    case streamBroken = 507
    /// The provider has no capacity at present.
    case upstreamOverloaded = 508
    /// The request's deadline passed.
    case deadlineExceeded = 600
    /// The caller cancelled.
    case cancelled = 601
    /// A fault of the gateway itself; the request id finds it in its log.
    case internalError = 602
    /// The client took nothing of the answer for too long.
    case stalled = 603
}

extension FaultKind {
    /// How each door tells this kind.
    package var presentation: FaultPresentation {
        switch self {
        case .protocolError:
            FaultPresentation(
                name: "protocol_error", retry: .never, httpStatus: 400,
                openAIType: "invalid_request_error", openAICode: "protocol_error", anthropicType: "invalid_request_error")
        case .frameTooLarge:
            FaultPresentation(
                name: "frame_too_large", retry: .never, httpStatus: 413,
                openAIType: "invalid_request_error", openAICode: "frame_too_large", anthropicType: "request_too_large")
        case .badCompression:
            FaultPresentation(
                name: "bad_compression", retry: .never, httpStatus: 400,
                openAIType: "invalid_request_error", openAICode: "bad_compression", anthropicType: "invalid_request_error")
        case .flowControlError:
            FaultPresentation(
                name: "flow_control_error", retry: .never, httpStatus: 400,
                openAIType: "invalid_request_error", openAICode: "flow_control_error", anthropicType: "invalid_request_error")
        case .unsupportedVersion:
            FaultPresentation(
                name: "unsupported_version", retry: .never, httpStatus: 400,
                openAIType: "invalid_request_error", openAICode: "unsupported_version", anthropicType: "invalid_request_error")
        case .abuse:
            FaultPresentation(
                name: "abuse", retry: .later, httpStatus: 429,
                openAIType: "rate_limit_error", openAICode: "abuse", anthropicType: "rate_limit_error")
        case .timeout:
            FaultPresentation(
                name: "timeout", retry: .elsewhere, httpStatus: 408,
                openAIType: "timeout_error", openAICode: "timeout", anthropicType: "timeout_error")
        case .invalidRequest:
            FaultPresentation(
                name: "invalid_request", retry: .never, httpStatus: 400,
                openAIType: "invalid_request_error", openAICode: "invalid_request", anthropicType: "invalid_request_error")
        case .malformedBody:
            FaultPresentation(
                name: "malformed_body", retry: .never, httpStatus: 400,
                openAIType: "invalid_request_error", openAICode: "malformed_body", anthropicType: "invalid_request_error")
        case .requestTooLarge:
            FaultPresentation(
                name: "request_too_large", retry: .never, httpStatus: 413,
                openAIType: "invalid_request_error", openAICode: "request_too_large", anthropicType: "request_too_large")
        case .unsupported:
            FaultPresentation(
                name: "unsupported", retry: .never, httpStatus: 501,
                openAIType: "invalid_request_error", openAICode: "unsupported", anthropicType: "invalid_request_error")
        case .notFound:
            FaultPresentation(
                name: "not_found", retry: .never, httpStatus: 404,
                openAIType: "invalid_request_error", openAICode: "not_found", anthropicType: "not_found_error")
        case .modelNotFound:
            FaultPresentation(
                name: "model_not_found", retry: .never, httpStatus: 404,
                openAIType: "invalid_request_error", openAICode: "model_not_found", anthropicType: "not_found_error")
        case .blockedByPolicy:
            FaultPresentation(
                name: "blocked_by_policy", retry: .never, httpStatus: 422,
                openAIType: "invalid_request_error", openAICode: "blocked_by_policy", anthropicType: "invalid_request_error")
        case .idempotencyConflict:
            FaultPresentation(
                name: "idempotency_conflict", retry: .never, httpStatus: 409,
                openAIType: "invalid_request_error", openAICode: "idempotency_conflict", anthropicType: "invalid_request_error")
        case .methodNotAllowed:
            FaultPresentation(
                name: "method_not_allowed", retry: .never, httpStatus: 405,
                openAIType: "invalid_request_error", openAICode: "method_not_allowed", anthropicType: "invalid_request_error")
        case .cacheMiss:
            FaultPresentation(
                name: "cache_miss", retry: .never, httpStatus: 504,
                openAIType: "invalid_request_error", openAICode: "cache_miss", anthropicType: "not_found_error")
        case .resumeUnavailable:
            FaultPresentation(
                name: "resume_unavailable", retry: .never, httpStatus: 410,
                openAIType: "invalid_request_error", openAICode: "resume_unavailable", anthropicType: "not_found_error")
        case .answerTooLarge:
            FaultPresentation(
                name: "answer_too_large", retry: .never, httpStatus: 502,
                openAIType: "invalid_request_error", openAICode: "answer_too_large", anthropicType: "api_error")
        case .unauthenticated:
            FaultPresentation(
                name: "unauthenticated", retry: .never, httpStatus: 401,
                openAIType: "authentication_error", openAICode: "invalid_api_key", anthropicType: "authentication_error")
        case .permissionDenied:
            FaultPresentation(
                name: "permission_denied", retry: .never, httpStatus: 403,
                openAIType: "permission_error", openAICode: "permission_denied", anthropicType: "permission_error")
        case .tenantPaused:
            FaultPresentation(
                name: "tenant_paused", retry: .never, httpStatus: 403,
                openAIType: "permission_error", openAICode: "tenant_paused", anthropicType: "permission_error")
        case .wrongRegion:
            FaultPresentation(
                name: "wrong_region", retry: .elsewhere, httpStatus: 451,
                openAIType: "permission_error", openAICode: "wrong_region", anthropicType: "permission_error")
        case .edgeProofRequired:
            FaultPresentation(
                name: "edge_proof_required", retry: .never, httpStatus: 403,
                openAIType: "permission_error", openAICode: "edge_proof_required", anthropicType: "permission_error")
        case .authorityUnavailable:
            FaultPresentation(
                name: "authority_unavailable", retry: .later, httpStatus: 503,
                openAIType: "server_error", openAICode: "authority_unavailable", anthropicType: "api_error")
        case .rateLimited:
            FaultPresentation(
                name: "rate_limited", retry: .later, httpStatus: 429,
                openAIType: "rate_limit_error", openAICode: "rate_limit_exceeded", anthropicType: "rate_limit_error")
        case .budgetExceeded:
            FaultPresentation(
                name: "budget_exceeded", retry: .never, httpStatus: 402,
                openAIType: "insufficient_quota", openAICode: "budget_exceeded", anthropicType: "billing_error")
        case .overloaded:
            FaultPresentation(
                name: "overloaded", retry: .later, httpStatus: 503,
                openAIType: "server_error", openAICode: "overloaded", anthropicType: "overloaded_error")
        case .draining:
            FaultPresentation(
                name: "draining", retry: .elsewhere, httpStatus: 503,
                openAIType: "server_error", openAICode: "draining", anthropicType: "overloaded_error")
        case .tooManyStreams:
            FaultPresentation(
                name: "too_many_streams", retry: .safe, httpStatus: 429,
                openAIType: "rate_limit_error", openAICode: "too_many_streams", anthropicType: "rate_limit_error")
        case .trafficStopped:
            FaultPresentation(
                name: "traffic_stopped", retry: .later, httpStatus: 503,
                openAIType: "server_error", openAICode: "traffic_stopped", anthropicType: "overloaded_error")
        case .ledgerUnavailable:
            FaultPresentation(
                name: "ledger_unavailable", retry: .later, httpStatus: 503,
                openAIType: "server_error", openAICode: "ledger_unavailable", anthropicType: "api_error")
        case .priceUnknown:
            FaultPresentation(
                name: "price_unknown", retry: .never, httpStatus: 403,
                openAIType: "permission_error", openAICode: "price_unknown", anthropicType: "permission_error")
        case .upstreamError:
            FaultPresentation(
                name: "upstream_error", retry: .later, httpStatus: 502,
                openAIType: "server_error", openAICode: "upstream_error", anthropicType: "api_error")
        case .upstreamUnreachable:
            FaultPresentation(
                name: "upstream_unreachable", retry: .later, httpStatus: 502,
                openAIType: "server_error", openAICode: "upstream_unreachable", anthropicType: "api_error")
        case .upstreamTimeout:
            FaultPresentation(
                name: "upstream_timeout", retry: .later, httpStatus: 504,
                openAIType: "server_error", openAICode: "upstream_timeout", anthropicType: "timeout_error")
        case .upstreamBadAnswer:
            FaultPresentation(
                name: "upstream_bad_answer", retry: .later, httpStatus: 502,
                openAIType: "server_error", openAICode: "upstream_bad_answer", anthropicType: "api_error")
        case .upstreamRejected:
            FaultPresentation(
                name: "upstream_rejected", retry: .never, httpStatus: 400,
                openAIType: "invalid_request_error", openAICode: "upstream_rejected", anthropicType: "invalid_request_error")
        case .upstreamRateLimited:
            FaultPresentation(
                name: "upstream_rate_limited", retry: .later, httpStatus: 429,
                openAIType: "rate_limit_error", openAICode: "upstream_rate_limited", anthropicType: "rate_limit_error")
        case .upstreamCredential:
            FaultPresentation(
                name: "upstream_credential", retry: .never, httpStatus: 502,
                openAIType: "server_error", openAICode: "upstream_credential", anthropicType: "api_error")
        case .streamBroken:
            FaultPresentation(
                name: "stream_broken", retry: .later, httpStatus: 502,
                openAIType: "server_error", openAICode: "stream_broken", anthropicType: "api_error")
        case .upstreamOverloaded:
            FaultPresentation(
                name: "upstream_overloaded", retry: .later, httpStatus: 503,
                openAIType: "server_error", openAICode: "upstream_overloaded", anthropicType: "overloaded_error")
        case .deadlineExceeded:
            FaultPresentation(
                name: "deadline_exceeded", retry: .never, httpStatus: 504,
                openAIType: "timeout_error", openAICode: "deadline_exceeded", anthropicType: "timeout_error")
        case .cancelled:
            FaultPresentation(
                name: "cancelled", retry: .never, httpStatus: 499,
                openAIType: "invalid_request_error", openAICode: "cancelled", anthropicType: "invalid_request_error")
        case .internalError:
            FaultPresentation(
                name: "internal_error", retry: .later, httpStatus: 500,
                openAIType: "server_error", openAICode: "internal_error", anthropicType: "api_error")
        case .stalled:
            FaultPresentation(
                name: "stalled", retry: .never, httpStatus: 408,
                openAIType: "timeout_error", openAICode: "stalled", anthropicType: "timeout_error")
        }
    }
}
