import GatewayCore
import Metrics
import NIOConcurrencyHelpers
import Synchronization

/// What is counted of rare events, by any thread: swift-metrics' counters, gauges and timers. Of requests each event loop counts by itself.
///
/// Names are those of OpenTelemetry; in Prometheus' they have underscores for dots, and the unit or `total` at their end.
final class MetricsRegistry: MetricsFactory {
    /// Beyond this many series of a kind new ones are not kept. All labels are the configuration's or our own words, so this is far away.
    private static let maxSeries = 4_096

    private struct Key: Hashable {
        var name: String
        /// Names and values in turn.
        var labels: [String]
    }

    private let counters = NIOLockedValueBox<[Key: RegisteredCounter]>([:])
    /// Counters of what is no whole number.
    private let sums = NIOLockedValueBox<[Key: RegisteredSum]>([:])
    private let gauges = NIOLockedValueBox<[Key: RegisteredGauge]>([:])
    private let timers = NIOLockedValueBox<[Key: RegisteredTimer]>([:])

    // MARK: MetricsFactory

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        find(counters, label, dimensions) { RegisteredCounter() }
    }

    func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        find(sums, label, dimensions) { RegisteredSum() }
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        find(gauges, label, dimensions) { RegisteredGauge() }
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        find(gauges, label, dimensions) { RegisteredGauge() }
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        find(timers, label, dimensions) { RegisteredTimer() }
    }

    // What was counted stays told after whoever counted it is gone.
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}

    private func find<Handler: Sendable>(
        _ series: NIOLockedValueBox<[Key: Handler]>, _ label: String, _ dimensions: [(String, String)], _ make: () -> Handler
    ) -> Handler {
        let key = Key(name: label.replacing(".", with: "_"), labels: dimensions.flatMap { [$0.0, $0.1] })
        return series.withLockedValue { series in
            if let known = series[key] { return known }
            let made = make()
            if series.count < Self.maxSeries { series[key] = made }
            return made
        }
    }

    // MARK: for a scrape

    func write(into text: inout MetricsText) {
        for (name, series) in Self.families(counters.withLockedValue { $0 }) {
            text.family("\(name)_total", .counter, MetricHelp.text(name))
            for (labels, counter) in series { text.sample(UInt64(clamping: counter.value), labels) }
        }
        for (name, series) in Self.families(sums.withLockedValue { $0 }) {
            text.family("\(name)_total", .counter, MetricHelp.text(name))
            for (labels, sum) in series { text.sample(sum.value, labels) }
        }
        for (name, series) in Self.families(gauges.withLockedValue { $0 }) {
            text.family(name, .gauge, MetricHelp.text(name))
            for (labels, gauge) in series { text.sample(gauge.value, labels) }
        }
        for (name, series) in Self.families(timers.withLockedValue { $0 }) {
            text.family("\(name)_seconds", .histogram, MetricHelp.text(name))
            for (labels, timer) in series { text.sample(timer.value, labels) }
        }
    }

    private static func families<Handler>(_ series: [Key: Handler]) -> [(name: String, series: [(MetricsText.Labels, Handler)])] {
        Dictionary(grouping: series) { $0.key.name }.sorted { $0.key < $1.key }.map { name, members in
            let sorted = members.sorted { $0.key.labels.lexicographicallyPrecedes($1.key.labels) }
            return (name, sorted.map { (labels($0.key.labels), $0.value) })
        }
    }

    private static func labels(_ words: [String]) -> MetricsText.Labels {
        stride(from: 0, to: words.count - 1, by: 2).map { (words[$0], words[$0 + 1]) }
    }
}

final class RegisteredCounter: CounterHandler, Sendable {
    private let count = Atomic<Int64>(0)

    var value: Int64 { count.load(ordering: .relaxed) }

    func increment(by amount: Int64) { count.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { count.store(0, ordering: .relaxed) }
}

final class RegisteredSum: FloatingPointCounterHandler, Sendable {
    private let sum = NIOLockedValueBox(0.0)

    var value: Double { sum.withLockedValue { $0 } }

    func increment(by amount: Double) {
        // A counter never falls, and what is no number would spoil it for good.
        if amount.isFinite, amount > 0 { sum.withLockedValue { $0 += amount } }
    }

    func reset() { sum.withLockedValue { $0 = 0 } }
}

/// The last value.
final class RegisteredGauge: RecorderHandler, MeterHandler, Sendable {
    private let last = NIOLockedValueBox(0.0)

    var value: Double { last.withLockedValue { $0 } }

    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { last.withLockedValue { $0 = value } }
    func increment(by amount: Double) { last.withLockedValue { $0 += amount } }
    func decrement(by amount: Double) { last.withLockedValue { $0 -= amount } }
}

final class RegisteredTimer: TimerHandler, Sendable {
    private let histogram = NIOLockedValueBox(Histogram(.work))

    var value: Histogram { histogram.withLockedValue { $0 } }

    func recordNanoseconds(_ duration: Int64) { histogram.withLockedValue { $0.record(nanoseconds: duration) } }
}

/// What metrics of ``MetricsRegistry`` mean, for Prometheus' `# HELP` lines.
enum MetricHelp {
    static func text(_ name: String) -> String { texts[name] ?? "See docs/observability.md." }

    private static let texts: [String: String] = [
        "agentshield_arbitrage_decisions": "Decisions of arbitrated names, by the arm that was chosen and why.",
        "agentshield_arbitrage_quality": "Qualities that were observed of an arm, from 0 to 1, each times its weight, together.",
        "agentshield_arbitrage_weight": "Weights of these qualities, together.",
        "agentshield_arbitrage_arm_quality": "The mean quality of an arm as far as is known, older observations for less.",
        "agentshield_arbitrage_arm_observations": "How many observations that is made of, older ones for less.",
        "agentshield_arbitrage_arm_retired": "Whether the quality floor keeps an arm from being chosen.",
        "agentshield_arbitrage_observations": "What arbitrated names learned from.",
        "agentshield_arbitrage_feedback_dropped": "Answers that can be given no feedback on, since too many waited to be kept.",
        "agentshield_scrub_media_skipped": "Images, audio and files in requests that were not scanned.",
        "agentshield_tokens_refused": "Bearer tokens that were refused, by reason.",
        "agentshield_upstream_retries": "Calls that were made again at the same model, by the fault of the one before.",
        "agentshield_upstream_hedges": "Second calls made beside slow ones, and those taken in their place.",
        "agentshield_upstream_passed_over": "Times that a provider was not called since it is left alone.",
        "agentshield_upstream_breaker": "Circuit breakers that opened or closed.",
        "agentshield_limits_refused": "Requests refused by a limit.",
        "agentshield_limits_refused_unasked": "Those of them that no store was asked for.",
        "agentshield_limits_without_redis": "Requests that Redis should have been asked for and was not, by what was done instead.",
        "agentshield_budgets_refused": "Requests refused by a budget.",
        "agentshield_ledger_written": "Rows written to the ledger's file.",
        "agentshield_ledger_commit_duration": "Time for one commit of the ledger's file.",
        "agentshield_ledger_up": "Whether the ledger's file takes rows.",
        "agentshield_ledger_spooled": "Rows written to the spool.",
        "agentshield_ledger_moved": "Rows moved from Redis to the ledger.",
        "agentshield_ledger_dead_letters": "Rows that the ledger refused.",
        "agentshield_ledger_unreadable": "Rows in Redis that this version cannot read.",
        "agentshield_ledger_mover_up": "Whether rows are being moved from Redis to the ledger.",
        "agentshield_ledger_shed": "Requests refused since the ledger takes no rows.",
        "agentshield_ledger_fallbacks": "Rows that went another way since Redis did not take them.",
        "agentshield_limits_redis_up": "Whether redis.state answers.",
        "agentshield_cache_redis_up": "Whether redis.cache answers.",
        "agentshield_log_dropped": "Log lines dropped since nobody read them.",
        "agentshield_traces_exported": "Spans that the collector took.",
        "agentshield_traces_failed": "Spans that the collector did not take.",
    ]
}
