/// How often which latency was measured, within a bounded memory (270 KiB) and a known error.
///
/// Log-linear buckets, as in HDR histograms: below 2,048 ns each nanosecond has its own; above, each power of two is cut into 1,024 buckets of
/// equal width. A value is told as the middle of its bucket, so it is off by less than 0.05 %. From 2^42 ns (73 minutes) on everything
/// falls into the last bucket; the greatest and the least value are kept exactly.
struct LatencyHistogram: Sendable {
    static let relativeError = 1.0 / 2_048
    static let linearBits = 11
    static let maxBits = 42
    private static let half = 1 << (linearBits - 1)
    static let bucketCount = (1 << linearBits) + (maxBits - linearBits) * half

    private var counts: [UInt32]
    private(set) var count: UInt64 = 0
    private(set) var least = UInt64.max
    private(set) var greatest: UInt64 = 0
    private var sum = 0.0

    init() {
        counts = Array(repeating: 0, count: Self.bucketCount)
    }

    /// In nanoseconds.
    var mean: Double { count > 0 ? sum / Double(count) : 0 }

    /// - Parameter nanoseconds: negative values, which clocks of one machine do not make, count as 0.
    mutating func record(_ nanoseconds: Int64) {
        let value = UInt64(max(0, nanoseconds))
        let bucket = Self.bucket(of: value)
        if counts[bucket] < .max { counts[bucket] += 1 }
        count += 1
        sum += Double(value)
        least = min(least, value)
        greatest = max(greatest, value)
    }

    /// Adds what another one has counted.
    mutating func merge(_ other: LatencyHistogram) {
        for (bucket, more) in other.counts.enumerated() where more > 0 {
            let (both, isOver) = counts[bucket].addingReportingOverflow(more)
            counts[bucket] = isOver ? .max : both
        }
        count += other.count
        sum += other.sum
        least = min(least, other.least)
        greatest = max(greatest, other.greatest)
    }

    /// The least value that so great a share of all values does not exceed, in nanoseconds; 0 if there are none.
    ///
    /// - Parameter share: 0.5 for the median, 0 for the least value, 1 for the greatest.
    func value(at share: Double) -> UInt64 {
        guard count > 0 else { return 0 }
        if share <= 0 { return least }
        let rank = min(count, UInt64((min(share, 1) * Double(count)).rounded(.up)))
        if rank == count { return greatest }
        var seen: UInt64 = 0
        for (bucket, here) in counts.enumerated() where here > 0 {
            seen += UInt64(here)
            if seen >= rank { return min(max(Self.middle(of: bucket), least), greatest) }
        }
        return greatest
    }

    func microseconds(at share: Double) -> Double { Double(value(at: share)) / 1_000 }

    static func bucket(of value: UInt64) -> Int {
        if value < 1 << linearBits { return Int(value) }
        guard value < 1 << maxBits else { return bucketCount - 1 }
        let shift = (UInt64.bitWidth - value.leadingZeroBitCount) - linearBits
        return (1 << linearBits) + (shift - 1) * half + (Int(value >> shift) - half)
    }

    static func middle(of bucket: Int) -> UInt64 {
        if bucket < 1 << linearBits { return UInt64(bucket) }
        let (octave, place) = (bucket - (1 << linearBits)).quotientAndRemainder(dividingBy: half)
        let shift = octave + 1
        return (UInt64(place + half) << shift) + (1 << (shift - 1))
    }
}
