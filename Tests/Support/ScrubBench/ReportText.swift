import Foundation
import Scrubbing

/// The report in Markdown.
struct ReportText {
    let report: ScrubReport

    var text: String {
        let setting =
            "\(report.date), \(report.build) build, Swift \(report.swift); \(report.processor), \(report.cores) cores, one thread; "
            + "best instruction set: \(report.bestInstructionSet); load average before: \(report.loadAverage); "
            + "seeds: \(report.seeds.map(String.init).joined(separator: ", "))."
        return
            ([setting, ""] + speed + [""] + sizes + [""] + streams + [""] + rivals + [""] + hostile + [""] + allocations)
            .joined(separator: "\n") + "\n"
    }

    private var sets: [String] {
        InstructionSet.allCases.map(\.title).filter { set in report.rows.contains { $0.instructionSet == set } }
    }

    private var speed: [String] {
        var lines = [
            "## 1 MiB, by instruction set", "",
            "GB/s, and in parentheses ms per MiB; medians of time on a core. Every kind of entity is looked for.", "",
            "| corpus | findings | work | " + sets.joined(separator: " | ") + " |", "|---|--:|---|" + sets.map { _ in "--:|" }.joined(),
        ]
        for corpus in Corpus.allCases {
            for work in Work.allCases {
                let cells = sets.map { set in
                    report.row(corpus, set, work, 1 << 20).map {
                        "\(Self.number($0.gigabytesPerSecond, 2)) (\(Self.number($0.millisecondsPerMebibyte, 2)))"
                    }
                        ?? ""
                }
                lines.append(
                    "| \(corpus.rawValue) | \(report.findings[corpus.rawValue] ?? 0) | \(work.rawValue) | \(cells.joined(separator: " | ")) |"
                )
            }
        }
        return lines
    }

    private var sizes: [String] {
        let sizes = report.rows.reduce(into: [Int]()) { if !$0.contains($1.bytes) { $0.append($1.bytes) } }
        var lines = [
            "## By size", "", "µs per call, scan+replace, \(report.bestInstructionSet).", "",
            "| corpus | " + sizes.map { $0 >= 1 << 20 ? "\($0 >> 20) MiB" : "\($0 >> 10) KiB" }.joined(separator: " | ") + " |",
            "|---|" + sizes.map { _ in "--:|" }.joined(),
        ]
        for corpus in Corpus.allCases {
            let cells = sizes.map { size in
                report.row(corpus, report.bestInstructionSet, .scrub, size).map { Self.number($0.timing.median / 1_000, 2) } ?? ""
            }
            lines.append("| \(corpus.rawValue) | \(cells.joined(separator: " | ")) |")
        }
        lines += ["", "µs per call, scan+replace, of 1 KiB.", ""] + bySet
        for corpus in Corpus.allCases {
            let cells = sets.map { set in report.row(corpus, set, .scrub, 1 << 10).map { Self.number($0.timing.median / 1_000, 2) } ?? "" }
            lines.append("| \(corpus.rawValue) | \(cells.joined(separator: " | ")) |")
        }
        return lines
    }

    private var bySet: [String] {
        ["| corpus | " + sets.joined(separator: " | ") + " |", "|---|" + sets.map { _ in "--:|" }.joined()]
    }

    private var streams: [String] {
        var lines = ["## Streams", "", "ns per delta of one to seven bytes, in their order; medians.", ""] + bySet
        for corpus in Corpus.allCases where report.streams.contains(where: { $0.corpus == corpus }) {
            let cells = sets.map { set in
                report.streams.first { $0.corpus == corpus && $0.instructionSet == set }.map { Self.number($0.timing.median, 0) } ?? ""
            }
            lines.append("| \(corpus.rawValue) | \(cells.joined(separator: " | ")) |")
        }
        return lines
    }

    private var rivals: [String] {
        guard !report.rivals.isEmpty else { return [] }
        var lines = [
            "## Beside others", "",
            "ms per MiB, in the same run. ripgrep searches for 26 expressions of the same kinds and Python for four (e-mail, international phone, "
                + "IPv4, 16-digit card); both only count, without check digits, context or replacement. The hostile text is made of near-misses of this "
                + "engine's own shapes, most of which no expression begins with.", "",
            "| corpus | this engine, scan+replace | ripgrep | Python `re` |", "|---|--:|--:|--:|",
        ]
        for corpus in Corpus.allCases {
            let ours = report.row(corpus, report.bestInstructionSet, .scrub, 1 << 20)?.millisecondsPerMebibyte
            let others = ["ripgrep", "python"].map { name in
                report.rivals.first { $0.name == name && $0.corpus == corpus }.map {
                    let ratio = $0.millisecondsPerMebibyte / (ours ?? 1)
                    return "\(Self.number($0.millisecondsPerMebibyte, 1)) (×\(Self.number(ratio, ratio < 10 ? 1 : 0)))"
                } ?? ""
            }
            lines.append("| \(corpus.rawValue) | \(ours.map { Self.number($0, 2) } ?? "") | \(others.joined(separator: " | ")) |")
        }
        return lines
    }

    private var hostile: [String] {
        [
            "## Hostile texts", "",
            "scan+replace, \(report.bestInstructionSet); the ratio is of times for twice as many bytes. The slowest first.", "",
            "| text | ms per MiB | ratio |", "|---|--:|--:|",
        ]
            + report.hostile.sorted { $0.millisecondsPerMebibyte > $1.millisecondsPerMebibyte }.map {
                "| \($0.family) | \(Self.number($0.millisecondsPerMebibyte, 1)) | \(Self.number($0.ratio, 2)) |"
            }
    }

    private var allocations: [String] {
        ["## Heap allocations", "", "Of a call whose scanner and output were used before.", "", "| call | allocations |", "|---|--:|"]
            + report.allocations.map { "| \($0.name) | \($0.count) |" }
    }

    static func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
