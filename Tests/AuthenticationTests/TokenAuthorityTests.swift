import GatewayCore
import GatewayCrypto
import Testing
import TokenForge

@testable import GatewayAuthentication

@Suite("Tokens as credentials")
struct TokenAuthorityTests {
    private func authority(_ mapping: ClaimMapping, keys: KeySource? = nil, edge: EdgePolicy? = nil) throws -> (TokenAuthority, SigningKey)
    {
        let key = try Keys.of(.es256)
        var rules = try Tokens.rules(key)
        if let keys { rules.keys = keys }
        let settings = TokenSettings(issuers: [TokenIssuer(name: "corp", rules: rules, mapping: mapping)], edge: edge)
        return (try TokenAuthority(settings: settings, pepper: Tokens.pepper), key)
    }

    private static let mapping = ClaimMapping(
        tenant: .claim("org", among: ["acme", "globex"]), departmentClaim: "dept", modelsClaim: "models", profileClaim: "groups",
        profiles: ["analysts": Tokens.profile("analysts", models: .only([ModelPattern("fast*"), ModelPattern("smart")]))],
        defaultProfile: nil)

    private func decide(_ authority: TokenAuthority, _ token: String, now: Int64 = Tokens.now) -> CredentialDecision {
        Array(token.utf8).withUnsafeBytes { authority.decide($0, now: now) }
    }

    private func accepted(_ decision: CredentialDecision) -> Principal? {
        if case .principal(let principal) = decision { principal } else { nil }
    }

    private func refused(_ decision: CredentialDecision) -> Fault? {
        if case .refused(let fault) = decision { fault } else { nil }
    }

    private static let good: KeyValuePairs<String, String?> = [
        "org": "\"acme\"", "dept": "\"research\"", "models": #"["fast-1","smart","secret","*"]"#, "groups": #"["everybody","analysts"]"#,
    ]

    @Test("claims become a principal: tenant, department, user, models within the profile's")
    func mapping() throws {
        let (authority, key) = try authority(Self.mapping)
        let principal = try #require(accepted(decide(authority, key.token(id: "k1", payload: Tokens.payload(Self.good)))))
        #expect(principal.tenant == "acme")
        #expect(principal.department == "research")
        #expect(principal.user == "ana")
        // Its `exp`, and the skew of 30 s for which it is accepted.
        #expect(principal.expiresAtUnixSeconds == Tokens.now + 630)
        #expect(principal.models == .only([ModelPattern("fast-1"), ModelPattern("smart")]))
        #expect(principal.keyID.hasPrefix("corp:") && principal.keyID.count == 21 && !principal.keyID.contains("ana"))
        // The same user with another token counts as the same, in another tenant as another.
        let later = try key.token(id: "k1", payload: Tokens.payload(["iat": "\(Tokens.now)"]).merging(Self.good))
        #expect(accepted(decide(authority, later))?.keyID == principal.keyID)
        let elsewhere = try key.token(id: "k1", payload: Tokens.payload(Self.good).replacing("acme", with: "globex"))
        #expect(accepted(decide(authority, elsewhere))?.keyID != principal.keyID)
    }

    @Test(
        "a claim that stands for nothing here is refused by its name, never by its value",
        arguments: [
            ("org", "\"acme2\""), ("org", "\"*\""), ("org", "[\"acme\"]"), ("org", nil), ("dept", "5"), ("dept", "\"a b\""),
            ("models", nil),
            ("models", "[1]"), ("groups", "\"everybody\""), ("groups", "{}"), ("groups", nil), ("sub", nil), ("sub", "\"\""),
            ("sub", "\"\\u0007\""), ("sub", "\"\(String(repeating: "x", count: 129))\""),
        ] as [(String, String?)])
    func badClaims(name: String, value: String?) throws {
        let (authority, key) = try authority(Self.mapping)
        var members = Dictionary(uniqueKeysWithValues: Self.good.map { ($0.key, $0.value) })
        members["sub"] = "\"ana\""
        members[name] = value
        let extra = members.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }.joined(separator: ",")
        let payload = "{" + Tokens.payload(["sub": nil]).dropFirst().dropLast() + "," + extra + "}"
        let fault = try #require(refused(decide(authority, key.token(id: "k1", payload: payload))))
        #expect(fault.kind == .unauthenticated)
        #expect(fault.message.contains("`\(name)`") || name == "groups" && fault.message.contains("`groups`"))
        #expect(!fault.message.contains("acme2") && !fault.message.contains("everybody"))
    }

    @Test("what is no token is left to the keys, and so is everything where no issuer is believed")
    func notTokens() throws {
        let (authority, key) = try authority(Self.mapping)
        for text in ["", "e", "ask_something", "sk-x", "Bearer eyJ"] {
            guard case .needsLookUp = decide(authority, text) else {
                Issue.record("\(text)")
                return
            }
        }
        let nobody = try TokenAuthority(settings: TokenSettings(), pepper: Tokens.pepper)
        guard case .needsLookUp = try decide(nobody, key.token(id: "k1", payload: Tokens.payload())) else {
            Issue.record("a token without an issuer")
            return
        }
    }

    @Test("what is told of a token whose signature is not good is the same, whatever it says")
    func silence() throws {
        let (authority, key) = try authority(Self.mapping)
        let other = try SigningKey(.es256)
        let faults = try [
            other.token(id: "k1", payload: Tokens.payload(Self.good)), other.token(id: "k1", payload: Tokens.payload(["exp": "0"])),
            other.token(id: "k9", payload: Tokens.payload()), key.token(id: "k1", payload: Tokens.payload(["iss": "\"x\""])),
            "eyJ.", "eyJ" + String(repeating: "A", count: 9000),
        ].map { try #require(refused(decide(authority, $0))) }
        #expect(Set(faults.map(\.message)).count == 1)
        #expect(faults.allSatisfy { $0.kind == .unauthenticated })
    }

    @Test("a verified token is remembered until it expires, and no longer than its key is the issuer's")
    func remembered() throws {
        let (authority, key) = try authority(Self.mapping, keys: .published("corp keys"))
        var refusals: [TokenRefusal] = []
        var wanted: [String] = []
        authority.tokenRefused = { refusals.append($0) }
        authority.keysWanted = { wanted.append($0) }
        let token = try key.token(id: "k1", payload: Tokens.payload(Self.good))

        // No keys yet: closed, and asked for.
        #expect(refused(decide(authority, token))?.kind == .authorityUnavailable)
        #expect(refused(decide(authority, token))?.retryAfterMilliseconds == 1000)
        #expect(wanted == ["corp keys", "corp keys"])

        let keys = try Tokens.keySet(key, "k1")
        let now = Tokens.now
        authority.update(PublishedKeys(source: "corp keys", keys: keys, completeUntil: now + 30, usableUntil: now + 300))
        let principal = try #require(accepted(decide(authority, token)))
        #expect(accepted(decide(authority, token, now: now + 299)) === principal)
        let digest = try #require(Array(token.utf8).withUnsafeBytes { authority.digest(of: $0) })
        #expect(authority.decide(remembered: digest, now: now + 299).flatMap { accepted($0) } === principal)

        // The set is too old: what was verified with it is nothing either.
        #expect(refused(decide(authority, token, now: now + 300))?.kind == .authorityUnavailable)
        #expect(authority.decide(remembered: digest, now: now + 300) == nil)
        authority.update(PublishedKeys(source: "corp keys", keys: keys, completeUntil: now + 330, usableUntil: now + 1200))
        #expect(accepted(decide(authority, token, now: now + 300)) != nil)

        // Expired, with the skew.
        let late = try #require(accepted(decide(authority, token, now: now + 629)))
        #expect(!late.hasExpired(unixSeconds: now + 629) && late.hasExpired(unixSeconds: now + 630))
        #expect(authority.decide(remembered: digest, now: now + 630) == nil)
        #expect(refused(decide(authority, token, now: now + 630))?.message.contains("expired") == true)

        // The issuer has taken the key back.
        #expect(accepted(decide(authority, token, now: now + 310)) != nil)
        let other = try Tokens.keySet(SigningKey(.es256), "k2")
        authority.update(PublishedKeys(source: "corp keys", keys: other, completeUntil: now + 340, usableUntil: now + 1200))
        #expect(authority.decide(remembered: digest, now: now + 310) == nil)
        #expect(refused(decide(authority, token, now: now + 310))?.kind == .unauthenticated)
        #expect(refusals.last == .unknownKey)
        // Once the set may be out of date, the same key is asked for.
        #expect(refused(decide(authority, token, now: now + 340))?.kind == .authorityUnavailable)
        #expect(refusals.last == .keyNotYetKnown(source: "corp keys"))
    }

    @Test("a reload forgets what was verified under the old rules")
    func reload() throws {
        let (authority, key) = try authority(Self.mapping)
        let token = try key.token(id: "k1", payload: Tokens.payload(Self.good))
        #expect(accepted(decide(authority, token)) != nil)
        var rules = try Tokens.rules(key)
        rules.audiences = ["another"]
        authority.update(TokenSettings(issuers: [TokenIssuer(name: "corp", rules: rules, mapping: Self.mapping)]))
        #expect(refused(decide(authority, token))?.message.contains("audience") == true)
    }

    // MARK: edge

    @Test("the edge is proven by all that is asked for, and by nothing less")
    func edge() throws {
        let key = try Keys.of(.rs256)
        var rules = try Tokens.rules(key)
        rules.audiences = ["tag"]
        let secrets = [Secret(String(repeating: "n", count: 40)), Secret(String(repeating: "o", count: 41))]
        let assertion = try key.token(id: "k1", payload: Tokens.payload(["aud": "[\"tag\"]"]))
        let other = try key.token(id: "k1", payload: Tokens.payload())
        let new = String(repeating: "n", count: 40)
        let old = String(repeating: "o", count: 41)
        func isProven(_ policy: EdgePolicy?, _ evidence: EdgeEvidence) throws -> Bool {
            let authority = try TokenAuthority(settings: TokenSettings(edge: policy), pepper: Tokens.pepper)
            let first = authority.edgeFault(evidence, now: Tokens.now)
            // Remembered or not, the answer is the same.
            #expect(authority.edgeFault(evidence, now: Tokens.now) == first)
            #expect(first.map { $0.kind == .edgeProofRequired } ?? true)
            return first == nil
        }
        let both = EdgePolicy(access: rules, originSecrets: secrets)
        #expect(try isProven(both, EdgeEvidence(assertion: assertion, originSecret: new)))
        #expect(try isProven(both, EdgeEvidence(assertion: assertion, originSecret: old)))
        let lacking: [EdgeEvidence] = [
            EdgeEvidence(), EdgeEvidence(assertion: assertion), EdgeEvidence(originSecret: new),
            EdgeEvidence(assertion: assertion, originSecret: ""),
            EdgeEvidence(assertion: assertion, originSecret: new + "n"),
            EdgeEvidence(assertion: assertion, originSecret: String(new.dropLast())),
            EdgeEvidence(assertion: other, originSecret: new), EdgeEvidence(assertion: "", originSecret: new),
            EdgeEvidence(assertion: "eyJ" + String(repeating: "A", count: 9000), originSecret: new),
            EdgeEvidence(assertion: assertion, originSecret: new, isAmbiguous: true),
        ]
        for evidence in lacking { #expect(try !isProven(both, evidence)) }
        #expect(try isProven(EdgePolicy(access: nil, originSecrets: secrets), EdgeEvidence(originSecret: old)))
        #expect(try isProven(EdgePolicy(access: rules, originSecrets: []), EdgeEvidence(assertion: assertion)))
        // Nothing to prove it with proves nothing.
        for policy in [nil, EdgePolicy(access: nil, originSecrets: [])] {
            #expect(try !isProven(policy, EdgeEvidence(assertion: assertion, originSecret: new)))
        }
    }

    @Test("without the edge's keys nobody comes through")
    func edgeWithoutKeys() throws {
        let key = try Keys.of(.rs256)
        var rules = try Tokens.rules(key)
        rules.keys = .published("edge keys")
        let authority = try TokenAuthority(
            settings: TokenSettings(edge: EdgePolicy(access: rules, originSecrets: [])), pepper: Tokens.pepper)
        var wanted: [String] = []
        authority.keysWanted = { wanted.append($0) }
        let evidence = EdgeEvidence(assertion: try key.token(id: "k1", payload: Tokens.payload()))
        #expect(authority.edgeFault(evidence, now: Tokens.now)?.kind == .authorityUnavailable)
        #expect(wanted == ["edge keys"])
        authority.update(
            PublishedKeys(
                source: "edge keys", keys: try Tokens.keySet(key, "k1"), completeUntil: Tokens.now + 30, usableUntil: Tokens.now + 100))
        #expect(authority.edgeFault(evidence, now: Tokens.now) == nil)
        #expect(authority.edgeFault(evidence, now: Tokens.now + 100)?.kind == .authorityUnavailable)
    }
}

extension String {
    /// A JSON object with more members.
    fileprivate func merging(_ members: KeyValuePairs<String, String?>) -> String {
        dropLast() + members.compactMap { name, value in value.map { ",\"\(name)\":\($0)" } }.joined() + "}"
    }
}

@Suite("When keys are fetched")
struct KeyRefreshTests {
    private func passes(_ refresh: inout KeyRefresh, _ now: Int64) -> Bool { refresh.timePassed(now: now) }

    private static let settings = KeyRefresh.Settings(interval: 900, minimumInterval: 30, maximumAge: 3600)

    @Test("at once, then after the interval, and after a failure as soon as may be")
    func timer() throws {
        var refresh = KeyRefresh(Self.settings)
        #expect(refresh.due == .min)
        #expect(passes(&refresh, 1000))
        #expect(refresh.due == nil)
        #expect(!passes(&refresh, 5000), "one is under way")
        refresh.fetchFailed(now: 1005)
        #expect(refresh.due == 1035)
        #expect(!passes(&refresh, 1034))
        #expect(passes(&refresh, 1035))
        let published = refresh.fetched(KeySet([]), from: "s", now: 1040)
        #expect(published.completeUntil == 1070 && published.usableUntil == 4640)
        #expect(refresh.due == 1940)
        #expect(passes(&refresh, 1940))
    }

    @Test("a missed key brings one fetch forward, and however many are missed, never two within the interval")
    func missed() throws {
        var refresh = KeyRefresh(Self.settings)
        var fetches = 0
        for now: Int64 in 1000..<2000 {
            for _ in 0..<10 { refresh.keyMissed() }
            guard refresh.timePassed(now: now) else { continue }
            fetches += 1
            if fetches % 2 == 0 { refresh.fetchFailed(now: now) } else { _ = refresh.fetched(KeySet([]), from: "s", now: now) }
        }
        #expect(fetches == 34)
    }

    @Test("a clock that is set back does not stop the fetching")
    func clock() throws {
        var refresh = KeyRefresh(Self.settings)
        #expect(passes(&refresh, 1_000_000))
        refresh.fetchFailed(now: 1_000_000)
        refresh.keyMissed()
        _ = refresh.timePassed(now: 1000)
        #expect(passes(&refresh, 1031))
    }
}
