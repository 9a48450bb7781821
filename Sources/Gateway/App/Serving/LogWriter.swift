import Foundation
import Metrics

/// Writes log lines on a thread of its own: whoever reads them and stops holds up that thread, and nobody else.
///
/// At most ``maxLines`` lines or ``maxBytes`` wait, those that are being written included. Beyond that lines are dropped and counted, and a line says how
/// many were as soon as one can be written again. Lines that wait are lost with a process that is killed.
///
/// The condition's lock protects all of its state.
final class LogWriter: @unchecked Sendable {
    static let maxLines = 8_192
    static let maxBytes = 4 << 20
    /// Of one line; a longer one is cut.
    static let maxLineBytes = 64 << 10
    private static let maxBatchBytes = 64 << 10

    private let condition = NSCondition()
    private var lines: [[UInt8]] = []
    /// Of the lines that are being written.
    private var taken = 0
    private var bytes = 0
    private var dropped = 0
    private let descriptor: Int32
    private let droppedLine: @Sendable (Int) -> String
    private let droppedLines = Counter(label: "agentshield.log.dropped")

    /// - Parameters:
    ///   - descriptor: standard error's, but for tests.
    ///   - droppedLine: what is written where so many lines are missing.
    init(descriptor: Int32 = STDERR_FILENO, droppedLine: @escaping @Sendable (Int) -> String) {
        self.descriptor = descriptor
        self.droppedLine = droppedLine
        Thread.detachNewThread { [self] in
            while true { write(next()) }
        }
    }

    /// Hands a line over, which ends with its line feed. Never waits for the reader.
    func write(_ line: String) {
        var line = Array(line.utf8)
        if line.count > Self.maxLineBytes { line = Array(line.prefix(Self.maxLineBytes - 1)) + [UInt8(ascii: "\n")] }
        condition.lock()
        defer { condition.unlock() }
        guard lines.count + taken < Self.maxLines, bytes + line.count <= Self.maxBytes else {
            dropped += 1
            droppedLines.increment()
            return
        }
        lines.append(line)
        bytes += line.count
        condition.broadcast()
    }

    /// Waits until everything is written, or the time is over; for the end of the process.
    func flush(within time: TimeInterval = 1) {
        let end = Date(timeIntervalSinceNow: time)
        condition.lock()
        defer { condition.unlock() }
        while taken + lines.count + dropped > 0 {
            guard condition.wait(until: end) else { return }
        }
    }

    // MARK: on the thread

    /// Waits for lines and takes some.
    private func next() -> [UInt8] {
        condition.lock()
        defer { condition.unlock() }
        while lines.isEmpty, dropped == 0 { condition.wait() }
        var batch: [UInt8] = []
        while taken < lines.count, batch.count + lines[taken].count <= Self.maxBatchBytes {
            batch += lines[taken]
            taken += 1
        }
        lines.removeFirst(taken)
        // They were dropped behind everything that still waits.
        if lines.isEmpty, dropped > 0 {
            batch += droppedLine(dropped).utf8
            dropped = 0
            // Is being written, so that `flush` waits for it.
            taken += 1
        }
        return batch
    }

    private func write(_ batch: [UInt8]) {
        var rest = batch[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno != EINTR {
                // Nobody reads any more, or the disk is full: the lines are lost.
                break
            }
        }
        condition.lock()
        taken = 0
        bytes = lines.reduce(0) { $0 + $1.count }
        condition.broadcast()
        condition.unlock()
    }
}
