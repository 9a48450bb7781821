import Synchronization

/// What this process knows of the buckets' streams: their lengths as they were last told, and which it has written to. Shared by its event loops and its
/// mover.
package final class LedgerStreams: Sendable {
    package static let buckets = 256

    private struct State {
        var lengths = [Int](repeating: 0, count: LedgerStreams.buckets)
        var written: Set<UInt8> = []
    }

    private let state = Mutex(State())

    package init() {}

    /// A record was appended, after which the stream was so long.
    package func appended(to bucket: UInt8, length: Int) {
        state.withLock { state in
            state.lengths[Int(bucket)] = length
            state.written.insert(bucket)
        }
    }

    /// Entries were moved, or somebody looked, after which the stream was so long.
    package func isNow(_ length: Int, bucket: UInt8) {
        state.withLock { $0.lengths[Int(bucket)] = length }
    }

    package func length(of bucket: UInt8) -> Int { state.withLock { $0.lengths[Int(bucket)] } }

    package var longest: Int { state.withLock { $0.lengths.max() ?? 0 } }

    /// Buckets that were written to since this was last asked.
    func takeWritten() -> Set<UInt8> {
        state.withLock { state in
            defer { state.written.removeAll(keepingCapacity: true) }
            return state.written
        }
    }
}
