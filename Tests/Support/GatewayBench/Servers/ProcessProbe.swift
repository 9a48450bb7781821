import Foundation

/// What the kernel knows of a process (Linux), and the count of its heap allocations where it counts them.
struct ProcessProbe: Sendable {
    struct Sample: Sendable {
        /// Time on a core, user and kernel, of all threads.
        var cpuNanoseconds: UInt64
        /// Made so far.
        var allocations: UInt64
        /// Made and not freed yet, and their bytes.
        var liveAllocations: UInt64
        var liveBytes: UInt64
    }

    let identifier: Int32
    /// The file that Preloaded/count.c maps.
    var allocationFile: URL?

    func sample() -> Sample {
        let counts = allocationCounts
        return Sample(cpuNanoseconds: cpuNanoseconds, allocations: counts[0], liveAllocations: counts[1], liveBytes: counts[2])
    }

    private var cpuNanoseconds: UInt64 {
        let tasks = "/proc/\(identifier)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return threads.reduce(0) { sum, thread in
            let schedule = try? String(contentsOfFile: "\(tasks)/\(thread)/schedstat", encoding: .utf8)
            return sum + (schedule?.split(separator: " ").first.flatMap { UInt64($0) } ?? 0)
        }
    }

    private var allocationCounts: [UInt64] {
        guard let allocationFile, let bytes = try? Data(contentsOf: allocationFile), bytes.count >= 24 else { return [0, 0, 0] }
        return bytes.withUnsafeBytes { bytes in
            (0..<3).map { UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)) }
        }
    }

    /// Resident memory, in KiB.
    var residentKiB: Int {
        let status = (try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line.flatMap { $0.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } } ?? 0
    }
}
