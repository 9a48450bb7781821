import Foundation

/// Everything that a run of the benchmark found; written as JSON, told as Markdown.
struct BenchReport: Codable, Sendable {
    /// One way to the provider, under one kind of load.
    struct Row: Codable, Sendable {
        var way: String
        /// What is done with a request on the way.
        var mode: String
        var load: String
        var answered: Int
        var shed: Int
        var failed: Int
        var requestsPerSecond: Double
        /// Of the measured process; 0 for the provider called directly.
        var cpuMicroseconds: Double
        /// nginx's figure by the same way under the same load in the same run is 1.
        var cpuBesideNginx: Double?
        var p50Microseconds: Double
        var p99Microseconds: Double
        var p999Microseconds: Double
        /// Over the provider called directly under the same load.
        var addedP50Microseconds: Double?
        var addedP99Microseconds: Double?
    }

    /// 500 streams at once, each delta with its provider's clock.
    struct Streams: Codable, Sendable {
        var way: String
        var streams: Int
        var ended: Int
        var failed: Int
        var lostDeltas: Int
        var deltas: Int
        var firstDeltaP50Microseconds: Double
        var firstDeltaP99Microseconds: Double
        var deltaP50Microseconds: Double
        var deltaP99Microseconds: Double
    }

    struct Memory: Codable, Sendable {
        var when: String
        var gatewayKiB: Int
        var nginxKiB: Int?
    }

    struct Allocations: Codable, Sendable {
        var way: String
        var perRequest: Double
        var perDelta: Double
        /// Of an idle connection.
        var heldBlocks: Double
        var heldBytes: Double
    }

    /// Throughput at so many requests a second, as many as were answered, and their latency.
    struct CurvePoint: Codable, Sendable {
        var way: String
        var offeredPerSecond: Int
        var answeredPerSecond: Double
        var p50Microseconds: Double
        var p99Microseconds: Double
    }

    var command: String
    var date: String
    var machine: BenchMachine
    var startMilliseconds = 0.0
    var firstAnswerMilliseconds = 0.0
    var binaryBytes = 0
    var strippedBytes = 0
    var rows: [Row] = []
    var streams: [Streams] = []
    var memory: [Memory] = []
    var allocations: [Allocations] = []
    var curve: [CurvePoint] = []

    var failures: Int { rows.reduce(0) { $0 + $1.failed } + streams.reduce(0) { $0 + $1.failed } }

    /// `nil` also where nothing was answered.
    func row(_ way: String, _ mode: String, _ load: String) -> Row? {
        rows.first { $0.way == way && $0.mode == mode && $0.load == load && $0.answered > 0 }
    }

    /// The most that a way answers in a second while its p99 is within the bound.
    func throughput(_ way: String, within milliseconds: Double) -> Double? {
        curve.filter { $0.way == way && $0.p99Microseconds <= milliseconds * 1_000 }.map(\.answeredPerSecond).max()
    }

    /// What rows say beside each other: once all are there.
    mutating func compare() {
        for index in rows.indices where rows[index].cpuMicroseconds > 0 && rows[index].mode != Mode.proxy {
            let way = rows[index].way.hasSuffix("HTTP") ? "nginx, HTTP" : "nginx, HTTPS"
            if let nginx = row(way, Mode.proxy, rows[index].load), nginx.cpuMicroseconds > 0 {
                rows[index].cpuBesideNginx = rows[index].cpuMicroseconds / nginx.cpuMicroseconds
            }
        }
        // Added time means something only where the load is the same, not where each goes as fast as it can.
        for index in rows.indices where rows[index].load.hasSuffix("/s") && rows[index].answered > 0 {
            guard rows[index].mode != Mode.direct, let base = row("provider", Mode.direct, rows[index].load) else { continue }
            rows[index].addedP50Microseconds = rows[index].p50Microseconds - base.p50Microseconds
            rows[index].addedP99Microseconds = rows[index].p99Microseconds - base.p99Microseconds
        }
    }

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(self) + Data("\n".utf8)
    }
}

/// What is done with a request on its way.
enum Mode {
    static let direct = "called directly"
    static let proxy = "plain proxy"
    static let production = "governed, Redis"
    static let productionHit = "governed, Redis, cache hit"
    static let embedded = "governed, in memory"
    static let embeddedHit = "governed, in memory, cache hit"
    static let bare = "bare"
}

/// This machine, as Linux tells it.
struct BenchMachine: Codable, Sendable {
    var processor: String
    var cores: Int
    var memoryMiB: Int
    var kernel: String
    var build: String
    /// Before the first measurement: others' work on this machine.
    var loadAverage: String

    static func current() -> BenchMachine {
        let processors = read("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
        let memory = read("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemTotal") }
        let memoryKiB = memory?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        #if DEBUG
        let build = "debug"
        #else
        let build = "release"
        #endif
        return BenchMachine(
            processor: processors?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor",
            cores: ProcessInfo.processInfo.processorCount, memoryMiB: memoryKiB / 1_024,
            kernel: "Linux " + (read("/proc/sys/kernel/osrelease").split(separator: "-").first.map(String.init) ?? ""), build: build,
            loadAverage: read("/proc/loadavg").split(separator: " ").prefix(2).joined(separator: " "))
    }

    var text: String {
        "\(build) build; \(processor), \(cores) cores, \(memoryMiB) MiB, \(kernel); load average before: \(loadAverage)"
    }

    private static func read(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
}
