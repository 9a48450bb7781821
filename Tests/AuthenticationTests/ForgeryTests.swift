import GatewayCore
import GatewayCrypto
import Testing
import TokenForge

@testable import GatewayAuthentication

@Suite("Tokens that nobody signed")
struct ForgeryTests {
    private let key: SigningKey
    private let authority: TokenAuthority
    /// What was said of each refused token.
    private let refusals = Refusals()

    private final class Refusals {
        var list: [TokenRefusal] = []
    }

    init() throws {
        key = try Keys.of(.es256)
        let mapping = ClaimMapping(tenant: .fixed("acme"), defaultProfile: Tokens.profile("all"))
        let edge = EdgePolicy(access: try Tokens.rules(key), originSecrets: [])
        authority = try TokenAuthority(
            settings: TokenSettings(issuers: [TokenIssuer(name: "corp", rules: Tokens.rules(key), mapping: mapping)], edge: edge),
            pepper: Tokens.pepper)
        authority.tokenRefused = { [refusals] in refusals.list.append($0) }
    }

    /// How many ES256 signatures one second has room for.
    private static let room = (ForgeryGuard.microsecondsPerSecond + 104) / 105

    private func decide(_ token: String, now: Int64 = Tokens.now) -> CredentialDecision {
        Array(token.utf8).withUnsafeBytes { authority.decide($0, now: now) }
    }

    private func isAccepted(_ token: String, now: Int64 = Tokens.now) -> Bool {
        if case .principal = decide(token, now: now) { true } else { false }
    }

    private func fault(_ token: String, now: Int64 = Tokens.now) -> Fault? {
        if case .refused(let fault) = decide(token, now: now) { fault } else { nil }
    }

    /// A good token's text with another signature, each time another one.
    private func forged(_ number: Int) throws -> String {
        let good = try key.token(id: "k1", payload: Tokens.payload())
        let signature = (0..<64).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 4)) &+ $0 &+ 1) }
        return good[..<(try #require(good.lastIndex(of: ".")))] + "." + base64url(signature)
    }

    @Test(
        "within a second no more are verified than the budget has room for; the others are told to come again, and the next second is whole"
    )
    func budget() throws {
        let known = try key.token(id: "k1", payload: Tokens.payload())
        #expect(isAccepted(known))
        for number in 0..<Self.room { #expect(try fault(forged(number))?.kind == .unauthenticated) }
        #expect(refusals.list.allSatisfy { $0 == .badSignature } && refusals.list.count == Self.room)
        let late = try #require(try fault(forged(Self.room)))
        #expect(late.kind == .authorityUnavailable && late.retryAfterMilliseconds == 1000)
        #expect(refusals.list.last == .tooManyForged)
        // A good one that is not known has to wait too; one that is known does not, nor does what costs nothing to refuse.
        let new = try key.token(id: "k1", payload: Tokens.payload(["sub": "\"bob\""]))
        #expect(fault(new)?.kind == .authorityUnavailable)
        #expect(isAccepted(known))
        #expect(fault("eyJ.e.e")?.kind == .unauthenticated)
        guard case .needsLookUp = decide("ask_something") else {
            Issue.record("an API key was taken for a token")
            return
        }
        #expect(isAccepted(new, now: Tokens.now + 1))
        #expect(try fault(forged(Self.room), now: Tokens.now + 1)?.kind == .unauthenticated)
    }

    @Test("good signatures cost nothing of the budget, however many come")
    func good() throws {
        for number in 0..<(2 * Self.room) {
            #expect(isAccepted(try key.token(id: "k1", payload: Tokens.payload(["sub": "\"user-\(number)\""]))))
        }
    }

    @Test("a token that was refused is refused again without being verified, for a minute, and no longer than keys and rules are the same")
    func remembered() throws {
        let (bad, foreign) = (try forged(0), try key.token(id: "k1", payload: Tokens.payload(["aud": "\"elsewhere\""])))
        for _ in 0..<(3 * Self.room) {
            #expect(fault(bad)?.kind == .unauthenticated)
            #expect(fault(foreign)?.message.contains("audience") == true)
        }
        #expect(refusals.list.count { $0 == .badSignature } == 3 * Self.room && !refusals.list.contains(.tooManyForged))
        // What is not valid yet is looked at again.
        let early = try key.token(id: "k1", payload: Tokens.payload(["nbf": "\(Tokens.now + 40)"]))
        #expect(fault(early)?.kind == .unauthenticated)
        #expect(isAccepted(early, now: Tokens.now + 20))
        // The same text may be good under other keys.
        let other = try SigningKey(.es256)
        let token = try other.token(id: "k1", payload: Tokens.payload())
        #expect(fault(token)?.kind == .unauthenticated)
        let mapping = ClaimMapping(tenant: .fixed("acme"), defaultProfile: Tokens.profile("all"))
        authority.update(TokenSettings(issuers: [TokenIssuer(name: "corp", rules: try Tokens.rules(other), mapping: mapping)]))
        #expect(isAccepted(token))
    }

    @Test("the edge's proofs have a budget of their own, and what is nothing there may be good as a credential")
    func edge() throws {
        func edge(_ token: String, now: Int64 = Tokens.now) -> Fault? {
            authority.edgeFault(EdgeEvidence(assertion: token, originSecret: nil), now: now)
        }
        let proof = try key.token(id: "k1", payload: Tokens.payload())
        #expect(edge(proof) == nil)
        for number in 0..<Self.room { #expect(try edge(forged(number))?.kind == .edgeProofRequired) }
        #expect(try edge(forged(Self.room))?.kind == .authorityUnavailable)
        #expect(edge(proof) == nil)
        #expect(try edge(forged(0))?.kind == .edgeProofRequired)
        #expect(try fault(forged(0))?.kind == .unauthenticated)
        #expect(isAccepted(try key.token(id: "k1", payload: Tokens.payload(["sub": "\"eve\""]))))
    }

    @Test("more refused tokens than are remembered: the longest unused are forgotten, and the budget holds all the same")
    func bound() {
        var guarded = ForgeryGuard()
        func digest(_ number: Int) -> CredentialDigest? {
            CredentialDigest((0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 4))) })
        }
        for number in 0...ForgeryGuard.maxRemembered {
            guarded.spent(1, on: digest(number), .badSignature, now: Int64(number))
        }
        let now = Int64(ForgeryGuard.maxRemembered)
        #expect(digest(0).flatMap { guarded.refusal(of: $0, now: 1) } == nil)
        #expect(digest(1).flatMap { guarded.refusal(of: $0, now: 1) } == .badSignature)
        #expect(digest(Int(now)).flatMap { guarded.refusal(of: $0, now: now + ForgeryGuard.memorySeconds) } == nil)
    }
}
