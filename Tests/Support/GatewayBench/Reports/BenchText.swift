/// The report as Markdown.
extension BenchReport {
    var text: String {
        var parts = [
            "\(date), `\(command)`, \(machine.text)",
            "## Beside the numbers of the design", goalsTable,
            "## Requests", requestsTable,
            "## Throughput at a latency", throughputTable,
            "![latency over load](gateway-latency.svg)",
            "## 500 streams at once", streamsTable,
            "## Memory, start, size", memoryTable, startText,
            "## Heap allocations", allocationsTable,
        ]
        parts.removeAll(where: \.isEmpty)
        return parts.joined(separator: "\n\n").replacing("\n\n\n", with: "\n\n")
    }

    private var goalsTable: String {
        Markdown.table(
            ["aim", ">measured", "met"], goals.map { [$0.aim, $0.measured, $0.isMet.map { $0 ? "yes" : "no" } ?? "not measured"] })
    }

    private var requestsTable: String {
        Markdown.table(
            [
                "way", "with a request", "load", ">requests/s", ">CPU µs/request", ">beside nginx", ">p50 µs", ">p99 µs", ">p99.9 µs",
                ">added p50", ">added p99", ">failed",
            ],
            rows.map { row in
                [
                    row.way, row.mode, row.load, Markdown.number(row.requestsPerSecond),
                    row.cpuMicroseconds > 0 ? Markdown.number(row.cpuMicroseconds, 1) : "", Markdown.number(row.cpuBesideNginx, 2),
                    Markdown.number(row.p50Microseconds), Markdown.number(row.p99Microseconds), Markdown.number(row.p999Microseconds),
                    Markdown.number(row.addedP50Microseconds), Markdown.number(row.addedP99Microseconds), "\(row.failed + row.shed)",
                ]
            })
    }

    private var throughputTable: String {
        let ways = curve.map(\.way).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        return Markdown.table(
            ["way", ">requests/s at p99 ≤ 1 ms", ">≤ 5 ms", ">≤ 10 ms"],
            ways.map { way in [way] + [1, 5, 10].map { Markdown.number(throughput(way, within: $0)) } })
    }

    private var streamsTable: String {
        Markdown.table(
            [
                "way", ">first delta p50 µs", ">p99 µs", ">each delta p50 µs", ">p99 µs", ">added p50", ">deltas", ">lost",
                ">failed streams",
            ],
            streams.map { row in
                [
                    row.way, Markdown.number(row.firstDeltaP50Microseconds), Markdown.number(row.firstDeltaP99Microseconds),
                    Markdown.number(row.deltaP50Microseconds), Markdown.number(row.deltaP99Microseconds),
                    Markdown.number(addedDelta(row)), "\(row.deltas)", "\(row.lostDeltas)", "\(row.failed)",
                ]
            })
    }

    func addedDelta(_ row: Streams) -> Double? {
        streams.first { $0.way == "provider" && $0.way != row.way }.map { row.deltaP50Microseconds - $0.deltaP50Microseconds }
    }

    private var memoryTable: String {
        Markdown.table(
            ["resident memory, MiB", ">AgentShield, governed, Redis", ">nginx"],
            memory.map { [$0.when, Markdown.mebibytes($0.gatewayKiB), Markdown.mebibytes($0.nginxKiB)] })
    }

    private var startText: String {
        "It takes connections \(Markdown.number(startMilliseconds)) ms after its start and has given its first answer after "
            + "\(Markdown.number(firstAnswerMilliseconds)) ms. The binary has \(Markdown.number(Double(binaryBytes) / 1e6, 1)) MB, stripped "
            + "\(Markdown.number(Double(strippedBytes) / 1e6, 1))."
    }

    private var allocationsTable: String {
        Markdown.table(
            ["way", ">each request", ">each streamed delta", ">blocks held by an idle connection", ">their bytes"],
            allocations.map {
                [
                    $0.way, Markdown.number($0.perRequest, 1), Markdown.number($0.perDelta, 2), Markdown.number($0.heldBlocks, 1),
                    Markdown.number($0.heldBytes),
                ]
            })
    }
}
