package import NIOCore

/// Writes metrics in Prometheus' text format, version 0.0.4.
///
/// A family's name is given once, then its samples: that families do not repeat, and that no two samples of one have the same labels, is the caller's
/// business.
package struct MetricsText {
    package enum Kind: String, Sendable { case counter, gauge, histogram }

    package typealias Labels = [(name: String, value: String)]

    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var buffer: ByteBuffer
    private var name = ""

    package init(into buffer: ByteBuffer = ByteBuffer()) { self.buffer = buffer }

    /// Begins a family of samples.
    package mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        buffer.writeString("# HELP \(name) ")
        for byte in help.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): buffer.writeStaticString("\\\\")
            case UInt8(ascii: "\n"): buffer.writeStaticString("\\n")
            default: buffer.writeInteger(byte)
            }
        }
        buffer.writeString("\n# TYPE \(name) \(kind.rawValue)\n")
    }

    package mutating func sample(_ value: UInt64, _ labels: Labels = []) { sample(String(value), labels) }

    package mutating func sample(_ value: Int, _ labels: Labels = []) { sample(String(value), labels) }

    package mutating func sample(_ value: Double, _ labels: Labels = []) { sample(value.isFinite ? "\(value)" : "NaN", labels) }

    /// An amount in billionths of the unit, exactly.
    package mutating func sample(nano value: UInt64, _ labels: Labels = []) { sample(Self.decimal(nano: value), labels) }

    /// The buckets, the sum and the count of the family.
    package mutating func sample(_ histogram: Histogram, _ labels: Labels = []) {
        var total: UInt64 = 0
        for (index, count) in histogram.counts.enumerated() {
            total &+= count
            let bounds = histogram.bounds
            let bound = bounds.values.indices.contains(index) ? Self.text(bounds.values[index], bounds.unit) : "+Inf"
            line("_bucket", labels + [("le", bound)], String(total))
        }
        line("_sum", labels, Self.text(histogram.sum, histogram.bounds.unit))
        line("_count", labels, String(total))
    }

    private mutating func sample(_ value: String, _ labels: Labels) { line("", labels, value) }

    private mutating func line(_ suffix: String, _ labels: Labels, _ value: String) {
        buffer.writeString(name)
        buffer.writeString(suffix)
        for (index, label) in labels.enumerated() {
            buffer.writeStaticString(index == 0 ? "{" : ",")
            buffer.writeString(label.name)
            buffer.writeStaticString("=\"")
            write(labelValue: label.value)
            buffer.writeStaticString("\"")
        }
        buffer.writeString(labels.isEmpty ? " \(value)\n" : "} \(value)\n")
    }

    private mutating func write(labelValue: String) {
        for byte in labelValue.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): buffer.writeStaticString("\\\\")
            case UInt8(ascii: "\""): buffer.writeStaticString("\\\"")
            case UInt8(ascii: "\n"): buffer.writeStaticString("\\n")
            default: buffer.writeInteger(byte)
            }
        }
    }

    private static func text(_ value: UInt64, _ unit: Histogram.Bounds.Unit) -> String {
        switch unit {
        case .nanoseconds: decimal(nano: value)
        case .tokens: String(value)
        }
    }

    /// `250000` is `0.00025`.
    static func decimal(nano value: UInt64) -> String {
        let (whole, rest) = value.quotientAndRemainder(dividingBy: 1_000_000_000)
        guard rest > 0 else { return String(whole) }
        let digits = String(rest)
        let fraction = String(repeating: "0", count: 9 - digits.utf8.count) + digits
        return "\(whole).\(fraction.prefix(through: fraction.lastIndex { $0 != "0" } ?? fraction.startIndex))"
    }
}
