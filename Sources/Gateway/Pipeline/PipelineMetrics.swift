import Metrics

/// What is counted of what is rare. Of every request ``RequestTally`` counts.
struct PipelineMetrics {
    private let media = Counter(label: "agentshield.scrub.media_skipped")

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
}
