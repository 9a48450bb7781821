import NIOCore

/// Numbers a call of this client.
struct CallID: Hashable, Comparable, Sendable {
    var rawValue: UInt64

    static func < (left: CallID, right: CallID) -> Bool { left.rawValue < right.rawValue }
}

/// Numbers a connection of this client, established or not.
struct ConnectionID: Hashable, Comparable, Sendable {
    var rawValue: UInt64

    static func < (left: ConnectionID, right: ConnectionID) -> Bool { left.rawValue < right.rawValue }
}

/// What happened to the pool's calls and connections.
enum PoolEvent: Equatable {
    /// - Parameter isResumable: an answer that has begun can be gone on with where its connection is lost.
    case callStarted(CallID, deadline: NIODeadline, isResumable: Bool = false)
    /// Nobody waits for the answer any more.
    case callAbandoned(CallID)
    /// The connection had no room after all; nothing was sent.
    case callBlocked(CallID)
    /// The gateway accepted the request: sending it again could have it done twice.
    case callBegun(CallID)
    /// A piece of the answer was given to the caller, who cannot be told another answer.
    case callDelivered(CallID)
    case callEnded(CallID)
    /// The gateway said, by going away, that it did nothing.
    case callRefused(CallID)
    case callFailed(CallID, CallFailure)
    /// Requests can be sent.
    case connectionEstablished(ConnectionID)
    /// The gateway accepted the credential.
    case connectionWelcomed(ConnectionID)
    /// There is room, after the connection had none.
    case connectionHasRoom(ConnectionID)
    /// No new requests may be sent; those accepted are answered.
    case connectionLeaving(ConnectionID)
    /// It could not be made, or was lost.
    case connectionEnded(ConnectionID, CallFailure)
    case timerFired
    /// No new calls; those that are open may end until the deadline.
    case shutdownStarted(deadline: NIODeadline)
}

/// Why something failed, and whether it may be tried again.
struct CallFailure: Equatable {
    enum Retry: Equatable {
        case never
        case atOnce
        /// After the time that the error advises, or with backoff.
        case later
    }

    var error: AgentShieldError
    var retry: Retry
}

/// What the pool wants done.
enum PoolAction: Equatable {
    /// Address as its position in the configuration.
    case connect(ConnectionID, address: Int)
    case send(CallID, on: ConnectionID)
    /// The call is over.
    case fail(CallID, AgentShieldError)
    /// Sent to the gateway, if the stream is still open there.
    case cancel(CallID, on: ConnectionID, isOverdue: Bool)
    /// When its streams have ended.
    case leave(ConnectionID)
    /// Everything is over.
    case finish
}
