import ArgumentParser
import Foundation
import NIOCore

/// Whether a request costs the same when there is more of everything else.
struct CurvesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "curves",
        abstract: "Measures what a request costs beside up to 10,000 idle connections, 100,000 other keys, 1,000 other models.",
        discussion: """
            By the wire, governed, at 1,000 requests a second; in memory, and where keys are in the store with Redis and PostgreSQL. A configuration file has room for \
            some 8,000 keys.
            """)

    @OptionGroup var options: BenchOptions

    struct Point: Codable {
        var what: String
        var count: Int
        var cpuMicroseconds: Double
        var p50Microseconds: Double
        var p99Microseconds: Double
        var residentKiB: Int
        var startMilliseconds: Double
    }

    struct Report: Codable {
        var date: String
        var machine: BenchMachine
        var points: [Point]

        var text: String {
            let rows = points.map { point in
                [
                    point.what, Markdown.number(Double(point.count)), Markdown.number(point.cpuMicroseconds, 1),
                    Markdown.number(point.p50Microseconds),
                    Markdown.number(point.p99Microseconds), Markdown.mebibytes(point.residentKiB), Markdown.number(point.startMilliseconds),
                ]
            }
            return "\(date), `make bench-curves`, \(machine.text)\n\n"
                + Markdown.table(["beside", ">so many", ">CPU µs/request", ">p50 µs", ">p99 µs", ">RSS MiB", ">start ms"], rows)
                + "\n![CPU of a request](curves.svg)\n"
        }

        var chart: Chart {
            let names = points.map(\.what).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
            return Chart(
                title: "CPU of a request beside so many others", xLabel: "so many", yLabel: "µs", isLogarithmic: (x: true, y: false),
                lines: names.map { name in
                    Chart.Line(name: name, points: points.filter { $0.what == name }.map { (Double(max(1, $0.count)), $0.cpuMicroseconds) })
                })
        }
    }

    func run() async throws {
        try await options.run { folders, loop in
            let upstream = try UpstreamServer(folders)
            defer { upstream.process.stop() }
            var report = Report(date: Date().ISO8601Format(.iso8601.year().month().day()), machine: .current(), points: [])
            let small = options.smoke
            for count in small ? [0, 50] : Set([0, 500, 2_000, 5_000, 10_000].map { min($0, Self.mostConnections) }).sorted() {
                report.points.append(try await point("idle connections", count, GatewaySetup(), held: count, folders, upstream, loop))
            }
            for count in small ? [0, 100] : [0, 1_000, 8_000] {
                var setup = GatewaySetup()
                setup.keys = count
                report.points.append(try await point("keys of the file", count, setup, held: 0, folders, upstream, loop))
            }
            for count in small ? [0, 100] : [0, 10_000, 100_000] {
                report.points.append(try await storedKeys(count, folders, upstream, loop))
            }
            for count in small ? [0, 10] : [0, 100, 1_000] {
                var setup = GatewaySetup()
                setup.models = count
                report.points.append(try await point("models", count, setup, held: 0, folders, upstream, loop))
            }
            for count in small ? [1, 2] : [1, 4, 16, 64, 250] {
                report.points.append(
                    try await point("streams of one connection", count, GatewaySetup(), held: 0, streams: count, folders, upstream, loop))
            }
            print(report.text)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try options.write("curves.json", try encoder.encode(report) + Data("\n".utf8))
            try options.write("curves.md", Data((BenchDocument.curves + "\n" + report.text).utf8))
            try options.write("curves.svg", Data(report.chart.svg.utf8))
        }
    }

    /// The gateway takes half as many connections as it may open files, less some: each may need one to a provider.
    private static var mostConnections: Int { max(0, sysconf(Int32(_SC_OPEN_MAX)) / 2 - 128) }

    private func storedKeys(
        _ count: Int, _ folders: BenchFolders, _ upstream: UpstreamServer, _ loop: any EventLoop
    ) async throws -> Point {
        let redis = try RedisServer(folders)
        defer { redis.process.stop() }
        let database = try await LedgerDatabase(folders)
        let result: Result<Point, any Error>
        do {
            var setup = GatewaySetup(governance: .production(redis: redis.url, database: database.url))
            setup.storedKey = try database.makeKey(folders, besides: count)
            result = .success(try await point("keys of the store", count, setup, held: 0, folders, upstream, loop))
        } catch {
            result = .failure(error)
        }
        await database.stop()
        return try result.get()
    }

    private func point(
        _ what: String, _ count: Int, _ setup: GatewaySetup, held: Int, streams: Int = 16, _ folders: BenchFolders,
        _ upstream: UpstreamServer,
        _ loop: any EventLoop
    ) async throws -> Point {
        BenchOptions.tell("\(count) \(what)")
        let gateway = try GatewayServer(folders, setup, upstream: upstream)
        defer { gateway.process.stop() }
        var plan = LoadPlan(
            target: gateway.target(.wire), model: "memo", prompts: .unique, pace: .open(perSecond: 1_000), inFlight: max(64, streams),
            streamsPerConnection: streams, warmUp: .milliseconds(options.smoke ? 100 : 1_000), duration: .seconds(options.smoke ? 1 : 3),
            probe: gateway.probe)
        if what.hasPrefix("streams") { (plan.pace, plan.inFlight) = (.closed, streams) }
        let (fixed, probe) = (plan, gateway.probe)
        let (result, resident) = try await LoadConnector(gateway.target(.wire), on: loop).holding(held) {
            () async throws -> (LoadResult, Int) in
            let result = try await LoadRun.run(fixed, on: loop)
            return (result, probe.residentKiB)
        }
        if let failure = result.firstFailure { throw BenchFailure(description: "\(result.failed) requests failed: \(failure)") }
        return Point(
            what: what, count: count, cpuMicroseconds: result.cpuMicrosecondsPerRequest,
            p50Microseconds: result.latencies.microseconds(at: 0.5),
            p99Microseconds: result.latencies.microseconds(at: 0.99), residentKiB: resident, startMilliseconds: gateway.startMilliseconds)
    }
}
