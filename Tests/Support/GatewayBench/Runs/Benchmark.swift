import Foundation
import NIOCore

/// The runs of the benchmark, in order, on one machine.
struct Benchmark {
    struct Extent {
        var warmUp: TimeAmount
        var measured: TimeAmount
        var curve: TimeAmount
        var overload: TimeAmount
        var connections: [Int]
        var streams: Int
        var counted: Int

        static let full = Extent(
            warmUp: .milliseconds(500), measured: .milliseconds(2_500), curve: .milliseconds(1_200), overload: .seconds(5),
            connections: [512, 2_000], streams: 500, counted: 3_000)
        static let smoke = Extent(
            warmUp: .milliseconds(100), measured: .milliseconds(200), curve: .milliseconds(100), overload: .milliseconds(300),
            connections: [16, 64], streams: 20, counted: 200)
    }

    /// How requests are sent.
    enum Load: Equatable {
        case closed
        case closedStreamed
        case open(Int)

        static let all: [Load] = [.closed, .closedStreamed, .open(1_000), .open(Benchmark.statedRate)]

        var text: String {
            switch self {
            case .closed: "\(Benchmark.inFlight) in flight"
            case .closedStreamed: "\(Benchmark.inFlight) in flight, 16 deltas"
            case .open(let rate): "\(Markdown.number(Double(rate)))/s"
            }
        }
    }

    static let inFlight = 64
    /// At which CPU per request is judged: below what any of the measured can do, and busy enough that waking up is not all of it.
    static let statedRate = 4_000

    let folders: BenchFolders
    let extent: Extent
    let loop: any EventLoop
    /// Tells of each step.
    let progress: @Sendable (String) -> Void

    func run(_ command: String) async throws -> BenchReport {
        var report = BenchReport(
            command: command, date: Date().ISO8601Format(.iso8601.year().month().day()), machine: .current())
        let upstream = try UpstreamServer(folders)
        defer { upstream.process.stop() }
        for load in Load.all {
            let target = LoadTarget(door: .http, port: upstream.port, credential: "none")
            report.rows.append(try await measure("provider", Mode.direct, target, load))
        }
        report.streams.append(
            try await streams("provider", LoadTarget(door: .http, port: upstream.port, credential: "none")))
        let nginxMemory = try await proxies(upstream, &report)
        try await start(upstream, &report)
        try await embedded(upstream, &report)
        try await bare(upstream, &report)
        let redis = try RedisServer(folders)
        defer { redis.process.stop() }
        progress("PostgreSQL")
        let database = try await LedgerDatabase(folders)
        do {
            let production = GatewaySetup(governance: .production(redis: redis.url, database: database.url))
            try await governed(production, upstream, &report)
            try await memory(production, upstream, nginxMemory, &report)
            try await countAllocations(production, upstream, &report)
        } catch {
            await database.stop()
            throw error
        }
        await database.stop()
        report.compare()
        return report
    }

    // MARK: ways

    private func proxies(_ upstream: UpstreamServer, _ report: inout BenchReport) async throws -> [Int] {
        let nginx = try NginxServer(folders, upstream: upstream)
        defer { nginx.process.stop() }
        var memory = [nginx.probe.residentKiB]
        let https = LoadTarget(door: .https, port: nginx.tlsPort, credential: "none")
        for count in extent.connections {
            let probe = nginx.probe
            memory.append(try await LoadConnector(https, on: loop).holding(count) { probe.residentKiB })
        }
        try await rows("nginx", nginx.tlsPort, nginx.httpPort, nginx.probe, &report)
        report.streams.append(try await streams("nginx, HTTPS", https))
        try await curve("nginx, HTTPS", https, Mode.proxy, &report)
        nginx.process.stop()
        let haproxy = try HAProxyServer(folders, upstream: upstream)
        defer { haproxy.process.stop() }
        try await rows("HAProxy", haproxy.tlsPort, haproxy.httpPort, haproxy.probe, &report)
        return memory
    }

    private func rows(_ name: String, _ tlsPort: Int, _ httpPort: Int, _ probe: ProcessProbe, _ report: inout BenchReport) async throws {
        for (door, port) in [(LoadTarget.Door.https, tlsPort), (.http, httpPort)] {
            for load in Load.all {
                let target = LoadTarget(door: door, port: port, credential: "none")
                report.rows.append(try await measure("\(name), \(door.name)", Mode.proxy, target, load, probe))
            }
        }
    }

    private func embedded(_ upstream: UpstreamServer, _ report: inout BenchReport) async throws {
        let gateway = try GatewayServer(folders, upstream: upstream)
        defer { gateway.process.stop() }
        for door in [LoadTarget.Door.wire, .https] {
            for load in Load.all { report.rows.append(try await misses(gateway, door, Mode.embedded, load)) }
            report.rows.append(try await hits(gateway, door, Mode.embeddedHit))
        }
    }

    private func bare(_ upstream: UpstreamServer, _ report: inout BenchReport) async throws {
        let gateway = try GatewayServer(folders, GatewaySetup(governance: .bare), upstream: upstream)
        defer { gateway.process.stop() }
        for door in [LoadTarget.Door.wire, .https] {
            for load in Load.all where load != .closedStreamed {
                report.rows.append(
                    try await measure("AgentShield, \(door.name)", Mode.bare, gateway.target(door), load, gateway.probe))
            }
        }
    }

    private func governed(_ setup: GatewaySetup, _ upstream: UpstreamServer, _ report: inout BenchReport) async throws {
        let gateway = try GatewayServer(folders, setup, upstream: upstream)
        defer { gateway.process.stop() }
        for door in [LoadTarget.Door.wire, .https, .http] {
            for load in Load.all { report.rows.append(try await misses(gateway, door, Mode.production, load)) }
            if door != .http { report.rows.append(try await hits(gateway, door, Mode.productionHit)) }
        }
        report.rows.append(try await misses(gateway, .sdk, Mode.production, .open(1_000)))
        for door in [LoadTarget.Door.wire, .https] {
            report.streams.append(try await streams("AgentShield, \(door.name)", gateway.target(door)))
            try await curve("AgentShield, \(door.name)", gateway.target(door), Mode.production, &report)
        }
    }

    // MARK: one run

    /// Each request is looked up in the cache, and none is there.
    private func misses(_ gateway: GatewayServer, _ door: LoadTarget.Door, _ mode: String, _ load: Load) async throws -> BenchReport.Row {
        try await measure("AgentShield, \(door.name)", mode, gateway.target(door), load, gateway.probe, model: "memo", prompts: .unique)
    }

    private func hits(_ gateway: GatewayServer, _ door: LoadTarget.Door, _ mode: String) async throws -> BenchReport.Row {
        try await measure("AgentShield, \(door.name)", mode, gateway.target(door), .closed, gateway.probe, model: "memo")
    }

    func plan(_ target: LoadTarget, _ load: Load, _ duration: TimeAmount) -> LoadPlan {
        let pace: LoadPlan.Pace = if case .open(let rate) = load { .open(perSecond: rate) } else { .closed }
        return LoadPlan(
            target: target, isStreamed: load == .closedStreamed, pace: pace, inFlight: Self.inFlight, warmUp: extent.warmUp,
            duration: duration)
    }

    private func measure(
        _ way: String, _ mode: String, _ target: LoadTarget, _ load: Load, _ probe: ProcessProbe? = nil, model: String = "bench",
        prompts: LoadPlan.Variety = .same
    ) async throws -> BenchReport.Row {
        progress("\(way), \(mode), \(load.text)")
        var plan = plan(target, load, extent.measured)
        plan.model = model
        plan.prompts = prompts
        plan.probe = probe
        let result = try await LoadRun.run(plan, on: loop)
        if let failure = result.firstFailure { progress("\(result.failed) failed: \(failure)") }
        return BenchReport.Row(
            way: way, mode: mode, load: load.text, answered: result.answered, shed: result.shed, failed: result.failed,
            requestsPerSecond: result.perSecond, cpuMicroseconds: result.cpuMicrosecondsPerRequest,
            p50Microseconds: result.latencies.microseconds(at: 0.5), p99Microseconds: result.latencies.microseconds(at: 0.99),
            p999Microseconds: result.latencies.microseconds(at: 0.999))
    }

    /// Rates from low to high, until one is more than the way can do.
    private func curve(_ way: String, _ target: LoadTarget, _ mode: String, _ report: inout BenchReport) async throws {
        for rate in [500, 1_000, 2_000, 3_000, 4_000, 6_000, 8_000, 10_000, 12_000, 15_000, 20_000] {
            progress("\(way), \(rate)/s")
            var plan = plan(target, .open(rate), extent.curve)
            plan.warmUp = .milliseconds(300)
            plan.inFlight = 256
            if mode != Mode.proxy { (plan.model, plan.prompts) = ("memo", .unique) }
            let result = try await LoadRun.run(plan, on: loop)
            let point = BenchReport.CurvePoint(
                way: way, offeredPerSecond: rate, answeredPerSecond: result.perSecond,
                p50Microseconds: result.latencies.microseconds(at: 0.5), p99Microseconds: result.latencies.microseconds(at: 0.99))
            report.curve.append(point)
            if result.perSecond < 0.9 * Double(rate) || point.p50Microseconds > 20_000 { break }
        }
    }
}

extension LoadTarget.Door {
    var name: String {
        switch self {
        case .wire: "wire"
        case .https: "HTTPS"
        case .http: "HTTP"
        case .sdk: "SDK"
        }
    }
}
