package import GatewayCore
import NIOConcurrencyHelpers
package import NIOCore

/// The request limits of one process, shared by its event loops.
///
/// Bound: `maxKeys` limits in each of 16 shards. At the bound, limits that are full again are forgotten (they would start full anyway); if
/// none is, the request is refused as overload, for an unlimited caller is worse.
package final class EmbeddedLimiter: Sendable {
    private let shards: [NIOLockedValueBox<[String: GCRA]>]
    private let maxKeysPerShard: Int

    package init(maxKeysPerShard: Int = 65_536) {
        shards = (0..<16).map { _ in NIOLockedValueBox([:]) }
        self.maxKeysPerShard = maxKeysPerShard
    }

    /// Takes one permit of `key`'s limit; `nil`: there is no room to keep the limit.
    package func admit(_ key: String, limit: RateLimit, now: NIODeadline) -> GCRA.Decision? {
        let now = Int64(clamping: now.uptimeNanoseconds)
        let shard = shards[Int(UInt(bitPattern: key.hashValue) % 16)]
        return shard.withLockedValue { states in
            if states[key] == nil, states.count >= maxKeysPerShard {
                states = states.filter { $0.value.theoreticalArrival > now }
                if states.count >= maxKeysPerShard { return nil }
            }
            return states[key, default: GCRA()].admit(limit, now: now)
        }
    }
}
