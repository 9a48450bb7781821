package import GatewayCore
import NIOConcurrencyHelpers
package import NIOCore

/// The limits of one process, shared by its event loops: `AdmissionModel` under one of 16 locks, which a tenant shares with others.
///
/// Bound: `maxLimitsPerShard` limits and caps in each shard. At the bound, those that are full again are forgotten (they would start full
/// anyway), at most once a second; while none is, a request that needs another one is refused as overload, for an unlimited caller is worse.
package final class EmbeddedLimiter: Sendable {
    private struct Shard {
        var model = AdmissionModel()
        var nextSweep: Int64 = .min

        func hasRoom(for wallets: [String]) -> Bool {
            model.wallets.wallets.count + wallets.count <= EmbeddedLimiter.maxWalletsPerShard
                || wallets.allSatisfy { model.wallets.wallets[$0] != nil }
        }
    }

    private let shards: [NIOLockedValueBox<Shard>]
    private let maxLimitsPerShard: Int
    /// Wallets are never forgotten: they are as many as the tenants, departments and users that the ledger knows. At the bound a request with a budget that
    /// needs another one is refused, and one without is not counted.
    private static let maxWalletsPerShard = 16_384
    /// Leases of one process end with their requests.
    private static let leaseMicroseconds = Int64.max / 4

    package init(maxLimitsPerShard: Int = 65_536) {
        shards = (0..<16).map { _ in NIOLockedValueBox(Shard()) }
        self.maxLimitsPerShard = maxLimitsPerShard
    }

    /// Asks all limits and caps of a request, which takes from all of them or from none.
    ///
    /// - Returns: `false`: there is no room to keep them, and nothing was asked.
    package func admit(
        tenant: String, _ rates: [AdmissionModel.Rate], caps: [AdmissionModel.Cap], hold: WalletHold? = nil, holder: String,
        now: NIODeadline, into outcome: inout AdmissionModel.Outcome
    ) -> Bool {
        let now = now.microseconds
        return shard(of: tenant).withLockedValue { shard in
            if shard.model.count >= maxLimitsPerShard, !shard.model.keeps(rates, caps: caps) {
                guard now >= shard.nextSweep else { return false }
                shard.model.forgetIdle(now: now)
                shard.nextSweep = now + 1_000_000
                guard shard.model.count < maxLimitsPerShard else { return false }
            }
            if let hold, !shard.hasRoom(for: hold.wallets) { return false }
            shard.model.admit(
                rates, caps: caps, hold: hold, holder: holder, leaseMicroseconds: Self.leaseMicroseconds, now: now, into: &outcome)
            return true
        }
    }

    /// Corrects estimates and gives leases back.
    package func settle(
        tenant: String, _ corrections: [(name: String, limit: RateLimit, permits: Int64)], caps: [AdmissionModel.Cap], holder: String,
        now: NIODeadline
    ) {
        shard(of: tenant).withLockedValue {
            $0.model.settle(corrections, caps: caps.map(\.name), holder: holder, now: now.microseconds)
        }
    }

    // MARK: wallets

    /// A request with a hold is over.
    ///
    /// - Returns: what was charged instead, where its hold has ended before. `nil`: it is settled.
    package func settleHold(tenant: String, of id: String, cost: Int64, now: NIODeadline) -> Int64? {
        shard(of: tenant).withLockedValue { $0.model.wallets.settle(id, cost: cost, now: now.microseconds) }
    }

    /// Something was spent without a hold.
    package func charge(tenant: String, _ wallets: [String], _ cost: Int64, _ time: SpendingTime) {
        shard(of: tenant).withLockedValue {
            if $0.hasRoom(for: wallets) { $0.model.wallets.charge(wallets, cost, time) }
        }
    }

    /// A request that was settled late cost so much more than what was charged instead.
    package func correct(tenant: String, of id: String, _ wallets: [String], _ change: Int64, _ time: SpendingTime) {
        shard(of: tenant).withLockedValue { $0.model.wallets.correct(id, wallets, change, time) }
    }

    /// Takes a hold in that an earlier life of the process has left.
    ///
    /// - Parameter endsIn: milliseconds from now; negative: it has ended.
    package func restore(tenant: String, of id: String, _ hold: WalletHold, endsIn: Int64, now: NIODeadline) {
        let reservation = WalletModel.Reservation(
            wallets: hold.wallets, bound: hold.bound, time: hold.time, endsAt: now.microseconds + endsIn * 1_000, record: hold.record)
        shard(of: tenant).withLockedValue { $0.model.wallets.restore(reservation, of: id) }
    }

    /// Charges holds that have ended at their bound.
    ///
    /// - Returns: the rows that they brought along, encoded.
    package func expireHolds(now: NIODeadline) -> [[UInt8]] {
        shards.flatMap { shard in
            shard.withLockedValue { $0.model.wallets.expire(now: now.microseconds, count: 1_000).compactMap(\.record) }
        }
    }

    /// A tenant's wallets, for a check.
    ///
    /// - Parameters:
    ///   - prefix: what their names begin with.
    ///   - name: only those behind it.
    /// - Returns: in the order of their names, at most `count`.
    package func wallets(tenant: String, prefix: String, after name: String, count: Int) -> [(name: String, fields: [String: Int64])] {
        let all = shard(of: tenant).withLockedValue { $0.model.wallets.wallets.filter { $0.key.hasPrefix(prefix) && $0.key > name } }
        return all.sorted { $0.key < $1.key }.prefix(count).map { ($0.key, $0.value) }
    }

    private func shard(of tenant: String) -> NIOLockedValueBox<Shard> {
        shards[Int(UInt(bitPattern: tenant.hashValue) % 16)]
    }
}

extension NIODeadline {
    fileprivate var microseconds: Int64 { Int64(clamping: uptimeNanoseconds / 1_000) }
}
