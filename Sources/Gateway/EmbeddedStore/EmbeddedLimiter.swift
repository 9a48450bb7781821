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
    }

    private let shards: [NIOLockedValueBox<Shard>]
    private let maxLimitsPerShard: Int
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
        tenant: String, _ rates: [AdmissionModel.Rate], caps: [AdmissionModel.Cap], holder: String, now: NIODeadline,
        into outcome: inout AdmissionModel.Outcome
    ) -> Bool {
        let now = now.microseconds
        return shard(of: tenant).withLockedValue { shard in
            if shard.model.count >= maxLimitsPerShard, !shard.model.keeps(rates, caps: caps) {
                guard now >= shard.nextSweep else { return false }
                shard.model.forgetIdle(now: now)
                shard.nextSweep = now + 1_000_000
                guard shard.model.count < maxLimitsPerShard else { return false }
            }
            shard.model.admit(
                rates, caps: caps, holder: holder, leaseMicroseconds: Self.leaseMicroseconds, now: now, into: &outcome)
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

    private func shard(of tenant: String) -> NIOLockedValueBox<Shard> {
        shards[Int(UInt(bitPattern: tenant.hashValue) % 16)]
    }
}

extension NIODeadline {
    fileprivate var microseconds: Int64 { Int64(clamping: uptimeNanoseconds / 1_000) }
}
