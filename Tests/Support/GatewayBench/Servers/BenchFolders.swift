import Foundation

/// Where things are: programs in the build folder, files in a folder of this run.
struct BenchFolders {
    var build: URL
    var work: URL
    /// Of this program's sources, for what is built from them.
    var sources = URL(fileURLWithPath: "Tests/Support/GatewayBench")

    /// The gateway.
    var program: URL { executable ?? build.appendingPathComponent("agentshield") }
    /// Another file with the same program; `nil`: that of the build folder.
    var executable: URL?

    /// A new folder that only this user can read; the caller removes it.
    static func makeWorkFolder() throws -> URL {
        let work = FileManager.default.temporaryDirectory.appendingPathComponent("gateway-bench-\(getpid())")
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return work
    }
}

/// The servers of a run. What is measured has core 0; its provider and the load share core 1.
enum BenchCores {
    static let measured = 0
    static let others = 1

    /// All threads of this program, those to come too.
    static func pinThisProcess() throws {
        _ = try Command.output(URL(fileURLWithPath: "/usr/bin/taskset"), ["-a", "-c", "-p", "\(others)", "\(getpid())"])
    }
}
