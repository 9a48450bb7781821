import EmbeddedStore
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayPipeline
import NIOCore
import Providers

/// What is told of beside what the event loops count.
struct MetricsSources: Sendable {
    var registry: MetricsRegistry
    /// `nil`: the ledger is none of this process' alone.
    var file: LedgerFile?
    /// `nil`: nothing is traced.
    var spans: SpanQueue?
}

/// What `/metrics` tells: the copies of all event loops' counts added up, what is shared, and the process. Made beside the event loops, which only hand
/// over copies.
struct MetricsReport: Sendable {
    private let loops: LoopDirectory
    private let sources: MetricsSources
    private let callers: ConnectionCount
    private let replica: Configuration.Replica

    init(_ sources: MetricsSources, _ loops: LoopDirectory, _ callers: ConnectionCount, _ replica: Configuration.Replica) {
        (self.sources, self.loops, self.callers, self.replica) = (sources, loops, callers, replica)
    }

    func text() async throws -> ByteBuffer {
        let observations = try await loops.observations()
        var tally = RequestTally()
        for observation in observations { tally.add(observation.tally) }
        var text = MetricsText()
        writeProcess(&text)
        writeRequests(tally, &text)
        writeModels(tally, &text)
        writeLoops(observations, tally, &text)
        writeUpstreams(observations, &text)
        sources.registry.write(into: &text)
        return text.buffer
    }

    private func writeProcess(_ text: inout MetricsText) {
        text.family("agentshield_build_info", .gauge, "The running version; always 1.")
        text.sample(
            1,
            [
                ("version", GatewayVersion.current), ("replica", replica.id ?? ProcessInfo.processInfo.hostName),
                ("region", replica.region ?? ""),
            ])
        ProcessFigures.write(into: &text)
        text.family("agentshield_connections", .gauge, "Open connections of callers, all doors together.")
        text.sample(callers.current)
        if let file = sources.file {
            text.family("agentshield_ledger_waiting", .gauge, "Rows that wait for the ledger's disk.")
            text.sample(file.waiting)
        }
        guard let spans = sources.spans else { return }
        text.family("agentshield_traces_waiting", .gauge, "Spans that wait to be exported.")
        text.sample(spans.count)
        text.family("agentshield_traces_dropped_total", .counter, "Spans dropped since too many waited.")
        text.sample(spans.dropped)
    }

    // MARK: requests

    private func writeRequests(_ tally: RequestTally, _ text: inout MetricsText) {
        text.family("agentshield_requests_total", .counter, "Requests that are over.")
        for (labels, count) in tally.requests.map({ ($0.key.labels, $0.value) }).sorted(by: Self.precedes) { text.sample(count, labels) }
        text.family("agentshield_requests_refused_total", .counter, "Requests that a door refused before the pipeline had them.")
        let refusals = tally.refusals.map { key, count in
            ([("code", key.fault.presentation.name), ("door", key.door.name)] as MetricsText.Labels, count)
        }
        for (labels, count) in refusals.sorted(by: Self.precedes) { text.sample(count, labels) }
        text.family(
            "agentshield_request_duration_seconds", .histogram, "From a request's last byte to its end, the provider's time included.")
        for door in Door.allCases { text.sample(tally.whole[Int(door.rawValue)], [("door", door.name)]) }
        text.family("agentshield_overhead_duration_seconds", .histogram, "What the gateway added to a request: all phases but the call.")
        for door in Door.allCases { text.sample(tally.overhead[Int(door.rawValue)], [("door", door.name)]) }
        text.family(
            "agentshield_phase_duration_seconds", .histogram,
            "Time in each phase of requests that went through it; call is the provider's.")
        for phase in Phase.allCases { text.sample(tally.phases[phase.rawValue], [("phase", phase.name)]) }
        text.family("agentshield_cache_requests_total", .counter, "Requests by what the response cache did for them.")
        for status in [CacheStatus.hit, .miss, .coalesced, .bypass] {
            text.sample(tally.cache[Int(status.rawValue)], [("status", status.name)])
        }
        text.family("agentshield_scrub_findings_total", .counter, "Personal data and secrets found, by kind.")
        for (kind, count) in tally.findings.sorted(by: { $0.key < $1.key }) { text.sample(count, [("kind", kind)]) }
        text.family("agentshield_redis_round_trip_seconds", .histogram, "Redis' answer to the question on a request's way.")
        text.sample(tally.redisTrips)
    }

    private static func precedes<Value>(_ left: (MetricsText.Labels, Value), _ right: (MetricsText.Labels, Value)) -> Bool {
        left.0.map(\.value).lexicographicallyPrecedes(right.0.map(\.value))
    }

    // MARK: models

    private func writeModels(_ tally: RequestTally, _ text: inout MetricsText) {
        let models = tally.models.map { ($0.key.labels, $0.value) }.sorted(by: Self.precedes)
        func write(_ name: String, _ help: String, _ outcomes: (ModelTally) -> OutcomeHistogram, _ text: inout MetricsText) {
            text.family(name, .histogram, help)
            for (labels, model) in models {
                let histogram = outcomes(model)
                if histogram.succeeded.count > 0 { text.sample(histogram.succeeded, labels + [("error_type", "")]) }
                for (fault, failed) in histogram.failed.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                    text.sample(failed, labels + [("error_type", fault.presentation.name)])
                }
            }
        }
        func write(_ name: String, _ help: String, _ histogram: (ModelTally) -> Histogram, _ text: inout MetricsText) {
            text.family(name, .histogram, help)
            for (labels, model) in models where histogram(model).count > 0 { text.sample(histogram(model), labels) }
        }
        write("gen_ai_client_operation_duration_seconds", "Calls to providers, each attempt of a request.", \.calls, &text)
        write("gen_ai_server_request_duration_seconds", "Requests by model, as their callers saw them.", \.requests, &text)
        write("gen_ai_server_time_to_first_token_seconds", "From a streamed request to its answer's first content.", \.firstToken, &text)
        write("gen_ai_server_time_per_output_token_seconds", "Between tokens of streams, after the first.", \.outputToken, &text)
        text.family("gen_ai_client_token_usage", .histogram, "Tokens of requests that providers had.")
        for (labels, model) in models where model.inputTokens.count > 0 {
            text.sample(model.inputTokens, labels + [("gen_ai_token_type", "input")])
            text.sample(model.outputTokens, labels + [("gen_ai_token_type", "output")])
        }
        text.family("agentshield_tokens_total", .counter, "Tokens that providers billed, in disjoint classes.")
        for (labels, model) in models {
            for (type, count) in model.usage.classes where count > 0 { text.sample(count, labels + [("type", type)]) }
        }
        text.family("agentshield_cost_usd_total", .counter, "What requests cost, in USD.")
        for (labels, model) in models where model.costNanoUSD > 0 { text.sample(nano: model.costNanoUSD, labels) }
    }

    // MARK: loops and upstreams

    private func writeLoops(_ loops: [LoopObservation], _ tally: RequestTally, _ text: inout MetricsText) {
        text.family("agentshield_in_flight_requests", .gauge, "Requests under way.")
        text.sample(loops.reduce(0) { $0 + $1.requests })
        text.family("agentshield_in_flight_requests_max", .gauge, "As many as may be.")
        text.sample(loops.reduce(0) { $0 + $1.maxRequests })
        text.family("agentshield_in_flight_bytes", .gauge, "Bytes that are reserved for requests under way.")
        text.sample(loops.reduce(0) { $0 + $1.bytes })
        text.family("agentshield_in_flight_bytes_max", .gauge, "As many as may be.")
        text.sample(loops.reduce(0) { $0 + $1.maxBytes })
        text.family("agentshield_ledger_on_the_way", .gauge, "Rows on their way to Redis.")
        text.sample(loops.reduce(0) { $0 + $1.recordsOnTheWay })
        text.family("agentshield_event_loops", .gauge, "Threads that serve requests.")
        text.sample(loops.count)
        text.family("agentshield_event_loop_lag_seconds", .histogram, "How late an event loop was for a timer, looked at every second.")
        text.sample(tally.loopLag)
    }

    private func writeUpstreams(_ loops: [LoopObservation], _ text: inout MetricsText) {
        var breakers: [String: BreakerCounts] = [:]
        var pools: [String: (open: Int, idle: Int, connecting: Int, waiting: Int)] = [:]
        var counts = UpstreamPoolCounters()
        for loop in loops {
            for (provider, states) in loop.breakers { breakers[provider, default: BreakerCounts()].add(states) }
            for pool in loop.upstreams {
                let known = pools[pool.authority] ?? (0, 0, 0, 0)
                pools[pool.authority] = (
                    known.open + pool.open, known.idle + pool.idle, known.connecting + pool.connecting, known.waiting + pool.waiting
                )
            }
            counts.dials += loop.upstreamCounts.dials
            counts.failedDials += loop.upstreamCounts.failedDials
            counts.reuses += loop.upstreamCounts.reuses
            counts.exhausted += loop.upstreamCounts.exhausted
        }
        text.family("agentshield_upstream_breakers", .gauge, "Circuit breakers (model, endpoint and event loop) by state.")
        for (provider, states) in breakers.sorted(by: { $0.key < $1.key }) {
            for (state, count) in [("closed", states.closed), ("open", states.open), ("half_open", states.halfOpen)] {
                text.sample(count, [("provider", provider), ("state", state)])
            }
        }
        text.family("agentshield_upstream_connections", .gauge, "Connections to providers, and calls that wait for one.")
        for (server, pool) in pools.sorted(by: { $0.key < $1.key }) {
            for (state, count) in [
                ("open", pool.open), ("idle", pool.idle), ("connecting", pool.connecting), ("waiting", pool.waiting),
            ] { text.sample(count, [("server", server), ("state", state)]) }
        }
        for (name, help, count) in [
            ("dials", "Attempts to connect to a provider.", counts.dials),
            ("failed_dials", "Those that failed.", counts.failedDials),
            ("reuses", "Calls on a connection that had carried one before.", counts.reuses),
            ("exhausted", "Calls that got no connection in time.", counts.exhausted),
        ] {
            text.family("agentshield_upstream_\(name)_total", .counter, help)
            text.sample(count)
        }
    }
}

extension RequestTally.Kind {
    fileprivate var labels: MetricsText.Labels {
        [
            ("door", door.name), ("surface", surface.surfaceName), ("operation", operation.spanName(surface)),
            ("streamed", isStreamed ? "true" : "false"), ("outcome", outcome.rawValue), ("code", fault?.presentation.name ?? ""),
            ("status", String(status)),
        ]
    }
}

extension RequestTally.Model {
    /// Under OpenTelemetry's names.
    fileprivate var labels: MetricsText.Labels {
        [("gen_ai_operation_name", operation.spanName(.openAI)), ("gen_ai_provider_name", provider), ("gen_ai_request_model", name)]
    }
}

extension TokenUsage {
    fileprivate var classes: [(String, UInt64)] {
        [("input", input), ("cache_read", cacheRead), ("cache_write", cacheWrite), ("output", output), ("reasoning", reasoning)]
    }
}
