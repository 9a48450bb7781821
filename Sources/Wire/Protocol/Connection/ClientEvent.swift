package import NIOCore

/// What happened on a client's side of a connection.
package enum ClientEvent: Equatable, Sendable {
    /// Its limits have no zeros, but for an idle timeout of never.
    case welcomeReceived(Welcome)
    case beginReceived(StreamID, Begin)
    /// `cost` bytes of the stream's credit are used until `consumed` is called with them.
    case deltaReceived(StreamID, Delta, cost: Int)
    case resultReceived(StreamID, ResultBody)
    /// The stream is over.
    case endReceived(StreamID, End)
    /// The stream is over.
    case errorReceived(StreamID, ErrorBody)
    /// The stream is over: its answer was given up here (undecodable, out of sequence, too large), and CANCEL was sent.
    case streamFailed(StreamID, ErrorBody)
    /// The stream is over: a server that goes away has not accepted it. Nothing was done; it can be sent elsewhere.
    case streamRefused(StreamID)
    /// No streams can be opened here any more.
    case goAwayReceived(GoAway)
    /// There is room again, after `send` had thrown `tooManyStreams`.
    case streamsAvailable
    /// The connection failed; all streams are gone.
    case failed(ErrorBody, ConnectionFailure.Origin)
    /// The last event: the conversation is over.
    case closed
}

/// Why a request could not be sent on this connection. Nothing of it was.
package enum OpenStreamFailure: Error, Equatable, Sendable {
    case closed
    /// One side has sent GOAWAY.
    case goingAway
    /// As many streams as the server allows are open.
    case tooManyStreams
    /// The connection has used all of its stream numbers.
    case streamsExhausted
    /// The request is longer than the server's `max_message_bytes`.
    case requestTooLarge(limit: Int)
}

/// How a client's side of a connection behaves.
package struct ClientSettings: Sendable {
    /// What the client accepts; 0 stands for the protocol's default. Values below the protocol's minimum are
    /// raised to it; the idle timeout is that of `common`.
    package var limits = Limits.protocolDefault
    /// What is offered.
    package var features: Features = [.lz4]
    package var common = CommonSettings()
    /// Time until WELCOME.
    package var welcomeTimeout: TimeAmount = .seconds(10)

    package init() {}
}
