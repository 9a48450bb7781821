import ArgumentParser
import Foundation
import GatewayCore
import NIOCore

extension ArbitrageCommand {
    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract:
                "What arbitrated names did, by the ledger: their arms, the quality of these, and what was saved.",
            discussion: """
                Qualities are the means of all signs, each as much as it weighs, with an interval that holds at any time (95 %). Spending is what calls were \
                expected to cost when they were decided, against the dearest arm that could have served each.
                """)

        @Option(name: .long, help: "Only this name.")
        var route: String?

        @OptionGroup var selection: LedgerSelection
        @OptionGroup var ledger: LedgerOptions

        func run() async throws {
            var routes: [String: ArbitrageStatistics] = [:]
            try await ledger.with { archive in
                var position: Int64 = 0
                while true {
                    let rows = try await archive.rows(selection.query, after: position)
                    guard let last = rows.last else { return }
                    for row in rows {
                        guard let entry = try? LedgerEntry(decoding: row.bytes), let name = entry.route,
                            route == nil || name == route
                        else {
                            continue
                        }
                        routes[name, default: ArbitrageStatistics()].add(entry)
                    }
                    position = last.position
                }
            }
            guard !routes.isEmpty else {
                return print("The ledger has no arbitrated request\(route.map { " of `\($0)`" } ?? "").")
            }
            for name in routes.keys.sorted() {
                if let statistics = routes[name] { print(statistics.report(of: name)) }
            }
        }
    }
}

extension LedgerEntry {
    /// The arbitrated name that the row is about; `nil`: about none.
    fileprivate var route: String? {
        switch self {
        case .decision(let decision): decision.route
        case .reward(let reward): reward.route
        case .request, .correction: nil
        }
    }
}

/// What rows of the ledger say of one arbitrated name. Bound: the models that it ever had.
struct ArbitrageStatistics {
    /// How many parts the calls are shown in.
    private static let parts = 10

    struct Arm: Equatable {
        var calls = 0
        var explored = 0
        var weight = 0.0
        var quality = 0.0
        var nanoUSD: Int64 = 0

        var mean: Double? { weight > 0 ? quality / weight : nil }
    }

    private struct Call {
        var id: RequestID
        var spent: Int64
        var dearest: Int64
    }

    private(set) var arms: [String: Arm] = [:]
    private var calls: [Call] = []
    private var signals: [RequestID: (quality: Double, weight: Double)] = [:]
    /// Decisions that this program cannot read.
    private(set) var unreadable = 0

    mutating func add(_ entry: LedgerEntry) {
        switch entry {
        case .request, .correction: return
        case .decision(let decision):
            for signal in decision.signals { add(signal, decision.model, decision.requestID) }
            guard let record = try? DecisionRecord(json: ByteBuffer(string: decision.record)) else {
                unreadable += 1
                return
            }
            let dearest = record.candidates.map(\.belief.costNanoUSD).max() ?? 0
            let spent =
                record.candidates.first { $0.name == decision.model }?.belief.costNanoUSD ?? dearest
            arms[decision.model, default: Arm()].calls += 1
            arms[decision.model, default: Arm()].nanoUSD += spent
            let isChosen = record.candidates.contains { $0.belief.arm == record.arm && $0.name == decision.model }
            if record.reason == .exploration, isChosen { arms[decision.model, default: Arm()].explored += 1 }
            calls.append(Call(id: decision.requestID, spent: spent, dearest: dearest))
        case .reward(let reward): add(reward.signal, reward.model, reward.requestID)
        }
    }

    private mutating func add(_ signal: ObservedQuality, _ model: String, _ id: RequestID) {
        arms[model, default: Arm()].weight += signal.weight
        arms[model, default: Arm()].quality += signal.quality * signal.weight
        var sum = signals[id] ?? (0, 0)
        sum.weight += signal.weight
        sum.quality += signal.quality * signal.weight
        signals[id] = sum
    }

    func report(of name: String) -> String {
        var lines = ["\(name): \(calls.count) calls"]
        let width = max(5, arms.keys.map(\.count).max() ?? 0)
        lines.append(
            "  " + Self.cells(["model", "share", "explored", "quality", "signs", "USD"], width))
        for (model, arm) in arms.sorted(by: { ($1.value.calls, $0.key) < ($0.value.calls, $1.key) }) {
            let radius = min(1, QualityFloor(least: 0, errorRate: 0.05).radius(observations: arm.weight))
            let quality = arm.mean.map { String(format: "%.3f ±%.3f", $0, radius) } ?? "-"
            lines.append(
                "  "
                    + Self.cells(
                        [
                            model, Self.percent(arm.calls, calls.count), Self.percent(arm.explored, arm.calls),
                            quality,
                            String(format: "%.1f", arm.weight), String(format: "%.6f", Double(arm.nanoUSD) / 1e9),
                        ], width))
        }
        let (spent, dearest) = (calls.reduce(0) { $0 + $1.spent }, calls.reduce(0) { $0 + $1.dearest })
        lines.append(
            String(
                format: "  spent %.6f USD, always the dearest %.6f USD: %@ saved", Double(spent) / 1e9,
                Double(dearest) / 1e9,
                Self.percent(Int(dearest - spent), Int(max(1, dearest)))))
        if unreadable > 0 {
            lines.append("  \(unreadable) decisions were written by another version, and are left out")
        }
        return (lines + plot).joined(separator: "\n")
    }

    /// The calls in their order, in ten parts: spending as a share of the dearest arm's, and quality.
    private var plot: [String] {
        let sorted = calls.sorted { ($0.id.high, $0.id.low) < ($1.id.high, $1.id.low) }
        guard sorted.count >= Self.parts else { return [] }
        return ["  calls, in their order: spending against always the dearest, and quality"]
            + (0..<Self.parts).map { part in
                let some = sorted[
                    (sorted.count * part / Self.parts)..<(sorted.count * (part + 1) / Self.parts)]
                let (spent, dearest) = (
                    some.reduce(0) { $0 + $1.spent }, some.reduce(0) { $0 + $1.dearest }
                )
                let share = Double(spent) / Double(max(1, dearest))
                let told = some.compactMap { signals[$0.id] }.reduce((quality: 0.0, weight: 0.0)) {
                    sum, one in
                    (sum.quality + one.quality, sum.weight + one.weight)
                }
                let bar = String(repeating: "█", count: Int((share * 30).rounded())).padding(
                    toLength: 30, withPad: "·", startingAt: 0)
                let quality = told.weight > 0 ? String(format: "%.2f", told.quality / told.weight) : "-"
                return "  \(bar) \(String(format: "%3.0f", share * 100)) %  quality \(quality)"
            }
    }

    private static func cells(_ texts: [String], _ width: Int) -> String {
        texts.enumerated().map {
            $1.padding(toLength: $0 == 0 ? width : max(14, $1.count), withPad: " ", startingAt: 0)
        }
        .joined(separator: "  ")
    }

    private static func percent(_ part: Int, _ whole: Int) -> String {
        whole > 0 ? String(format: "%.1f %%", Double(part) * 100 / Double(whole)) : "-"
    }
}
