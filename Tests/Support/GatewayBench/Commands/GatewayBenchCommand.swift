import ArgumentParser
import Foundation
import NIOCore
import NIOPosix

@main
struct GatewayBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gateway-bench", abstract: "Measures the gateway, and what it is built on.",
        subcommands: [
            RequestBenchCommand.self, LoadCommand.self, CostsCommand.self, OverloadCommand.self, SoakCommand.self, CurvesCommand.self,
            SizesCommand.self, PeersCommand.self, TLSBenchCommand.self, TLSEchoServer.self, RedisBenchCommand.self, UpstreamCommand.self,
        ],
        defaultSubcommand: RequestBenchCommand.self)
}

/// What commands that start servers have in common.
struct BenchOptions: ParsableArguments {
    @Option(name: .long, help: "Write the figures into this folder, as Markdown, JSON and SVG. Default: print them only.")
    var output: String?

    @Option(name: .long, help: "Where `agentshield` is. Default: beside this program.")
    var buildFolder: String?

    @Flag(name: .long, help: "A fraction of a second for each measurement: shows that the program works, not how fast anything is.")
    var smoke = false

    /// Runs the body with the folders of a run and the load's event loop, everything pinned to its core.
    func run(_ body: (BenchFolders, any EventLoop) async throws -> Void) async throws {
        let beside = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        let work = try BenchFolders.makeWorkFolder()
        defer { try? FileManager.default.removeItem(at: work) }
        try BenchCores.pinThisProcess()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let folders = BenchFolders(build: buildFolder.map { URL(fileURLWithPath: $0) } ?? beside, work: work)
        try await body(folders, group.next())
        try await group.shutdownGracefully()
    }

    /// Writes a file into the folder for figures, if there is one.
    func write(_ name: String, _ data: Data) throws {
        guard let output else { return }
        try data.write(to: URL(fileURLWithPath: output).appendingPathComponent(name))
    }

    static func tell(_ step: String) {
        FileHandle.standardError.write(Data("measuring: \(step)\n".utf8))
    }
}

struct RequestBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requests",
        abstract: "Measures the gateway on one core, beside nginx and HAProxy as plain proxies.",
        discussion: """
            Starts everything itself: the measured program on core 0, one after the other; its provider, Redis, PostgreSQL and the load on core 1. \
            Run it from the package's folder on a machine that does nothing else. Linux, two cores, nginx, HAProxy, Redis, PostgreSQL, a C compiler.
            """)

    @OptionGroup var options: BenchOptions

    func run() async throws {
        try await options.run { folders, loop in
            let benchmark = Benchmark(
                folders: folders, extent: options.smoke ? .smoke : .full, loop: loop, progress: BenchOptions.tell)
            let report = try await benchmark.run("make bench")
            print(report.text)
            try options.write("gateway.json", report.json())
            try options.write("gateway.md", Data((BenchDocument.gateway + "\n" + report.text + "\n").utf8))
            try options.write("gateway-latency.svg", Data(report.latencyChart.svg.utf8))
            if report.failures > 0 || report.rows.contains(where: { $0.answered == 0 }) {
                throw BenchFailure(description: "\(report.failures) requests failed, or one load was not answered at all; see the table")
            }
        }
    }
}
