import ArgumentParser
import EmbeddedStore
import Foundation
import GatewayCore
import RedisStore

extension BudgetsCommand {
    struct Reconcile: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reconcile", abstract: "Compares what wallets have counted with the ledger and the open reservations.",
            discussion: """
                Looks at each tenant, department and user of the ledger. With REDIS_URL and DATABASE_URL it compares the wallets in Redis with the ledger in \
                PostgreSQL, or with --file in the file, with what is on its way there, and with what is reserved. Each tenant must be quiet for a moment. With \
                --file and without REDIS_URL it compares what a gateway fills its wallets with at each start, the file's sums and reservations, with the rows \
                themselves; and with --control too the wallets that the running gateway has in its memory, which the file does not show. Ends with status 65 \
                where there is a difference, 75 where a tenant was never quiet.
                """)

        @Option(name: .long, help: "Only this tenant.")
        var tenant: String?

        @Flag(name: .long, help: "Sets wallets in Redis that differ to what the ledger and the open reservations say.")
        var rebuild = false

        @Flag(name: .long, help: "One JSON object for each wallet, a line each.")
        var json = false

        @OptionGroup var redis: RedisArguments
        @OptionGroup var ledger: LedgerOptions
        @OptionGroup var running: ControlArguments

        func run() async throws {
            let server = try redis.options(["REDIS_URL"])
            guard server != nil || ledger.file != nil else {
                throw ValidationError("there are no wallets: set REDIS_URL, or give --file for a gateway without Redis")
            }
            if server == nil, rebuild {
                throw ValidationError("without Redis there is nothing to rebuild: a gateway fills its wallets from the file at each start")
            }
            let gateway = try running.client()
            if gateway != nil, server != nil || ledger.file == nil {
                throw ValidationError(
                    "--control is for gateways that count in their memory, whose ledger is a --file; others count in Redis")
            }
            var totals = ReconciliationTotals()
            try await ledger.with { archive in
                let tenants = try await tenants(of: archive)
                guard let server else { return try await compareFile(tenants, archive, gateway, &totals) }
                try await redis.with(server) { client in
                    let store = WalletStore(client: client)
                    for tenant in tenants { try await compare(tenant, archive, store, &totals) }
                }
            }
            if !json { print("\(totals.wallets) wallets, difference \(totals.difference) nano-USD") }
            if totals.isBusy { throw ExitCode(75) }
            if totals.isDifferent { throw ExitCode(65) }
        }

        private func tenants(of archive: any LedgerArchive) async throws -> [String] {
            if let tenant { return [tenant] }
            var tenants: [String] = []
            while true {
                let heads = try await archive.heads(after: tenants.last ?? "")
                if heads.isEmpty { return tenants }
                tenants += heads.map(\.tenant)
            }
        }

        var now: SpendingTime { SpendingTime(unixMilliseconds: UInt64(max(0, Date().timeIntervalSince1970) * 1_000)) }

        // MARK: Redis

        /// Looks at the ledger between two looks at Redis, until nothing has changed meanwhile.
        private func compare(
            _ tenant: String, _ archive: any LedgerArchive, _ store: WalletStore, _ totals: inout ReconciliationTotals
        ) async throws {
            for _ in 0..<50 {
                let before = try await archive.head(of: tenant)
                let rows = try await archive.spending(of: tenant, since: now.day - 62)
                let moving = try await store.snapshot(tenant: tenant, [])
                var spending = TenantSpending(rows)
                for entry in moving.records.compactMap({ try? LedgerEntry(decoding: $0) }) where entry.tenant == tenant {
                    guard try await archive.row(entry.id, tenant: tenant) == nil else { continue }
                    spending.add(entry)
                }
                if let found = try await look(tenant, spending, moving, store), try await archive.head(of: tenant) == before,
                    try await settle(found, tenant, store, &totals)
                {
                    return
                }
                try await Task.sleep(for: .milliseconds(100))
            }
            totals.isBusy = true
            FileHandle.standardError.write(Data("agentshield: the tenant \(tenant) was never quiet; pause it, or try again\n".utf8))
        }

        /// - Returns: `nil`: what is on its way, or reserved, has changed meanwhile.
        private func look(
            _ tenant: String, _ spending: TenantSpending, _ moving: WalletStore.Snapshot, _ store: WalletStore
        ) async throws -> [(subject: BudgetSubject, audit: WalletAudit)]? {
            var found: [(subject: BudgetSubject, audit: WalletAudit)] = []
            var rest = spending.subjects[...]
            while !rest.isEmpty {
                let subjects = Array(rest.prefix(WalletStore.maxWallets))
                rest = rest.dropFirst(subjects.count)
                let snapshot = try await store.snapshot(tenant: tenant, subjects)
                guard snapshot.records == moving.records, snapshot.holds == moving.holds else { return nil }
                for (subject, fields) in zip(subjects, snapshot.wallets) {
                    let name = RedisKey.wallet(tenant: tenant, subject).name
                    let reservations = snapshot.holds.filter { $0.wallets.contains(name) }.map(\.reservation)
                    found.append((subject, WalletAudit(stored: fields, spending: spending[subject], reservations: reservations, now: now)))
                }
            }
            return found
        }

        /// Tells what was found, and mends it where that is asked for.
        ///
        /// - Returns: whether it could be mended.
        private func settle(
            _ found: [(subject: BudgetSubject, audit: WalletAudit)], _ tenant: String, _ store: WalletStore,
            _ totals: inout ReconciliationTotals
        ) async throws -> Bool {
            if rebuild {
                for (subject, audit) in found where !audit.differences.isEmpty {
                    guard try await store.replace(tenant: tenant, subject, audit.stored, by: audit.right) else { return false }
                }
            }
            for (subject, audit) in found { tell(audit, tenant, subject, "the store", &totals) }
            return true
        }

        /// Counts a wallet, and prints where it differs.
        ///
        /// - Parameter store: what is compared with the ledger.
        func tell(
            _ audit: WalletAudit, _ tenant: String, _ subject: BudgetSubject, _ store: String, _ totals: inout ReconciliationTotals
        ) {
            totals.wallets += 1
            if json { try? Listing.show([JSONObject(audit, tenant, subject, now, stored: audit.stored)]) }
            for difference in audit.differences {
                totals.difference += difference.stored - difference.right
                totals.isDifferent = totals.isDifferent || !rebuild
                guard !json else { continue }
                let who = [tenant, subject.level, subject.name].compactMap { $0 }.joined(separator: " ")
                print(
                    "\(who), \(difference.field): \(store) has \(difference.stored) nano-USD, the ledger and what is reserved \(difference.right)"
                        + (rebuild ? "; set to that" : ""))
            }
        }
    }
}

/// What a check has found.
struct ReconciliationTotals {
    var wallets = 0
    /// What stores have more than they should, less what they have less.
    var difference: Int64 = 0
    var isDifferent = false
    var isBusy = false
}

/// What each subject of a tenant has spent.
struct TenantSpending {
    /// By the day, as it is numbered since 1970.
    private var bySubject: [BudgetSubject: [Int: Int64]] = [:]

    init(_ rows: [LedgerSpending]) {
        for row in rows { add(row.nanoUSD, BudgetSubject.all(department: row.department, user: row.user), row.time) }
    }

    mutating func add(_ entry: LedgerEntry) {
        // Rows without a cost make no wallet.
        guard let cost = entry.costNanoUSD, cost != 0 else { return }
        add(cost, entry.subjects, SpendingTime(unixMilliseconds: entry.unixMilliseconds))
    }

    private mutating func add(_ nanoUSD: Int64, _ subjects: [BudgetSubject], _ time: SpendingTime) {
        for subject in subjects { bySubject[subject, default: [:]][time.day, default: 0] += nanoUSD }
    }

    /// Makes its subjects known, without anything spent.
    mutating func add(subjectsOf entry: LedgerEntry) {
        for subject in entry.subjects where bySubject[subject] == nil { bySubject[subject] = [:] }
    }

    subscript(_ subject: BudgetSubject) -> [(nanoUSD: Int64, time: SpendingTime)] {
        (bySubject[subject] ?? [:]).map { ($0.value, SpendingTime(unixMilliseconds: UTCDay(number: $0.key).unixMilliseconds)) }
    }

    var subjects: [BudgetSubject] { bySubject.keys.sorted { ($0.level, $0.name ?? "") < ($1.level, $1.name ?? "") } }
}

extension LedgerEntry {
    var subjects: [BudgetSubject] { BudgetSubject.all(department: department, user: user) }
}

extension JSONObject {
    init(_ audit: WalletAudit, _ tenant: String, _ subject: BudgetSubject, _ now: SpendingTime, stored: [String: Int64]) {
        var members: [String: Any?] = ["tenant": tenant, "level": subject.level, "name": subject.name]
        for period in BudgetPeriod.allCases {
            let field = WalletModel.field(period, now)
            members[period.rawValue] = [
                "spent": stored[field] ?? 0, "reserved": stored[field + "r"] ?? 0, "ledger": audit.right[field] ?? 0,
                "difference": (stored[field] ?? 0) - (audit.right[field] ?? 0),
            ]
        }
        self.init(members)
    }
}
