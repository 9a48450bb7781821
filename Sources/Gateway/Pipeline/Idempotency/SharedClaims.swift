import GatewayCore
package import GatewayCrypto
package import NIOCore
import RedisStore

/// How answers to idempotency keys are kept in Redis.
package struct SharedClaimSettings: Sendable {
    package var secret: Secret
    /// The secret's name.
    package var secretID: String
    /// How long an answer is told again.
    package var timeToLive: TimeAmount
    /// Of one bucket of tenants.
    package var maxBytes: Int
    /// The longest that a request takes.
    package var maxTimeout: TimeAmount

    package init(secret: Secret, secretID: String, timeToLive: TimeAmount, maxBytes: Int, maxTimeout: TimeAmount) {
        self.secret = secret
        self.secretID = secretID
        self.timeToLive = timeToLive
        self.maxBytes = maxBytes
        self.maxTimeout = maxTimeout
    }
}

/// The idempotency keys in Redis as one event loop uses them: beside the limits, so that they are asked about in the same round trip. Confined to its
/// loop.
final class SharedClaims {
    private let line: RedisLine
    private let settings: SharedClaimSettings
    private let seal: AnswerSeal

    init(line: RedisLine, settings: SharedClaimSettings) {
        self.line = line
        self.settings = settings
        seal = AnswerSeal(secret: settings.secret, id: settings.secretID, longest: IdempotencyClaim.maxAnswerBytes)
    }

    func question(_ claim: IdempotencyClaim, tenant: String) -> RedisClaim {
        let known = settings.timeToLive + settings.maxTimeout + .minutes(1)
        return RedisClaim(claim, tenant: tenant, milliseconds: known.nanoseconds / 1_000_000)
    }

    func open(_ value: ByteBuffer, _ claim: IdempotencyClaim, tenant: String) -> StoredAnswer? {
        seal.open(value, as: claim.answer, of: tenant)
    }

    /// Asks about a key alone.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; with `nil` where Redis does not answer.
    func ask(_ claim: RedisClaim, holder: String, _ completion: @escaping (RedisClaim.Found?) -> Void) {
        line.ask(claim, holder: holder, completion)
    }

    /// Keeps an answer; nobody waits for it. One that is larger than the bucket's cap, or than any may be, is not kept.
    func keep(_ answer: StoredAnswer, _ claim: IdempotencyClaim, as shared: RedisClaim, tenant: String) {
        let most = min(settings.maxBytes, IdempotencyClaim.maxAnswerBytes)
        guard answer.cost <= most, let value = seal.seal(answer, as: claim.answer, of: tenant) else { return }
        line.tell(
            RedisAnswers.store(
                value, for: shared, bucket: RedisKey.bucket(of: tenant),
                milliseconds: max(1, settings.timeToLive.nanoseconds / 1_000_000), maxBytes: settings.maxBytes))
    }

    func hold(_ claim: RedisClaim, holder: String) { line.hold(flight: claim.lease, holder: holder) }

    /// The lease is still to be released.
    func letGo(_ claim: RedisClaim, holder: String) { line.letGo(flight: claim.lease, holder: holder) }

    /// Gives a lease back of which the request has no use any more.
    func release(_ claim: RedisClaim, holder: String) {
        line.settle(RedisSettlement(leases: [claim.lease], holder: holder))
    }
}
