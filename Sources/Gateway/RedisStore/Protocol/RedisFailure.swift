/// Why a command has no reply of use. It names no key, argument or credential.
package enum RedisFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Refusal: Sendable, Equatable {
        /// As many commands or bytes as may be are without an answer.
        case tooManyOutstanding
        /// The connection is being made anew, and as many commands as may be wait for it.
        case queueFull
        /// The node failed or was slow too often; it is left alone for a while.
        case breakerOpen
        /// The command is larger than all that may be outstanding.
        case commandTooLarge
        /// The client was closed, or a cluster has more nodes than we keep connections to.
        case closed
    }

    /// No answer in time. `wasSent`: Redis may have run the command, or may still run it.
    case deadlineExceeded(wasSent: Bool)
    /// Nothing was sent.
    case refused(Refusal)
    /// The connection ended before the answer. `wasSent` as above.
    case connectionLost(wasSent: Bool)
    case server(RedisServerError)
    /// The server does not speak RESP2, or beyond our limits.
    case protocolViolated
    /// The cluster sent the command from node to node more often than we follow.
    case tooManyRedirections
    /// A reply of another form than the command's.
    case unexpectedReply

    /// Whether the command may have had its effect. Then it must not be sent again unless doing it twice is harmless.
    package var mayHaveRun: Bool {
        switch self {
        case .deadlineExceeded(let wasSent), .connectionLost(let wasSent): wasSent
        case .protocolViolated, .unexpectedReply: true
        case .refused, .server, .tooManyRedirections: false
        }
    }

    package var description: String {
        switch self {
        case .deadlineExceeded(let wasSent): "Redis did not answer in time\(wasSent ? "" : " (nothing was sent)")"
        case .refused(.tooManyOutstanding): "too many commands to Redis are without an answer"
        case .refused(.queueFull): "too many commands wait for a connection to Redis"
        case .refused(.breakerOpen): "Redis failed too often and is left alone for a moment"
        case .refused(.commandTooLarge): "the command is too large for Redis"
        case .refused(.closed): "the connection to Redis is closed"
        case .connectionLost: "the connection to Redis was lost"
        case .server(let error): error.description
        case .protocolViolated: "Redis' answer breaks its protocol or our limits"
        case .tooManyRedirections: "the Redis cluster redirects without end"
        case .unexpectedReply: "Redis answered in an unexpected form"
        }
    }
}
