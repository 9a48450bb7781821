import NIOCore

/// When something of a WebSocket is due. Pure.
struct SocketClock {
    enum Due: Equatable {
        case nothing
        /// Ask the client whether it is there.
        case ping
        /// The connection has been open for as long as it may be.
        case old
        /// A message takes too long to arrive.
        case slow
        /// The client is gone, does not read, or was given its time.
        case end
    }

    private var ageEnds: NIODeadline?
    private var heardAt: NIODeadline
    private var pingedAt: NIODeadline?
    private var messageSince: NIODeadline?
    private var messageEnds: NIODeadline?
    private var stallEnds: NIODeadline?
    private var cutAt: NIODeadline?
    private let slowTimeout: TimeAmount

    /// - Parameter slowTimeout: how long a message may take to arrive, before its bytes buy it more.
    init(slowTimeout: TimeAmount, now: NIODeadline) {
        self.slowTimeout = slowTimeout
        ageEnds = now + ResponsesSocketLimits.maxAge
        heardAt = now
    }

    /// A whole frame came.
    mutating func heard(now: NIODeadline) {
        heardAt = now
        pingedAt = nil
    }

    /// A message is whole.
    mutating func messageEnded() { messageSince = nil }

    /// - Parameter bytes: of the message that is arriving, so far: a slow one is measured as a request's body is.
    mutating func messageIsArriving(_ isArriving: Bool, bytes: Int, now: NIODeadline) {
        guard isArriving else {
            messageSince = nil
            messageEnds = nil
            return
        }
        let since = messageSince ?? now
        messageSince = since
        messageEnds = since + slowTimeout + .seconds(Int64(bytes / ShimLimits.minimumBodyBytesPerSecond))
    }

    mutating func writabilityChanged(_ isWritable: Bool, now: NIODeadline) {
        stallEnds = isWritable ? nil : stallEnds ?? now + ShimLimits.stalledReaderTimeout
    }

    mutating func drain(until deadline: NIODeadline) { cutAt = min(cutAt ?? deadline, deadline) }

    private var pingDue: NIODeadline { (pingedAt ?? heardAt) + ResponsesSocketLimits.pingInterval }

    var deadline: NIODeadline { [ageEnds, messageEnds, stallEnds, cutAt].compactMap { $0 }.reduce(pingDue, min) }

    mutating func due(now: NIODeadline) -> Due {
        if let cutAt, now >= cutAt { return .end }
        if let stallEnds, now >= stallEnds { return .end }
        if let messageEnds, now >= messageEnds {
            self.messageEnds = nil
            return .slow
        }
        if let ageEnds, now >= ageEnds {
            self.ageEnds = nil
            return .old
        }
        guard now >= pingDue else { return .nothing }
        guard pingedAt == nil else { return .end }
        pingedAt = now
        return .ping
    }
}
