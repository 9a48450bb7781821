import Foundation
import ProcessSupport
import Testing

@testable import AgentShieldGateway

@Suite("how much memory the process may have")
struct MemoryLimitTests {
    private func limit(_ files: [String: String]) throws -> Int {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("memory-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        for (path, text) in files {
            let file = root.appendingPathComponent(path)
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        return MemoryLimit.current(root: root.path + "/", machine: 8 << 30)
    }

    @Test("without a group's limit it is the machine's")
    func machine() throws {
        #expect(try limit([:]) == 8 << 30)
        #expect(try limit(["proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"]) == 8 << 30)
        #expect(try limit(["proc/self/cgroup": "nonsense\n1:cpu:/a\n"]) == 8 << 30)
        // Version 1 says "no limit" by a number that no machine has.
        #expect(
            try limit(["proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"]) == 8
                << 30)
    }

    @Test("the least limit of the groups that the process is in counts")
    func groups() throws {
        #expect(
            try limit([
                "proc/self/cgroup": "0::/system.slice/gateway.service\n", "sys/fs/cgroup/system.slice/memory.max": "1073741824\n",
                "sys/fs/cgroup/system.slice/gateway.service/memory.max": "max\n",
            ]) == 1 << 30)
        #expect(
            try limit([
                "proc/self/cgroup": "12:cpu,cpuacct:/b\n4:memory:/b\n0::/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/b/memory.limit_in_bytes": "536870912\n",
            ]) == 512 << 20)
        // A container that sees its own group as the root, by its host's path.
        #expect(
            try limit(["proc/self/cgroup": "4:memory:/docker/0123\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n"])
                == 512 << 20)
    }

    @Test("requests have a quarter of it, and 256 MiB at most")
    func share() {
        #expect(MemoryLimit.bytesInFlight(of: 512 << 20) == 128 << 20)
        #expect(MemoryLimit.bytesInFlight(of: 16 << 30) == 256 << 20)
    }
}
