import ArgumentParser
import Foundation
import Scrubbing

@main
struct ScrubBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scrub-bench", abstract: "Measures the scrubbing engine and checks what only an optimised build shows.",
        subcommands: [RunCommand.self, AllocationsCommand.self, WorkCommand.self, StreamsCommand.self, RepeatCommand.self],
        defaultSubcommand: RunCommand.self)
}

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Measures everything and prints tables.",
        discussion: """
            Time is time on a core, of one thread, so that others' work counts less; a quiet machine gives better figures all the same. ripgrep \
            (rg) and python3 are measured where they are installed.
            """)

    @Option(name: .long, help: "Write scrubbing.md, scrubbing.svg and scrubbing.json into this folder.")
    var write: String?

    @Flag(name: .long, help: "A fraction of the time: shows that the benchmark works, not how fast anything is.")
    var smoke = false

    func run() throws {
        let report = try ScrubBenchmark(stopwatch: smoke ? .smoke : .full, seeds: smoke ? [1] : [1, 2, 3], isSmoke: smoke).run { step in
            FileHandle.standardError.write(Data("measuring: \(step)\n".utf8))
        }
        let text = ReportText(report: report).text
        print(text, terminator: "")
        guard let write else { return }
        let folder = URL(fileURLWithPath: write)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let introduction = """
            # Speed of the scrubbing engine

            Written by `scrub-bench run --write` (`make bench-scrub`); corpora and hostile texts are made from seeds by Tests/Support/ScrubBench. \
            NEON is tested under an emulator (`Scripts/test-neon`); its speed is unmeasured.

            ![Throughput by corpus](scrubbing.svg)


            """
        try Data((introduction + text).utf8).write(to: folder.appendingPathComponent("scrubbing.md"))
        try Data(Plot(report: report).svg.utf8).write(to: folder.appendingPathComponent("scrubbing.svg"))
        try report.json().write(to: folder.appendingPathComponent("scrubbing.json"))
    }
}

struct AllocationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "allocations", abstract: "Checks how often the engine allocates memory.")

    func run() throws {
        let results = AllocationCheck.run()
        for result in results { print("\(result.holds ? "ok" : "not ok") \(result.name): \(result.allocations) allocations") }
        if !results.allSatisfy(\.holds) { throw ExitCode.failure }
    }
}

struct WorkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work", abstract: "Scrubs hostile texts of one and of two sizes, for Scripts/check-engine to count instructions.")

    @Flag(name: .long, help: "Print the names of the texts, in order, and do nothing else.")
    var names = false

    func run() {
        if names { HostileFamily.all.forEach { print($0.name) } } else { LinearityCheck.run() }
    }
}

struct StreamsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams", abstract: "Scrubs texts whole and as streams, for Scripts/check-engine to count instructions.")

    @Flag(name: .long, help: "Print each text's name, deltas, bytes, and the mean number of bytes held back, and do nothing else.")
    var texts = false

    func run() {
        if texts { StreamCheck.lines().forEach { print($0) } } else { StreamCheck.run() }
    }
}

struct RepeatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repeat", abstract: "Works on one corpus or hostile text again and again, for a profiler.")

    @Argument(help: "A corpus, or the name of a hostile text.")
    var name: String

    @Option(name: .long) var seconds = 3.0
    @Option(name: .long, help: "Bytes.") var size = 1 << 20
    @Flag(name: .long, help: "As a stream of deltas.") var stream = false
    @Flag(name: .long, help: "Findings only, nothing is replaced.") var scan = false
    @Option(name: .long, help: "portable, sse2, avx2, avx512 or neon; the best one of this machine otherwise.") var set: String?
    @Option(name: .long, help: "How many samples the time is divided into.") var samples = 1
    @Flag(name: .long, help: "Only print the text.") var text = false

    func run() throws {
        let chosen = InstructionSet.allCases.first { "\($0)" == set } ?? .best
        guard samples > 0, chosen.isAvailable, set == nil || "\(chosen)" == set else {
            throw ValidationError("not on this machine, or no samples")
        }
        guard let bytes = Corpus(rawValue: name)?.bytes(size, seed: 1) ?? HostileFamily.all.first(where: { $0.name == name })?.bytes(size)
        else {
            throw ValidationError("no corpus or hostile text of this name")
        }
        if text { return FileHandle.standardOutput.write(Data(bytes)) }
        // The first call and the search for how often to repeat it take as long as a sample or two.
        let runs = EngineRuns(stopwatch: Stopwatch(samples: samples, sampleNanoseconds: UInt64(seconds * 1e9 / Double(samples + 1))))
        let timing = stream ? runs.timeStream(bytes, seed: 9, chosen) : runs.time(scan ? .scan : .scrub, bytes, chosen)
        print("\(ReportText.number(timing.median, 0)) ns, least \(ReportText.number(timing.least, 0)) ns")
    }
}
