import Foundation
import GatewayCore

/// The provider's own bill, call by call, held against the ledger: under kills too, every call that is billed has a row that agrees with it, or a
/// reservation that ended and was charged at its bound; and no row claims a call that nobody billed.
struct BillCheck {
    /// Calls of one kind, or their sum.
    private struct Sum {
        var calls = 0
        var billed: Int64 = 0
        var charged: Int64 = 0

        mutating func add(_ billed: Int64, _ charged: Int64) {
            calls += 1
            self.billed += billed
            self.charged += charged
        }
    }

    private enum Kind: String, CaseIterable {
        case answered = "answered, charged to the token"
        case cut = "failed or left, charged what was produced"
        case unbilled = "failed or left before the provider billed anything"
        case expired = "nobody told the end: charged at the bound"
        case unasked = "nobody told the end, and the provider billed nothing: charged at the bound"
    }

    private(set) var calls: [String: [ProviderCall]] = [:]
    private(set) var lastNumber = 0
    private var total = ProviderBill()
    private var sums: [String: [Kind: Sum]] = [:]
    private(set) var problems: [String] = []

    /// Takes in what has come, when the provider has ended it.
    mutating func read(_ world: World) async throws {
        let end = ContinuousClock.now + .seconds(30)
        var fresh = try await world.calls(after: lastNumber)
        while fresh.contains(where: \.isRunning), ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(20))
            fresh = try await world.calls(after: lastNumber)
        }
        for call in fresh {
            if call.isRunning { problems.append("the provider still answers its request \(call.number)") }
            if call.mark.isEmpty { problems.append("the provider's request \(call.number) is nobody's") }
            calls[call.mark, default: []].append(call)
            total.add(call.bill)
        }
        lastNumber = fresh.last?.number ?? lastNumber
    }

    /// Billed calls whose requests have no row yet.
    func open(_ audit: Audit) -> Int { calls.count { mark, calls in calls.contains { $0.bill.requests > 0 } && audit.rows[mark] == nil } }

    /// Compares everything.
    mutating func check(_ audit: Audit, bill: ProviderBill) {
        if total != bill { problems.append("the provider's record adds up to \(total), its bill to \(bill)") }
        for (mark, calls) in calls {
            let billed = calls.filter { $0.bill.requests > 0 }
            guard let row = audit.rows[mark] else {
                if !billed.isEmpty {
                    problems.append("the provider bills \(billed) for \(mark), which has neither a row nor a reservation that ended")
                }
                continue
            }
            compare(row, billed: billed.reduce(0) { $0 + $1.cost }, bound: calls.reduce(0) { $0 + $1.bound }, of: mark, billed.count)
        }
        for (mark, row) in audit.rows where calls[mark] == nil { compare(row, billed: 0, bound: nil, of: mark, 0) }
    }

    /// - Parameters:
    ///   - bound: `nil`: the provider has not seen the request.
    ///   - count: of billed calls.
    private mutating func compare(_ row: Audit.Row, billed: Int64, bound: Int64?, of mark: String, _ count: Int) {
        let (record, charged) = (row.record, row.charged)
        let name = "\(record.summary.requestID) (\(record.outcome.rawValue), \(mark))"
        let kind: Kind
        switch record.outcome {
        case .answered:
            kind = .answered
            if count != (record.summary.attempts > 0 ? 1 : 0) {
                problems.append("\(name) has \(record.summary.attempts) attempts, and \(count) are billed")
            }
            if charged != billed { problems.append("\(name) is charged \(charged) nano-USD, and the provider bills \(billed)") }
            // The cache's.
            guard record.summary.attempts > 0 else { return }
        case .failed, .cancelled:
            kind = billed > 0 ? .cut : .unbilled
            if charged > bound ?? .max { problems.append("\(name) is charged \(charged) nano-USD, more than was reserved: \(bound ?? 0)") }
            if record.outcome == .cancelled, billed > 0, charged == 0 {
                problems.append("\(name) is charged nothing, and the provider bills \(billed)")
            }
            guard record.summary.attempts > 0 else {
                if billed > 0 { problems.append("\(name) says that nobody was asked, and the provider bills \(billed)") }
                return
            }
        case .expired:
            kind = count > 0 ? .expired : .unasked
            if !record.summary.isEstimated { problems.append("\(name) is not marked estimated") }
            if row.corrections == 0, charged < billed {
                problems.append("\(name) is charged \(charged) nano-USD, and the provider bills \(billed)")
            }
            if charged < 0 || charged > bound ?? .max {
                problems.append("\(name) is charged \(charged) nano-USD, not from 0 to \(bound ?? 0)")
            }
        }
        for wallet in Wallet.names(.request(record)) { sums[wallet, default: [:]][kind, default: Sum()].add(billed, charged) }
    }

    /// The wallets hold what the rows say.
    mutating func check(_ wallets: [Wallet], _ audit: Audit) {
        for wallet in wallets {
            let charged = audit.rows.values.reduce(0 as Int64) { sum, row in
                sum + (Wallet.names(.request(row.record)).contains(wallet.name) ? row.charged : 0)
            }
            if wallet.reserved != 0 { problems.append("\(wallet.name) has \(wallet.reserved) nano-USD reserved, and nothing is under way") }
            if wallet.spent != charged { problems.append("\(wallet.name) has spent \(wallet.spent) nano-USD, its rows say \(charged)") }
        }
        if wallets.isEmpty { problems.append("there are no wallets") }
    }

    /// The figures of the comparison, a line each.
    var report: [String] {
        var lines = [
            "the provider bills \(total.requests) calls, \(total.promptTokens) + \(total.completionTokens) tokens; by wallet, in nano-USD:"
        ]
        for (wallet, kinds) in sums.sorted(by: { $0.key < $1.key }) {
            var all = Sum()
            for sum in kinds.values {
                all.calls += sum.calls
                all.billed += sum.billed
                all.charged += sum.charged
            }
            lines.append("  \(wallet): \(all.calls) rows, billed \(all.billed), charged \(all.charged)")
            // Departments and users have the same rows again.
            guard !wallet.contains(" ") else { continue }
            for kind in Kind.allCases {
                guard let sum = kinds[kind] else { continue }
                lines.append("    \(sum.calls) \(kind.rawValue): billed \(sum.billed), charged \(sum.charged)")
            }
        }
        return lines
    }

    mutating func takeProblems() -> [String] {
        defer { problems.removeAll() }
        return problems
    }
}
