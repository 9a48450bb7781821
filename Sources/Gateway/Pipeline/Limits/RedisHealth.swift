package import Logging
import Metrics
import NIOConcurrencyHelpers
package import NIOCore
package import RedisStore

/// Whether a deployment of Redis answers, for all event loops together: what the log and the metrics say of it.
package final class RedisHealth: Sendable {
    private struct State {
        /// Loops, or ways of using Redis on a loop, that get no answers.
        var failing = 0
        var log = OutageLog()
    }

    private let state = NIOLockedValueBox(State())
    private let logger: Logger
    private let isUp: Gauge
    private let lost: Logger.Message
    private let back: Logger.Message

    package init(_ role: RedisRole, logger: Logger) {
        self.logger = logger
        switch role {
        case .state:
            isUp = Gauge(label: "agentshield.limits.redis_up")
            lost = "redis.state is lost: each replica counts limits alone, or refuses, as configured"
            back = "redis.state answers again: limits are shared"
        case .cache:
            isUp = Gauge(label: "agentshield.cache.redis_up")
            lost = "redis.cache is lost: every request is a miss, and no answer is kept"
            back = "redis.cache answers again: answers are shared"
        }
        isUp.record(1)
    }

    /// One gets no answer.
    ///
    /// - Parameters:
    ///   - isNew: it got answers before. Called again while it lasts, with `false`.
    ///   - reason: without any key or credential.
    package func failing(_ reason: String, isNew: Bool, now: NIODeadline) {
        let isNews = state.withLockedValue { state in
            if isNew { state.failing += 1 }
            return state.log.failed(now: now)
        }
        if isNew { isUp.record(0) }
        if isNews { logger.warning(lost, metadata: ["reason": "\(reason)"]) }
    }

    /// One of them is answered again.
    package func recovered(now: NIODeadline) {
        let (isWhole, isNews) = state.withLockedValue { state in
            state.failing = max(0, state.failing - 1)
            return state.failing == 0 ? (true, state.log.worked(now: now)) : (false, false)
        }
        if isWhole { isUp.record(1) }
        if isNews { logger.notice(back) }
    }
}

/// One way of using Redis on one loop: whether it gets answers, told to the health of all when that changes and while it does not.
struct RedisVoice {
    private let health: RedisHealth
    private(set) var isFailing = false

    init(_ health: RedisHealth) { self.health = health }

    mutating func failed(_ failure: RedisFailure, now: NIODeadline) {
        health.failing(failure.description, isNew: !isFailing, now: now)
        isFailing = true
    }

    mutating func answered(now: NIODeadline) {
        guard isFailing else { return }
        isFailing = false
        health.recovered(now: now)
    }
}
