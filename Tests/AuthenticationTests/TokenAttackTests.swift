import GatewayCrypto
import SeededRandomness
import Testing
import TokenForge

@testable import GatewayAuthentication

/// The issuers' keys of these tests; RSA keys take a while to make.
enum Keys {
    static let rs256 = Result { try SigningKey(.rs256) }
    static let es256 = Result { try SigningKey(.es256) }
    static let hs256 = Result { try SigningKey(.hs256) }

    static func of(_ algorithm: SignatureAlgorithm) throws -> SigningKey {
        switch algorithm {
        case .rs256: try rs256.get()
        case .es256: try es256.get()
        case .hs256: try hs256.get()
        }
    }
}

@Suite("Attacks on tokens")
struct TokenAttackTests {
    @Test("a good token is verified, by each algorithm, with a fixed key and with a published set", arguments: SignatureAlgorithm.allCases)
    func good(algorithm: SignatureAlgorithm) throws {
        let key = try Keys.of(algorithm)
        let rules = try Tokens.rules(key)
        let token = try key.token(id: "k1", payload: Tokens.payload())
        let verified = try Tokens.verify(token, rules)
        #expect(verified.value == "ana")
        #expect(verified.expiresAt == Tokens.now + 600)
        #expect(verified.thumbprint == rules.fixedKeys?.entries[0].key.thumbprint)
        for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
            let header = #"{"typ":"\#(typ)","kid":"k1","alg":"\#(algorithm.rawValue)","x5t":"ignored","jku":"https://evil.example/"}"#
            #expect(throws: Never.self) { try Tokens.verify(key.token(header: header, payload: Tokens.payload()), rules) }
        }
        let several = try key.token(id: "k1", payload: Tokens.payload(["aud": #"["elsewhere","agentshield"]"#]))
        #expect(throws: Never.self) { try Tokens.verify(several, rules) }
    }

    struct Attack: Sendable, CustomTestStringConvertible {
        var name: String
        var refusal: TokenRefusal
        var make: @Sendable (SigningKey) throws -> String

        var testDescription: String { name }

        /// With these members in a good payload.
        static func payload(_ name: String, _ refusal: TokenRefusal, _ changes: KeyValuePairs<String, String?>) -> Attack {
            let payload = Tokens.payload(changes)
            return Attack(name: name, refusal: refusal) { try $0.token(id: "k1", payload: payload) }
        }

        /// With this header, in which ALG stands for the right algorithm.
        static func header(_ name: String, _ refusal: TokenRefusal, _ header: String) -> Attack {
            Attack(name: name, refusal: refusal) { key in
                try key.token(header: header.replacing("ALG", with: key.algorithm.rawValue), payload: Tokens.payload())
            }
        }

        /// A good token, changed.
        static func text(_ name: String, _ refusal: TokenRefusal, _ change: @escaping @Sendable (String) -> String) -> Attack {
            Attack(name: name, refusal: refusal) { change(try $0.token(id: "k1", payload: Tokens.payload())) }
        }

        /// A good token's parts, changed.
        static func parts(_ name: String, _ refusal: TokenRefusal, _ change: @escaping @Sendable (inout [String]) -> Void) -> Attack {
            text(name, refusal) { token in
                var parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
                change(&parts)
                return parts.joined(separator: ".")
            }
        }

        static let all: [Attack] = claims + headers + forms

        static let claims: [Attack] = [
            payload("another issuer", .unknownIssuer, ["iss": "\"https://evil.example/\""]),
            payload("an issuer with a slash more", .unknownIssuer, ["iss": "\"\(Tokens.issuer)/\""]),
            payload("no issuer", .unknownIssuer, ["iss": nil]),
            payload("an issuer that is a list", .unknownIssuer, ["iss": "[\"\(Tokens.issuer)\"]"]),
            payload("another audience", .wrongAudience, ["aud": "\"elsewhere\""]),
            payload("a longer audience", .wrongAudience, ["aud": "\"agentshield2\""]),
            payload("no audience", .badClaim("aud"), ["aud": nil]),
            payload("an empty list of audiences", .wrongAudience, ["aud": "[]"]),
            payload("a number among audiences", .badClaim("aud"), ["aud": "[\"agentshield\",5]"]),
            payload("an audience in an object", .badClaim("aud"), ["aud": "{\"0\":\"agentshield\"}"]),
            payload(
                "a hundred audiences", .badClaim("aud"),
                ["aud": "[\(Array(repeating: "\"agentshield\"", count: 100).joined(separator: ","))]"]),
            payload("expired, with the skew", .expired, ["exp": "\(Tokens.now - 30)"]),
            payload("long expired", .expired, ["exp": "0"]),
            payload("no expiry", .badClaim("exp"), ["exp": nil]),
            payload("an expiry in words", .badClaim("exp"), ["exp": "\"\(Tokens.now + 600)\""]),
            payload("an expiry of null", .badClaim("exp"), ["exp": "null"]),
            payload("a negative expiry", .badClaim("exp"), ["exp": "-1"]),
            payload("an expiry beyond all time", .badClaim("exp"), ["exp": "1e300"]),
            payload("not yet valid, with the skew", .notYetValid, ["nbf": "\(Tokens.now + 31)"]),
            payload("a beginning in words", .badClaim("nbf"), ["nbf": "\"0\""]),
            payload("issued in the future", .notYetValid, ["iat": "\(Tokens.now + 31)"]),
        ]

        static let headers: [Attack] = [
            header("alg none", .wrongAlgorithm, #"{"alg":"none","kid":"k1"}"#),
            header("alg None", .wrongAlgorithm, #"{"alg":"None","kid":"k1"}"#),
            header("alg HS384", .wrongAlgorithm, #"{"alg":"HS384","kid":"k1"}"#),
            header("alg RS512", .wrongAlgorithm, #"{"alg":"RS512","kid":"k1"}"#),
            header("alg PS256", .wrongAlgorithm, #"{"alg":"PS256","kid":"k1"}"#),
            header("alg in small letters", .wrongAlgorithm, #"{"alg":"es256","kid":"k1"}"#),
            header("no alg", .malformed, #"{"kid":"k1"}"#),
            header("alg a number", .malformed, #"{"alg":5,"kid":"k1"}"#),
            header("two algs", .malformed, #"{"alg":"ALG","alg":"none","kid":"k1"}"#),
            header("two algs, one escaped", .malformed, #"{"alg":"ALG","\u0061lg":"none","kid":"k1"}"#),
            header("an unknown kid", .unknownKey, #"{"alg":"ALG","kid":"k2"}"#),
            header("a kid that is a number", .malformed, #"{"alg":"ALG","kid":1}"#),
            header("a kid that is too long", .malformed, #"{"alg":"ALG","kid":"\#(String(repeating: "k", count: 257))"}"#),
            header("a critical extension", .unsupportedHeader, #"{"alg":"ALG","kid":"k1","crit":["exp"]}"#),
            header("an unencoded payload", .unsupportedHeader, #"{"alg":"ALG","kid":"k1","b64":false}"#),
            header("a compressed payload", .unsupportedHeader, #"{"alg":"ALG","kid":"k1","zip":"DEF"}"#),
            header("an encrypted token's header", .unsupportedHeader, #"{"alg":"ALG","kid":"k1","enc":"A256GCM"}"#),
            header("a token for logging out", .unsupportedHeader, #"{"alg":"ALG","kid":"k1","typ":"logout+jwt"}"#),
            header("a type that is a number", .unsupportedHeader, #"{"alg":"ALG","kid":"k1","typ":1}"#),
            header("a header that is a list", .malformed, #"["ALG"]"#),
            header("a header that is no JSON", .malformed, #"{"alg":"ALG""#),
            header(
                "a header of depth", .malformed,
                #"{"alg":"ALG","x":\#(String(repeating: "[", count: 40))\#(String(repeating: "]", count: 40))}"#),
        ]

        static let forms: [Attack] = [
            text("nothing", .malformed) { _ in "" },
            text("two dots", .malformed) { _ in ".." },
            text("no signature", .malformed) { $0.split(separator: ".").prefix(2).joined(separator: ".") + "." },
            text("two parts", .malformed) { $0.split(separator: ".").prefix(2).joined(separator: ".") },
            text("four parts", .malformed) { $0 + ".AA" },
            parts("a signature a byte too short", .badSignature) { $0[2] = base64url((Base64URL.decode($0[2]) ?? []).dropLast()) },
            text("white space behind", .malformed) { $0 + "\n" },
            text("padding behind", .malformed) { $0 + "=" },
            text("huge", .tooLarge) { $0 + String(repeating: "A", count: TokenVerifier.maxBytes) },
            parts("the alphabet of ordinary base64", .malformed) { $0[2] = $0[2].dropLast(2) + "+/" },
            parts("a payload of another token", .badSignature) {
                $0[1] = base64url(Array(Tokens.payload(["sub": "\"root\""]).utf8))
            },
            parts("a signature of zeros", .badSignature) { $0[2] = base64url([UInt8](repeating: 0, count: 64)) },
            parts("an empty signature's letter", .malformed) { $0[2] = "A" },
            Attack(name: "two subjects", refusal: .malformed) {
                try $0.token(id: "k1", payload: String(Tokens.payload().dropLast()) + #","sub":"root"}"#)
            },
            Attack(name: "two members in an object inside", refusal: .malformed) {
                try $0.token(id: "k1", payload: Tokens.payload(["x": #"[{"a":1,"a":2}]"#]))
            },
            Attack(name: "a payload that is no object", refusal: .malformed) { try $0.token(id: "k1", payload: "5") },
            Attack(name: "a payload that is not UTF-8", refusal: .malformed) { key in
                let header = base64url(Array(#"{"alg":"\#(key.algorithm.rawValue)","kid":"k1"}"#.utf8))
                let signed = header + "." + base64url([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D])
                return signed + "." + base64url(try key.signature(of: Array(signed.utf8)))
            },
        ]
    }

    @Test("each attack is refused for its own reason, whatever the algorithm", arguments: Attack.all, SignatureAlgorithm.allCases)
    func refused(attack: Attack, algorithm: SignatureAlgorithm) throws {
        let key = try Keys.of(algorithm)
        let token = try attack.make(key)
        #expect(throws: attack.refusal) { try Tokens.verify(token, Tokens.rules(key)) }
    }

    @Test("the last bits of base64 are not free: a token has one text")
    func oneText() throws {
        let key = try Keys.of(.es256)
        let token = try key.token(id: "k1", payload: Tokens.payload())
        // 64 bytes end with 2 of 6 bits used.
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        let last = try #require(token.last.flatMap { letters.firstIndex(of: $0) })
        for change in 1..<16 {
            #expect(throws: TokenRefusal.malformed) {
                try Tokens.verify(String(token.dropLast()) + String(letters[last ^ change]), Tokens.rules(key))
            }
        }
    }

    @Test("a shared secret made of a public key's text verifies nothing, and a public key is no shared secret")
    func confusion() throws {
        for algorithm in [SignatureAlgorithm.rs256, .es256] {
            let key = try Keys.of(algorithm)
            let pem = try key.publicPEM
            for text in [pem, String(pem.dropLast()), try key.jwk(id: "k1")] {
                let forged = try SigningKey(secret: Array(text.utf8)).token(id: "k1", payload: Tokens.payload())
                #expect(throws: TokenRefusal.wrongAlgorithm) { try Tokens.verify(forged, Tokens.rules(key)) }
                // And if the header says what the issuer's algorithm is.
                let signed = SigningKey(secret: Array(text.utf8))
                let header = #"{"alg":"\#(algorithm.rawValue)","kid":"k1"}"#
                #expect(throws: TokenRefusal.badSignature) {
                    try Tokens.verify(signed.token(header: header, payload: Tokens.payload()), Tokens.rules(key))
                }
            }
            #expect(throws: VerificationKeyProblem.unsuitable) { try VerificationKey(pem: Array(pem.utf8), algorithm: .hs256) }
            let other: SignatureAlgorithm = algorithm == .rs256 ? .es256 : .rs256
            #expect(throws: VerificationKeyProblem.unsuitable) { try VerificationKey(pem: Array(pem.utf8), algorithm: other) }
        }
    }

    @Test("an ES256 signature in DER, or with r or s of zero or beyond the curve's order, is none")
    func ellipticSignatures() throws {
        let key = try Keys.of(.es256)
        let signed = base64url(Array(#"{"alg":"ES256","kid":"k1"}"#.utf8)) + "." + base64url(Array(Tokens.payload().utf8))
        let good = try key.signature(of: Array(signed.utf8))
        let order: [UInt8] = [
            0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E,
            0x84,
            0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
        ]
        let zero = [UInt8](repeating: 0, count: 32)
        let r = Array(good[..<32])
        let s = Array(good[32...])
        #expect(throws: Never.self) { try Tokens.verify(signed + "." + base64url(good), Tokens.rules(key)) }
        for bad in [
            try key.rawSignature(of: Array(signed.utf8)), zero + s, r + zero, zero + zero, order + s, r + order, s + r, good + [0],
            [0] + good,
        ] {
            #expect(throws: TokenRefusal.badSignature) { try Tokens.verify(signed + "." + base64url(bad), Tokens.rules(key)) }
        }
    }

    @Test("keys that are too weak, too large, off the curve or of no honest form are refused")
    func keys() throws {
        #expect(throws: VerificationKeyProblem.tooShort) { try VerificationKey(shared: Secret(String(repeating: "x", count: 31))) }
        let small = try SigningKey(.rs256, bits: 1024)
        #expect(throws: VerificationKeyProblem.tooShort) {
            try VerificationKey(modulus: small.number("n"), exponent: small.number("e"))
        }
        let modulus = try Keys.of(.rs256).number("n")
        for exponent: [UInt8] in [[1], [2], [0], [], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]] {
            #expect(throws: VerificationKeyProblem.self, "\(exponent)") { try VerificationKey(modulus: modulus, exponent: exponent) }
        }
        #expect(throws: VerificationKeyProblem.tooLong) {
            try VerificationKey(modulus: [UInt8](repeating: 0xFF, count: 1025), exponent: [1, 0, 1])
        }
        let elliptic = try Keys.of(.es256)
        var y = try elliptic.number("qy", count: 32)
        y[31] ^= 1
        #expect(throws: VerificationKeyProblem.self) { try VerificationKey(x: elliptic.number("qx", count: 32), y: y) }
        #expect(throws: VerificationKeyProblem.self) {
            try VerificationKey(x: [UInt8](repeating: 0, count: 32), y: [UInt8](repeating: 0, count: 32))
        }
        #expect(throws: VerificationKeyProblem.unreadable) {
            try VerificationKey(pem: Array("-----BEGIN PUBLIC KEY-----".utf8), algorithm: .rs256)
        }
    }

    @Test("a token without a kid is verified with the one key there is, and never with a guess among several")
    func withoutID() throws {
        let key = try Keys.of(.es256)
        let other = try SigningKey(.es256)
        let token = try key.token(id: nil, payload: Tokens.payload())
        #expect(throws: Never.self) { try Tokens.verify(token, Tokens.rules(key)) }
        var rules = try Tokens.rules(key)
        rules.keys = .fixed(
            try KeySetDocument.keys(in: Array(#"{"keys":[\#(key.jwk(id: "k1")),\#(other.jwk(id: "k2"))]}"#.utf8), for: .es256))
        #expect(throws: TokenRefusal.unknownKey) { try Tokens.verify(token, rules) }
        #expect(throws: TokenRefusal.badSignature) { try Tokens.verify(key.token(id: "k2", payload: Tokens.payload()), rules) }
    }

    @Test("key sets that cannot be relied on are refused whole")
    func sets() throws {
        let key = try Keys.of(.es256)
        let one = try key.jwk(id: "k1")
        let documents: [(String, KeySetProblem)] = [
            ("", .malformed), ("[]", .malformed), ("{}", .malformed), (#"{"keys":{}}"#, .malformed), (#"{"keys":[]}"#, .noUsableKey),
            (#"{"keys":[\#(one)],"keys":[]}"#, .malformed), (#"{"keys":[\#(one),\#(one)]}"#, .ambiguousID),
            (#"{"keys":[\#(one),\#(try key.jwk(id: nil))]}"#, .ambiguousID),
            (#"{"keys":[\#(try key.jwk(id: "k1", extra: #","use":"enc""#))]}"#, .noUsableKey),
            (#"{"keys":[\#(try key.jwk(id: "k1", extra: #","alg":"ES384""#))]}"#, .noUsableKey),
            (#"{"keys":[\#(try key.jwk(id: "k1", extra: #","key_ops":["sign"]"#))]}"#, .noUsableKey),
            (#"{"keys":[\#(try (0..<33).map { try key.jwk(id: "k\($0)") }.joined(separator: ","))]}"#, .tooManyKeys),
            (String(repeating: " ", count: KeySetDocument.maxBytes + 1), .tooLarge),
        ]
        for (document, problem) in documents {
            #expect(throws: problem, "\(document.prefix(80))") { try KeySetDocument.keys(in: Array(document.utf8), for: .es256) }
        }
    }

    @Test("no bytes bring the verifier down, and none but the token itself are taken for it")
    func mutations() throws {
        var random = SeededRandom(seed: 0x7061_7373)
        for algorithm in SignatureAlgorithm.allCases {
            let key = try Keys.of(algorithm)
            let rules = try Tokens.rules(key)
            let token = Array(try key.token(id: "k1", payload: Tokens.payload()).utf8)
            for _ in 0..<1500 {
                var changed = token
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let position = Int.random(in: 0..<changed.count, using: &random)
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: changed[position] = UInt8.random(in: 0...255, using: &random)
                    case 1: changed.remove(at: position)
                    case 2: changed.insert(UInt8.random(in: 0x20...0x7F, using: &random), at: position)
                    default: changed.removeSubrange(position..<min(changed.count, position + 20))
                    }
                    if changed.isEmpty { changed = [0] }
                }
                if changed == token { continue }
                #expect(throws: TokenRefusal.self) { try Tokens.verify(changed, rules) }
            }
        }
    }
}

extension TokenRules {
    var fixedKeys: KeySet? {
        if case .fixed(let keys) = keys { keys } else { nil }
    }
}
