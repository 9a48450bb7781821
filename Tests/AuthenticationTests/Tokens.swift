import GatewayCore
import GatewayCrypto
import GatewayJSON
import Scrubbing
import TokenForge

@testable import GatewayAuthentication

/// What the tests of tokens share.
enum Tokens {
    static let now: Int64 = 1_900_000_000
    static let issuer = "https://login.example.com/"
    static let audience = "agentshield"

    /// A payload that is good now, but for what is replaced; `nil` takes a member out. Values are JSON.
    static func payload(_ changes: KeyValuePairs<String, String?> = [:]) -> String {
        var members: [(String, String)] = [
            ("iss", "\"\(issuer)\""), ("aud", "\"\(audience)\""), ("sub", "\"ana\""), ("exp", "\(now + 600)"), ("nbf", "\(now - 60)"),
            ("iat", "\(now - 60)"),
        ]
        for (name, value) in changes {
            members.removeAll { $0.0 == name }
            if let value { members.append((name, value)) }
        }
        return "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
    }

    static func verify(
        _ token: String, _ rules: TokenRules, now: Int64 = now, published: PublishedKeys? = nil
    ) throws(TokenRefusal) -> VerifiedToken<String?> {
        try verify(Array(token.utf8), rules, now: now, published: published)
    }

    static func verify(
        _ token: [UInt8], _ rules: TokenRules, now: Int64 = now, published: PublishedKeys? = nil
    ) throws(TokenRefusal) -> VerifiedToken<String?> {
        var verifier = TokenVerifier()
        let result: Result<VerifiedToken<String?>, TokenRefusal> = token.withUnsafeBytes { token in
            Result { () throws(TokenRefusal) in
                try verifier.verify(
                    token, now: now, rules: { $0 == rules.issuer ? rules : nil }, published: { published?.source == $0 ? published : nil },
                    read: { claims, _ in claims.text("sub") })
            }
        }
        return try result.get()
    }

    static func rules(_ key: SigningKey, skew: Int64 = 30, id: String? = "k1") throws -> TokenRules {
        TokenRules(
            issuer: issuer, audiences: ["other", audience], algorithm: key.algorithm, clockSkewSeconds: skew,
            keys: .fixed(try keySet(key, id)))
    }

    static func keySet(_ key: SigningKey, _ id: String?) throws -> KeySet {
        if key.algorithm == .hs256 { return KeySet([KeySet.Entry(id: id, key: try VerificationKey(shared: key.sharedSecret))]) }
        return try KeySetDocument.keys(in: Array(#"{"keys":[\#(key.jwk(id: id))]}"#.utf8), for: key.algorithm)
    }

    static let pepper = Secret("0123456789abcdef0123456789abcdef")
    static let scrub = ScrubRules(name: "none", version: "1", policy: ScrubPolicy(), toolsWithRestoredArguments: [])

    static func profile(_ name: String, models: ModelPermission = .all) -> AccessProfile {
        AccessProfile(name: name, models: models, limits: SubjectLimits(), scrub: scrub)
    }
}
