package import EmbeddedStore
package import GatewayCore
import NIOCore
import RedisStore

/// The wallets of a process whose ledger is a file: filled from it at start, and looked after while the process runs.
package struct ProcessWallets: Sendable {
    private let limiter: EmbeddedLimiter
    private let file: LedgerFile

    package init(limiter: EmbeddedLimiter, file: LedgerFile) {
        self.limiter = limiter
        self.file = file
    }

    /// Counts what the ledger's rows say was spent, and takes in what is reserved for requests whose end nobody has told. Reads the whole ledger; before
    /// the first request.
    ///
    /// - Parameter unixMilliseconds: now.
    package func restore(unixMilliseconds: UInt64) async throws(LedgerError) {
        // The days of two months: wallets drop what is older anyway.
        let day = SpendingTime(unixMilliseconds: unixMilliseconds).day - 62
        var last = ""
        while true {
            let heads = try await file.heads(after: last)
            guard let end = heads.last else { break }
            for head in heads {
                for spending in try await file.spending(of: head.tenant, since: day) {
                    limiter.charge(
                        tenant: head.tenant, Self.names(head.tenant, spending.department, spending.user), spending.nanoUSD, spending.time)
                }
            }
            last = end.tenant
        }
        for hold in try await file.holds() { restore(hold, unixMilliseconds: unixMilliseconds) }
    }

    private func restore(_ hold: LedgerFile.Hold, unixMilliseconds: UInt64) {
        // What this program cannot read a later version has reserved, which must look after it.
        guard let entry = try? LedgerEntry(decoding: hold.record) else { return }
        let names = Self.names(entry.tenant, entry.department, entry.user)
        limiter.restore(
            tenant: entry.tenant, of: hold.id.description,
            WalletHold(
                wallets: names, limits: [], bound: entry.costNanoUSD ?? 0, time: SpendingTime(unixMilliseconds: entry.unixMilliseconds),
                milliseconds: 0, record: hold.record),
            endsIn: hold.endsAt - Int64(clamping: unixMilliseconds), now: .now())
    }

    /// Charges what was reserved and never settled, until the task is cancelled.
    package func run() async {
        while !Task.isCancelled {
            for record in limiter.expireHolds(now: .now()) {
                if let entry = try? LedgerEntry(decoding: record) { file.append(entry, waiter: nil) }
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// What a tenant's wallets have in this process, for a check.
    ///
    /// - Returns: in the order of their names, those behind `name`, at most `count`.
    package func page(of tenant: String, after name: String, count: Int) -> [(name: String, fields: [String: Int64])] {
        // The tenant's own wallet is the prefix and a letter, as those of its departments and users are with more behind it.
        let prefix = String(RedisKey.wallet(tenant: tenant, .tenant).name.dropLast())
        return limiter.wallets(tenant: tenant, prefix: prefix, after: name, count: count)
    }

    private static func names(_ tenant: String, _ department: String?, _ user: String?) -> [String] {
        BudgetSubject.all(department: department, user: user).map { RedisKey.wallet(tenant: tenant, $0).name }
    }
}
