import ArgumentParser
import Foundation
import GatewayCore
import NIOCore

extension ArbitrageCommand {
    struct Evaluate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "evaluate",
            abstract: "What other policies would have been worth, from recorded decisions and their rewards.",
            discussion: """
                With --ledger decisions and what was said of their answers are read from the ledger. Without, a line of JSON is read per decision, \
                {"decision": the record, "quality": 0…1, "weight": above 0 to 1, 1 if missing}. Prints for each policy \
                the expected reward, quality − λ·cost − μ·latency, by IPS, SNIPS and doubly robust, with 95 % confidence intervals. Ends with status \
                64 for wrong arguments, 65 for wrong data, 66 for a file that cannot be read.
                """)

        @Option(name: .long, help: "The file of decisions; standard input without this.")
        var records: String?

        @Flag(name: .customLong("ledger"), help: "Reads the ledger: --file, or the database of DATABASE_URL.")
        var readsLedger = false

        @OptionGroup var selection: ArbitratedSelection
        @OptionGroup var ledger: LedgerOptions

        @Flag(name: .long, help: "One JSON object a policy and line.")
        var json = false

        @Option(name: .long, help: "recorded, best, cheapest, uniform or fixed:MODEL; several may be given. The first four without this.")
        var policy: [String] = []

        @Option(name: .long, help: "λ for all decisions, instead of each one's own.")
        var lambda: Double?

        @Option(name: .long, help: "μ for all decisions, with --lambda.")
        var mu = 0.0

        func validate() throws {
            guard [lambda ?? 0, mu].allSatisfy({ $0 >= 0 && $0.isFinite }) else { throw ValidationError("--lambda and --mu are 0 or more") }
            guard lambda != nil || mu == 0 else { throw ValidationError("--mu needs --lambda") }
            guard !readsLedger || records == nil else { throw ValidationError("--records and --ledger exclude each other") }
            let (chosen, span) = (selection.selection, [selection.selection.since, selection.selection.until])
            guard readsLedger || ledger.file == nil && selection.route == nil && chosen.tenant == nil && span.allSatisfy({ $0 == nil })
            else {
                throw ValidationError("--file, --route, --tenant, --since and --until need --ledger")
            }
        }

        func run() async throws {
            let report = try await readsLedger ? fromLedger() : fromRecords()
            if json { try report.showJSON() } else { print(report.text, terminator: "") }
        }

        private func fromLedger() async throws -> EvaluationReport {
            var join = RewardJoin(try evaluations())
            try await ledger.with { archive in try await selection.forEach(in: archive) { join.add($0) } }
            join.finish()
            guard let count = join.evaluations.map({ $0.count + $0.leftOut }).max(), count > 0 else {
                throw Refused(
                    "the ledger has no decision of which a quality is known (\(join.decisions) decisions, \(join.silent) without any sign)",
                    status: 65
                ).told
            }
            var notes: [String] = []
            if join.silent > 0 { notes.append("\(join.silent) more have no sign of their quality, and are left out") }
            if join.unreadable > 0 { notes.append("\(join.unreadable) more were written by another version, and are left out") }
            if join.late > 0 {
                notes.append("\(join.late) signs came after \(RewardJoin.most) later decisions, or of none that was read, and are left out")
            }
            return EvaluationReport(decisions: count, evaluations: join.evaluations, notes: notes)
        }

        private func evaluations() throws -> [OffPolicyEvaluation] {
            let dials = lambda.map { ArbitrageDials(qualityPerMilliUSD: $0, qualityPerSecond: mu) }
            return try targets().map { OffPolicyEvaluation(target: $0, dials: dials) }
        }

        private func fromRecords() throws -> EvaluationReport {
            var evaluations = try evaluations()
            var count = 0
            try RecordLines.forEach(of: records, most: RewardedDecision.mostBytes) { line, number in
                do throws(DecisionRecordFault) {
                    let decision = try RewardedDecision(json: line)
                    for index in evaluations.indices { evaluations[index].add(decision) }
                    count += 1
                } catch {
                    throw Refused("line \(number) is no decision with its quality: \(error)", status: 65).told
                }
            }
            guard count > 0 else { throw Refused("there is no decision", status: 65).told }
            return EvaluationReport(decisions: count, evaluations: evaluations)
        }

        private func targets() throws -> [OffPolicyEvaluation.Target] {
            let names = policy.isEmpty ? ["recorded", "best", "cheapest", "uniform"] : policy
            return try names.map { name in
                switch name {
                case "recorded": return .recorded
                case "best": return .best
                case "cheapest": return .cheapest
                case "uniform": return .uniform
                default:
                    guard name.hasPrefix("fixed:"), name.count > "fixed:".count else {
                        throw Refused("--policy knows recorded, best, cheapest, uniform and fixed:MODEL", status: 64).told
                    }
                    return .fixed(String(name.dropFirst("fixed:".count)))
                }
            }
        }
    }
}

/// What `agentshield arbitrage evaluate` prints.
struct EvaluationReport {
    let decisions: Int
    let evaluations: [OffPolicyEvaluation]
    /// What was left out, in words.
    var notes: [String] = []

    func showJSON() throws {
        func figures(_ estimate: OffPolicyEstimate?) -> [String: Double]? {
            estimate.map { ["mean": $0.mean, "half_width_95": 1.96 * $0.standardError] }
        }
        try Listing.show(
            evaluations.map { evaluation in
                JSONObject([
                    "policy": name(evaluation.target), "decisions": evaluation.count, "left_out": evaluation.leftOut,
                    "effective": evaluation.effectiveCount, "unknown": evaluation.uncoveredShare, "ips": figures(evaluation.ips),
                    "snips": figures(evaluation.snips), "doubly_robust": figures(evaluation.doublyRobust),
                ])
            })
    }

    var text: String {
        let rows = evaluations.map { evaluation in
            [
                name(evaluation.target), "\(evaluation.count)", String(format: "%.0f", evaluation.effectiveCount),
                String(format: "%.1f%%", evaluation.uncoveredShare * 100), figure(evaluation.ips), figure(evaluation.snips),
                figure(evaluation.doublyRobust),
            ]
        }
        var text = "\(decisions) decisions; ± is half of a 95 % confidence interval\n\n"
        text += TextTable(["policy", "decisions", "effective", "unknown", "IPS", "SNIPS", "doubly robust"], rows).text
        if !notes.isEmpty { text += "\n" + notes.map { "\($0)\n" }.joined() }
        if evaluations.contains(where: { $0.uncoveredShare > 0 }) {
            text += """

                unknown: how often the policy takes a model that could not have been chosen; of that IPS and SNIPS know nothing, and doubly robust \
                has only what was believed.

                """
        }
        return text
    }

    private func name(_ target: OffPolicyEvaluation.Target) -> String {
        switch target {
        case .recorded: "recorded"
        case .best: "best"
        case .cheapest: "cheapest"
        case .uniform: "uniform"
        case .fixed(let model): "fixed:\(model)"
        }
    }

    private func figure(_ estimate: OffPolicyEstimate?) -> String {
        estimate.map { String(format: "%+.4f ±%.4f", $0.mean, 1.96 * $0.standardError) } ?? "-"
    }
}
