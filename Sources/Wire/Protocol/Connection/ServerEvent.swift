package import NIOCore

/// What happened on a server's side of a connection.
package enum ServerEvent: Equatable, Sendable {
    /// To be answered with `accept` or `reject`; what follows is not read meanwhile. Version and limits are already checked.
    case helloReceived(Hello)
    case requestReceived(StreamID, Request)
    /// The connection refused a request by itself and has answered; for counting.
    case requestRefused(StreamID, ErrorCode)
    /// The client gave the stream up. It is over: what is still sent on it is ignored.
    case cancelReceived(StreamID, Cancel.Reason)
    /// Nothing of the stream waits any more, after `isWritable` had become false.
    case streamWritable(StreamID)
    /// The connection ended the stream with this error, and the work for it is to stop: the drain deadline passed, the client took
    /// nothing for too long, or the answer does not fit a bound. In the last case the stream may be one that the application has
    /// just ended itself, behind the call that did not fit.
    case streamAborted(StreamID, ErrorBody)
    /// The client opens no more streams.
    case goAwayReceived(GoAway)
    /// The connection failed; all streams are gone.
    case failed(ErrorBody, ConnectionFailure.Origin)
    /// The last event: the conversation is over.
    case closed
}

/// A budget for the bytes of requests that many connections share. Event-loop confined.
package protocol RequestAdmission: AnyObject {
    /// Takes the length that a request's first fragment declares. `false`: the request is refused with `overloaded`.
    func reserve(_ bytes: Int) -> Bool
    /// Gives a reservation back, when the request's stream is over.
    func release(_ bytes: Int)
}

/// How a server's side of a connection behaves.
package struct ServerSettings: Sendable {
    /// What the server accepts; 0 stands for the protocol's default. Frame and credits below the default are raised
    /// to it; the idle timeout is that of `common`.
    package var limits = Limits.protocolDefault
    /// What is agreed to if the client offers it. LZ4 always is.
    package var features: Features = []
    package var common = CommonSettings()
    /// Time for HELLO and its acceptance.
    package var helloTimeout: TimeAmount = .seconds(10)
    /// Declared lengths of the connection's requests together, from the first fragment to the end of the stream.
    package var maxInFlightRequestBytes = 33_554_432
    /// DELTA bytes of one stream that may wait for credit. A stream that would pass it is ended with `answer_too_large`; a
    /// sender that heeds `isWritable` stays far below.
    package var maxQueuedBytesPerStream = 1_114_112
    /// Bytes of RESULTs that may wait for credit on the connection. One that would pass it is ended with `answer_too_large`, unless no other waits.
    package var maxWaitingResultBytes = 33_554_432

    /// How long something of a stream may wait without any of it going out, before the stream is ended with `stalled`.
    package var stallTimeout: TimeAmount = .seconds(120)

    package init() {}
}
