/// How a request ended.
package enum Outcome: String, Sendable, Equatable {
    case answered
    case failed
    /// The caller left before the end.
    case cancelled
    /// Nobody said how it ended: its replica is gone. It is charged what was reserved for it.
    case expired
}

/// What is kept of a request when it is over. Never any text of it.
///
/// Texts that callers and providers choose are kept up to ``maxTextBytes`` of them, and so many of what can be many, so that no record is larger than
/// some kilobytes.
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

    /// Of each text that a caller or a provider chooses.
    package static let maxTextBytes = 256
    /// Choices of an answer whose ends are kept, and kinds of findings.
    private static let maxListed = 128

    package init(
        summary: AnswerSummary, principal: Principal, endUser: String?, callerRequestID: String?, requestedModel: String,
        usedModel: String?,
        provider: String?, outcome: Outcome, fault: FaultKind?, receivedUnixMilliseconds: UInt64
    ) {
        self.init(
            summary: summary, tenant: principal.tenant, department: principal.department, user: principal.user, keyID: principal.keyID,
            endUser: endUser, callerRequestID: callerRequestID, requestedModel: requestedModel, usedModel: usedModel, provider: provider,
            outcome: outcome, fault: fault?.presentation.name, receivedUnixMilliseconds: receivedUnixMilliseconds)
    }

    package init(
        summary: AnswerSummary, tenant: String, department: String?, user: String?, keyID: String, endUser: String?,
        callerRequestID: String?, requestedModel: String, usedModel: String?, provider: String?, outcome: Outcome, fault: String?,
        receivedUnixMilliseconds: UInt64
    ) {
        self.summary = summary
        if summary.finishes.count > Self.maxListed { self.summary.finishes.removeLast(summary.finishes.count - Self.maxListed) }
        for index in self.summary.finishes.indices { self.summary.finishes[index].providerReason.cut(to: Self.maxTextBytes) }
        if summary.scrubbed.count > Self.maxListed { self.summary.scrubbed.removeLast(summary.scrubbed.count - Self.maxListed) }
        self.tenant = tenant
        self.department = department
        self.user = user
        self.keyID = keyID
        self.endUser = endUser
        self.endUser?.cut(to: Self.maxTextBytes)
        self.callerRequestID = callerRequestID
        self.callerRequestID?.cut(to: Self.maxTextBytes)
        self.requestedModel = requestedModel
        self.requestedModel.cut(to: Self.maxTextBytes)
        self.usedModel = usedModel
        self.usedModel?.cut(to: Self.maxTextBytes)
        self.provider = provider
        self.outcome = outcome
        self.fault = fault
        self.receivedUnixMilliseconds = receivedUnixMilliseconds
    }
}

extension String {
    /// Leaves so many bytes of UTF-8 at most, in whole scalars.
    fileprivate mutating func cut(to count: Int) {
        guard utf8.count > count else { return }
        var end = utf8.index(startIndex, offsetBy: count)
        while end > startIndex, utf8[end] & 0xC0 == 0x80 { end = utf8.index(before: end) }
        self = String(self[..<end])
    }
}
