import ArgumentParser
import DequeModule
import Foundation
import GatewayCore
import NIOCore

/// Which rows of the ledger a command about arbitrated names reads.
struct ArbitratedSelection: ParsableArguments {
    @Option(name: .long, help: "Only this arbitrated name.")
    var route: String?

    @OptionGroup var selection: LedgerSelection

    /// Goes through decisions and rewards in the order in which they were appended, a page at a time.
    func forEach(in archive: any LedgerArchive, _ query: LedgerQuery? = nil, _ body: (LedgerEntry) throws -> Void) async throws {
        var position: Int64 = 0
        while true {
            let rows = try await archive.rows(query ?? selection.query, after: position)
            guard let last = rows.last else { return }
            for row in rows {
                // What another version wrote is none that this one can speak of.
                guard let entry = try? LedgerEntry(decoding: row.bytes), let name = entry.route, route == nil || name == route else {
                    continue
                }
                try body(entry)
            }
            position = last.position
        }
    }
}

extension LedgerEntry {
    /// The arbitrated name that the row is about; `nil`: about none.
    var route: String? {
        switch self {
        case .decision(let decision): decision.route
        case .reward(let reward): reward.route
        case .request, .correction: nil
        }
    }
}

/// Brings decisions together with what was said of their answers, in rows that come later; where the chosen model failed and another answered, in one
/// that comes before. Bounds: ``most`` decisions wait, and as many signs.
struct RewardJoin {
    /// Of about 200 bytes each.
    static let most = 200_000

    private struct Waiting {
        var model: String
        var prepared: [OffPolicyEvaluation.Prepared?]
        var quality = 0.0
        var weight = 0.0
    }

    private(set) var evaluations: [OffPolicyEvaluation]
    private var waiting: [RequestID: Waiting] = [:]
    private var order: Deque<RequestID> = []
    /// Signs whose decision has not come; the latest ones.
    private var early: [RequestID: [(signal: ObservedQuality, model: String)]] = [:]
    private var earlyOrder: Deque<RequestID> = []
    private let most: Int
    /// Decisions that were read, those of which nobody said anything, those that this program cannot read, and signs that came too late.
    private(set) var decisions = 0
    private(set) var silent = 0
    private(set) var unreadable = 0
    private(set) var late = 0

    init(_ evaluations: [OffPolicyEvaluation], most: Int = RewardJoin.most) {
        self.evaluations = evaluations
        self.most = max(1, most)
    }

    mutating func add(_ entry: LedgerEntry) {
        switch entry {
        case .request, .correction: return
        case .decision(let decision):
            decisions += 1
            guard let record = try? DecisionRecord(json: ByteBuffer(string: decision.record)), let chosen = record.chosen else {
                unreadable += 1
                return
            }
            guard waiting[decision.requestID] == nil else { return }
            waiting[decision.requestID] = Waiting(model: chosen.name, prepared: evaluations.map { $0.prepare(record) })
            order.append(decision.requestID)
            for sign in early.removeValue(forKey: decision.requestID) ?? [] {
                late -= 1
                note(sign.signal, sign.model, decision.requestID)
            }
            for signal in decision.signals { note(signal, decision.model, decision.requestID) }
            if order.count > most, let oldest = order.popFirst() { settle(oldest) }
        case .reward(let reward): note(reward.signal, reward.model, reward.requestID)
        }
    }

    /// What is said of another model than the chosen one, which answered in its place, says nothing of the decision.
    private mutating func note(_ signal: ObservedQuality, _ model: String, _ id: RequestID) {
        guard let decision = waiting[id] else {
            late += 1
            early[id, default: []].append((signal, model))
            earlyOrder.append(id)
            if earlyOrder.count > most, let oldest = earlyOrder.popFirst() { early[oldest] = nil }
            return
        }
        guard decision.model == model, signal.weight > 0 else { return }
        waiting[id]?.quality += signal.quality * signal.weight
        waiting[id]?.weight += signal.weight
    }

    private mutating func settle(_ id: RequestID) {
        guard let decision = waiting.removeValue(forKey: id) else { return }
        guard decision.weight > 0 else {
            silent += 1
            return
        }
        for (index, prepared) in decision.prepared.enumerated() {
            evaluations[index].add(prepared, quality: decision.quality / decision.weight, weight: min(1, decision.weight))
        }
    }

    /// There is no row any more.
    mutating func finish() {
        while let id = order.popFirst() { settle(id) }
    }
}
