package import GatewayCore

/// Why a call gave no whole answer. An answer with an error status is not among them: it is an answer.
///
/// Reasons are for the operator's log and hold nothing that a peer wrote.
package enum UpstreamFailure: Error, Sendable, Equatable {
    /// The name does not resolve or no address takes a connection.
    case connectFailed(reason: String)
    case connectTimedOut
    /// The TLS handshake failed: an untrusted certificate, a certificate for another name, no common version.
    case tlsFailed(reason: String)
    /// The request was sent and the answer's head did not come in time.
    case firstByteTimedOut
    /// The same, and the other side has not even acknowledged the request, or not made room for all of it: its machine is gone, or does not read.
    case requestNotTaken
    /// The body stopped coming.
    case idleTimedOut
    /// The connection was closed, or reset, before the answer's head was complete. On a reused connection the pool has tried again
    /// where it may (`UpstreamRequest.retriesOnStaleConnection`).
    case closedBeforeAnswer(reusedConnection: Bool)
    /// The connection was closed or reset before the body's end.
    case closedMidBody
    /// What came is not an HTTP/1.1 answer, or its header fields are beyond the limit.
    case malformedAnswer(reason: String)
    /// All connections are busy, and the queue is full or the wait in it too long. Nothing was sent.
    case poolExhausted

    /// Whether the upstream may have begun to work on the request. If not, the request may go elsewhere at no cost.
    package var mayHaveReachedUpstream: Bool {
        switch self {
        case .connectFailed, .connectTimedOut, .tlsFailed, .poolExhausted: false
        case .firstByteTimedOut, .requestNotTaken, .idleTimedOut, .closedBeforeAnswer, .closedMidBody, .malformedAnswer: true
        }
    }

    /// Whether it was the gateway that had waited long enough for an answer to what the upstream has, and perhaps works on.
    package var isGivenUp: Bool {
        switch self {
        case .firstByteTimedOut, .idleTimedOut: true
        default: false
        }
    }

    /// The failure in the form in which it crosses module boundaries. For an answer of which nothing was delivered; what breaks after
    /// that is `FaultKind.streamBroken`.
    package var fault: Fault {
        switch self {
        case .connectFailed:
            Fault(.upstreamUnreachable, origin: .upstream, message: "The provider cannot be reached.")
        case .connectTimedOut:
            Fault(.upstreamUnreachable, origin: .upstream, message: "The provider did not take the connection in time.")
        case .tlsFailed:
            Fault(.upstreamUnreachable, origin: .upstream, message: "No trusted TLS connection to the provider could be made.")
        case .firstByteTimedOut:
            Fault(.upstreamTimeout, origin: .upstream, message: "The provider did not answer in time.")
        case .requestNotTaken:
            Fault(.upstreamTimeout, origin: .upstream, message: "The provider did not take the request in time.")
        case .idleTimedOut:
            Fault(.upstreamTimeout, origin: .upstream, message: "The provider's answer stopped coming.")
        case .closedBeforeAnswer:
            Fault(.upstreamError, origin: .upstream, message: "The provider closed the connection without an answer.")
        case .closedMidBody:
            Fault(.upstreamBadAnswer, origin: .upstream, message: "The provider's answer was cut off.")
        case .malformedAnswer:
            Fault(.upstreamBadAnswer, origin: .upstream, message: "The provider's answer is not valid HTTP.")
        case .poolExhausted:
            Fault(.overloaded, origin: .gateway, message: "All connections to the provider are busy.", retryAfterMilliseconds: 1000)
        }
    }
}
