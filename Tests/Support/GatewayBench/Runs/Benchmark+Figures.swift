import Foundation
import NIOCore

/// Streams, memory, start and allocations.
extension Benchmark {
    enum MemoryStep: String {
        case idle = "idle"
        case some = "512 idle connections over TLS, wire"
        case many = "2,000 idle connections over TLS, wire"
        case overload = "at twice the load that it can serve, the most"
        case after = "when that load has gone"
    }

    private static let deltas = 20
    private static let millisecondsPerDelta = 100

    /// As many streams at once as the extent says, each with a delta every 100 ms for two seconds; new ones take the place of those that end.
    func streams(_ way: String, _ target: LoadTarget) async throws -> BenchReport.Streams {
        progress("\(way), \(extent.streams) streams")
        var plan = LoadPlan(
            target: target, model: "clock:\(Self.deltas):\(Self.millisecondsPerDelta)", isStreamed: true, clockedDeltas: Self.deltas,
            pace: .open(perSecond: max(1, extent.streams * 1_000 / (Self.deltas * Self.millisecondsPerDelta))),
            inFlight: extent.streams * 2, streamsPerConnection: 20, warmUp: .seconds(2), duration: .seconds(4))
        plan.maxTokens = 1_000
        let result = try await LoadRun.run(plan, on: loop)
        if let failure = result.firstFailure { progress("\(result.failed) failed: \(failure)") }
        return BenchReport.Streams(
            way: way, streams: extent.streams, ended: result.answered, failed: result.failed + result.shed, lostDeltas: result.lostDeltas,
            deltas: Int(result.deltas.count), firstDeltaP50Microseconds: result.firstBytes.microseconds(at: 0.5),
            firstDeltaP99Microseconds: result.firstBytes.microseconds(at: 0.99),
            deltaP50Microseconds: result.deltas.microseconds(at: 0.5), deltaP99Microseconds: result.deltas.microseconds(at: 0.99))
    }

    /// In a gateway of its own, which has done nothing before.
    func memory(_ setup: GatewaySetup, _ upstream: UpstreamServer, _ nginx: [Int], _ report: inout BenchReport) async throws {
        progress("memory")
        let gateway = try GatewayServer(folders, setup, upstream: upstream)
        defer { gateway.process.stop() }
        let probe = gateway.probe
        func note(_ step: MemoryStep, _ kibibytes: Int, _ nginx: Int? = nil) {
            report.memory.append(.init(when: step.rawValue, gatewayKiB: kibibytes, nginxKiB: nginx))
        }
        note(.idle, probe.residentKiB, nginx.first)
        for (index, step) in [MemoryStep.some, .many].enumerated() {
            let held = try await LoadConnector(gateway.target(.wire), on: loop).holding(extent.connections[index]) { probe.residentKiB }
            note(step, held, nginx.indices.contains(index + 1) ? nginx[index + 1] : nil)
        }
        let served = report.row("AgentShield, wire", Mode.production, Load.closed.text)?.requestsPerSecond ?? 5_000
        var plan = plan(gateway.target(.wire), .open(Int(2 * served)), extent.overload)
        (plan.model, plan.prompts, plan.inFlight, plan.streamsPerConnection) = ("memo", .unique, 8_192, 128)
        let load = plan
        let watch = Task {
            var most = 0
            while !Task.isCancelled {
                most = max(most, probe.residentKiB)
                try? await Task.sleep(for: .milliseconds(50))
            }
            return most
        }
        _ = try await LoadRun.run(load, on: loop)
        watch.cancel()
        note(.overload, await watch.value)
        try await Task.sleep(for: .seconds(2))
        note(.after, probe.residentKiB)
    }

    /// The median of five starts, and the sizes of the program.
    func start(_ upstream: UpstreamServer, _ report: inout BenchReport) async throws {
        progress("start")
        var starts: [(listening: Double, answered: Double)] = []
        for _ in 0..<5 {
            let begin = Date()
            let gateway = try GatewayServer(folders, upstream: upstream)
            defer { gateway.process.stop() }
            let curl = try Command.output(
                Command.find("curl"),
                [
                    "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:\(gateway.httpPort)/v1/chat/completions", "-H",
                    "authorization: Bearer \(gateway.key)", "-H", "content-type: application/json", "-d",
                    "{\"model\":\"bench\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}",
                ])
            guard curl == "200" else { throw BenchFailure(description: "the first answer has status \(curl)") }
            starts.append((gateway.startMilliseconds, Date().timeIntervalSince(begin) * 1_000))
        }
        report.startMilliseconds = starts.map(\.listening).sorted()[2]
        report.firstAnswerMilliseconds = starts.map(\.answered).sorted()[2]
        report.binaryBytes = try Self.bytes(folders.program)
        let stripped = folders.work.appendingPathComponent("stripped")
        _ = try Command.output(Command.find("strip"), ["-o", stripped.path, folders.program.path])
        report.strippedBytes = try Self.bytes(stripped)
    }

    private static func bytes(_ file: URL) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
        return (attributes[.size] as? NSNumber)?.intValue ?? 0
    }

    /// Allocations are counted in a gateway of their own, so that counting costs the others nothing.
    func countAllocations(_ setup: GatewaySetup, _ upstream: UpstreamServer, _ report: inout BenchReport) async throws {
        progress("allocations")
        var counting = setup
        counting.countsAllocations = true
        let gateway = try GatewayServer(folders, counting, upstream: upstream)
        defer { gateway.process.stop() }
        for door in [LoadTarget.Door.wire, .https, .http] {
            let counts = try await AllocationCounts.count(gateway, door, requests: extent.counted, inFlight: 16, on: loop)
            report.allocations.append(
                .init(
                    way: "AgentShield, \(door.name)", perRequest: counts.perRequest, perDelta: counts.perDelta,
                    heldBlocks: counts.heldBlocks, heldBytes: counts.heldBytes))
        }
    }
}

/// Heap allocations of one door.
struct AllocationCounts {
    var perRequest: Double
    var perDelta: Double
    var heldBlocks: Double
    var heldBytes: Double

    /// Of a gateway whose allocations are counted.
    ///
    /// - Parameters:
    ///   - requests: of each kind; those of half a second go before, uncounted.
    ///   - inFlight: with one at a time nothing depends on what happens to come together.
    static func count(
        _ gateway: GatewayServer, _ door: LoadTarget.Door, requests: Int, inFlight: Int, on loop: any EventLoop
    ) async throws -> AllocationCounts {
        let connections = 64
        func each(_ model: String, _ prompts: LoadPlan.Variety, isStreamed: Bool) async throws -> Double {
            try await perRequest(gateway, door, model, prompts, isStreamed: isStreamed, requests: requests, inFlight: inFlight, on: loop)
        }
        let whole = try await each("memo", .unique, isStreamed: false)
        let short = try await each("bench:16", .same, isStreamed: true)
        let long = try await each("bench:80", .same, isStreamed: true)
        let before = gateway.probe.sample()
        let probe = gateway.probe
        let holding = try await LoadConnector(gateway.target(door), on: loop).holding(connections) {
            () async throws -> ProcessProbe.Sample in
            // What the handshakes leave behind is freed by then.
            try await Task.sleep(for: .milliseconds(500))
            return probe.sample()
        }
        func held(_ count: KeyPath<ProcessProbe.Sample, UInt64>) -> Double {
            (Double(holding[keyPath: count]) - Double(before[keyPath: count])) / Double(connections)
        }
        return AllocationCounts(
            perRequest: whole, perDelta: (long - short) / 64, heldBlocks: held(\.liveAllocations), heldBytes: held(\.liveBytes))
    }

    /// Of requests that no cache can answer, where they are of the model `memo` and no two alike.
    static func perRequest(
        _ gateway: GatewayServer, _ door: LoadTarget.Door, _ model: String, _ prompts: LoadPlan.Variety, isStreamed: Bool, requests: Int,
        inFlight: Int, on loop: any EventLoop
    ) async throws -> Double {
        var plan = LoadPlan(
            target: gateway.target(door), model: model, prompts: prompts, isStreamed: isStreamed, pace: .closed, inFlight: inFlight,
            streamsPerConnection: inFlight, warmUp: .milliseconds(500), duration: .seconds(60), probe: gateway.probe)
        plan.requests = requests
        let result = try await LoadRun.run(plan, on: loop)
        guard result.failed + result.shed == 0, result.answered > 0 else {
            throw BenchFailure(description: "\(result.failed) failed, \(result.shed) shed: \(result.firstFailure ?? "")")
        }
        return result.allocationsPerRequest
    }
}
