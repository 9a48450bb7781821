import NIOCore

/// What becomes of a node's connection: whether commands are sent, wait or are refused, and when to connect again. Pure.
struct RedisNodeMachine {
    enum State: Equatable {
        /// Nothing was ever asked of the node.
        case idle
        case connecting
        case ready
        /// The last attempt failed; a timer starts the next.
        case waiting
        case closed
    }

    enum Decision: Equatable {
        case send
        case wait(connectsNow: Bool)
        case refuse(RedisFailure.Refusal)
    }

    private let limits: RedisLimits
    private(set) var state = State.idle
    private(set) var breaker: RedisBreaker
    private var failures = 0

    init(limits: RedisLimits) {
        self.limits = limits
        breaker = RedisBreaker(limits.breaker)
    }

    /// A command is there.
    ///
    /// - Parameter queued: commands that wait already.
    mutating func submitted(queued: Int, now: NIODeadline) -> Decision {
        guard state != .closed else { return .refuse(.closed) }
        guard breaker.admits(now: now) else { return .refuse(.breakerOpen) }
        if state == .ready { return .send }
        guard queued < limits.maxQueued else { return .refuse(.queueFull) }
        guard state == .idle else { return .wait(connectsNow: false) }
        state = .connecting
        return .wait(connectsNow: true)
    }

    mutating func greeted() {
        state = .ready
    }

    /// The connection, or the attempt to make one, ended.
    ///
    /// - Returns: when to try again.
    mutating func ended(now: NIODeadline, random: Double) -> TimeAmount? {
        guard state != .closed else { return nil }
        failures += 1
        breaker.failed(now: now)
        state = .waiting
        return limits.backoff.delay(failures: failures, random: random)
    }

    /// The time to try again has come.
    ///
    /// - Returns: whether to connect.
    mutating func waited() -> Bool {
        guard state == .waiting else { return false }
        state = .connecting
        return true
    }

    mutating func replied(_ error: RedisServerError?, latency: TimeAmount, now: NIODeadline) {
        if error?.meansNodeIsUnwell == true {
            breaker.failed(now: now)
        } else {
            failures = 0
            breaker.replied(after: latency, now: now)
        }
    }

    mutating func expired(now: NIODeadline) {
        breaker.failed(now: now)
    }

    mutating func closed() {
        state = .closed
    }
}
