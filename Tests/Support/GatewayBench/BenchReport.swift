import Foundation

/// Everything that a run of the benchmark found; written as JSON, printed as tables.
struct BenchReport: Codable, Sendable {
    struct Machine: Codable, Sendable {
        var processor: String
        var cores: Int
        var memoryMiB: Int
        var kernel: String
        /// Before the first measurement: others' work on this machine.
        var loadAverage: String
    }

    /// One way to the provider, under one kind of load.
    struct Row: Codable, Sendable {
        var name: String
        var load: String
        var answered: Int
        var failed: Int
        var requestsPerSecond: Double
        /// Of the measured process; 0 for the provider called directly.
        var cpuMicroseconds: Double
        /// nginx's figure by the same way in the same run is 1.
        var cpuBesideNginx: Double?
        var allocations: Double?
        /// The share of requests that no provider was called for, where the cache is measured.
        var hitRate: Double?
        var p50Microseconds: Double
        var p99Microseconds: Double
        /// Over the provider called directly under the same load.
        var addedP50Microseconds: Double?
        var addedP99Microseconds: Double?
    }

    struct Memory: Codable, Sendable {
        var gatewayIdleKiB: Int
        /// With `heldConnections` idle TLS connections, those of the gateway speaking the wire protocol.
        var gatewayHoldingKiB: Int
        var nginxIdleKiB: Int
        var nginxHoldingKiB: Int
        var heldConnections: Int
    }

    var date: String
    var build: String
    var machine: Machine
    var startMilliseconds: Double
    var memory: Memory
    var rows: [Row]

    var failures: Int { rows.reduce(0) { $0 + $1.failed } }

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(self)
    }

    /// Markdown.
    var text: String {
        var lines = [
            "\(date), \(build) build; \(machine.processor), \(machine.cores) cores, \(machine.memoryMiB) MiB, \(machine.kernel); "
                + "load average before: \(machine.loadAverage)",
            "",
            "| way | load | requests/s | CPU µs/request | beside nginx | allocations/request | hits | p50 µs | p99 µs | added p50 | added p99 | failed |",
            "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        lines += rows.map { "| " + Self.cells($0).joined(separator: " | ") + " |" }
        lines += [
            "", "| memory (RSS) | idle | with \(memory.heldConnections) TLS connections |", "|---|--:|--:|",
            "| AgentShield, wire | \(Self.mebibytes(memory.gatewayIdleKiB)) | \(Self.mebibytes(memory.gatewayHoldingKiB)) |",
            "| nginx, HTTPS | \(Self.mebibytes(memory.nginxIdleKiB)) | \(Self.mebibytes(memory.nginxHoldingKiB)) |", "",
            "The gateway takes connections \(Self.number(startMilliseconds, 0)) ms after its start.",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func cells(_ row: Row) -> [String] {
        var cells = [row.name, row.load, number(row.requestsPerSecond, 0)]
        cells.append(row.cpuMicroseconds > 0 ? number(row.cpuMicroseconds, 1) : "")
        cells.append(optional(row.cpuBesideNginx, 2))
        cells.append(optional(row.allocations, 1))
        cells.append(row.hitRate.map { number(100 * $0, 1) + " %" } ?? "")
        cells.append(number(row.p50Microseconds, 0))
        cells.append(number(row.p99Microseconds, 0))
        cells.append(optional(row.addedP50Microseconds, 0))
        cells.append(optional(row.addedP99Microseconds, 0))
        cells.append("\(row.failed)")
        return cells
    }

    private static func optional(_ value: Double?, _ digits: Int) -> String { value.map { number($0, digits) } ?? "" }
    private static func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
    private static func mebibytes(_ kibibytes: Int) -> String { number(Double(kibibytes) / 1_024, 1) + " MiB" }
}

extension BenchReport.Machine {
    /// This one, as Linux tells it.
    static func current() -> BenchReport.Machine {
        let processors = read("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
        let memory = read("/proc/meminfo").split(separator: "\n").first { $0.hasPrefix("MemTotal") }
        let memoryKiB = memory?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return BenchReport.Machine(
            processor: processors?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor",
            cores: ProcessInfo.processInfo.processorCount, memoryMiB: memoryKiB / 1_024,
            kernel: "Linux " + (read("/proc/sys/kernel/osrelease").split(separator: "-").first.map(String.init) ?? ""),
            loadAverage: read("/proc/loadavg").split(separator: " ").prefix(2).joined(separator: " "))
    }

    private static func read(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }
}
