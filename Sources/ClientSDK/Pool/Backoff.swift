import NIOCore

/// Exponential backoff with full jitter: the n-th delay is uniform between 0 and `base * 2^(n-1)`, at most `cap`.
struct Backoff: Equatable, Sendable {
    var base: TimeAmount
    var cap: TimeAmount

    /// - Parameter attempt: from 1.
    func delay(attempt: Int, random: inout some RandomNumberGenerator) -> TimeAmount {
        let shift = min(max(0, attempt - 1), 32)
        let (scaled, overflow) = base.nanoseconds.multipliedReportingOverflow(by: 1 << shift)
        let ceiling = overflow ? cap.nanoseconds : min(scaled, cap.nanoseconds)
        return .nanoseconds(ceiling > 0 ? Int64.random(in: 0...ceiling, using: &random) : 0)
    }
}
