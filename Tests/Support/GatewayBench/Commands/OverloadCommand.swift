import ArgumentParser
import Foundation
import NIOCore

/// What becomes of the gateway in a small container with more to do than it can.
struct OverloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "overload",
        abstract:
            "Runs the gateway in a control group of 512 MiB and half a core, at half, at full and at twice the load that it can serve.",
        discussion: """
            Prompts have 1 KiB, 20 KiB and 1 MiB. First it is measured what is served as fast as it goes; then what is added to the provider's latency at half and \
            at full of that; then, for --seconds, both doors together are asked for twice as much. Fails if a process was killed, the answers stop, or \
            the answered requests fall below half of what was served before.
            """)

    @OptionGroup var options: BenchOptions

    @Option(name: .long, help: "Seconds of overload.")
    var seconds = 600
    @Option(name: .long, help: "MiB of memory.")
    var memory = 512
    @Option(name: .long, help: "Cores.")
    var cpus = 0.5

    func run() async throws {
        try await options.run { folders, loop in
            let group = try ResourceGroup(memoryMiB: memory, cpus: cpus)
            defer { group.remove() }
            let upstream = try UpstreamServer(folders)
            defer { upstream.process.stop() }
            var setup = GatewaySetup()
            setup.wrapper = group.wrapper
            let gateway = try GatewayServer(folders, setup, upstream: upstream)
            defer { gateway.process.stop() }
            let run = OverloadRun(
                gateway: gateway, upstream: upstream, loop: loop, group: group, seconds: options.smoke ? 5 : seconds,
                calm: options.smoke ? .seconds(1) : .seconds(10))
            var report = try await run.report()
            report.bounds = "\(memory) MiB, \(cpus) cores"
            print(report.text)
            try options.write("overload.json", report.json())
            try options.write("overload.md", Data((BenchDocument.overload + "\n" + report.text + "\n").utf8))
            try options.write("overload.svg", Data(report.chart.svg.utf8))
            if let complaint = report.complaint { throw BenchFailure(description: complaint) }
        }
    }
}

/// The leak that an hour shows.
struct SoakCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Runs the gateway at half of what it can serve, and measures how its memory grows.",
        discussion: "The slope is a line's through all samples of the second half, by least squares.")

    @OptionGroup var options: BenchOptions

    @Option(name: .long, help: "Minutes.")
    var minutes = 60.0
    @Option(name: .long, help: "Requests a second, by both doors together. Default: half of what is served as fast as it goes.")
    var rate: Int?

    func validate() throws {
        guard rate ?? 2 >= 2, minutes > 0 else { throw ValidationError("minutes are above 0, and requests a second 2 or more") }
    }

    func run() async throws {
        try await options.run { folders, loop in
            let upstream = try UpstreamServer(folders)
            defer { upstream.process.stop() }
            let gateway = try GatewayServer(folders, upstream: upstream)
            defer { gateway.process.stop() }
            let report = try await SoakRun(
                gateway: gateway, loop: loop, seconds: options.smoke ? 6 : max(1, minutes * 60), rate: rate
            ).report()
            print(report.text)
            try options.write("soak.json", report.json())
            try options.write("soak.md", Data((BenchDocument.soak + "\n" + report.text + "\n").utf8))
            try options.write("soak.svg", Data(report.chart.svg.utf8))
            guard report.failed == 0 else {
                throw BenchFailure(description: "\(report.failed) requests failed: \(report.firstFailure ?? "")")
            }
        }
    }
}
