import GatewayCore
import NIOCore
import Testing

@Suite("Histograms and Prometheus' text")
struct HistogramTests {
    @Test("a value falls into the first bucket whose bound is not below it")
    func buckets() {
        var histogram = Histogram(.tokens)
        for value in [0, 1, 2, 4, 5, 67_108_864, 67_108_865, UInt64.max / 2] as [UInt64] { histogram.record(value) }
        #expect(histogram.counts == [2, 2, 1] + [UInt64](repeating: 0, count: 10) + [1, 2])
        #expect(histogram.count == 8)
        var other = Histogram(.tokens)
        other.record(1)
        other.add(histogram)
        #expect(other.counts[0] == 3 && other.count == 9 && other.sum == histogram.sum + 1)
    }

    @Test("durations before their beginning count as none, and failures apart")
    func durations() {
        var histogram = OutcomeHistogram(.operation)
        histogram.record(nanoseconds: -5, nil)
        histogram.record(nanoseconds: 30_000_000, .upstreamError)
        histogram.record(nanoseconds: 30_000_000, .upstreamError)
        #expect(histogram.succeeded.count == 1 && histogram.succeeded.sum == 0)
        #expect(histogram.failed[.upstreamError]?.counts[2] == 2 && histogram.failed.count == 1)
    }

    @Test("labels are escaped, buckets add up, and numbers are decimal")
    func text() throws {
        var text = MetricsText()
        text.family("a_total", .counter, "Line one\nand \\ two.")
        text.sample(UInt64.max, [("x", "q\"u\\o\nte"), ("y", "ñ")])
        text.sample(0)
        text.family("b_seconds", .histogram, "B.")
        var histogram = Histogram(.work)
        for value in [9_000, 30_000, 20_000_000_000] as [Int64] { histogram.record(nanoseconds: value) }
        text.sample(histogram, [("door", "wire")])
        text.family("c_usd_total", .counter, "C.")
        text.sample(nano: 12_000_000_345)
        let lines = String(buffer: text.buffer).split(separator: "\n")
        #expect(lines[0] == #"# HELP a_total Line one\nand \\ two."#)
        #expect(lines[1] == "# TYPE a_total counter")
        #expect(lines[2] == #"a_total{x="q\"u\\o\nte",y="ñ"} 18446744073709551615"#)
        #expect(lines[3] == "a_total 0")
        #expect(lines[6] == #"b_seconds_bucket{door="wire",le="0.00001"} 1"#)
        #expect(lines[7] == #"b_seconds_bucket{door="wire",le="0.000025"} 1"#)
        #expect(lines[8] == #"b_seconds_bucket{door="wire",le="0.00005"} 2"#)
        #expect(lines.contains(#"b_seconds_bucket{door="wire",le="10"} 2"#))
        #expect(lines.contains(#"b_seconds_bucket{door="wire",le="+Inf"} 3"#))
        #expect(lines.contains(#"b_seconds_sum{door="wire"} 20.000039"#))
        #expect(lines.contains(#"b_seconds_count{door="wire"} 3"#))
        #expect(lines.last == "c_usd_total 12.000000345")
    }
}

@Suite("What is counted of requests")
struct RequestTallyTests {
    private static let target = UpstreamTarget(
        model: "gpt-of-somebody@example.com", provider: "openai", upstreamModel: "gpt", settings: settings, family: "gpt-*")
    private static let settings = ModelSettings(
        price: nil, cache: CacheSettings(mode: .off, timeToLiveNanoseconds: 0), firstByteTimeoutNanoseconds: 1, idleTimeoutNanoseconds: 1)

    private static func ended(_ outcome: Outcome = .answered, _ fault: FaultKind? = nil, streamed: Bool = false) -> RequestTally.Ended {
        RequestTally.Ended(
            kind: RequestTally.Kind(
                door: .wire, surface: .openAI, operation: .answer, isStreamed: streamed, outcome: outcome, fault: fault, status: 200),
            model: RequestTally.Model(target, .answer), nanoseconds: 1_000_000_000, firstContentNanoseconds: streamed ? 200_000_000 : nil)
    }

    private static func summary() -> AnswerSummary {
        var summary = AnswerSummary(requestID: RequestID(high: 1, low: 1))
        summary.usage = TokenUsage(input: 10, cacheRead: 5, cacheWrite: 1, output: 8, reasoning: 1)
        summary.costNanoUSD = 42
        summary.attempts = 1
        summary.cache = .miss
        summary.scrubbed = [ScrubCount(kind: "EMAIL", count: 3)]
        summary.timings[.call] = 900_000_000
        summary.timings[.scrub] = 20_000
        return summary
    }

    @Test("a family of models is one model, whatever callers name")
    func families() throws {
        var tally = RequestTally()
        tally.requestEnded(Self.ended(), Self.summary())
        #expect(tally.models.keys.map(\.name) == ["gpt-*"])
    }

    @Test("a stream's first token and the time between the others; usage, cost, findings, overhead without the call")
    func stream() throws {
        var tally = RequestTally()
        tally.requestEnded(Self.ended(streamed: true), Self.summary())
        let model = try #require(tally.models.values.first)
        #expect(model.firstToken.sum == 200_000_000)
        // Nine tokens: eight steps behind the first.
        #expect(model.outputToken.sum == 100_000_000)
        #expect(model.inputTokens.sum == 16 && model.outputTokens.sum == 9 && model.costNanoUSD == 42)
        #expect(tally.findings == ["EMAIL": 3])
        #expect(tally.cache == [1, 0, 0, 0])
        #expect(tally.overhead[1].sum == 20_000 && tally.overhead[0].count == 0)
        #expect(tally.phases[Phase.call.rawValue].sum == 900_000_000 && tally.phases[Phase.record.rawValue].count == 0)
    }

    @Test("what an answer from the cache would have cost is not counted")
    func cached() throws {
        var summary = Self.summary()
        summary.attempts = 0
        var tally = RequestTally()
        tally.requestEnded(Self.ended(), summary)
        let model = try #require(tally.models.values.first)
        #expect(model.usage == TokenUsage() && model.costNanoUSD == 0 && model.inputTokens.count == 0)
        #expect(model.requests.succeeded.count == 1)
    }

    @Test("two loops' counts add up")
    func merging() throws {
        var (one, two) = (RequestTally(), RequestTally())
        one.requestEnded(Self.ended(), Self.summary())
        one.refused(.unauthenticated, at: .http)
        two.requestEnded(Self.ended(), Self.summary())
        two.requestEnded(Self.ended(.failed, .upstreamError), Self.summary())
        two.refused(.unauthenticated, at: .http)
        two.callEnded(RequestTally.Model(Self.target, .answer), nanoseconds: 7, .upstreamError)
        two.redisAnswered(nanoseconds: 3)
        one.add(two)
        #expect(one.requests.values.sorted() == [1, 2])
        #expect(one.refusals == [RequestTally.Refusal(door: .http, fault: .unauthenticated): 2])
        let model = try #require(one.models.values.first)
        #expect(one.models.count == 1 && model.requests.succeeded.count == 2 && model.requests.failed[.upstreamError]?.count == 1)
        #expect(model.calls.failed[.upstreamError]?.sum == 7 && model.costNanoUSD == 126 && one.redisTrips.count == 1)
    }

    @Test("models beyond the bound are counted together")
    func bound() {
        var tally = RequestTally()
        for number in 0..<RequestTally.maxModels + 50 {
            let target = UpstreamTarget(model: "m\(number)", provider: "p", upstreamModel: "m", settings: Self.settings)
            tally.callEnded(RequestTally.Model(target, .answer), nanoseconds: 1, nil)
        }
        #expect(tally.models.count == RequestTally.maxModels + 1)
        #expect(tally.models.first { $0.key.name == "other" }?.value.calls.succeeded.count == 50)
    }
}
