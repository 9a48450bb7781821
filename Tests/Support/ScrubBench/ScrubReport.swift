import Foundation
import Scrubbing

/// Everything that a run found: figures are medians, over seeds and samples.
struct ScrubReport: Codable, Sendable {
    struct Row: Codable, Sendable {
        var corpus: Corpus
        var instructionSet: String
        var work: Work
        var bytes: Int
        /// Nanoseconds per call.
        var timing: Timing

        var gigabytesPerSecond: Double { Double(bytes) / timing.median }
        var millisecondsPerMebibyte: Double { timing.median / Double(bytes) * Double(1 << 20) / 1e6 }
    }

    struct Stream: Codable, Sendable {
        var corpus: Corpus
        var instructionSet: String
        /// Nanoseconds per delta.
        var timing: Timing
    }

    struct Hostile: Codable, Sendable {
        var family: String
        var millisecondsPerMebibyte: Double
        /// For twice as many bytes.
        var ratio: Double
    }

    struct Rival: Codable, Sendable {
        var name: String
        var corpus: Corpus
        var millisecondsPerMebibyte: Double
    }

    struct Allocations: Codable, Sendable {
        var name: String
        var count: UInt64
    }

    var date: String
    var processor: String
    var cores: Int
    var swift: String
    var build: String
    var loadAverage: String
    var bestInstructionSet: String
    var seeds: [UInt64]
    /// Findings per MiB by corpus.
    var findings: [String: Int]
    var rows: [Row] = []
    var streams: [Stream] = []
    var hostile: [Hostile] = []
    var rivals: [Rival] = []
    var allocations: [Allocations] = []

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(self)
    }

    func row(_ corpus: Corpus, _ set: String, _ work: Work, _ bytes: Int) -> Row? {
        rows.first { $0.corpus == corpus && $0.instructionSet == set && $0.work == work && $0.bytes == bytes }
    }
}

extension ScrubReport {
    /// Of this machine, without a figure yet.
    init(seeds: [UInt64]) {
        func read(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
        let model = read("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
        date = Date().ISO8601Format(.iso8601.year().month().day())
        processor = model?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor"
        cores = ProcessInfo.processInfo.processorCount
        #if swift(>=6.3)
        swift = "6.3"
        #else
        swift = "6.2"
        #endif
        #if DEBUG
        build = "debug"
        #else
        build = "release"
        #endif
        loadAverage = read("/proc/loadavg").split(separator: " ").prefix(2).joined(separator: " ")
        bestInstructionSet = InstructionSet.best.title
        self.seeds = seeds
        findings = [:]
    }
}

extension InstructionSet {
    var title: String {
        switch self {
        case .portable: "portable"
        case .sse2: "SSE2"
        case .avx2: "AVX2"
        case .avx512: "AVX-512"
        case .neon: "NEON"
        }
    }
}
