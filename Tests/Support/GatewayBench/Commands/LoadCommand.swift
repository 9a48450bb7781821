import ArgumentParser
import Foundation
import NIOCore
import NIOPosix

/// The load generator alone, towards a gateway that runs already.
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Sends load to a gateway, or to a provider of OpenAI's dialect, and measures.",
        discussion: """
            Open loop with --rate: each request is sent at its time, whether others have been answered or not, and its latency counts from that time, so that \
            waiting is not left out. Closed loop without: as many in flight as there may be.
            """)

    @Option(name: .long, help: "wire (TLS), https, http (both HTTP/1.1), sdk (the Swift client).")
    var door = LoadTarget.Door.wire
    @Option(name: .long, help: "Of 127.0.0.1.")
    var port: Int
    @Option(name: .long, help: "Names the environment variable with the gateway's key.")
    var keyEnv = "AGENTSHIELD_API_KEY"
    @Option(name: .long, help: "For sdk: the file of the authority that signed the gateway's certificate.")
    var authority = ""
    @Option(name: .long)
    var model = "bench"
    @Option(name: .long, help: "Requests a second: an open loop. Default: a closed loop.")
    var rate: Int?
    @Option(name: .long, help: "Connections.")
    var connections = 4
    @Option(name: .long, help: "Requests at once on each connection of the wire protocol.")
    var streams = 16
    @Option(
        name: .long, parsing: .upToNextOption, help: "Bytes of the prompts, in turns: 1024 20480 1048576. Default: a request of 841 bytes.")
    var sizes: [Int] = [0]
    @Option(name: .long, help: "Findings for the scrubber in each KiB of prompts longer than the default one.")
    var piiPerKib = 1.0
    @Flag(name: .long, help: "No two prompts alike.")
    var unique = false
    @Flag(name: .long, help: "Ask for streams.")
    var stream = false
    @Option(
        name: .long, help: "Deltas of each stream that have the provider's clock in them: `gateway-bench upstream`, model clock:<n>:<ms>.")
    var clockedDeltas: Int?
    @Option(name: .long, help: "Seconds before the measurement.")
    var warmUp = 1.0
    @Option(name: .long, help: "Seconds that are measured.")
    var seconds = 10.0
    @Option(name: .long, help: "The gateway's process, of this machine: its CPU is measured.")
    var pid: Int32?
    @Option(name: .long, help: "Write the figures into this file.")
    var json: String?
    @Option(name: .long, help: "Write a chart of the latencies into this file.")
    var svg: String?

    func validate() throws {
        guard connections > 0, (1...256).contains(streams), seconds > 0, warmUp >= 0, (rate ?? 1) > 0,
            sizes.allSatisfy({ (0...(16 << 20)).contains($0) }), !sizes.isEmpty
        else { throw ValidationError("connections, streams (1 to 256), seconds, rate and sizes (up to 16 MiB) are numbers above 0") }
    }

    func run() async throws {
        let key = ProcessInfo.processInfo.environment[keyEnv] ?? "none"
        let isHTTP = door == .http || door == .https
        var plan = LoadPlan(
            target: LoadTarget(door: door, port: port, credential: key, authority: authority), model: model,
            prompts: unique ? .unique : .same, texts: sizes.map { PromptText(bytes: $0, findingsPerKiB: piiPerKib) }, isStreamed: stream,
            clockedDeltas: clockedDeltas, pace: rate.map { .open(perSecond: $0) } ?? .closed,
            inFlight: connections * (isHTTP ? 1 : streams), streamsPerConnection: streams, warmUp: .nanoseconds(Int64(warmUp * 1e9)),
            duration: .nanoseconds(Int64(seconds * 1e9)))
        plan.probe = pid.map { ProcessProbe(identifier: $0) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let result = try await LoadRun.run(plan, on: group.next())
        try await group.shutdownGracefully()
        let report = LoadReport(result)
        let text = try report.json()
        print(String(decoding: text, as: UTF8.self), terminator: "")
        if let json { try text.write(to: URL(fileURLWithPath: json)) }
        if let svg {
            try Data(report.chart(title: "\(door), \(rate.map { "\($0)/s" } ?? "closed loop")").svg.utf8).write(
                to: URL(fileURLWithPath: svg))
        }
        if let failure = result.firstFailure { throw BenchFailure(description: "\(result.failed) requests failed; the first: \(failure)") }
    }
}

extension LoadTarget.Door: ExpressibleByArgument {}

/// What the load generator tells of a run.
struct LoadReport: Codable {
    struct Percentiles: Codable {
        var count: UInt64
        var mean: Double
        var least: Double
        var greatest: Double
        /// Microseconds at 50, 90, 99, 99.9 and 99.99 percent.
        var at: [String: Double]
        /// Microseconds at 1 - 1/2^n, from the median on.
        var curve: [Double]

        init(_ histogram: LatencyHistogram) {
            count = histogram.count
            mean = histogram.mean / 1_000
            least = histogram.microseconds(at: 0)
            greatest = histogram.microseconds(at: 1)
            at = [:]
            for share in [0.5, 0.9, 0.99, 0.999, 0.9999] { at["\(share)"] = histogram.microseconds(at: share) }
            curve = (1...16).map { histogram.microseconds(at: 1 - 1 / Double(1 << $0)) }
        }
    }

    var answered: Int
    var shed: Int
    var failed: Int
    var unanswered: Int
    var requestsPerSecond: Double
    var cpuMicrosecondsPerRequest: Double
    var latencyMicroseconds: Percentiles
    var firstByteMicroseconds: Percentiles
    var deltaMicroseconds: Percentiles?
    var refusalMicroseconds: Percentiles?
    var lostDeltas: Int

    init(_ result: LoadResult) {
        answered = result.answered
        shed = result.shed
        failed = result.failed
        unanswered = result.unanswered
        requestsPerSecond = result.perSecond
        cpuMicrosecondsPerRequest = result.cpuMicrosecondsPerRequest
        latencyMicroseconds = Percentiles(result.latencies)
        firstByteMicroseconds = Percentiles(result.firstBytes)
        deltaMicroseconds = result.deltas.count > 0 ? Percentiles(result.deltas) : nil
        refusalMicroseconds = result.refusals.count > 0 ? Percentiles(result.refusals) : nil
        lostDeltas = result.lostDeltas
    }

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(self) + Data("\n".utf8)
    }

    func chart(title: String) -> Chart {
        func line(_ name: String, _ percentiles: Percentiles?) -> Chart.Line? {
            percentiles.map { Chart.Line(name: name, points: $0.curve.enumerated().map { (Double(1 << ($0 + 1)), $1) }) }
        }
        let lines = [line("whole", latencyMicroseconds), line("first byte", firstByteMicroseconds), line("delta", deltaMicroseconds)]
        return Chart(
            title: title, xLabel: "one of so many is slower", yLabel: "µs", isLogarithmic: (x: true, y: true),
            lines: lines.compactMap { $0 })
    }
}
