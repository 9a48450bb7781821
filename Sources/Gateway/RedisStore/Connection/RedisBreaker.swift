package import NIOCore

/// Leaves a node alone that fails or is slow, so that requests do not wait for it one after another. Pure and local to one event loop.
package struct RedisBreaker: Sendable, Equatable {
    package struct Settings: Sendable, Equatable {
        /// Failures in a row (no answer in time, no connection, a node that says it cannot serve) that open the breaker.
        package var maxFailures = 5
        /// A reply that takes longer is slow.
        package var slowAfter = TimeAmount.milliseconds(250)
        /// Slow replies in a row that open it. Those that come within ``slowAfter`` of one that was counted are the same slowness: a burst of
        /// commands that waited together for a stalled event loop says nothing of the node.
        package var maxSlow = 16
        /// How long it stays open before one command may try.
        package var openFor = TimeAmount.seconds(1)

        package init() {}
    }

    package enum State: Sendable, Equatable {
        case closed(failures: Int, slow: Int)
        case open(until: NIODeadline)
        /// One command is on its way to find out. If nothing is heard of it until then, another goes.
        case halfOpen(until: NIODeadline)
    }

    private let settings: Settings
    package private(set) var state = State.closed(failures: 0, slow: 0)
    /// When the last slow reply was counted.
    private var countedAt: NIODeadline?

    package init(_ settings: Settings) {
        self.settings = settings
    }

    /// Whether a command may go to the node now.
    package mutating func admits(now: NIODeadline) -> Bool {
        switch state {
        case .closed: return true
        case .open(let until), .halfOpen(let until):
            guard now >= until else { return false }
            state = .halfOpen(until: now + settings.openFor)
            return true
        }
    }

    package mutating func replied(after latency: TimeAmount, now: NIODeadline) {
        guard latency > settings.slowAfter else {
            state = .closed(failures: 0, slow: 0)
            return
        }
        if case .closed(_, let slow) = state, slow > 0, let countedAt, now < countedAt + settings.slowAfter {
            state = .closed(failures: 0, slow: slow)
            return
        }
        countedAt = now
        switch state {
        case .closed(_, let slow) where slow + 1 < settings.maxSlow: state = .closed(failures: 0, slow: slow + 1)
        case .closed, .halfOpen: state = .open(until: now + settings.openFor)
        case .open: break
        }
    }

    package mutating func failed(now: NIODeadline) {
        switch state {
        case .closed(let failures, let slow) where failures + 1 < settings.maxFailures:
            state = .closed(failures: failures + 1, slow: slow)
        case .closed, .halfOpen: state = .open(until: now + settings.openFor)
        case .open: break
        }
    }
}
