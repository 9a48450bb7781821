import ArgumentParser
import Foundation
import GatewayCore
import NIOCore

extension ArbitrageCommand {
    struct Explain: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "explain",
            abstract: "Why a recorded decision was made, and how probable it was.",
            discussion: """
                Reads one record of a decision, a line of JSON, makes the decision again from it, and prints what was weighed. Ends with status 1 if the \
                same is not decided again, 65 for what is no record, 66 for a file that cannot be read.
                """)

        @Option(name: .long, help: "The file with the record; standard input without this.")
        var record: String?

        func run() throws {
            var found: DecisionRecord?
            try RecordLines.forEach(of: record, most: DecisionRecord.mostBytes) { line, number in
                guard found == nil else { throw Refused("there is more than one record", status: 65).told }
                do throws(DecisionRecordFault) {
                    found = try DecisionRecord(json: line)
                } catch {
                    throw Refused("line \(number) is no record of a decision: \(error)", status: 65).told
                }
            }
            guard let found else { throw Refused("there is no record", status: 65).told }
            let explanation = DecisionExplanation(record: found)
            print(explanation.text, terminator: "")
            if explanation.isContradicted { throw ExitCode(1) }
        }
    }
}

/// What `agentshield arbitrage explain` prints.
struct DecisionExplanation {
    let record: DecisionRecord

    /// Whether something else is decided from the record than it says.
    var isContradicted: Bool { record.decidedAgain().map { $0.arm != record.arm || $0.reason != record.reason } ?? false }

    var text: String {
        var text =
            "policy \(record.rule.name), λ \(record.dials.qualityPerMilliUSD) per mUSD, μ \(record.dials.qualityPerSecond) per second\n\n"
        text += table
        for arm in record.infeasible { text += "\(arm.name): no candidate, \(words(arm.reason))\n" }
        if record.omitted > 0 { text += "\(record.omitted) more models found no room in the record\n" }
        text += "\n\(record.chosen?.name ?? "?"): \(words)\n"
        if let again = record.decidedAgain() {
            text +=
                isContradicted
                ? "made again, the decision is arm \(again.arm) for \(again.reason.rawValue): the record contradicts itself\n"
                : "made again from the record, the decision is the same\n"
        } else {
            text += "it cannot be made again: by another version of the rules, or by models that found no room\n"
        }
        return text
    }

    private var table: String {
        let isDrawn = record.rule == .thompson
        let header =
            ["model", "mUSD", "seconds", isEstimated ? "quality" : "weight"]
            + (isDrawn ? ["drawn by within", "drawn", "reward drawn"] : []) + ["reward", "propensity"]
        let propensities = record.propensities()
        let rows = zip(record.candidates, propensities).map { candidate, propensity in
            let belief = candidate.belief
            let draw = belief.drawnQuality(seed: record.seed)
            let drawn = [
                String(
                    format: "%.3f to %.3f", belief.expectedQuality - 1.96 * belief.qualityDeviation,
                    belief.expectedQuality + 1.96 * belief.qualityDeviation),
                String(format: "%.3f", draw), String(format: "%+.3f", record.dials.reward(quality: draw, belief.candidate)),
            ]
            return [
                (belief.arm == record.arm ? "* " : "  ") + candidate.name, String(format: "%.4f", Double(belief.costNanoUSD) / 1e6),
                String(format: "%.2f", Double(belief.latencyMilliseconds) / 1000), String(format: "%.3f", belief.expectedQuality),
            ] + (isDrawn ? drawn : [])
                + [
                    isEstimated ? String(format: "%+.3f", belief.reward(record.dials)) : "-", String(format: "%.1f%%", propensity * 100),
                ]
        }
        return TextTable(header, rows).text
    }

    private var isEstimated: Bool {
        switch record.rule {
        case .thompson, .epsilonGreedy: true
        case .weighted, .fixed, .cheapest: false
        }
    }

    private var words: String {
        switch record.reason {
        case .best: "the highest expected reward"
        case .exploration: "not the highest expected reward, tried to learn more about it"
        case .explorationCapped: "the highest expected reward; another would have been tried, but exploration had used its share"
        case .belowFloor: "every candidate is below the quality floor; of them the highest expected quality, whatever it costs"
        case .onlyCandidate: "the only candidate"
        case .sticky: "the conversation's model: no other is better by more than the switch costs"
        case .pinned: "named by the caller, and not to be replaced"
        case .rule: "what the policy's rule says"
        }
    }

    private func words(_ reason: DecisionRecord.Infeasibility) -> String {
        switch reason {
        case .contextLength: "the request is longer than its context"
        case .tools: "it takes no tools"
        case .vision: "it takes no images"
        case .structuredOutput: "it takes no schema for its output"
        case .residency: "it is not in an allowed region"
        case .notAllowed: "the tenant or the key may not use it"
        case .unhealthy: "it is failing or drained"
        case .budget: "the budget does not reach"
        case .limited: "its own limit is used up"
        case .unpriced: "its price is not known"
        case .belowFloor: "the quality floor retired it"
        }
    }
}
