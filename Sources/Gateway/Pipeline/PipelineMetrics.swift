import GatewayCore
import Metrics

/// What is counted of every request, under OpenTelemetry's names where there are some.
struct PipelineMetrics {
    private let answered = Counter(label: "agentshield.requests", dimensions: [("outcome", "answered")])
    private let failed = Counter(label: "agentshield.requests", dimensions: [("outcome", "failed")])
    private let cancelled = Counter(label: "agentshield.requests", dimensions: [("outcome", "cancelled")])
    private let expired = Counter(label: "agentshield.requests", dimensions: [("outcome", "expired")])
    private let media = Counter(label: "agentshield.scrub.media_skipped")
    private let overhead = Timer(label: "agentshield.overhead.duration")
    private let call = Timer(label: "gen_ai.client.operation.duration")

    /// A token that was refused, and why: one of a dozen words.
    func tokenRefused(_ reason: String) {
        Counter(label: "agentshield.tokens.refused", dimensions: [("reason", reason)]).increment()
    }

    /// A call that is made again at the same target, after a fault of this name.
    func callRepeated(_ provider: String, _ fault: String) {
        Counter(label: "agentshield.upstream.retries", dimensions: [("provider", provider), ("error", fault)]).increment()
    }

    /// A second call is made beside the first one, or has been taken in its place.
    func callHedged(_ provider: String, isTaken: Bool) {
        Counter(label: "agentshield.upstream.hedges", dimensions: [("provider", provider), ("event", isTaken ? "taken" : "made")])
            .increment()
    }

    /// A target that was not called, since it is left alone.
    func targetPassedOver(_ provider: String) {
        Counter(label: "agentshield.upstream.passed_over", dimensions: [("provider", provider)]).increment()
    }

    /// A circuit breaker has opened, or closed again.
    func breakerChanged(_ provider: String, isOpen: Bool) {
        Counter(label: "agentshield.upstream.breaker", dimensions: [("provider", provider), ("to", isOpen ? "open" : "closed")]).increment()
    }

    /// Media in a request that was not scanned.
    func mediaSkipped(_ count: Int) {
        if count > 0 { media.increment(by: count) }
    }

    func record(_ record: LedgerRecord) {
        switch record.outcome {
        case .answered: answered.increment()
        case .failed: failed.increment()
        case .cancelled: cancelled.increment()
        case .expired: expired.increment()
        }
        overhead.recordMicroseconds(Int64(record.summary.timings.overheadMicroseconds))
        if record.summary.attempts > 0 { call.recordNanoseconds(record.summary.timings[.call]) }
    }
}
