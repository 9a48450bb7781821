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

    package init(unixMilliseconds: @escaping @Sendable () -> UInt64) {
        self.unixMilliseconds = unixMilliseconds
    }

    package static let system = WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(0, time.tv_sec)) * 1_000 + UInt64(max(0, time.tv_nsec)) / 1_000_000
    }
}
