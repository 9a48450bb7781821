/// A rule of the protocol that the peer broke, and that ends the connection.
///
/// `message` names the rule, never a value that the peer sent.
package struct ConnectionBreach: Error, Equatable, Sendable {
    package var code: ErrorCode
    package var message: String

    package init(_ code: ErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }

    static func protocolError(_ message: String) -> ConnectionBreach {
        ConnectionBreach(.protocolError, message)
    }

    /// What goes onto the wire, on stream 0.
    package var body: ErrorBody {
        ErrorBody(code: code, message: Text(message), retryable: code.isRetryable)
    }
}

extension ErrorCode {
    /// Whether the registry advises to try again, at once or later, here or elsewhere. Unknown codes: no.
    package var isRetryable: Bool {
        guard let entry else { return false }
        return entry.retry != .never
    }
}
