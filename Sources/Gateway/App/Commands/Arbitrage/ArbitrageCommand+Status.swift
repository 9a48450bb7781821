import ArgumentParser
import Foundation
import GatewayCore
import NIOCore

extension ArbitrageCommand {
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract: "What arbitrated names did, by the ledger: their arms, the quality of these, and what was saved.",
            discussion: """
                Of the last seven days, or of the time that --since and --until name. Qualities are the means of all signs, each as much as it weighs, with an \
                interval that holds at any time (95 %). Spending is what calls were expected to cost when they were decided, against the dearest candidate of \
                each, and against the arm of the best quality for all of them.
                """)

        private static let span: Int64 = 7 * 86_400_000

        @Flag(name: .long, help: "One JSON object a name and line.")
        var json = false

        @OptionGroup var selection: ArbitratedSelection
        @OptionGroup var ledger: LedgerOptions

        func run() async throws {
            let now = Int64(Date().timeIntervalSince1970 * 1_000)
            let chosen = selection.selection
            let until = chosen.until ?? now + 1
            let since = chosen.since ?? until - Self.span
            guard since < until else { throw ValidationError("--since is not before --until") }
            var routes: [String: ArbitrageStatistics] = [:]
            try await ledger.with { archive in
                let query = LedgerQuery(tenant: chosen.tenant, since: since, until: until)
                try await selection.forEach(in: archive, query) { entry in
                    guard let name = entry.route else { return }
                    routes[name, default: ArbitrageStatistics(since: since, until: until)].add(entry)
                }
            }
            let found = routes.sorted { $0.key < $1.key }
            if json { return try Listing.show(found.map { $0.value.object(of: $0.key) }) }
            guard !found.isEmpty else {
                let of = selection.route.map { " of `\($0)`" } ?? ""
                return print("The ledger has no arbitrated request\(of) from \(StatusReport.instant(since)) on.")
            }
            for (name, statistics) in found { print(StatusReport(name: name, statistics: statistics).text) }
        }
    }
}

/// What rows of the ledger say of one arbitrated name. Bound: the models that it ever had, and the parts of the time.
struct ArbitrageStatistics {
    /// How many parts the time is shown in.
    static let parts = 12

    struct Arm: Equatable {
        var calls = 0
        var explored = 0
        /// Of signs.
        var weight = 0.0
        var quality = 0.0
        /// What its calls were expected to cost.
        var nanoUSD: Int64 = 0
        /// What all calls had been expected to cost with this arm wherever it was a candidate.
        var alwaysNanoUSD: Int64 = 0

        var mean: Double? { weight > 0 ? quality / weight : nil }

        /// Half of an interval of 95 % that holds at any time.
        var radius: Double { weight > 0 ? min(1, QualityFloor(least: 0, errorRate: 0.05).radius(observations: weight)) : 1 }
    }

    struct Part: Equatable {
        var calls = 0
        var weight = 0.0
        var quality = 0.0
        var spent: Int64 = 0
        var dearest: Int64 = 0

        var mean: Double? { weight > 0 ? quality / weight : nil }
        var share: Double { dearest > 0 ? Double(spent) / Double(dearest) : 0 }
    }

    let since: Int64
    let until: Int64
    private(set) var arms: [String: Arm] = [:]
    private(set) var timeline = Array(repeating: Part(), count: ArbitrageStatistics.parts)
    /// Decisions that this program cannot read.
    private(set) var unreadable = 0

    /// - Parameters: milliseconds since 1970; what comes from outside counts for the first or the last part.
    init(since: Int64, until: Int64) {
        (self.since, self.until) = (since, max(since + 1, until))
    }

    var total: Part {
        timeline.reduce(into: Part()) { sum, part in
            sum.calls += part.calls
            sum.weight += part.weight
            sum.quality += part.quality
            sum.spent += part.spent
            sum.dearest += part.dearest
        }
    }

    /// The arm of the best mean quality, among those of which as much is known as tells anything.
    var best: (model: String, arm: Arm)? {
        arms.filter { $0.value.weight >= 1 }.max { ($0.value.mean ?? 0, $1.key) < ($1.value.mean ?? 0, $0.key) }.map { ($0.key, $0.value) }
    }

    mutating func add(_ entry: LedgerEntry) {
        switch entry {
        case .request, .correction: return
        case .decision(let decision):
            let part = part(decision.receivedUnixMilliseconds)
            for signal in decision.signals { add(signal, decision.model, part) }
            guard let record = try? DecisionRecord(json: ByteBuffer(string: decision.record)) else {
                unreadable += 1
                return
            }
            add(record, model: decision.model, part)
        case .reward(let reward): add(reward.signal, reward.model, part(reward.receivedUnixMilliseconds))
        }
    }

    private mutating func add(_ record: DecisionRecord, model: String, _ part: Int) {
        let before = timeline.reduce(0) { $0 + $1.spent }
        let dearest = record.candidates.map(\.belief.costNanoUSD).max() ?? 0
        let spent = record.candidates.first { $0.name == model }?.belief.costNanoUSD ?? dearest
        for name in record.candidates.map(\.name) + [model] where arms[name] == nil { arms[name] = Arm(alwaysNanoUSD: before) }
        for name in arms.keys {
            arms[name]?.alwaysNanoUSD += record.candidates.first { $0.name == name }?.belief.costNanoUSD ?? spent
        }
        arms[model]?.calls += 1
        arms[model]?.nanoUSD += spent
        if record.reason == .exploration, record.chosen?.name == model { arms[model]?.explored += 1 }
        timeline[part].calls += 1
        timeline[part].spent += spent
        timeline[part].dearest += dearest
    }

    private mutating func add(_ signal: ObservedQuality, _ model: String, _ part: Int) {
        if arms[model] == nil { arms[model] = Arm(alwaysNanoUSD: timeline.reduce(0) { $0 + $1.spent }) }
        arms[model]?.weight += signal.weight
        arms[model]?.quality += signal.quality * signal.weight
        timeline[part].weight += signal.weight
        timeline[part].quality += signal.quality * signal.weight
    }

    private func part(_ milliseconds: UInt64) -> Int {
        let share = Double(Int64(clamping: milliseconds) - since) / Double(until - since)
        return min(Self.parts - 1, max(0, Int(share * Double(Self.parts))))
    }

    func object(of name: String) -> JSONObject {
        func usd(_ nanoUSD: Int64) -> Double { Double(nanoUSD) / 1e9 }
        let total = total
        let arms: [[String: Any]] = self.arms.sorted { $0.key < $1.key }.map { model, arm in
            var object: [String: Any] = [
                "model": model, "calls": arm.calls, "explored": arm.explored, "signs": arm.weight, "spent_usd": usd(arm.nanoUSD),
                "always_usd": usd(arm.alwaysNanoUSD),
            ]
            if let mean = arm.mean { (object["quality"], object["quality_half_width_95"]) = (mean, arm.radius) }
            return object
        }
        let timeline: [[String: Any]] = self.timeline.enumerated().map { index, part in
            var object: [String: Any] = [
                "from": StatusReport.instant(since + (until - since) * Int64(index) / Int64(Self.parts)), "calls": part.calls,
                "spent_usd": usd(part.spent), "dearest_usd": usd(part.dearest),
            ]
            if let mean = part.mean { object["quality"] = mean }
            return object
        }
        return JSONObject([
            "route": name, "since": StatusReport.instant(since), "until": StatusReport.instant(until), "calls": total.calls,
            "spent_usd": usd(total.spent), "dearest_usd": usd(total.dearest), "quality": total.mean, "best": best?.model,
            "best_usd": (best?.arm.alwaysNanoUSD).map(usd), "unreadable": unreadable, "arms": arms, "timeline": timeline,
        ])
    }
}

/// What `agentshield arbitrage status` prints of one name.
struct StatusReport {
    let name: String
    let statistics: ArbitrageStatistics

    static func instant(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1_000).formatted(.iso8601)
    }

    var text: String {
        let total = statistics.total
        var text = "\(name): \(total.calls) calls from \(Self.instant(statistics.since)) to \(Self.instant(statistics.until))\n\n"
        text += arms + "\n" + savings
        if statistics.unreadable > 0 { text += "\(statistics.unreadable) decisions were written by another version, and are left out\n" }
        return text + "\n" + plot
    }

    private var arms: String {
        let calls = statistics.total.calls
        let rows = statistics.arms.sorted { ($1.value.calls, $0.key) < ($0.value.calls, $1.key) }.map { model, arm in
            [
                model, "\(arm.calls)", percent(arm.calls, calls), percent(arm.explored, arm.calls),
                arm.mean.map { String(format: "%.3f ±%.3f", $0, arm.radius) } ?? "-", String(format: "%.1f", arm.weight), usd(arm.nanoUSD),
                arm.calls > 0 ? String(format: "%.6f", Double(arm.nanoUSD) / 1e6 / Double(arm.calls)) : "-",
            ]
        }
        return TextTable(["model", "calls", "share", "explored", "quality", "signs", "USD", "USD/1000"], rows).text
    }

    /// Against the dearest candidate of each call, and the arm that is best over all.
    private var savings: String {
        let total = statistics.total
        var text = "spent \(usd(total.spent)) USD; always the dearest \(usd(total.dearest)) USD: \(saved(total.spent, total.dearest))\n"
        if let (model, arm) = statistics.best {
            text += "always the best, \(model), \(usd(arm.alwaysNanoUSD)) USD: \(saved(total.spent, arm.alwaysNanoUSD))"
            if let all = total.mean, let own = arm.mean { text += String(format: "; quality %.3f, its own %.3f", all, own) }
            text += "\n"
        }
        return text
    }

    private func saved(_ spent: Int64, _ other: Int64) -> String {
        guard other > 0 else { return "-" }
        let share = Double(other - spent) / Double(other) * 100
        return String(format: share < 0 ? "%.1f %% more" : "%.1f %% saved", abs(share))
    }

    private static let width = 30

    /// The time in equal parts: spending as a share of the dearest candidates', and quality on the same scale.
    private var plot: String {
        var text = "spending of the dearest's (█), quality (│, from 0 to 1)\n"
        for (index, part) in statistics.timeline.enumerated() {
            let length = statistics.until - statistics.since
            let from = statistics.since + length * Int64(index) / Int64(ArbitrageStatistics.parts)
            var bar = Array(repeating: Character("·"), count: Self.width)
            for column in 0..<place(part.share, Self.width) { bar[column] = "█" }
            if let mean = part.mean { bar[min(Self.width - 1, place(mean, Self.width - 1))] = "│" }
            let quality = part.mean.map { String(format: "%.3f", $0) } ?? "-"
            let figures = part.calls > 0 ? String(format: "%3.0f %%  quality %@  %d calls", part.share * 100, quality, part.calls) : ""
            text += "\(Self.instant(from))  \(part.calls > 0 ? String(bar) : String(repeating: " ", count: Self.width))  \(figures)\n"
        }
        return text
    }

    private func place(_ share: Double, _ count: Int) -> Int { min(count, max(0, Int((share * Double(count)).rounded()))) }

    private func usd(_ nanoUSD: Int64) -> String { String(format: "%.6f", Double(nanoUSD) / 1e9) }

    private func percent(_ part: Int, _ whole: Int) -> String {
        whole > 0 ? String(format: "%.1f %%", Double(part) * 100 / Double(whole)) : "-"
    }
}
