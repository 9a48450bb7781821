import NIOCore

/// How often something happened of late, and how often of these it went wrong. What is older than the window is forgotten, a tenth of it at a time.
struct SlidingCounts: Sendable, Equatable {
    private struct Bucket: Sendable, Equatable {
        var total = 0
        var failed = 0
    }

    private static let bucketCount = 10
    private let bucketNanoseconds: UInt64
    private var buckets = [Bucket](repeating: Bucket(), count: Self.bucketCount)
    /// The number, since the clock's beginning, of the newest bucket.
    private var newest: UInt64 = 0

    /// - Parameter window: at least ten nanoseconds.
    init(window: TimeAmount) {
        bucketNanoseconds = UInt64(max(1, window.nanoseconds / Int64(Self.bucketCount)))
    }

    mutating func add(total: Int = 0, failed: Int = 0, now: NIODeadline) {
        move(to: now)
        buckets[index].total += total
        buckets[index].failed += failed
    }

    mutating func counts(now: NIODeadline) -> (total: Int, failed: Int) {
        move(to: now)
        return buckets.reduce(into: (0, 0)) { $0 = ($0.0 + $1.total, $0.1 + $1.failed) }
    }

    mutating func clear() {
        for index in buckets.indices { buckets[index] = Bucket() }
    }

    private var index: Int { Int(newest % UInt64(Self.bucketCount)) }

    private mutating func move(to now: NIODeadline) {
        let current = now.uptimeNanoseconds / bucketNanoseconds
        guard current > newest else { return }
        if current - newest >= UInt64(Self.bucketCount) {
            clear()
            newest = current
        }
        while newest < current {
            newest += 1
            buckets[index] = Bucket()
        }
    }
}
