import Foundation
import NIOCore

struct OverloadReport: Codable {
    struct Latency: Codable {
        var way: String
        var load: String
        var perSecond: Double
        var shed: Int
        var failed: Int
        var p50Microseconds: Double
        var p99Microseconds: Double
        var p999Microseconds: Double
        /// Over the provider called directly at the same rate.
        var addedP50Microseconds: Double?
        var addedP99Microseconds: Double?
        var addedP999Microseconds: Double?
    }

    struct Flood: Codable {
        var way: String
        var offeredPerSecond: Int
        var answeredPerSecond: Double
        var shedPerSecond: Double
        var failed: Int
        var firstFailure: String?
        var p50Microseconds: Double
        var p99Microseconds: Double
        var refusalP50Microseconds: Double
        var refusalP99Microseconds: Double
    }

    var date: String
    var machine: BenchMachine
    var bounds = ""
    var seconds: Int
    var served: [String: Double] = [:]
    var calm: [Latency] = []
    var flood: [Flood] = []
    var memory: [MemoryWatch.Sample] = []
    var killed = 0
    var isAlive = true
    var afterKiB = 0

    var mostKiB: Int { memory.map(\.kibibytes).max() ?? 0 }

    /// What must not be.
    var complaint: String? {
        if killed > 0 || !isAlive { return "the gateway was killed" }
        return goodput < 0.5 ? "of what was served, \(Markdown.number(100 * goodput)) % are left under overload" : nil
    }

    /// What is answered under overload, of what is served without; each way was served alone, and now they share.
    var goodput: Double { flood.reduce(0) { $0 + $1.answeredPerSecond / (served[$1.way] ?? .infinity) } }

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return try encoder.encode(self) + Data("\n".utf8)
    }

    var chart: Chart {
        Chart(
            title: "Resident memory under overload", xLabel: "seconds", yLabel: "MiB",
            lines: [Chart.Line(name: "gateway", points: memory.map { ($0.seconds, Double($0.kibibytes) / 1_024) })])
    }

    var text: String {
        let tables = [
            "\(date), `make bench-overload`, \(bounds), \(machine.text)",
            "Served as fast as it goes: \(served.sorted { $0.key > $1.key }.map { "\($0.key) \(Markdown.number($0.value)) requests/s" }.joined(separator: ", ")).",
            Markdown.table(
                [
                    "way", "load", ">requests/s", ">p50 ms", ">p99 ms", ">p99.9 ms", ">added p50", ">added p99", ">added p99.9", ">shed",
                    ">failed",
                ],
                calm.map { row in
                    [row.way, row.load, Markdown.number(row.perSecond)]
                        + [
                            row.p50Microseconds, row.p99Microseconds, row.p999Microseconds, row.addedP50Microseconds,
                            row.addedP99Microseconds,
                            row.addedP999Microseconds,
                        ].map { Markdown.number($0.map { $0 / 1_000 }, 2) } + ["\(row.shed)", "\(row.failed)"]
                }),
            "Twice of that for \(seconds) s, both ways together:",
            Markdown.table(
                [
                    "way", ">offered/s", ">answered/s", ">shed/s", ">failed", ">p50 ms", ">p99 ms", ">until told of being shed, p50 ms",
                    ">p99 ms",
                ],
                flood.map { row in
                    [
                        row.way, "\(row.offeredPerSecond)", Markdown.number(row.answeredPerSecond), Markdown.number(row.shedPerSecond),
                        row.failed > 0 ? "\(row.failed) (\(row.firstFailure ?? ""))" : "0",
                    ]
                        + [row.p50Microseconds, row.p99Microseconds, row.refusalP50Microseconds, row.refusalP99Microseconds].map {
                            Markdown.number($0 / 1_000, 1)
                        }
                }),
            "Goodput: \(Markdown.number(100 * goodput)) % of what is served without overload.",
            "Memory: at most \(Markdown.mebibytes(mostKiB)) MiB, \(Markdown.mebibytes(afterKiB)) MiB when the load had gone. Killed for want of memory: \(killed).",
            "![resident memory](overload.svg)",
        ]
        return tables.joined(separator: "\n\n").replacing("\n\n\n", with: "\n\n")
    }
}

struct OverloadRun {
    let gateway: GatewayServer
    let upstream: UpstreamServer
    let loop: any EventLoop
    let group: ResourceGroup
    let seconds: Int
    let calm: TimeAmount

    /// Of ten prompts seven have 1 KiB, two 20 KiB and one 1 MiB.
    private static let texts =
        Array(repeating: PromptText(bytes: 1_024), count: 5) + [PromptText(bytes: 20_480)]
        + Array(repeating: PromptText(bytes: 1_024), count: 2)
        + [PromptText(bytes: 20_480), PromptText(bytes: 1 << 20)]

    func report() async throws -> OverloadReport {
        var report = OverloadReport(
            date: Date().ISO8601Format(.iso8601.year().month().day()), machine: .current(), seconds: seconds)
        for door in [LoadTarget.Door.wire, .https] {
            BenchOptions.tell("\(door.name), as fast as it goes")
            var plan = plan(gateway.target(door), .closed)
            plan.inFlight = 16
            report.served[door.name] = max(1, try await LoadRun.run(plan, on: loop).perSecond)
        }
        for (share, name) in [(0.5, "half"), (1.0, "full")] {
            for door in [LoadTarget.Door.wire, .https] {
                let rate = max(1, Int((report.served[door.name] ?? 1) * share))
                BenchOptions.tell("\(door.name), \(name) load: \(rate)/s")
                let direct = try await LoadRun.run(
                    plan(LoadTarget(door: .http, port: upstream.port, credential: "none"), .open(perSecond: rate)), on: loop)
                let result = try await LoadRun.run(plan(gateway.target(door), .open(perSecond: rate)), on: loop)
                report.calm.append(Self.latency(door.name, "\(name), \(rate)/s", result, direct))
            }
        }
        try await flood(&report)
        return report
    }

    private static func latency(_ way: String, _ load: String, _ result: LoadResult, _ direct: LoadResult) -> OverloadReport.Latency {
        func at(_ share: Double) -> Double { result.latencies.microseconds(at: share) }
        func added(_ share: Double) -> Double { at(share) - direct.latencies.microseconds(at: share) }
        return OverloadReport.Latency(
            way: way, load: load, perSecond: result.perSecond, shed: result.shed, failed: result.failed, p50Microseconds: at(0.5),
            p99Microseconds: at(0.99), p999Microseconds: at(0.999), addedP50Microseconds: added(0.5), addedP99Microseconds: added(0.99),
            addedP999Microseconds: added(0.999))
    }

    /// Each way with what it can serve alone: together twice of it.
    private func flood(_ report: inout OverloadReport) async throws {
        BenchOptions.tell("twice the load, for \(seconds) s")
        let watch = MemoryWatch(gateway.probe, every: .milliseconds(250))
        let results = try await withThrowingTaskGroup(of: (String, Int, LoadResult).self) { group in
            for door in [LoadTarget.Door.wire, .https] {
                let rate = max(1, Int(report.served[door.name] ?? 1))
                var plan = plan(gateway.target(door), .open(perSecond: rate))
                plan.inFlight = 1_024
                plan.streamsPerConnection = 128
                plan.duration = .seconds(Int64(seconds))
                let (load, loop) = (plan, loop)
                group.addTask { (door.name, rate, try await LoadRun.run(load, on: loop)) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        report.memory = await watch.end()
        for (name, rate, result) in results.sorted(by: { $0.0 > $1.0 }) {
            report.flood.append(
                .init(
                    way: name, offeredPerSecond: rate, answeredPerSecond: result.perSecond,
                    shedPerSecond: result.seconds > 0 ? Double(result.shed) / result.seconds : 0, failed: result.failed,
                    firstFailure: result.firstFailure, p50Microseconds: result.latencies.microseconds(at: 0.5),
                    p99Microseconds: result.latencies.microseconds(at: 0.99), refusalP50Microseconds: result.refusals.microseconds(at: 0.5),
                    refusalP99Microseconds: result.refusals.microseconds(at: 0.99)))
        }
        report.isAlive = gateway.process.isRunning
        report.killed = group.killed
        try await Task.sleep(for: .seconds(3))
        report.afterKiB = gateway.probe.residentKiB
    }

    private func plan(_ target: LoadTarget, _ pace: LoadPlan.Pace) -> LoadPlan {
        LoadPlan(
            target: target, prompts: .unique, texts: Self.texts, pace: pace, inFlight: 64, warmUp: .seconds(1), duration: calm)
    }
}

struct SoakReport: Codable {
    var date: String
    var machine: BenchMachine
    var ratePerSecond: Int
    var answered: Int
    var failed: Int
    var firstFailure: String?
    var memory: [MemoryWatch.Sample]

    var secondHalf: [MemoryWatch.Sample] { Array(memory.dropFirst(memory.count / 2)) }
    var kibibytesPerHour: Double { MemoryWatch.kibibytesPerHour(secondHalf) }

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return try encoder.encode(self) + Data("\n".utf8)
    }

    var chart: Chart {
        Chart(
            title: "Resident memory, \(ratePerSecond) requests/s", xLabel: "minutes", yLabel: "MiB",
            lines: [Chart.Line(name: "gateway", points: memory.map { ($0.seconds / 60, Double($0.kibibytes) / 1_024) })])
    }

    var text: String {
        """
        \(date), `make soak`, \(machine.text)

        \(Markdown.number(Double(answered))) requests in \(Markdown.number((memory.last?.seconds ?? 0) / 60, 1)) minutes, \(ratePerSecond) a second, half of them by each \
        door; \(failed) failed. Memory: \(Markdown.mebibytes(memory.first?.kibibytes)) MiB at the start, \(Markdown.mebibytes(memory.last?.kibibytes)) MiB at the end; in the \
        second half it changes by **\(Markdown.number(kibibytesPerHour)) KiB an hour**.

        ![resident memory](soak.svg)
        """
    }
}

struct SoakRun {
    let gateway: GatewayServer
    let loop: any EventLoop
    let seconds: Double
    /// Requests a second, both doors together; `nil`: half of what is served.
    let rate: Int?

    func report() async throws -> SoakReport {
        let machine = BenchMachine.current()
        var plan = LoadPlan(
            target: gateway.target(.wire), model: "memo", prompts: .unique, pace: .closed, inFlight: 64, warmUp: .seconds(1),
            duration: .seconds(2))
        let served = try await LoadRun.run(plan, on: loop).perSecond
        let ofEach = max(1, (rate ?? Int(served / 2)) / 2)
        // The cache is full after that: 64 MiB of it are no leak.
        plan.duration = .nanoseconds(Int64(seconds * 1e9))
        plan.pace = .open(perSecond: ofEach)
        let watch = MemoryWatch(gateway.probe, every: .milliseconds(Int64(max(100, seconds))))
        let results = try await withThrowingTaskGroup(of: LoadResult.self) { group in
            for (door, model, isStreamed) in [(LoadTarget.Door.wire, "memo", false), (.https, "bench", true)] {
                var load = plan
                (load.target, load.model, load.isStreamed) = (gateway.target(door), model, isStreamed)
                let (fixed, loop) = (load, loop)
                group.addTask { try await LoadRun.run(fixed, on: loop) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        return SoakReport(
            date: Date().ISO8601Format(.iso8601.year().month().day()), machine: machine, ratePerSecond: 2 * ofEach,
            answered: results.reduce(0) { $0 + $1.answered }, failed: results.reduce(0) { $0 + $1.failed + $1.shed + $1.unanswered },
            firstFailure: results.compactMap(\.firstFailure).first, memory: await watch.end())
    }
}
