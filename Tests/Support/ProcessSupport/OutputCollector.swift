import Foundation
import Synchronization

/// Reads a pipe to its end, keeps the last mebibyte and tells of lines.
final class OutputCollector: Sendable {
    private typealias LinePredicate = @Sendable (_ line: ArraySlice<UInt8>) -> Bool

    private struct State {
        var bytes: [UInt8] = []
        var waiters: [(matches: LinePredicate, latch: Latch<String?>)] = []
        var isOver = false
    }

    private let state = Mutex(State())
    private let end = Latch<Bool>()
    private static let maxBytes = 1 << 20

    /// Reads on a thread of its own, which ends with the pipe: `readabilityHandler` misses the end now and then on Linux.
    init(_ handle: FileHandle) {
        Thread.detachNewThread { [self] in
            while case let data = handle.availableData, !data.isEmpty {
                append(data)
            }
            // Whoever starts hundreds of processes would have thousands of files open, with which Foundation's `Process` reads beyond a buffer.
            try? handle.close()
            finish()
        }
    }

    var text: String {
        String(decoding: state.withLock { $0.bytes }, as: UTF8.self)
    }

    func waitForEnd() async {
        _ = await end.wait(timeout: .seconds(10))
    }

    /// `nil` when the time is up or the output ends without the line.
    func line(startingWith prefix: String, timeout: Duration) async -> String? {
        await line(timeout: timeout) { $0.starts(with: prefix.utf8) }
    }

    func line(containing text: String, timeout: Duration) async -> String? {
        let bytes = Array(text.utf8)
        return await line(timeout: timeout) { $0.contains(bytes) }
    }

    private func line(timeout: Duration, where matches: @escaping LinePredicate) async -> String? {
        let latch = Latch<String?>()
        state.withLock { state in
            if let line = Self.line(in: state.bytes, where: matches) {
                latch.set(line)
            } else if state.isOver {
                latch.set(nil)
            } else {
                state.waiters.append((matches, latch))
            }
        }
        return await latch.wait(timeout: timeout) ?? nil
    }

    private func append(_ data: Data) {
        state.withLock { state in
            state.bytes.append(contentsOf: data)
            if state.bytes.count > Self.maxBytes {
                state.bytes.removeFirst(state.bytes.count - Self.maxBytes)
            }
            state.waiters.removeAll { waiter in
                guard let line = Self.line(in: state.bytes, where: waiter.matches) else { return false }
                waiter.latch.set(line)
                return true
            }
        }
    }

    private func finish() {
        state.withLock { state in
            state.isOver = true
            state.waiters.forEach { $0.latch.set(nil) }
            state.waiters.removeAll()
        }
        end.set(true)
    }

    private static func line(in bytes: [UInt8], where matches: LinePredicate) -> String? {
        // What follows the last line feed is not a line yet.
        let whole = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
        return whole.first(where: matches).map { String(decoding: $0, as: UTF8.self) }
    }
}
