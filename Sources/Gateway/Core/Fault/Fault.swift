/// Where a fault comes from. Decides who is told what: the caller's own mistakes in detail, ours and the provider's in general words.
package enum FaultOrigin: Sendable, Equatable {
    /// The caller's side.
    case downstream
    /// This gateway.
    case gateway
    /// The provider's side.
    case upstream
}

/// When the same request may be sent again; see `protocol/error-codes.json`.
package enum RetryAdvice: Sendable, Equatable {
    case never
    case safe
    case later
    case elsewhere
}

/// How the doors tell a fault. One row of the registry.
package struct FaultPresentation: Sendable, Equatable {
    package var name: String
    package var retry: RetryAdvice
    /// HTTP status of the shim's answer.
    package var httpStatus: Int
    package var openAIType: String
    package var openAICode: String
    package var anthropicType: String
}

/// Everything that can go wrong with a request, in the one form in which it crosses module boundaries.
///
/// `message` is one sentence for a person. It never holds payload text, credentials or personal data.
package struct Fault: Error, Sendable, Equatable {
    package var kind: FaultKind
    package var origin: FaultOrigin
    package var message: String
    /// How long the caller should wait before it tries again, in milliseconds. `nil`: no advice.
    package var retryAfterMilliseconds: Int64?
    /// The request's field at fault, as the caller wrote it, such as `messages[0].content`.
    package var parameter: String?
    /// HTTP status where it differs from the kind's own: an upstream's 4xx about the request passes through.
    package var httpStatusOverride: Int?

    package init(
        _ kind: FaultKind, origin: FaultOrigin, message: String, retryAfterMilliseconds: Int64? = nil, parameter: String? = nil,
        httpStatusOverride: Int? = nil
    ) {
        self.kind = kind
        self.origin = origin
        self.message = message
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.parameter = parameter
        self.httpStatusOverride = httpStatusOverride
    }

    package var httpStatus: Int { httpStatusOverride ?? kind.presentation.httpStatus }

    /// Whether the wire protocol marks this retryable: the same request may succeed later or elsewhere.
    package var isRetryable: Bool { kind.presentation.retry != .never }
}
