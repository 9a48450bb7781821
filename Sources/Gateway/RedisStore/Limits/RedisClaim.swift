package import GatewayCore
package import NIOCore

/// What is asked of an idempotency key together with a request's limits: is the request under way or answered, and if not, whose is it?
package struct RedisClaim: Sendable, Equatable {
    /// Which request the key stands for.
    package var fingerprintKey: RedisKey
    /// Who carries it out has a lease here, which is renewed and released like that of a cap.
    package var lease: RedisKey
    package var answer: RedisKey
    /// 32 bytes.
    package var fingerprint: [UInt8]
    /// How long it is known which request the key stands for: longer than a request and the keeping of its answer take together.
    package var milliseconds: Int64

    package init(_ claim: IdempotencyClaim, tenant: String, milliseconds: Int64) {
        fingerprintKey = .claim(tenant: tenant, claim.key)
        lease = .claimLease(tenant: tenant, claim.key)
        answer = .repeatable(tenant: tenant, claim.key)
        fingerprint = claim.fingerprint.bytes
        self.milliseconds = milliseconds
    }

    var keys: [RedisKey] { [fingerprintKey, lease, answer] }

    package enum Found: Sendable, Equatable {
        /// The asker has the lease: it carries the request out, renews the lease meanwhile, and releases it at the end.
        case mine
        case running
        /// The key stands for another request.
        case conflict
        /// The sealed answer.
        case answer(ByteBuffer)
    }

    /// - Returns: `nil`: the limits refuse the request, or the value is not the script's.
    static func found(_ value: RedisValue) -> Found? {
        if let bytes = value.bytes { return .answer(bytes) }
        return switch value.integer {
        case 1: .mine
        case 2: .running
        case 3: .conflict
        default: nil
        }
    }
}
