package import Logging
import Metrics
import NIOConcurrencyHelpers
package import NIOCore

/// Whether the limits in Redis can be asked, for all event loops together: says each change once, and no more than two lines in ten seconds.
package final class LimitHealth: Sendable {
    private struct State {
        var failingLoops = 0
        /// Whether the log says that Redis is lost.
        var isTold = false
        var nextLine = NIODeadline.uptimeNanoseconds(0)
    }

    private let state = NIOLockedValueBox(State())
    private let logger: Logger
    private let isUp = Gauge(label: "agentshield.limits.redis_up")
    private static let quietTime = TimeAmount.seconds(10)

    package init(logger: Logger) {
        self.logger = logger
        isUp.record(1)
    }

    /// One more loop gets no answers.
    ///
    /// - Parameter reason: without any key or credential.
    package func failing(_ reason: String, now: NIODeadline) {
        let isNews = state.withLockedValue { state in
            state.failingLoops += 1
            guard state.failingLoops == 1, !state.isTold, now >= state.nextLine else { return false }
            state.isTold = true
            return true
        }
        isUp.record(0)
        guard isNews else { return }
        logger.warning(
            "redis.state is lost: each replica counts limits alone, or refuses, as configured", metadata: ["reason": "\(reason)"])
    }

    /// One of them is answered again.
    package func recovered(now: NIODeadline) {
        let (isWhole, isNews) = state.withLockedValue { state in
            state.failingLoops = max(0, state.failingLoops - 1)
            guard state.failingLoops == 0 else { return (false, false) }
            let isNews = state.isTold
            state.isTold = false
            if isNews { state.nextLine = now + Self.quietTime }
            return (true, isNews)
        }
        if isWhole { isUp.record(1) }
        if isNews { logger.notice("redis.state answers again: limits are shared") }
    }
}
