/// One reading of a gateway's `/metrics`: its samples by name. Reads what ``MetricsText`` writes, and skips lines that it does not know.
struct MetricsReading: Sendable {
    struct Sample: Sendable {
        var labels: [String: String]
        var value: Double
    }

    private var samples: [String: [Sample]] = [:]

    init(_ text: String) {
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            guard line.first != UInt8(ascii: "#"), let (name, sample) = Self.sample(Substring(line)) else { continue }
            samples[name, default: []].append(sample)
        }
    }

    subscript(name: String) -> [Sample] { samples[name] ?? [] }

    /// All samples of a name that have these labels, together.
    func sum(_ name: String, _ labels: [String: String] = [:]) -> Double {
        self[name].reduce(0) { $1.has(labels) ? $0 + $1.value : $0 }
    }

    /// The values that a label has.
    func values(of label: String, in name: String) -> [String] { Set(self[name].compactMap { $0.labels[label] }).sorted() }

    /// `name{a="b",c="d"} 1.5`; escapes in values are undone.
    private static func sample(_ line: Substring) -> (name: String, sample: Sample)? {
        guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else { return nil }
        let series = line[..<space]
        guard let brace = series.firstIndex(of: "{") else { return (String(series), Sample(labels: [:], value: value)) }
        var labels: [String: String] = [:]
        var rest = series[series.index(after: brace)...]
        while let equals = rest.firstIndex(of: "="), equals != rest.startIndex {
            let name = String(rest[..<equals])
            rest = rest[equals...].dropFirst(2)
            var text = ""
            while let character = rest.popFirst(), character != "\"" {
                guard character == "\\" else {
                    text.append(character)
                    continue
                }
                let escaped = rest.popFirst() ?? "\\"
                text.append(escaped == "n" ? "\n" : escaped)
            }
            labels[name] = text
            rest = rest.drop { $0 == "," || $0 == " " }
        }
        return (String(series[..<brace]), Sample(labels: labels, value: value))
    }
}

extension MetricsReading.Sample {
    func has(_ wanted: [String: String]) -> Bool { wanted.allSatisfy { labels[$0.key] == $0.value } }
}

/// What has happened between two readings.
struct MetricsChange: Sendable {
    let before: MetricsReading
    let now: MetricsReading
    let seconds: Double

    /// How much a counter has grown. After a restart of the gateway it counts from the beginning.
    func growth(_ name: String, _ labels: [String: String] = [:]) -> Double {
        let (old, new) = (before.sum(name, labels), now.sum(name, labels))
        return new >= old ? new - old : new
    }

    func rate(_ name: String, _ labels: [String: String] = [:]) -> Double { growth(name, labels) / max(seconds, 1e-9) }

    /// The value in seconds below which this part of the histogram's values lies, as `histogram_quantile` of Prometheus estimates it: evenly within
    /// the bucket. `nil`: there were none.
    func quantile(_ part: Double, of name: String, _ labels: [String: String] = [:]) -> Double? {
        var buckets: [Double: Double] = [:]
        for sample in now["\(name)_bucket"] where sample.has(labels) {
            guard let text = sample.labels["le"], let bound = text == "+Inf" ? .infinity : Double(text) else { continue }
            buckets[bound, default: 0] += sample.value
        }
        var old: [Double: Double] = [:]
        for sample in before["\(name)_bucket"] where sample.has(labels) {
            guard let text = sample.labels["le"], let bound = text == "+Inf" ? .infinity : Double(text) else { continue }
            old[bound, default: 0] += sample.value
        }
        let bounds = buckets.keys.sorted()
        let total = { (bound: Double) in (buckets[bound] ?? 0) - (old[bound] ?? 0) }
        guard let last = bounds.last, total(last) > 0 else { return nil }
        let rank = part * total(last)
        var (lower, below) = (0.0, 0.0)
        for bound in bounds {
            let count = total(bound)
            if count >= rank {
                guard bound.isFinite, count > below else { return lower }
                return lower + (bound - lower) * (rank - below) / (count - below)
            }
            (lower, below) = (bound, count)
        }
        return lower
    }
}
