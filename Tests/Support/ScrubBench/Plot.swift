import Foundation

/// Throughput by corpus and instruction set beside the rivals', as SVG: bars on a logarithmic scale.
struct Plot {
    let report: ScrubReport

    private struct Bar {
        var title: String
        var gigabytesPerSecond: Double
        var colour: String
    }

    private static let left = 150.0
    private static let width = 520.0
    private static let barHeight = 16.0
    /// The scale, in powers of ten of GB/s.
    private static let decades = -4.0...1.0

    var svg: String {
        var lines: [String] = []
        var y = 56.0
        for corpus in Corpus.allCases {
            lines.append(#"<text x="16" y="\#(Self.text(y + 12))" font-weight="bold">\#(corpus.rawValue)</text>"#)
            for bar in bars(corpus) {
                let length = max(1, Self.position(bar.gigabytesPerSecond) - Self.left)
                lines.append(
                    #"<text x="\#(Self.text(Self.left - 6))" y="\#(Self.text(y + 12))" text-anchor="end">\#(bar.title)</text>"#
                        + #"<rect x="\#(Self.text(Self.left))" y="\#(Self.text(y))" width="\#(Self.text(length))" height="\#(Self.text(Self.barHeight - 3))" fill="\#(bar.colour)"/>"#
                        + #"<text x="\#(Self.text(Self.left + length + 5))" y="\#(Self.text(y + 11))">\#(Self.speed(bar.gigabytesPerSecond))</text>"#
                )
                y += Self.barHeight
            }
            y += 12
        }
        let grid = stride(from: Self.decades.lowerBound, through: Self.decades.upperBound, by: 1).map { decade in
            let x = Self.left + (decade - Self.decades.lowerBound) / (Self.decades.upperBound - Self.decades.lowerBound) * Self.width
            return #"<line x1="\#(Self.text(x))" y1="44" x2="\#(Self.text(x))" y2="\#(Self.text(y - 8))" stroke="lightgray"/>"#
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" width="760" height="\(Self.text(y + 8))" font-family="sans-serif" font-size="11">
            <rect width="100%" height="100%" fill="white"/>
            <text x="16" y="22" font-size="14">Scanning and replacing 1 MiB, one thread (logarithmic scale; longer is faster)</text>
            <text x="16" y="38" fill="dimgray">\(report.processor), \(report.date); ripgrep and Python only count matches</text>
            \((grid + lines).joined(separator: "\n"))
            </svg>

            """
    }

    private func bars(_ corpus: Corpus) -> [Bar] {
        let ours = report.rows.filter { $0.corpus == corpus && $0.work == .scrub && $0.bytes == 1 << 20 }
            .map { Bar(title: $0.instructionSet, gigabytesPerSecond: $0.gigabytesPerSecond, colour: "steelblue") }
        let others = report.rivals.filter { $0.corpus == corpus }.map {
            Bar(
                title: $0.name == "python" ? "Python re" : $0.name,
                gigabytesPerSecond: Double(1 << 20) / 1e6 / max($0.millisecondsPerMebibyte, 0.001), colour: "silver")
        }
        return ours + others
    }

    private static func position(_ gigabytesPerSecond: Double) -> Double {
        let logarithm = log10(max(gigabytesPerSecond, 1e-4))
        return left + (min(logarithm, decades.upperBound) - decades.lowerBound) / (decades.upperBound - decades.lowerBound) * width
    }

    private static func speed(_ gigabytesPerSecond: Double) -> String {
        gigabytesPerSecond >= 0.1
            ? ReportText.number(gigabytesPerSecond, 2) + " GB/s" : ReportText.number(gigabytesPerSecond * 1_000, 1) + " MB/s"
    }

    private static func text(_ value: Double) -> String { ReportText.number(value, 1) }
}
