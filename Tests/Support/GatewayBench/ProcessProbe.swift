import Foundation

/// What the kernel knows of a process (Linux), and the count of its heap allocations where it counts them.
struct ProcessProbe: Sendable {
    struct Sample: Sendable {
        /// Time on a core, user and kernel, of all threads.
        var cpuNanoseconds: UInt64
        var allocations: UInt64
    }

    let identifier: Int32
    /// The file that AllocationCounter/count.c maps.
    var allocationFile: URL?

    func sample() -> Sample {
        Sample(cpuNanoseconds: cpuNanoseconds, allocations: allocations)
    }

    private var cpuNanoseconds: UInt64 {
        let tasks = "/proc/\(identifier)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return threads.reduce(0) { sum, thread in
            let schedule = try? String(contentsOfFile: "\(tasks)/\(thread)/schedstat", encoding: .utf8)
            return sum + (schedule?.split(separator: " ").first.flatMap { UInt64($0) } ?? 0)
        }
    }

    private var allocations: UInt64 {
        guard let allocationFile, let bytes = try? Data(contentsOf: allocationFile), bytes.count >= 8 else { return 0 }
        return bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    }

    /// Resident memory, in KiB.
    var residentKiB: Int {
        let status = (try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line.flatMap { $0.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } } ?? 0
    }
}
