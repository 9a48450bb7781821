import Foundation

/// What `agentshield top` shows of two readings, as plain lines.
struct TopFrame {
    private let change: MetricsChange
    /// Of all lists; the busiest come first.
    private static let maxRows = 12

    init(_ change: MetricsChange) { self.change = change }

    var lines: [String] {
        summary + doors + phases + models + routes + money + trouble
    }

    private var now: MetricsReading { change.now }

    // MARK: parts

    private var summary: [String] {
        let build = now["agentshield_build_info"].first?.labels ?? [:]
        let cpu = change.rate("process_cpu_seconds_total") * 100
        return [
            "agentshield \(build["version"] ?? "?")  replica \(build["replica"] ?? "?")"
                + (build["region"].flatMap { $0.isEmpty ? nil : "  region \($0)" } ?? ""),
            "\(Self.rate(change.rate("agentshield_requests_total"))) requests/s  "
                + "\(Int(now.sum("agentshield_in_flight_requests"))) under way  \(Int(now.sum("agentshield_connections"))) connections  "
                + "CPU \(Self.fixed(cpu, 0)) %  memory \(Self.fixed(now.sum("process_resident_memory_bytes") / 1_048_576, 0)) MiB  "
                + "loop lag p99 \(Self.time(change.quantile(0.99, of: "agentshield_event_loop_lag_seconds")))",
        ]
    }

    private var doors: [String] {
        table(
            ["DOOR", "REQ/S", "FAILED/S", "P50", "P99", "ADDED P50", "ADDED P99"],
            now.values(of: "door", in: "agentshield_request_duration_seconds_count").map { door in
                let labels = ["door": door]
                return [
                    door, Self.rate(change.rate("agentshield_requests_total", labels)),
                    Self.rate(
                        change.rate("agentshield_requests_total", ["door": door, "outcome": "failed"])
                            + change.rate("agentshield_requests_refused_total", labels)),
                    time(0.5, "agentshield_request_duration_seconds", labels),
                    time(0.99, "agentshield_request_duration_seconds", labels),
                    time(0.5, "agentshield_overhead_duration_seconds", labels),
                    time(0.99, "agentshield_overhead_duration_seconds", labels),
                ]
            })
    }

    private var phases: [String] {
        let name = "agentshield_phase_duration_seconds"
        let order = ["authenticate", "limit", "scrub", "cache", "route", "call", "answer", "record"]
        let seen = order.filter { change.growth("\(name)_count", ["phase": $0]) > 0 }
        return table(["PHASE", "P50", "P99"], seen.map { [$0, time(0.5, name, ["phase": $0]), time(0.99, name, ["phase": $0])] })
    }

    /// Models are what a route chooses among: its arms.
    private var models: [String] {
        let calls = "gen_ai_client_operation_duration_seconds"
        var rows: [(rate: Double, cells: [String])] = []
        for provider in now.values(of: "gen_ai_provider_name", in: "\(calls)_count") {
            let names = Set(
                now["\(calls)_count"].filter { $0.has(["gen_ai_provider_name": provider]) }.compactMap {
                    $0.labels["gen_ai_request_model"]
                })
            for model in names.sorted() {
                let labels = ["gen_ai_provider_name": provider, "gen_ai_request_model": model]
                let rate = change.rate("\(calls)_count", labels)
                let failed = rate - change.rate("\(calls)_count", labels.merging(["error_type": ""]) { $1 })
                rows.append(
                    (
                        rate,
                        [
                            model, provider, Self.rate(rate), Self.rate(max(0, failed)), time(0.5, calls, labels),
                            time(0.99, calls, labels), time(0.5, "gen_ai_server_time_to_first_token_seconds", labels),
                            Self.rate(change.rate("agentshield_tokens_total", labels)),
                            Self.dollars(change.rate("agentshield_cost_usd_total", labels) * 3_600),
                        ]
                    ))
            }
        }
        return table(
            ["MODEL", "PROVIDER", "CALLS/S", "FAILED/S", "P50", "P99", "TTFT P50", "TOKENS/S", "USD/H"],
            rows.sorted { $0.rate > $1.rate }.prefix(Self.maxRows).map(\.cells))
    }

    /// Arbitrated names: which of their arms requests went to, how often to learn, and what was observed of the answers.
    private var routes: [String] {
        let name = "agentshield_arbitrage_decisions_total"
        var rows: [[String]] = []
        for route in now.values(of: "route", in: name) {
            let all = change.growth(name, ["route": route])
            let arms = Set(now[name].filter { $0.has(["route": route]) }.compactMap { $0.labels["model"] })
            for arm in arms.sorted() {
                let labels = ["route": route, "model": arm]
                let own = change.growth(name, labels)
                let explored = change.growth(name, labels.merging(["reason": "exploration"]) { $1 })
                let weight = now.sum("agentshield_arbitrage_weight_total", labels)
                let quality = now.sum("agentshield_arbitrage_quality_total", labels)
                let isRetired = now.sum("agentshield_arbitrage_arm_retired", labels) > 0
                rows.append([
                    route, arm, Self.rate(own / max(change.seconds, 1e-9)), all > 0 ? "\(Self.fixed(own / all * 100, 1)) %" : "-",
                    all > 0 ? "\(Self.fixed(explored / all * 100, 1)) %" : "-",
                    weight > 0 ? Self.fixed(quality / weight, 3) : "-", Self.fixed(weight, 1), isRetired ? "yes" : "no",
                ])
            }
        }
        return table(
            ["ROUTE", "ARM", "REQ/S", "SHARE", "EXPLORED", "QUALITY", "OBSERVED", "RETIRED"], Array(rows.prefix(Self.maxRows)))
    }

    private var money: [String] {
        let cache = ["hit", "coalesced", "miss", "bypass"].map { ($0, change.growth("agentshield_cache_requests_total", ["status": $0])) }
        let asked = cache.prefix(3).reduce(0) { $0 + $1.1 }
        let share = asked > 0 ? "\(Self.fixed((cache[0].1 + cache[1].1) / asked * 100, 1)) %" : "-"
        let kinds = now["agentshield_scrub_findings_total"].sorted { $0.value > $1.value }.prefix(Self.maxRows)
        let findings = kinds.map { "\($0.labels["kind"] ?? "?") \(Int($0.value))" }.joined(separator: "  ")
        return [
            "",
            "cache   \(share) hits   " + cache.map { "\($0.0) \(Int($0.1))" }.joined(separator: "  "),
            "spend   \(Self.dollars(change.rate("agentshield_cost_usd_total") * 3_600)) USD/h   "
                + "\(Self.dollars(now.sum("agentshield_cost_usd_total"))) USD since the start",
            "found   " + (findings.isEmpty ? "nothing" : findings) + "   since the start",
        ]
    }

    private var trouble: [String] {
        var faults: [String: Double] = [:]
        for name in ["agentshield_requests_total", "agentshield_requests_refused_total"] {
            for code in now.values(of: "code", in: name) where !code.isEmpty {
                faults[code, default: 0] += change.growth(name, ["code": code])
            }
        }
        let told = faults.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(Self.maxRows)
        let open = now.values(of: "provider", in: "agentshield_upstream_breakers").compactMap { provider -> String? in
            let labels = ["provider": provider]
            let (open, half) = (
                now.sum("agentshield_upstream_breakers", labels.merging(["state": "open"]) { $1 }),
                now.sum("agentshield_upstream_breakers", labels.merging(["state": "half_open"]) { $1 })
            )
            return open + half > 0 ? "\(provider) \(Int(open)) open, \(Int(half)) half-open" : nil
        }
        let limits = now.values(of: "measure", in: "agentshield_limits_refused_total").map {
            "\($0) \(Int(change.growth("agentshield_limits_refused_total", ["measure": $0])))"
        }
        return [
            "faults  " + (told.isEmpty ? "none" : told.map { "\($0.key) \(Int($0.value))" }.joined(separator: "  ")),
            "limits  " + (limits.isEmpty ? "none refused" : "refused: " + limits.joined(separator: "  "))
                + "  budget \(Int(change.growth("agentshield_budgets_refused_total")))",
            "breakers  " + (open.isEmpty ? "all closed" : open.joined(separator: "  ")),
        ]
    }

    // MARK: text

    private func table(_ titles: [String], _ rows: [[String]]) -> [String] {
        guard !rows.isEmpty else { return [] }
        let all = [titles] + rows
        let widths = titles.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return [""]
            + all.map { row in
                zip(row, widths).enumerated().map { index, cell in
                    let padding = String(repeating: " ", count: cell.1 - cell.0.count)
                    return index == 0 || ["PROVIDER", "ARM"].contains(titles[index]) ? cell.0 + padding : padding + cell.0
                }.joined(separator: "  ")
            }
    }

    private func time(_ part: Double, _ name: String, _ labels: [String: String]) -> String {
        Self.time(change.quantile(part, of: name, labels))
    }

    static func time(_ seconds: Double?) -> String {
        guard let seconds else { return "-" }
        switch seconds {
        case ..<0.001: return "\(fixed(seconds * 1e6, 0)) µs"
        case ..<1: return "\(fixed(seconds * 1e3, 1)) ms"
        default: return "\(fixed(seconds, 2)) s"
        }
    }

    private static func rate(_ value: Double) -> String { fixed(value, value < 100 ? 1 : 0) }

    private static func dollars(_ value: Double) -> String { fixed(value, value < 1 ? 4 : 2) }

    private static func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }
}
