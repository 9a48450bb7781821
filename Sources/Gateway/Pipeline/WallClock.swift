#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The calendar's clock, as a parameter. Durations are measured with `NIODeadline`, never with this.
package struct WallClock: Sendable {
    /// Milliseconds since 1970.
    package var unixMilliseconds: @Sendable () -> UInt64
    /// Nanoseconds since 1970, for spans.
    package var unixNanoseconds: @Sendable () -> Int64

    package init(unixMilliseconds: @escaping @Sendable () -> UInt64) {
        self.init(unixMilliseconds: unixMilliseconds) { Int64(clamping: unixMilliseconds()) &* 1_000_000 }
    }

    private init(unixMilliseconds: @escaping @Sendable () -> UInt64, unixNanoseconds: @escaping @Sendable () -> Int64) {
        (self.unixMilliseconds, self.unixNanoseconds) = (unixMilliseconds, unixNanoseconds)
    }

    package static let system = WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(0, time.tv_sec)) * 1_000 + UInt64(max(0, time.tv_nsec)) / 1_000_000
    } unixNanoseconds: {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
