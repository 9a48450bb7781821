#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Nanoseconds that one call took: the median and the least of many samples.
struct Timing: Codable, Sendable {
    var median: Double
    var least: Double
}

/// Measures calls that take from nanoseconds to milliseconds.
struct Stopwatch {
    /// How many samples are taken; odd, so that one of them is the median.
    var samples: Int
    /// A sample repeats its call for at least so many nanoseconds.
    var sampleNanoseconds: UInt64

    static let full = Stopwatch(samples: 21, sampleNanoseconds: 4_000_000)
    static let smoke = Stopwatch(samples: 3, sampleNanoseconds: 200_000)

    func time(_ body: () -> Void) -> Timing {
        body()
        var calls = 1
        while true {
            let elapsed = Self.nanoseconds(calls, body)
            if elapsed >= sampleNanoseconds { break }
            calls = max(calls + 1, min(calls * 8, Int(Double(calls) * Double(sampleNanoseconds) * 1.2 / Double(max(elapsed, 1)))))
        }
        let times = (0..<samples).map { _ in Double(Self.nanoseconds(calls, body)) / Double(calls) }.sorted()
        return Timing(median: times[times.count / 2], least: times[0])
    }

    private static func nanoseconds(_ calls: Int, _ body: () -> Void) -> UInt64 {
        let start = now()
        for _ in 0..<calls { body() }
        return now() - start
    }

    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
