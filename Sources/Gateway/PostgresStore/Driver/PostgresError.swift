/// Why an operation on PostgreSQL gave no result.
///
/// Holds no statement, parameter, row or credential; what a server says about values stays in `serverMessage`, which is not printed.
package struct PostgresError: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// The driver has as much to do as it may have. Answered at once, on the caller's thread.
        case queueFull
        /// The time given was up. What had been sent may have had its effect.
        case deadlineExceeded
        /// No connection could be made.
        case unreachable
        /// The connection ended while the operation was under way.
        case connectionLost
        /// The server refused a statement, or the connection.
        case refused(SQLState)
        /// More rows or bytes than the statement's limit.
        case resultTooLarge
        /// A parameter that PostgreSQL cannot hold, a location that is none, or a result of another form than asked for.
        case malformed
        case cancelled
        /// The driver has been closed.
        case closed
    }

    package var kind: Kind
    package var retry: RetryDecision
    /// Safe to show: where and what, never a value.
    package var detail: String
    /// The constraint that was violated, by name.
    package var constraint: String?
    /// The server's own words. They may quote values: for operators at a terminal, never for a log or a caller.
    package var serverMessage: String?

    package init(
        _ kind: Kind, retry: RetryDecision, detail: String = "", constraint: String? = nil, serverMessage: String? = nil
    ) {
        self.kind = kind
        self.retry = retry
        self.detail = detail
        self.constraint = constraint
        self.serverMessage = serverMessage
    }

    package var sqlState: SQLState? {
        if case .refused(let state) = kind { state } else { nil }
    }

    static let queueFull = PostgresError(.queueFull, retry: .later, detail: "the queue to PostgreSQL is full")
    static let cancelled = PostgresError(.cancelled, retry: .ifRepeatable)
    static let closed = PostgresError(.closed, retry: .never)

    /// What a store that this leaves unusable says of itself.
    var explanation: String {
        sqlState?.meansOutdatedSchema == true
            ? "the database lacks migrations of this version: run `agentshield migrate` (\(self))" : "\(self)"
    }

    static func connectionLost(_ detail: String = "the connection ended") -> PostgresError {
        PostgresError(.connectionLost, retry: .ifRepeatable, detail: detail)
    }

    static func malformed(_ detail: String) -> PostgresError {
        PostgresError(.malformed, retry: .never, detail: detail)
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    package var description: String {
        let what =
            switch kind {
            case .queueFull: "queue full"
            case .deadlineExceeded: "deadline exceeded"
            case .unreachable: "unreachable"
            case .connectionLost: "connection lost"
            case .refused(let state): "refused with SQLSTATE \(state)"
            case .resultTooLarge: "result too large"
            case .malformed: "malformed"
            case .cancelled: "cancelled"
            case .closed: "closed"
            }
        let named = constraint.map { " (constraint \($0))" } ?? ""
        return detail.isEmpty ? "PostgreSQL: \(what)\(named)" : "PostgreSQL: \(what)\(named): \(detail)"
    }

    package var debugDescription: String { description }
}
