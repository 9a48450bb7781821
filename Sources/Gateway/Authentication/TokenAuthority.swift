package import GatewayCore
package import GatewayCrypto

/// Who is believed: immutable, from one configuration.
package struct TokenSettings: Sendable {
    /// By `iss`.
    let issuers: [String: TokenIssuer]
    package let edge: EdgePolicy?

    /// - Parameter issuers: no two of one `iss`.
    package init(issuers: [TokenIssuer] = [], edge: EdgePolicy? = nil) {
        self.issuers = Dictionary(issuers.map { ($0.rules.issuer, $0) }) { first, _ in first }
        self.edge = edge
    }

    /// Of the keys that are published.
    var sources: Set<String> {
        let rules = issuers.values.map(\.rules) + [edge?.access].compactMap { $0 }
        return Set(rules.compactMap { if case .published(let source) = $0.keys { source } else { nil } })
    }

    /// All for which an issuer may speak.
    package var tenants: Set<String> {
        issuers.values.reduce(into: []) { tenants, issuer in
            switch issuer.mapping.tenant {
            case .fixed(let name): tenants.insert(name)
            case .claim(_, let allowed): tenants.formUnion(allowed)
            }
        }
    }
}

/// What a credential says by itself.
package enum CredentialDecision: Sendable {
    case principal(Principal)
    case refused(Fault)
    /// It is no token: whether it is a key only the keys can tell.
    case needsLookUp
}

/// Decides about tokens on one event loop: verifies, maps claims to principals, and remembers what it has verified. Confined to that loop; pure but
/// for what it remembers: the clock is a parameter, and keys are brought from outside.
package final class TokenAuthority {
    /// Verified tokens that are remembered, of each kind. The longest unused are forgotten, and verified again when they come.
    package static let maxRemembered = 4096

    private struct Remembered<Value: Sendable>: Sendable {
        var value: Value
        var issuer: String
        /// The key that verified it: gone from the issuer's set, the token is nothing any more.
        var thumbprint: Digest
    }

    private var settings: TokenSettings
    private var published: [String: PublishedKeys] = [:]
    private var verifier = TokenVerifier()
    private var principals = RecencyCache<CredentialDigest, Remembered<Principal>>(maxCost: maxRemembered)
    private var edgeTokens = RecencyCache<CredentialDigest, Remembered<Bool>>(maxCost: maxRemembered)
    /// Apart for credentials and for the edge: what is nothing as the one may be good as the other.
    private var forgeries = ForgeryGuard()
    private var edgeForgeries = ForgeryGuard()
    private let hash: KeyedHash
    /// Called with a source whose keys should be fetched; the receiver sees to it that this is not done too often.
    package var keysWanted: (_ source: String) -> Void = { _ in }
    /// Called with what was wrong with each refused token.
    package var tokenRefused: (TokenRefusal) -> Void = { _ in }

    /// - Parameter pepper: keys the digests under which tokens are remembered and their users are named.
    package init(settings: TokenSettings, pepper: Secret) throws(CryptoError) {
        self.settings = settings
        hash = try KeyedHash(key: HKDF.sha256(secret: pepper, info: Array("agentshield tokens 1".utf8), count: 32))
    }

    /// Takes a new configuration. What was remembered is verified anew.
    package func update(_ settings: TokenSettings) {
        self.settings = settings
        principals.removeAll()
        edgeTokens.removeAll()
        forgeries.forget()
        edgeForgeries.forget()
        let sources = settings.sources
        published = published.filter { sources.contains($0.key) }
    }

    /// Takes what an issuer publishes now.
    package func update(_ keys: PublishedKeys) {
        // One that a reload has taken away may still have been on its way.
        guard settings.sources.contains(keys.source) else { return }
        published[keys.source] = keys
        forgeries.forget()
        edgeForgeries.forget()
    }

    // MARK: credentials

    /// What a credential says at a time, in seconds since 1970.
    package func decide(_ credential: UnsafeRawBufferPointer, now: Int64) -> CredentialDecision {
        guard !settings.issuers.isEmpty, TokenVerifier.looksLikeToken(credential) else { return .needsLookUp }
        guard credential.count <= TokenVerifier.maxBytes else { return refuse(.tooLarge) }
        let digest = digest(of: credential)
        if let digest {
            if let known = decide(remembered: digest, now: now) { return known }
            if let refusal = forgeries.refusal(of: digest, now: now) { return refuse(refusal) }
        }
        var cost = 0
        do {
            let token = try verifier.verify(
                credential, now: now, rules: { settings.issuers[$0]?.rules }, published: { published[$0] },
                mayVerify: { key in
                    guard forgeries.hasRoom(now: now) else { return false }
                    cost = key.verificationMicroseconds
                    return true
                },
                read: { (claims, rules) throws(TokenRefusal) in
                    guard let issuer = settings.issuers[rules.issuer] else { throw .unknownIssuer }
                    return (issuer, try issuer.mapping.identity(claims))
                })
            let (issuer, identity) = token.value
            // Requests end when their principal does: a token that is accepted within the skew is good until its end.
            let end = token.expiresAt + issuer.rules.clockSkewSeconds
            let principal = principal(identity, of: issuer, expiresAt: end)
            if let digest {
                let entry = Remembered(value: principal, issuer: issuer.rules.issuer, thumbprint: token.thumbprint)
                principals.insert(entry, for: digest, cost: 1, expiresAt: end)
            }
            return .principal(principal)
        } catch {
            if cost > 0 { forgeries.spent(cost, on: digest, error, now: now) }
            return refuse(error)
        }
    }

    /// The digest under which a token is remembered once it has been verified; `nil` where there is no token to remember.
    package func digest(of credential: UnsafeRawBufferPointer) -> CredentialDigest? {
        hash.hash(credential).withUnsafeBytes { CredentialDigest($0) }
    }

    /// What a token that was verified before says now; `nil`: it is not remembered, and must be verified.
    package func decide(remembered digest: CredentialDigest, now: Int64) -> CredentialDecision? {
        guard let entry = principals.value(for: digest, now: now), let rules = settings.issuers[entry.issuer]?.rules,
            isGood(entry.thumbprint, under: rules, now: now)
        else { return nil }
        return .principal(entry.value)
    }

    private func refuse(_ refusal: TokenRefusal) -> CredentialDecision {
        report(refusal)
        return .refused(refusal.fault)
    }

    private func report(_ refusal: TokenRefusal) {
        tokenRefused(refusal)
        switch refusal {
        case .keyNotYetKnown(let source), .keysUnavailable(let source): keysWanted(source)
        default: break
        }
    }

    private func isGood(_ thumbprint: Digest, under rules: TokenRules, now: Int64) -> Bool {
        switch rules.keys {
        case .fixed(let keys): keys.contains(thumbprint)
        case .published(let source): published[source].map { now < $0.usableUntil && $0.keys.contains(thumbprint) } ?? false
        }
    }

    /// The user is named by a keyed hash: who may read logs need not learn who it is, and limits hold for the user whatever token is brought.
    private func principal(_ identity: ClaimMapping.Identity, of issuer: TokenIssuer, expiresAt: Int64) -> Principal {
        let user = hash.hash("user\u{0}\(issuer.rules.issuer)\u{0}\(identity.tenant)\u{0}\(identity.user)").hex.prefix(16)
        return Principal(
            keyID: "\(issuer.name):\(user)", tenant: identity.tenant, department: identity.department, user: identity.user,
            models: identity.models, limits: identity.profile.limits, scrub: identity.profile.scrub,
            expiresAtUnixSeconds: expiresAt)
    }

    // MARK: edge

    /// Why a request that must have come through the edge did not; `nil`: it did.
    package func edgeFault(_ evidence: EdgeEvidence, now: Int64) -> Fault? {
        guard let edge = settings.edge, edge.access != nil || !edge.originSecrets.isEmpty, !evidence.isAmbiguous,
            edge.acceptsSecret(evidence.originSecret)
        else { return .notThroughEdge }
        guard let rules = edge.access else { return nil }
        guard var assertion = evidence.assertion else { return .notThroughEdge }
        return assertion.withUTF8 { assertionFault(UnsafeRawBufferPointer($0), rules, now: now) }
    }

    private func assertionFault(_ assertion: UnsafeRawBufferPointer, _ rules: TokenRules, now: Int64) -> Fault? {
        guard assertion.count <= TokenVerifier.maxBytes else { return .notThroughEdge }
        let digest = digest(of: assertion)
        if let digest {
            if let known = edgeTokens.value(for: digest, now: now), isGood(known.thumbprint, under: rules, now: now) { return nil }
            if let refusal = edgeForgeries.refusal(of: digest, now: now) { return edgeFault(refusal) }
        }
        var cost = 0
        do {
            let token = try verifier.verify(
                assertion, now: now, rules: { $0 == rules.issuer ? rules : nil }, published: { published[$0] },
                mayVerify: { key in
                    guard edgeForgeries.hasRoom(now: now) else { return false }
                    cost = key.verificationMicroseconds
                    return true
                },
                read: { _, _ in true })
            if let digest {
                edgeTokens.insert(
                    Remembered(value: true, issuer: rules.issuer, thumbprint: token.thumbprint), for: digest, cost: 1,
                    expiresAt: token.expiresAt + rules.clockSkewSeconds)
            }
            return nil
        } catch {
            if cost > 0 { edgeForgeries.spent(cost, on: digest, error, now: now) }
            return edgeFault(error)
        }
    }

    private func edgeFault(_ refusal: TokenRefusal) -> Fault {
        report(refusal)
        if case .unauthenticated = refusal.fault.kind { return .notThroughEdge }
        return refusal.fault
    }
}
