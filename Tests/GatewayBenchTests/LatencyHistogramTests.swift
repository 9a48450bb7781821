import SeededRandomness
import Testing

@testable import GatewayBench

@Suite("LatencyHistogram")
struct LatencyHistogramTests {
    @Test("each value falls into a bucket whose middle is nearer than the stated error")
    func error() {
        var random = SeededRandom(seed: 7)
        for bits in 0..<LatencyHistogram.maxBits {
            for _ in 0..<200 {
                let value = (UInt64(1) << bits) | UInt64.random(in: 0..<(UInt64(1) << bits), using: &random)
                guard value < 1 << LatencyHistogram.maxBits else { continue }
                let middle = LatencyHistogram.middle(of: LatencyHistogram.bucket(of: value))
                let off = abs(Double(middle) - Double(value))
                #expect(off <= Double(value) * LatencyHistogram.relativeError, "\(value) became \(middle)")
            }
        }
    }

    @Test("buckets follow each other without gap or overlap, up to the last")
    func order() {
        var last = -1
        for bucket in 0..<LatencyHistogram.bucketCount {
            #expect(LatencyHistogram.bucket(of: LatencyHistogram.middle(of: bucket)) == bucket)
            let middle = Int(LatencyHistogram.middle(of: bucket))
            #expect(middle > last)
            last = middle
        }
        #expect(LatencyHistogram.bucket(of: .max) == LatencyHistogram.bucketCount - 1)
        #expect(LatencyHistogram.bucket(of: 1 << 42) == LatencyHistogram.bucketCount - 1)
    }

    @Test("percentiles are those of the sorted values, but for the stated error")
    func percentiles() {
        var random = SeededRandom(seed: 11)
        var histogram = LatencyHistogram()
        // From a microsecond to a second, all magnitudes alike.
        let values = (0..<20_000).map { _ in
            Int64(1) << Int64.random(in: 10..<30, using: &random) | Int64.random(in: 0..<1_024, using: &random)
        }
        for value in values { histogram.record(value) }
        let sorted = values.sorted()
        for share in [0.01, 0.5, 0.9, 0.99, 0.999, 0.9999] {
            let exact = Double(sorted[Int((share * Double(sorted.count)).rounded(.up)) - 1])
            let told = Double(histogram.value(at: share))
            #expect(abs(told - exact) <= exact * LatencyHistogram.relativeError, "at \(share): \(told) for \(exact)")
        }
        #expect(histogram.value(at: 0) == UInt64(sorted[0]))
        #expect(histogram.value(at: 1) == UInt64(sorted[sorted.count - 1]))
        #expect(histogram.count == 20_000)
    }

    @Test("merging is the same as recording everything in one")
    func merge() {
        var random = SeededRandom(seed: 3)
        var (all, parts) = (LatencyHistogram(), [LatencyHistogram(), LatencyHistogram(), LatencyHistogram()])
        for number in 0..<3_000 {
            let value = Int64.random(in: 0..<10_000_000, using: &random)
            all.record(value)
            parts[number % 3].record(value)
        }
        var merged = LatencyHistogram()
        for part in parts { merged.merge(part) }
        for share in [0, 0.25, 0.5, 0.99, 1] { #expect(merged.value(at: share) == all.value(at: share)) }
        #expect(merged.count == all.count)
        #expect(abs(merged.mean - all.mean) < 1)
    }

    @Test("nothing recorded is 0 everywhere; times before the start count as 0; times beyond the range keep the greatest")
    func edges() {
        var histogram = LatencyHistogram()
        #expect(histogram.value(at: 0.5) == 0)
        #expect(histogram.mean == 0)
        histogram.record(-5)
        #expect(histogram.value(at: 0.5) == 0)
        histogram.record(.max)
        #expect(histogram.value(at: 1) == UInt64(Int64.max))
        #expect(histogram.count == 2)
    }
}
