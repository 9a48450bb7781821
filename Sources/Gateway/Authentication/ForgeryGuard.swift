import GatewayCore

/// Keeps tokens that are none from taking the core: a signature costs nothing to invent and a hundred microseconds to refuse. Pure; the clock is a
/// parameter. One for each event loop.
///
/// A token that was refused is remembered, so that it costs one verification however often it comes. What is spent on tokens that are new and not good
/// is bounded for each second; beyond, tokens that are not known are not verified until the second is over. Known ones, and API keys, notice nothing.
struct ForgeryGuard: Sendable {
    /// Of a core, for verifications that came to nothing.
    static let microsecondsPerSecond = 50_000
    /// Refused tokens that are remembered. The longest unused are forgotten, and verified again when they come.
    static let maxRemembered = 4096
    static let memorySeconds: Int64 = 60

    private struct Remembered: Sendable {
        var refusal: TokenRefusal
        var since: Int64
    }

    private var refusals = RecencyCache<CredentialDigest, Remembered>(maxCost: maxRemembered)
    private var second: Int64 = .min
    private var spentMicroseconds = 0

    /// Why a token was refused not long ago.
    ///
    /// - Parameter now: in seconds since 1970, as everywhere here.
    mutating func refusal(of digest: CredentialDigest, now: Int64) -> TokenRefusal? {
        // A clock that was set back makes of an expired token a good one.
        guard let known = refusals.value(for: digest, now: now), now >= known.since else { return nil }
        return known.refusal
    }

    /// Whether another signature may be verified.
    func hasRoom(now: Int64) -> Bool {
        second != now || spentMicroseconds < Self.microsecondsPerSecond
    }

    /// A signature was verified for nothing.
    ///
    /// - Parameter digest: what the token is remembered by; `nil`: it is not.
    mutating func spent(_ microseconds: Int, on digest: CredentialDigest?, _ refusal: TokenRefusal, now: Int64) {
        if second != now { (second, spentMicroseconds) = (now, 0) }
        spentMicroseconds += microseconds
        // What is not valid yet may be so in a moment.
        guard let digest, refusal != .notYetValid else { return }
        refusals.insert(Remembered(refusal: refusal, since: now), for: digest, cost: 1, expiresAt: now + Self.memorySeconds)
    }

    /// Keys or rules are others now: what was refused may be good.
    mutating func forget() {
        refusals.removeAll()
    }
}
