import ArgumentParser
import Foundation
import NIOCore
import NIOPosix

@main
struct GatewayBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway-bench", abstract: "Measures the gateway, and what it is built on.",
        subcommands: [RequestBenchCommand.self, TLSBenchCommand.self, TLSEchoServer.self, RedisBenchCommand.self],
        defaultSubcommand: RequestBenchCommand.self)
}

struct RequestBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requests",
        abstract: "Measures the gateway on one core, beside nginx as a plain proxy.",
        discussion: """
            Starts everything itself: the gateway and nginx on core 0, one after the other, scripted-provider and the load on core 1. Run it from \
            the package's folder on a machine that does nothing else. Linux, two cores, nginx and a C compiler.
            """)

    @Option(name: .long, help: "Write the figures as JSON into this file.")
    var output: String?

    @Option(name: .long, help: "Where `agentshield` and `scripted-provider` are. Default: beside this program.")
    var buildFolder: String?

    @Flag(name: .long, help: "A fraction of a second for each measurement: shows that the benchmark works, not how fast anything is.")
    var smoke = false

    func run() async throws {
        let beside = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        let work = try BenchFolders.makeWorkFolder()
        defer { try? FileManager.default.removeItem(at: work) }
        try BenchCores.pinThisProcess()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let folders = BenchFolders(build: buildFolder.map { URL(fileURLWithPath: $0) } ?? beside, work: work)
        let benchmark = Benchmark(folders: folders, extent: smoke ? .smoke : .full, loop: group.next()) { step in
            FileHandle.standardError.write(Data("measuring: \(step)\n".utf8))
        }
        let report = try await benchmark.run()
        try await group.shutdownGracefully()
        print(report.text, terminator: "")
        if let output {
            try report.json().write(to: URL(fileURLWithPath: output))
        }
        if report.failures > 0 || report.rows.contains(where: { $0.answered == 0 }) {
            throw BenchFailure(description: "\(report.failures) requests failed, or one load was not answered at all; see the table")
        }
    }
}
