import ArgumentParser
import Foundation
import GatewayCore
import NIOCore

extension ArbitrageCommand {
    struct Evaluate: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "evaluate",
            abstract: "What other policies would have been worth, from recorded decisions and their rewards.",
            discussion: """
                Reads a line of JSON per decision, {"decision": the record, "quality": 0…1, "weight": above 0 to 1, 1 if missing}. Prints for each policy \
                the expected reward, quality − λ·cost − μ·latency, by IPS, SNIPS and doubly robust, with 95 % confidence intervals. Ends with status \
                64 for wrong arguments, 65 for wrong data, 66 for a file that cannot be read.
                """)

        @Option(name: .long, help: "The file of decisions; standard input without this.")
        var records: String?

        @Option(name: .long, help: "recorded, best, cheapest, uniform or fixed:MODEL; several may be given. The first four without this.")
        var policy: [String] = []

        @Option(name: .long, help: "λ for all decisions, instead of each one's own.")
        var lambda: Double?

        @Option(name: .long, help: "μ for all decisions, with --lambda.")
        var mu = 0.0

        func validate() throws {
            guard [lambda ?? 0, mu].allSatisfy({ $0 >= 0 && $0.isFinite }) else { throw ValidationError("--lambda and --mu are 0 or more") }
            guard lambda != nil || mu == 0 else { throw ValidationError("--mu needs --lambda") }
        }

        func run() throws {
            let dials = lambda.map { ArbitrageDials(qualityPerMilliUSD: $0, qualityPerSecond: mu) }
            var evaluations = try targets().map { OffPolicyEvaluation(target: $0, dials: dials) }
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
            print(EvaluationReport(decisions: count, evaluations: evaluations).text, terminator: "")
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

/// Columns as wide as their widest cell: the first to the left, the others to the right.
struct TextTable {
    let text: String

    init(_ header: [String], _ rows: [[String]]) {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        text = all.map { cells in
            let padded = zip(cells, widths).enumerated().map { index, cell in
                let missing = String(repeating: " ", count: cell.1 - cell.0.count)
                return index == 0 ? cell.0 + missing : missing + cell.0
            }
            return padded.joined(separator: "  ") + "\n"
        }.joined()
    }
}

/// Lines of a file or of standard input, read one at a time and never longer than they may be.
enum RecordLines {
    /// - Parameter path: `nil`: standard input.
    static func forEach(of path: String?, most: Int, _ body: (ByteBuffer, _ number: Int) throws -> Void) throws {
        let file: FileHandle
        if let path {
            guard let opened = FileHandle(forReadingAtPath: path) else { throw Refused("the file \(path) cannot be read", status: 66).told }
            file = opened
        } else {
            file = .standardInput
        }
        var (kept, number) = (Data(), 0)
        func take(_ line: Data) throws {
            number += 1
            guard line.count <= most else { throw Refused("line \(number) is longer than \(most) bytes", status: 65).told }
            if !line.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) { try body(ByteBuffer(bytes: line), number) }
        }
        while true {
            let read: Data?
            do {
                read = try file.read(upToCount: 64 << 10)
            } catch {
                throw Refused("the \(path.map { "file \($0)" } ?? "standard input") cannot be read", status: 66).told
            }
            guard let read, !read.isEmpty else { break }
            kept.append(read)
            while let end = kept.firstIndex(of: UInt8(ascii: "\n")) {
                try take(Data(kept[kept.startIndex..<end]))
                kept = Data(kept[kept.index(after: end)...])
            }
            if kept.count > most { try take(kept) }
        }
        if !kept.isEmpty { try take(kept) }
    }
}
