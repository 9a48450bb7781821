import Foundation
import NIOCore

/// The runs of the benchmark, in order, on one machine.
struct Benchmark {
    struct Extent {
        var warmUp: TimeAmount
        var measured: TimeAmount
        var allocations: TimeAmount
        var heldConnections: Int

        static let full = Extent(warmUp: .seconds(2), measured: .seconds(8), allocations: .seconds(3), heldConnections: 512)
        static let smoke = Extent(
            warmUp: .milliseconds(200), measured: .milliseconds(300), allocations: .milliseconds(200), heldConnections: 16)
    }

    /// How a request is sent and answered.
    enum Load: CaseIterable {
        case closed
        case closedStreamed
        case open
    }

    let folders: BenchFolders
    let extent: Extent
    let loop: any EventLoop
    /// Tells of each step.
    let progress: @Sendable (String) -> Void

    static let inFlight = 64
    static let perSecond = 1_000

    func run() async throws -> BenchReport {
        let machine = BenchReport.Machine.current()
        let provider = try ProviderServer(folders)
        defer { provider.process.stop() }
        var rows = try await directRows(provider)
        let direct = rows
        let (nginxRows, nginxIdle, nginxHolding) = try await nginxRows(provider, direct)
        rows += nginxRows
        progress("gateway")
        let gateway = try GatewayServer(folders, provider: provider, countsAllocations: false)
        defer { gateway.process.stop() }
        let probe = gateway.probe
        let idle = probe.residentKiB
        let wire = LoadTarget(door: .wire, port: gateway.tlsPort, credential: gateway.key)
        let holding = try await LoadConnector.holding(extent.heldConnections, to: wire, on: loop) { probe.residentKiB }
        for (name, target) in targets(gateway) {
            for load in Load.allCases {
                var row = try await measure("AgentShield, \(name)", target, load, gateway.probe, direct)
                row.cpuBesideNginx = besideNginx(row, name, nginxRows)
                rows.append(row)
            }
        }
        gateway.process.stop()
        try await countAllocations(provider, &rows)
        rows += try await cacheRows(provider)
        return BenchReport(
            date: Date().ISO8601Format(.iso8601.year().month().day()), build: Self.build, machine: machine,
            startMilliseconds: gateway.startMilliseconds,
            memory: .init(
                gatewayIdleKiB: idle, gatewayHoldingKiB: holding, nginxIdleKiB: nginxIdle, nginxHoldingKiB: nginxHolding,
                heldConnections: extent.heldConnections),
            rows: rows)
    }

    private static var build: String {
        #if DEBUG
        "debug"
        #else
        "release"
        #endif
    }

    private func targets(_ gateway: GatewayServer) -> [(String, LoadTarget)] {
        [
            ("wire", LoadTarget(door: .wire, port: gateway.tlsPort, credential: gateway.key)),
            ("HTTPS", LoadTarget(door: .https, port: gateway.tlsPort, credential: gateway.key)),
            ("HTTP", LoadTarget(door: .http, port: gateway.httpPort, credential: gateway.key)),
        ]
    }

    private func directRows(_ provider: ProviderServer) async throws -> [BenchReport.Row] {
        var rows: [BenchReport.Row] = []
        for load in Load.allCases {
            rows.append(
                try await measure("provider directly", LoadTarget(door: .http, port: provider.port, credential: "none"), load, nil, []))
        }
        return rows
    }

    private func nginxRows(
        _ provider: ProviderServer, _ direct: [BenchReport.Row]
    ) async throws -> ([BenchReport.Row], idle: Int, holding: Int) {
        let nginx = try NginxServer(folders, provider: provider)
        defer { nginx.process.stop() }
        let probe = nginx.probe
        let idle = probe.residentKiB
        let https = LoadTarget(door: .https, port: nginx.tlsPort, credential: "none")
        let holding = try await LoadConnector.holding(extent.heldConnections, to: https, on: loop) { probe.residentKiB }
        var rows: [BenchReport.Row] = []
        for (name, target) in [("HTTPS", https), ("HTTP", LoadTarget(door: .http, port: nginx.httpPort, credential: "none"))] {
            for load in Load.allCases {
                rows.append(try await measure("nginx, \(name)", target, load, nginx.probe, direct))
            }
        }
        return (rows, idle, holding)
    }

    /// The wire is held beside nginx's HTTPS, the nearest that nginx has.
    private func besideNginx(_ row: BenchReport.Row, _ name: String, _ nginxRows: [BenchReport.Row]) -> Double? {
        guard row.cpuMicroseconds > 0 else { return nil }
        let rival = nginxRows.first { $0.load == row.load && $0.name == (name == "HTTP" ? "nginx, HTTP" : "nginx, HTTPS") }
        return rival.flatMap { $0.cpuMicroseconds > 0 ? row.cpuMicroseconds / $0.cpuMicroseconds : nil }
    }

    /// Allocations are counted in a gateway of their own, so that counting costs the others nothing.
    private func countAllocations(_ provider: ProviderServer, _ rows: inout [BenchReport.Row]) async throws {
        progress("allocations")
        let gateway = try GatewayServer(folders, provider: provider, countsAllocations: true)
        defer { gateway.process.stop() }
        for (name, target) in targets(gateway) {
            for load in [Load.closed, .closedStreamed] {
                let result = try await LoadRun.run(try plan(target, load, gateway.probe, extent.allocations), on: loop)
                guard let index = rows.firstIndex(where: { $0.name == "AgentShield, \(name)" && $0.load == Self.text(load) }) else {
                    continue
                }
                rows[index].allocations = result.answered > 0 ? result.allocationsPerRequest : nil
                rows[index].failed += result.failed
            }
        }
    }

    private func plan(_ target: LoadTarget, _ load: Load, _ probe: ProcessProbe?, _ duration: TimeAmount) throws -> LoadPlan {
        LoadPlan(
            target: target, tls: target.door == .http ? nil : try LoadConnector.context(for: target.door),
            isStreamed: load == .closedStreamed, pace: load == .open ? .open(perSecond: Self.perSecond) : .closed,
            inFlight: Self.inFlight, warmUp: extent.warmUp, duration: duration, probe: probe)
    }

    private func measure(
        _ name: String, _ target: LoadTarget, _ load: Load, _ probe: ProcessProbe?, _ direct: [BenchReport.Row]
    ) async throws -> BenchReport.Row {
        progress("\(name), \(Self.text(load))")
        let result = try await LoadRun.run(try plan(target, load, probe, extent.measured), on: loop)
        var row = BenchReport.Row(
            name: name, load: Self.text(load), answered: result.answered, failed: result.failed, requestsPerSecond: result.perSecond,
            cpuMicroseconds: result.cpuMicrosecondsPerRequest, p50Microseconds: result.latencyMicroseconds(0.5),
            p99Microseconds: result.latencyMicroseconds(0.99))
        // Added time means something only where the load is the same, not where each goes as fast as it can.
        if load == .open, let base = direct.first(where: { $0.load == row.load }) {
            row.addedP50Microseconds = row.p50Microseconds - base.p50Microseconds
            row.addedP99Microseconds = row.p99Microseconds - base.p99Microseconds
        }
        return row
    }

    private static func text(_ load: Load) -> String {
        switch load {
        case .closed: "\(inFlight) in flight"
        case .closedStreamed: "\(inFlight) in flight, 16 chunks streamed"
        case .open: "\(perSecond)/s"
        }
    }
}
