package import NIOCore

/// One side of a connection as pure state: bytes and time in, events and bytes out.
///
/// A driver passes what it received to ``receive(_:now:)``, asks ``nextEvent()`` until it is `nil`, then writes what
/// ``takeOutbound()`` returns until that is `nil` or the socket does not keep up. It calls ``timerFired(now:)`` at
/// ``nextDeadline``, and does the same again.
package protocol ConnectionMachine {
    associatedtype Event

    /// Tells the time, before calls that do not.
    mutating func advance(to now: NIODeadline)
    /// Takes all readable bytes. They are read by ``nextEvent()``.
    mutating func receive(_ bytes: inout ByteBuffer, now: NIODeadline)
    /// The next thing that happened. `nil`: more bytes, time or a call are needed.
    mutating func nextEvent() -> Event?
    /// Encoded bytes to write, in order. May produce more from its queues when called again.
    mutating func takeOutbound() -> ByteBuffer?
    /// Bytes that ``takeOutbound()`` would return.
    var outboundBytes: Int { get }
    /// Bytes received and not read yet: more than a frame's worth only while the machine waits for a call.
    var unreadBytes: Int { get }
    /// When ``timerFired(now:)`` is to be called. It may be called earlier, and more often.
    var nextDeadline: NIODeadline? { get }
    mutating func timerFired(now: NIODeadline)
    /// The conversation is over: once the outbound bytes are written, the connection is to be closed.
    var isClosed: Bool { get }
    /// The connection is gone; nothing can be sent or received any more.
    mutating func connectionLost()
}

/// Who found that a connection failed.
package enum ConnectionFailure {
    package enum Origin: Sendable, Equatable {
        /// This side: the peer broke a rule or was silent, or the application said so.
        case local
        /// The peer, by an ERROR on stream 0.
        case peer
    }
}

/// Settings that both sides have.
package struct CommonSettings: Sendable {
    /// Payloads from this many bytes on are compressed, if that makes them shorter.
    package var compressionThreshold = 512
    /// Silence of the peer after which a PING is sent; `nil`: never. Below 2 s the peer may take it for abuse.
    package var keepAliveInterval: TimeAmount? = .seconds(30)
    /// How long a PING's answer may take before the connection counts as lost.
    package var keepAliveTimeout: TimeAmount = .seconds(10)
    /// Time without a stream after which the connection is closed; `nil`: never. PING does not count as use.
    package var idleTimeout: TimeAmount?
    /// Encoded bytes that may wait for the socket; frames that take credit wait in their queues beyond it.
    package var maxOutboundBytes = 262_144
    package var abuseRates = AbuseBudgets.Rates()

    package init() {}
}

/// The earlier of two times of which each may be never.
func earlier(_ first: NIODeadline?, _ second: NIODeadline?) -> NIODeadline? {
    guard let first, let second else { return first ?? second }
    return min(first, second)
}
