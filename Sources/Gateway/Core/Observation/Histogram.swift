/// How often values fell between bounds that are known beforehand. Recording allocates nothing.
package struct Histogram: Sendable, Equatable {
    /// Ascending bounds of buckets, each of which its bucket includes; above the last one there is one bucket more.
    package struct Bounds: Sendable, Equatable {
        package enum Unit: Sendable, Equatable {
            /// Told in seconds.
            case nanoseconds
            case tokens
        }

        package var values: [UInt64]
        package var unit: Unit

        package init(_ values: [UInt64], _ unit: Unit) {
            (self.values, self.unit) = (values, unit)
        }

        /// For what the gateway itself takes: 10 µs to 10 s, in nanoseconds.
        package static let work = Bounds(
            [
                10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
                100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
            ], .nanoseconds)
        /// For what includes a provider's time: OpenTelemetry's of `gen_ai.client.operation.duration` and `gen_ai.server.request.duration`.
        package static let operation = Bounds(
            [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480, 40_960, 81_920].map { $0 * 1_000_000 }, .nanoseconds)
        /// For whole requests, of which the cache answers some in a fraction of a millisecond.
        package static let request = Bounds([250_000, 500_000, 1_000_000, 2_500_000, 5_000_000] + operation.values, .nanoseconds)
        /// OpenTelemetry's of `gen_ai.server.time_to_first_token`.
        package static let firstToken = Bounds(
            [1, 5, 10, 20, 40, 60, 80, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000].map { $0 * 1_000_000 }, .nanoseconds)
        /// OpenTelemetry's of `gen_ai.server.time_per_output_token`.
        package static let outputToken = Bounds(
            [10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 2_500].map { $0 * 1_000_000 }, .nanoseconds)
        /// OpenTelemetry's of `gen_ai.client.token.usage`.
        package static let tokens = Bounds((0...13).map { UInt64(1) << (2 * UInt64($0)) }, .tokens)
    }

    package let bounds: Bounds
    /// Of each bucket alone; the last one has what is above all bounds.
    package private(set) var counts: [UInt64]
    /// Of all values.
    package private(set) var sum: UInt64 = 0

    package init(_ bounds: Bounds) {
        self.bounds = bounds
        counts = [UInt64](repeating: 0, count: bounds.values.count + 1)
    }

    package var count: UInt64 { counts.reduce(0, &+) }

    package mutating func record(_ value: UInt64) {
        let bucket = bounds.values.firstIndex { value <= $0 } ?? bounds.values.count
        counts[bucket] &+= 1
        sum = sum.addingSaturating(value)
    }

    /// A duration in nanoseconds; a negative one, by a clock that is not quite even, counts as none.
    package mutating func record(nanoseconds: Int64) { record(UInt64(max(0, nanoseconds))) }

    /// Takes in another one with the same bounds.
    package mutating func add(_ other: Histogram) {
        for (index, count) in other.counts.enumerated() where counts.indices.contains(index) { counts[index] &+= count }
        sum = sum.addingSaturating(other.sum)
    }
}

extension UInt64 {
    /// The sum, or the largest number: a counter never falls, whatever a provider says that it has used.
    package func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

/// Durations or counts of what went well, and of each way in which it did not.
package struct OutcomeHistogram: Sendable, Equatable {
    package private(set) var succeeded: Histogram
    /// Bound: the kinds of faults.
    package private(set) var failed: [FaultKind: Histogram] = [:]

    package init(_ bounds: Histogram.Bounds) { succeeded = Histogram(bounds) }

    package mutating func record(nanoseconds: Int64, _ fault: FaultKind?) {
        guard let fault else { return succeeded.record(nanoseconds: nanoseconds) }
        failed[fault, default: Histogram(succeeded.bounds)].record(nanoseconds: nanoseconds)
    }

    package mutating func add(_ other: OutcomeHistogram) {
        succeeded.add(other.succeeded)
        for (fault, histogram) in other.failed { failed[fault, default: Histogram(succeeded.bounds)].add(histogram) }
    }
}
