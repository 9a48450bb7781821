import ArgumentParser
import Foundation
import GatewayCore
import NIOCore

extension ArbitrageCommand {
    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "explain",
            abstract: "Why a recorded decision was made, and how probable it was.",
            discussion: """
                Looks the answer's receipt (`x-request-id`) up in the ledger: --file, or the database of DATABASE_URL. Without a receipt it reads one record \
                of a decision, a line of JSON. Makes the decision again from it, and prints what was weighed, and what was said of the answer. Ends with \
                status 1 if the same is not decided again, 65 for what is no record, 66 for a receipt or a file that is not there.
                """)

        @Argument(help: "The receipt: the id of an answer, req_ and 32 hexadecimal digits.")
        var receipt: String?

        @Option(name: .long, help: "The file with the record; without this, and without a receipt, standard input.")
        var record: String?

        @Option(name: .long, help: "Whose receipt it is; spares looking through other tenants' rows.")
        var tenant: String?

        @OptionGroup var ledger: LedgerOptions

        func validate() throws {
            guard receipt == nil || record == nil else { throw ValidationError("a receipt and --record exclude each other") }
            guard receipt != nil || ledger.file == nil && tenant == nil else { throw ValidationError("--file and --tenant need a receipt") }
            guard let receipt else { return }
            guard RequestID(receipt) != nil else {
                throw ValidationError("`\(receipt.prefix(64))` is no receipt: write req_ and 32 hexadecimal digits, as in x-request-id")
            }
        }

        func run() async throws {
            var text = ""
            let found: DecisionRecord
            if let id = receipt.flatMap({ RequestID($0) }) {
                let recorded = try await RecordedDecision.find(id, tenant: tenant, in: ledger)
                text += recorded.heading
                found = recorded.record
            } else {
                found = try readRecord()
            }
            let explanation = DecisionExplanation(record: found)
            print(text + explanation.text, terminator: "")
            if explanation.isContradicted { throw ExitCode(1) }
        }

        private func readRecord() throws -> DecisionRecord {
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
            return found
        }
    }
}

/// What the ledger has of one arbitrated answer.
struct RecordedDecision {
    let decision: LedgerDecision
    let record: DecisionRecord
    /// Said of the models that were called.
    let signs: [(model: String, signal: ObservedQuality)]

    /// Looks at rows of the millisecond in which the request came, which its id tells.
    static func find(_ id: RequestID, tenant: String?, in ledger: LedgerOptions) async throws -> RecordedDecision {
        let came = Int64(clamping: id.unixMilliseconds)
        let query = LedgerQuery(tenant: tenant, since: came, until: came + 1)
        var (decision, signs): (LedgerDecision?, [(String, ObservedQuality)]) = (nil, [])
        var isThere = false
        try await ledger.with { archive in
            var position: Int64 = 0
            while let last = try await archive.rows(query, after: position).reduce(
                nil as LedgerRow?,
                { _, row in
                    switch try? LedgerEntry(decoding: row.bytes) {
                    case .request(let request) where request.summary.requestID == id: isThere = true
                    case .decision(let own) where own.requestID == id:
                        decision = own
                        signs += own.signals.map { (own.model, $0) }
                    case .reward(let reward) where reward.requestID == id: signs.append((reward.model, reward.signal))
                    default: break
                    }
                    return row
                })
            { position = last.position }
        }
        guard let decision else {
            let problem =
                isThere
                ? "nothing was decided for \(id): its model was named, it came from the cache, or it was refused before"
                : "the ledger has no receipt \(id): it may be another ledger's, or its row is still on its way"
            throw Refused(problem, status: 66).told
        }
        do throws(DecisionRecordFault) {
            let record = try DecisionRecord(json: ByteBuffer(string: decision.record))
            return RecordedDecision(decision: decision, record: record, signs: signs)
        } catch {
            throw Refused("the decision of \(id) cannot be read, as of another version: \(error)", status: 65).told
        }
    }

    var heading: String {
        var text = "\(decision.requestID) of tenant \(decision.tenant), for \(decision.route), at "
        text += Date(timeIntervalSince1970: Double(decision.receivedUnixMilliseconds) / 1_000).formatted(.iso8601) + "\n"
        if let chosen = record.chosen?.name, chosen != decision.model {
            text += "answered by \(decision.model): \(chosen), which was chosen, gave no answer\n"
        }
        for sign in signs { text += "said of \(sign.model): \(sign.signal.text)\n" }
        if signs.isEmpty { text += "nothing was said of the answer yet\n" }
        return text
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
