import Foundation
import NIOHTTP1
import Testing

/// What `/metrics` told, read as strictly as Prometheus does.
struct Metrics {
    struct Series: Hashable {
        var name: String
        var labels: [String: String]
    }

    private(set) var types: [String: String] = [:]
    private(set) var values: [Series: Double] = [:]

    static func of(_ stack: Stack) async throws -> Metrics {
        let caller = try await HTTPCaller.connect(port: stack.adminPort, tls: nil, key: nil)
        defer { caller.close() }
        let response = try await caller.send("GET", "/metrics")
        #expect(response.status == 200 && response.headers.first(name: "content-type") == "text/plain; version=0.0.4; charset=utf-8")
        return try Metrics(response.body)
    }

    /// All series of a name with these labels, together.
    func sum(_ name: String, _ labels: [String: String] = [:]) -> Double {
        values.reduce(0) { sum, series in
            let isOne = series.key.name == name && labels.allSatisfy { series.key.labels[$0.key] == $0.value }
            return isOne ? sum + series.value : sum
        }
    }

    init(_ text: String) throws {
        #expect(text.hasSuffix("\n"))
        let sampleForm = /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^}]*(?:\}[^ ][^}]*)*)\})? (\S+)/
        let labelForm = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/
        var family = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
            if line.hasPrefix("# HELP ") {
                family = String(line.split(separator: " ")[2])
                #expect(types[family] == nil, "the family \(family) stands twice")
            } else if line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ")
                try #require(words.count == 4 && words[2] == family, "\(line)")
                types[family] = String(words[3])
            } else {
                let sample = try #require(try sampleForm.wholeMatch(in: line), "\(line)")
                var labels: [String: String] = [:]
                var rest = sample.2 ?? ""
                while !rest.isEmpty {
                    let label = try #require(try labelForm.prefixMatch(in: rest), "\(line)")
                    #expect(labels.updateValue(String(label.2), forKey: String(label.1)) == nil, "\(line)")
                    rest = rest[label.range.upperBound...]
                }
                let name = String(sample.1)
                let suffixes = types[family] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
                #expect(suffixes.contains { name == family + $0 }, "\(name) stands in the family \(family)")
                let value = try #require(Double(sample.3), "\(line)")
                #expect(values.updateValue(value, forKey: Series(name: name, labels: labels)) == nil, "twice: \(line)")
            }
        }
        try checkHistograms()
    }

    /// Buckets only grow, and the last one is the count.
    private func checkHistograms() throws {
        for (name, type) in types where type == "histogram" {
            var buckets: [[String: String]: [(bound: Double, count: Double)]] = [:]
            for (series, value) in values where series.name == name + "_bucket" {
                let text = try #require(series.labels["le"])
                let bound = try #require(text == "+Inf" ? .infinity : Double(text))
                buckets[series.labels.filter { $0.key != "le" }, default: []].append((bound, value))
            }
            for (labels, members) in buckets {
                let sorted = members.sorted { $0.bound < $1.bound }.map(\.count)
                #expect(sorted == sorted.sorted(), "\(name) \(labels)")
                #expect(sorted.last == values[Series(name: name + "_count", labels: labels)], "\(name) \(labels)")
                #expect(values[Series(name: name + "_sum", labels: labels)] != nil)
            }
        }
    }
}
