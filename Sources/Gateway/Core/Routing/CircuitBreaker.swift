package import NIOCore

/// Leaves an upstream alone that fails again and again, so that requests do not wait for it one after another, and it can recover. Pure.
///
/// ```
/// closed ── failures ≥ share of ≥ minimum calls in the window ──→ open(until)
/// open ─── until has passed ──→ half-open, a few probes at a time
/// half-open ── as many probes went well ──→ closed      ── one failed ──→ open, twice as long
/// ```
package struct CircuitBreaker: Sendable, Equatable {
    package struct Settings: Sendable, Equatable {
        /// Failures among a hundred calls that open it.
        package var failurePercent: Int
        /// Calls in the window below which nothing is concluded.
        package var minimumCalls: Int
        package var window: TimeAmount
        /// How long it stays open the first time, and at most; a random half of it is cut off, so that replicas do not probe together.
        package var openFor: TimeAmount
        package var maxOpenFor: TimeAmount
        /// Calls that may be under way while it is half-open, and that must go well to close it.
        package var probes: Int

        package init(
            failurePercent: Int = 50, minimumCalls: Int = 50, window: TimeAmount = .seconds(30), openFor: TimeAmount = .seconds(5),
            maxOpenFor: TimeAmount = .seconds(60), probes: Int = 1
        ) {
            self.failurePercent = failurePercent
            self.minimumCalls = max(1, minimumCalls)
            self.window = window
            self.openFor = openFor
            self.maxOpenFor = max(openFor, maxOpenFor)
            self.probes = max(1, probes)
        }
    }

    package enum State: Sendable, Equatable {
        case closed
        case open(until: NIODeadline)
        /// How many probes are under way, and how many went well.
        case halfOpen(underWay: Int, succeeded: Int)
    }

    /// How a call was let through. Its end must be told with it.
    package enum Pass: Sendable, Equatable {
        case ordinary
        case probe
    }

    package enum Outcome: Sendable, Equatable {
        case succeeded
        case failed
        /// It says nothing of the upstream: the caller left, or was itself at fault.
        case unknown
    }

    package enum Transition: Sendable, Equatable {
        case opened(for: TimeAmount)
        case closed
    }

    private let settings: Settings
    package private(set) var state = State.closed
    private var counts: SlidingCounts
    /// How often it opened since it was last closed.
    private var openings = 0

    package init(_ settings: Settings) {
        self.settings = settings
        counts = SlidingCounts(window: settings.window)
    }

    /// Whether a call may be made now.
    package func admits(now: NIODeadline) -> Bool {
        switch state {
        case .closed: true
        case .open(let until): now >= until
        case .halfOpen(let underWay, let succeeded): underWay + succeeded < settings.probes
        }
    }

    /// When a call may be made again; `nil`: now, or as soon as a probe has ended.
    package var closedUntil: NIODeadline? {
        if case .open(let until) = state { until } else { nil }
    }

    /// A call is made; it must be admitted.
    package mutating func begin(now: NIODeadline) -> Pass {
        switch state {
        case .closed: return .ordinary
        case .open: state = .halfOpen(underWay: 1, succeeded: 0)
        case .halfOpen(let underWay, let succeeded): state = .halfOpen(underWay: underWay + 1, succeeded: succeeded)
        }
        return .probe
    }

    /// A call has ended. What began before the breaker opened says nothing any more.
    ///
    /// - Parameter isSuspected: others have found the upstream broken: a tenth of the calls is enough to conclude it.
    package mutating func ended(
        _ outcome: Outcome, _ pass: Pass, isSuspected: Bool = false, now: NIODeadline, random: inout some RandomNumberGenerator
    ) -> Transition? {
        switch (state, pass) {
        case (.closed, .ordinary):
            guard outcome != .unknown else { return nil }
            counts.add(total: 1, failed: outcome == .failed ? 1 : 0, now: now)
            let (total, failed) = counts.counts(now: now)
            let minimum = isSuspected ? max(1, settings.minimumCalls / 10) : settings.minimumCalls
            guard outcome == .failed, total >= minimum, failed * 100 >= total * settings.failurePercent else { return nil }
            return open(now: now, &random)
        case (.halfOpen(let underWay, let succeeded), .probe):
            switch outcome {
            case .failed: return open(now: now, &random)
            case .unknown: state = .halfOpen(underWay: max(0, underWay - 1), succeeded: succeeded)
            case .succeeded where succeeded + 1 < settings.probes:
                state = .halfOpen(underWay: max(0, underWay - 1), succeeded: succeeded + 1)
            case .succeeded:
                state = .closed
                openings = 0
                return .closed
            }
            return nil
        default: return nil
        }
    }

    private mutating func open(now: NIODeadline, _ random: inout some RandomNumberGenerator) -> Transition {
        var ceiling = settings.openFor
        for _ in 0..<openings where ceiling < settings.maxOpenFor { ceiling = ceiling + ceiling }
        ceiling = min(ceiling, settings.maxOpenFor)
        openings = min(openings + 1, 32)
        let time = TimeAmount.nanoseconds(Int64.random(in: (ceiling.nanoseconds / 2)...max(1, ceiling.nanoseconds), using: &random))
        state = .open(until: now + time)
        counts.clear()
        return .opened(for: time)
    }
}
