import Foundation
import Scrubbing

/// The runs of the benchmark, in order.
struct ScrubBenchmark {
    let stopwatch: Stopwatch
    let seeds: [UInt64]
    let isSmoke: Bool

    private static let sizes = [1 << 10, 10 << 10, 100 << 10, 1 << 20]

    func run(_ progress: (String) -> Void) throws -> ScrubReport {
        var report = ScrubReport(seeds: seeds)
        let runs = EngineRuns(stopwatch: stopwatch)
        let sets = InstructionSet.allCases.filter(\.isAvailable)
        for corpus in Corpus.allCases {
            progress(corpus.rawValue)
            report.findings[corpus.rawValue] = EngineRuns.findings(corpus.bytes(1 << 20, seed: seeds[0]))
            for size in Self.sizes {
                let texts = seeds.map { corpus.bytes(size, seed: $0) }
                // The other sets only at the sizes that there are goals for: what differs is the prefilter.
                for set in sets where size == 1 << 10 || size == 1 << 20 || set == .best {
                    for work in Work.allCases {
                        let timing = Self.middle(texts.map { runs.time(work, $0, set) })
                        report.rows.append(.init(corpus: corpus, instructionSet: set.title, work: work, bytes: size, timing: timing))
                    }
                }
            }
        }
        progress("streams")
        for corpus in [Corpus.clean, .mixed, .logs] {
            for set in sets {
                let timing = Self.middle(seeds.map { runs.timeStream(corpus.bytes(64 << 10, seed: $0), seed: $0, set) })
                report.streams.append(.init(corpus: corpus, instructionSet: set.title, timing: timing))
            }
        }
        measureHostile(&report, progress)
        try measureRivals(&report, progress)
        report.allocations = AllocationCheck.run().map { .init(name: $0.name, count: $0.allocations) }
        return report
    }

    private func measureHostile(_ report: inout ScrubReport, _ progress: (String) -> Void) {
        progress("hostile texts")
        let runs = EngineRuns(stopwatch: Stopwatch(samples: isSmoke ? 1 : 5, sampleNanoseconds: isSmoke ? 1 : 2_000_000))
        let bytes = isSmoke ? 32 << 10 : 256 << 10
        for family in HostileFamily.all {
            let once = runs.time(.scrub, family.bytes(bytes), .best)
            let twice = runs.time(.scrub, family.bytes(2 * bytes), .best)
            report.hostile.append(
                .init(
                    family: family.name, millisecondsPerMebibyte: twice.median / Double(2 * bytes) * Double(1 << 20) / 1e6,
                    ratio: twice.least / once.least))
        }
    }

    private func measureRivals(_ report: inout ScrubReport, _ progress: (String) -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("scrub-bench-\(getpid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for corpus in Corpus.allCases {
            progress("ripgrep and Python, \(corpus.rawValue)")
            let ripgrep = try Rivals(folder: folder, mebibytes: isSmoke ? (1, 2) : (1, 9)).ripgrep(corpus)
            let python = try Rivals(folder: folder, mebibytes: isSmoke ? (1, 2) : (1, 3)).python(corpus)
            if let ripgrep { report.rivals.append(.init(name: "ripgrep", corpus: corpus, millisecondsPerMebibyte: ripgrep)) }
            if let python { report.rivals.append(.init(name: "python", corpus: corpus, millisecondsPerMebibyte: python)) }
        }
    }

    /// The median of the seeds' medians.
    private static func middle(_ timings: [Timing]) -> Timing {
        timings.sorted { $0.median < $1.median }[timings.count / 2]
    }
}
