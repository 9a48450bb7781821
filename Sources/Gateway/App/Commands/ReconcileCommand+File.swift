import EmbeddedStore
import Foundation
import GatewayCore
import RedisStore

/// Wallets of a gateway without Redis: they are in its memory, filled at its start from the sums of its ledger's file and the reservations in it.
extension BudgetsCommand.Reconcile {
    /// Looks again so often, as long as something changes meanwhile.
    private static let maxLooks = 50
    /// A difference to what a running gateway has counted must be there so often one after another: its rows come into the file a moment later.
    private static let looksAtDifference = 10

    /// - Parameter gateway: to be asked for the wallets in its memory; `nil`: the file alone is looked at.
    func compareFile(
        _ tenants: [String], _ archive: any LedgerArchive, _ gateway: ControlClient?, _ totals: inout ReconciliationTotals
    ) async throws {
        let holds = try await fileHolds()
        // A tenant may have its first request under way.
        let all = tenant == nil ? Set(tenants).union(holds.map(\.entry.tenant)).sorted() : tenants
        for tenant in all { try await compareFile(tenant, archive, gateway, &totals) }
        guard !json else { return }
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        let ended = holds.filter { $0.endsAt < now }
        if !ended.isEmpty {
            let sum = ended.reduce(0) { $0 + ($1.entry.costNanoUSD ?? 0) }
            print(
                "\(ended.count) reservations have ended, \(sum) nano-USD: a gateway that runs charges them within a second, the next one at its start"
            )
        }
        if gateway == nil {
            print("the file alone was looked at, not the wallets in the memory of a gateway that runs: --control asks it for them")
        }
    }

    private struct FileHold: Equatable {
        var entry: LedgerEntry
        var endsAt: Int64
    }

    private func fileHolds() async throws -> [FileHold] {
        try await ledger.holds().compactMap { hold in
            (try? LedgerEntry(decoding: hold.record)).map { FileHold(entry: $0, endsAt: hold.endsAt) }
        }
    }

    private func state(of tenant: String, _ archive: any LedgerArchive) async throws -> (head: LedgerHead?, holds: [FileHold]) {
        (try await archive.head(of: tenant), try await fileHolds().filter { $0.entry.tenant == tenant })
    }

    private struct Found {
        var subject: BudgetSubject
        /// What a gateway would begin with, beside the rows.
        var file: WalletAudit
        /// What the running one has.
        var gateway: WalletAudit?

        var isRight: Bool { file.differences.isEmpty && gateway?.differences.isEmpty ?? true }
    }

    private func compareFile(
        _ tenant: String, _ archive: any LedgerArchive, _ gateway: ControlClient?, _ totals: inout ReconciliationTotals
    ) async throws {
        var rows = FileRows(tenant: tenant)
        var looks = 0
        for _ in 0..<Self.maxLooks {
            let (head, holds) = try await state(of: tenant, archive)
            let sums = TenantSpending(try await archive.spending(of: tenant, since: now.day - 62))
            try await rows.readOn(archive)
            let wallets = try await gateway?.wallets(of: tenant)
            var told: [RequestID] = []
            for hold in holds where try await archive.row(hold.entry.id, tenant: tenant) != nil { told.append(hold.entry.id) }
            let (headNow, holdsNow) = try await state(of: tenant, archive)
            guard headNow == head, holdsNow == holds else {
                try await Task.sleep(for: .milliseconds(100))
                continue
            }
            let found = audits(tenant, sums, rows.spending, holds.map(\.entry), wallets)
            looks += 1
            guard found.allSatisfy(\.isRight) || gateway == nil || looks >= Self.looksAtDifference else {
                try await Task.sleep(for: .milliseconds(100))
                continue
            }
            tell(found, tenant, &totals)
            for id in told {
                totals.isDifferent = true
                if !json { print("\(tenant): the reservation of \(id) is still there, and the request has a row") }
            }
            return
        }
        totals.isBusy = true
        FileHandle.standardError.write(Data("agentshield: the tenant \(tenant) was never quiet; pause it, or try again\n".utf8))
    }

    private func audits(
        _ tenant: String, _ sums: TenantSpending, _ rows: TenantSpending, _ holds: [LedgerEntry], _ wallets: [String: [String: Int64]]?
    ) -> [Found] {
        var known = rows
        for hold in holds { known.add(subjectsOf: hold) }
        return known.subjects.map { subject in
            let reservations = holds.filter { $0.subjects.contains(subject) }.map {
                WalletAudit.Reservation(bound: $0.costNanoUSD ?? 0, time: SpendingTime(unixMilliseconds: $0.unixMilliseconds))
            }
            func audit(_ spending: TenantSpending, _ stored: [String: Int64]) -> WalletAudit {
                WalletAudit(stored: stored, spending: spending[subject], reservations: reservations, now: now)
            }
            let wallet = wallets.map { $0[RedisKey.wallet(tenant: tenant, subject).name] ?? [:] }
            return Found(subject: subject, file: audit(rows, audit(sums, [:]).right), gateway: wallet.map { audit(rows, $0) })
        }
    }

    private func tell(_ found: [Found], _ tenant: String, _ totals: inout ReconciliationTotals) {
        for found in found {
            if found.gateway == nil || !found.file.differences.isEmpty {
                tell(found.file, tenant, found.subject, "the file's sum", &totals)
            }
            if let gateway = found.gateway { tell(gateway, tenant, found.subject, "the gateway", &totals) }
        }
    }
}

/// What the rows themselves say, read on from where the last reading ended.
private struct FileRows {
    let tenant: String
    private var position: Int64 = 0
    private(set) var spending = TenantSpending([])

    init(tenant: String) {
        self.tenant = tenant
    }

    mutating func readOn(_ archive: any LedgerArchive) async throws {
        while true {
            let rows = try await archive.rows(LedgerQuery(tenant: tenant), after: position)
            guard let last = rows.last else { return }
            for row in rows { spending.add(try LedgerEntry(decoding: row.bytes)) }
            position = last.position
        }
    }
}
