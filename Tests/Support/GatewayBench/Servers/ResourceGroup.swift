import Foundation

/// A control group of the kernel with a bound on memory and CPU, made for one run; version 1 or 2, whichever is there and may be written.
struct ResourceGroup {
    private let folders: [URL]
    private let isVersion2: Bool

    init(memoryMiB: Int, cpus: Double) throws {
        let root = URL(fileURLWithPath: "/sys/fs/cgroup")
        let name = "agentshield-bench-\(getpid())"
        isVersion2 = FileManager.default.fileExists(atPath: root.appendingPathComponent("cgroup.controllers").path)
        let memory = "\(memoryMiB << 20)"
        let quota = Int(cpus * 100_000)
        do {
            if isVersion2 {
                let folder = root.appendingPathComponent(name)
                try? Self.write("+memory +cpu", root.appendingPathComponent("cgroup.subtree_control"))
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
                folders = [folder]
                try Self.write(memory, folder.appendingPathComponent("memory.max"))
                try Self.write("\(quota) 100000", folder.appendingPathComponent("cpu.max"))
                try? Self.write("0", folder.appendingPathComponent("memory.swap.max"))
            } else {
                folders = ["memory", "cpu"].map { root.appendingPathComponent($0).appendingPathComponent(name) }
                for folder in folders { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false) }
                try Self.write(memory, folders[0].appendingPathComponent("memory.limit_in_bytes"))
                try Self.write("100000", folders[1].appendingPathComponent("cpu.cfs_period_us"))
                try Self.write("\(quota)", folders[1].appendingPathComponent("cpu.cfs_quota_us"))
            }
        } catch {
            throw BenchFailure(
                description:
                    "no control group can be made in /sys/fs/cgroup (\(error)): run it as root, or in `systemd-run --scope -p Delegate=yes`"
            )
        }
    }

    private static func write(_ text: String, _ file: URL) throws {
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        try handle.write(contentsOf: Data(text.utf8))
    }

    /// What starts a program in the group.
    var wrapper: [String] {
        let joins = folders.map { "echo $$ > \($0.path)/cgroup.procs" }.joined(separator: " && ")
        return ["/bin/sh", "-c", "\(joins) && exec \"$0\" \"$@\""]
    }

    /// Processes that the kernel killed for want of memory.
    var killed: Int {
        let file = folders[0].appendingPathComponent(isVersion2 ? "memory.events" : "memory.oom_control")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
        return line?.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }

    /// When no process is in it any more.
    func remove() {
        for folder in folders { rmdir(folder.path) }
    }
}
