/// A number of the design, and what was measured.
struct Goal {
    var aim: String
    var measured: String
    /// `nil`: there is nothing to judge by.
    var isMet: Bool?

    init(_ aim: String, _ value: Double?, atMost limit: Double, digits: Int = 1, _ unit: String = "") {
        self.aim = aim
        measured = Markdown.number(value, digits) + unit
        isMet = value.map { $0 <= limit }
    }

    init(_ aim: String, _ value: Double?, atLeast limit: Double, digits: Int = 1, _ unit: String = "") {
        self.aim = aim
        measured = Markdown.number(value, digits) + unit
        isMet = value.map { $0 >= limit }
    }
}

extension BenchReport {
    private static let wire = "AgentShield, wire"
    private static let https = "AgentShield, HTTPS"

    var goals: [Goal] { costGoals + latencyGoals + streamGoals + memoryGoals + allocationGoals }

    private var costGoals: [Goal] {
        let full = Benchmark.Load.closed.text
        let rate = Benchmark.Load.open(Benchmark.statedRate).text
        let (wire, shim) = (row(Self.wire, Mode.production, full), row(Self.https, Mode.production, full))
        let (hit, memoryHit) = (row(Self.wire, Mode.productionHit, full), row(Self.wire, Mode.embeddedHit, full))
        func ratio(_ first: Row?, _ second: Row?) -> Double? {
            first.flatMap { first in second.map { first.requestsPerSecond / $0.requestsPerSecond } }
        }
        return [
            Goal("wire, governed: CPU per request at saturation ≤ 50 µs", wire?.cpuMicroseconds, atMost: 50),
            Goal("wire, governed: ≥ 15,000 requests/s on one core", wire?.requestsPerSecond, atLeast: 15_000, digits: 0),
            Goal("shim over TLS, governed: CPU per request at saturation ≤ 80 µs", shim?.cpuMicroseconds, atMost: 80),
            Goal(
                "wire, governed: CPU beside nginx's at \(rate) ≤ 2", row(Self.wire, Mode.production, rate)?.cpuBesideNginx, atMost: 2,
                digits: 2),
            Goal(
                "shim over TLS, governed: CPU beside nginx's at \(rate) ≤ 2", row(Self.https, Mode.production, rate)?.cpuBesideNginx,
                atMost: 2, digits: 2),
            Goal("wire: a hit in Redis ≥ 2 times the misses a second", ratio(hit, wire), atLeast: 2, digits: 2),
            Goal(
                "wire: a hit in memory ≥ 2 times the misses a second", ratio(memoryHit, row(Self.wire, Mode.embedded, full)), atLeast: 2,
                digits: 2),
        ]
    }

    private var latencyGoals: [Goal] {
        let rate = Benchmark.Load.open(1_000).text
        return [(Self.wire, "wire"), (Self.https, "shim over TLS")].flatMap { way, name in
            let row = row(way, Mode.production, rate)
            return [
                Goal("\(name): added p50 at 1,000/s ≤ 300 µs", row?.addedP50Microseconds, atMost: 300, digits: 0),
                Goal("\(name): added p99 at 1,000/s ≤ 1,000 µs", row?.addedP99Microseconds, atMost: 1_000, digits: 0),
            ]
        }
    }

    private var streamGoals: [Goal] {
        [Self.wire, Self.https].flatMap { way in
            let row = streams.first { $0.way == way }
            return [
                Goal("\(way): added time per delta, p50 ≤ 100 µs", row.flatMap(addedDelta), atMost: 100, digits: 0),
                Goal("\(way): lost deltas of 500 streams at once", row.map { Double($0.lostDeltas) }, atMost: 0, digits: 0),
            ]
        }
    }

    private var memoryGoals: [Goal] {
        func mebibytes(_ when: String) -> Double? { memory.first { $0.when == when }.map { Double($0.gatewayKiB) / 1_024 } }
        return [
            Goal("memory idle ≤ 32 MiB", mebibytes(Benchmark.MemoryStep.idle.rawValue), atMost: 32),
            Goal("memory with 512 connections ≤ 64 MiB", mebibytes(Benchmark.MemoryStep.some.rawValue), atMost: 64),
            Goal("memory at twice the load ≤ 128 MiB", mebibytes(Benchmark.MemoryStep.overload.rawValue), atMost: 128),
            Goal("start to first answer ≤ 300 ms", firstAnswerMilliseconds, atMost: 300, digits: 0),
            Goal("binary, stripped ≤ 30 MB", Double(strippedBytes) / 1e6, atMost: 30),
        ]
    }

    private var allocationGoals: [Goal] {
        let wire = allocations.first { $0.way == Self.wire }
        return [
            Goal("wire: heap allocations per governed request ≤ 25", wire?.perRequest, atMost: 25),
            Goal("wire: heap allocations per streamed delta ≤ 2", wire?.perDelta, atMost: 2, digits: 2),
        ]
    }
}
