import NIOCore

/// Tells by PING whether a silent peer is still there. A sign of life is any whole frame.
struct Liveness {
    enum Finding: Equatable {
        case nothing
        /// A PING with these eight bytes is to be sent.
        case pingDue(UInt64)
        /// The last PING was not answered in time.
        case peerSilent
    }

    private let interval: TimeAmount?
    private let timeout: TimeAmount
    private var lastFrameAt: NIODeadline
    private var pingSentAt: NIODeadline?
    private var pingNumber: UInt64 = 0
    /// The number of the last PING while no PONG has answered it.
    private var awaitedPong: UInt64?

    /// - Parameters:
    ///   - interval: silence after which a PING is sent; `nil`: never.
    ///   - timeout: how long its answer may take.
    init(interval: TimeAmount?, timeout: TimeAmount, now: NIODeadline) {
        self.interval = interval
        self.timeout = timeout
        lastFrameAt = now
    }

    mutating func frameReceived(now: NIODeadline) {
        lastFrameAt = now
        pingSentAt = nil
    }

    /// Whether a PONG answers the last PING, and is the first to do so.
    mutating func isAnswered(by pong: UInt64) -> Bool {
        guard pong == awaitedPong else { return false }
        awaitedPong = nil
        return true
    }

    var nextDeadline: NIODeadline? {
        guard let interval else { return nil }
        return pingSentAt.map { $0 + timeout } ?? lastFrameAt + interval
    }

    mutating func timerFired(now: NIODeadline) -> Finding {
        guard let nextDeadline, now >= nextDeadline else { return .nothing }
        guard pingSentAt == nil else { return .peerSilent }
        pingSentAt = now
        pingNumber += 1
        awaitedPong = pingNumber
        return .pingDue(pingNumber)
    }
}
