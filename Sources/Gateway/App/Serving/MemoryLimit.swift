import Foundation

/// How much memory the process may have.
enum MemoryLimit {
    /// Requests held at once have a quarter of it at most, where the configuration does not say: the rest is for connections, answers kept and what is held twice.
    static let shareInFlight = 4
    static let mostInFlight = 256 << 20

    /// Of the process and of every group that it is in (cgroups(7)), or the machine's memory, in bytes, whichever is least.
    ///
    /// - Parameters:
    ///   - root: where `proc` and `sys` are.
    ///   - machine: the machine's memory.
    static func current(root: String = "/", machine: UInt64 = ProcessInfo.processInfo.physicalMemory) -> Int {
        let groups = (text(root + "proc/self/cgroup") ?? "").split(separator: "\n")
        let limits = groups.flatMap { Self.limits(ofGroup: $0, in: root + "sys/fs/cgroup") }
        return Int(clamping: limits.reduce(machine) { min($0, $1) })
    }

    /// A line has a number, controllers and a path; version 2 has one line, without controllers.
    private static func limits(ofGroup line: Substring, in folder: String) -> [UInt64] {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return [] }
        let path = fields[2].split(separator: "/").filter { $0 != ".." }.map { String($0) }
        if fields[1].isEmpty { return limits(below: folder, path, "memory.max") }
        return fields[1].split(separator: ",").contains("memory") ? limits(below: folder + "/memory", path, "memory.limit_in_bytes") : []
    }

    /// What requests may hold at once of so much memory.
    static func bytesInFlight(of memory: Int) -> Int { min(mostInFlight, memory / shareInFlight) }

    /// Those of a group and of all above it; in a container the path may be one that only its host sees.
    private static func limits(below folder: String, _ path: [String], _ file: String) -> [UInt64] {
        (0...path.count).compactMap { (depth: Int) -> UInt64? in
            let parts = [folder] + path.prefix(depth) + [file]
            return text(parts.joined(separator: "/")).flatMap { UInt64($0) }
        }
    }

    private static func text(_ path: String) -> String? {
        (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
