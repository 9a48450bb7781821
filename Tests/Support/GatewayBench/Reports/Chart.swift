import Foundation

/// A chart of lines, as SVG.
struct Chart {
    struct Line {
        var name: String
        var points: [(x: Double, y: Double)]
    }

    var title: String
    var xLabel: String
    var yLabel: String
    var isLogarithmic = (x: false, y: false)
    var lines: [Line]

    private static let size = (width: 760.0, height: 420.0)
    private static let frame = (left: 80.0, top: 40.0, right: 560.0, bottom: 370.0)
    private static let colours = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf", "#7f7f7f"]

    var svg: String {
        let points = lines.flatMap(\.points)
        let x = Axis(points.map(\.x), isLogarithmic: isLogarithmic.x, from: Self.frame.left, to: Self.frame.right)
        let y = Axis(points.map(\.y), isLogarithmic: isLogarithmic.y, from: Self.frame.bottom, to: Self.frame.top)
        let (width, height) = (Int(Self.size.width), Int(Self.size.height))
        var parts = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\" font-family=\"sans-serif\" font-size=\"12\">",
            "<rect width=\"\(width)\" height=\"\(height)\" fill=\"white\"/>",
            Self.text(title, 80, 24, "start", "font-size=\"15\""),
            Self.text(xLabel, 320, 408, "middle"),
            "<g transform=\"rotate(-90 18 205)\">\(Self.text(yLabel, 18, 205, "middle"))</g>",
        ]
        for tick in x.ticks {
            parts.append(Self.line(x.place(tick), Self.frame.top, x.place(tick), Self.frame.bottom, "#ddd"))
            parts.append(Self.text(Self.short(tick), x.place(tick), Self.frame.bottom + 16, "middle"))
        }
        for tick in y.ticks {
            parts.append(Self.line(Self.frame.left, y.place(tick), Self.frame.right, y.place(tick), "#ddd"))
            parts.append(Self.text(Self.short(tick), Self.frame.left - 6, y.place(tick) + 4, "end"))
        }
        for (index, line) in lines.enumerated() {
            let colour = Self.colours[index % Self.colours.count]
            let path = line.points.map { String(format: "%.1f,%.1f", x.place($0.x), y.place($0.y)) }.joined(separator: " ")
            let height = Self.frame.top + 14 + Double(index) * 18
            parts.append("<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"/>")
            parts.append("<rect x=\"572\" y=\"\(height - 9)\" width=\"12\" height=\"10\" fill=\"\(colour)\"/>")
            parts.append(Self.text(line.name, 590, height, "start"))
        }
        return (parts + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    private static func text(_ text: String, _ x: Double, _ y: Double, _ anchor: String, _ style: String = "") -> String {
        let safe = text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
        return String(format: "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%@\" %@>%@</text>", x, y, anchor, style, safe)
    }

    private static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ colour: String) -> String {
        String(format: "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%@\"/>", x1, y1, x2, y2, colour)
    }

    private static func short(_ value: Double) -> String {
        value >= 1_000_000 ? "\(trimmed(value / 1_000_000))M" : value >= 1_000 ? "\(trimmed(value / 1_000))k" : trimmed(value)
    }

    private static func trimmed(_ value: Double) -> String {
        value == value.rounded() ? String(format: "%.0f", value) : String(format: "%.2g", value)
    }

    private struct Axis {
        let least: Double
        let greatest: Double
        let isLogarithmic: Bool
        let from: Double
        let to: Double

        init(_ values: [Double], isLogarithmic: Bool, from: Double, to: Double) {
            let usable = values.filter { !isLogarithmic || $0 > 0 }
            let (low, high) = (usable.min() ?? 1, usable.max() ?? 10)
            least = isLogarithmic ? pow(10, log10(low).rounded(.down)) : min(0, low)
            greatest = isLogarithmic ? max(pow(10, log10(high).rounded(.up)), least * 10) : max(high * 1.05, least + 1)
            self.isLogarithmic = isLogarithmic
            self.from = from
            self.to = to
        }

        func place(_ value: Double) -> Double {
            let share =
                isLogarithmic
                ? (log10(max(value, least)) - log10(least)) / (log10(greatest) - log10(least)) : (value - least) / (greatest - least)
            return from + (to - from) * share
        }

        var ticks: [Double] {
            if isLogarithmic {
                return (0...Int((log10(greatest) - log10(least)).rounded())).map { least * pow(10, Double($0)) }
            }
            let rough = (greatest - least) / 5
            let power = pow(10, log10(rough).rounded(.down))
            let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
            return Array(stride(from: (least / step).rounded(.up) * step, through: greatest, by: step))
        }
    }
}
