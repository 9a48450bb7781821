/// How a request ended.
package enum Outcome: String, Sendable, Equatable {
    case answered
    case failed
    /// The caller left before the end.
    case cancelled
}

/// What is kept of a request when it is over. Never any text of it.
package struct LedgerRecord: Sendable, Equatable {
    package var summary: AnswerSummary
    package var tenant: String
    package var department: String?
    package var user: String?
    package var keyID: String
    /// The caller's own words for the user and the request.
    package var endUser: String?
    package var callerRequestID: String?
    package var requestedModel: String
    /// `nil`: no upstream was chosen.
    package var usedModel: String?
    package var provider: String?
    package var outcome: Outcome
    /// Registry name of the fault, where `outcome` is `failed`.
    package var fault: String?
    /// Milliseconds since 1970 at which the request had arrived.
    package var receivedUnixMilliseconds: UInt64

    package init(
        summary: AnswerSummary, principal: Principal, endUser: String?, callerRequestID: String?, requestedModel: String,
        usedModel: String?,
        provider: String?, outcome: Outcome, fault: FaultKind?, receivedUnixMilliseconds: UInt64
    ) {
        self.summary = summary
        tenant = principal.tenant
        department = principal.department
        user = principal.user
        keyID = principal.keyID
        self.endUser = endUser
        self.callerRequestID = callerRequestID
        self.requestedModel = requestedModel
        self.usedModel = usedModel
        self.provider = provider
        self.outcome = outcome
        self.fault = fault?.presentation.name
        self.receivedUnixMilliseconds = receivedUnixMilliseconds
    }
}
