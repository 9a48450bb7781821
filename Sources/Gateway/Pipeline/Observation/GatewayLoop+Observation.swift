package import GatewayCore
import NIOCore
package import Providers

/// What one event loop tells a scrape: what it has counted, and how it is at the moment.
package struct LoopObservation: Sendable {
    package var tally: RequestTally
    package var requests: Int
    package var maxRequests: Int
    package var bytes: Int
    package var maxBytes: Int
    /// By provider.
    package var breakers: [String: BreakerCounts]
    package var upstreams: [UpstreamPoolStatistics]
    package var upstreamCounts: UpstreamPoolCounters
    /// Records that wait for Redis, or for its answer.
    package var recordsOnTheWay: Int
}

extension GatewayLoop {
    /// A copy of everything; what was counted is copied when the next thing is.
    package var observation: LoopObservation {
        LoopObservation(
            tally: tally, requests: budget.requests, maxRequests: budget.maxRequests, bytes: budget.bytes, maxBytes: budget.maxBytes,
            breakers: health.breakers, upstreams: pool.statistics, upstreamCounts: pool.counters,
            recordsOnTheWay: journal.recordsOnTheWay)
    }

    /// How often the loop looks at how late it is.
    private static let lagInterval = TimeAmount.seconds(1)

    /// Watches how late the loop is for what it has to do, as long as it lives.
    package func watchLag() { watchLag(at: eventLoop.now + Self.lagInterval) }

    private func watchLag(at due: NIODeadline) {
        eventLoop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in
            guard let self else { return }
            let now = NIODeadline.now()
            tally.loopWasLate(nanoseconds: (now - due).nanoseconds)
            watchLag(at: now + Self.lagInterval)
        }
    }

    /// A door has refused a request before it was any.
    package func refused(_ fault: FaultKind, at door: Door) { tally.refused(fault, at: door) }

    // MARK: traces

    func beginTrace(of request: CallerRequest) -> RequestTrace? {
        guard let tracing else { return nil }
        let parent = request.traceparent.flatMap { TraceContext($0) }
        return tracing.sampling.context(behind: parent, random: &random).map { RequestTrace($0, request: request) }
    }

    func export(_ spans: [Span]) { tracing?.queue.append(spans) }

    func wallOffset(now: NIODeadline) -> Int64 { clock.unixNanoseconds() &- Int64(clamping: now.uptimeNanoseconds) }
}
