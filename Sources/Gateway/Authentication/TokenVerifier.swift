package import GatewayCrypto
package import GatewayJSON

/// Why a token is refused. What is told of it before its signature is verified is nothing.
package enum TokenRefusal: Error, Sendable, Equatable {
    case tooLarge
    /// Not three parts of base64 without padding, or not JSON, or the same member twice.
    case malformed
    /// A header that this gateway does not follow: `crit`, `b64`, `zip`, or a token of another kind.
    case unsupportedHeader
    case unknownIssuer
    /// The header names another algorithm than the issuer's.
    case wrongAlgorithm
    /// No key of the issuer's has the token's id.
    case unknownKey
    /// As ``unknownKey``, of a source whose set may be out of date: it should be fetched.
    case keyNotYetKnown(source: String)
    /// There are no keys of the issuer's, or they are too old.
    case keysUnavailable(source: String)
    /// So much has gone into signatures that were not good that this one is not verified now.
    case tooManyForged
    case badSignature
    // From here on the signature was good.
    case wrongAudience
    case expired
    case notYetValid
    /// A claim that must be there is not, or has a wrong type or value.
    case badClaim(String)
}

/// What a verified token is worth, and for how long.
package struct VerifiedToken<Value: Sendable>: Sendable {
    package var value: Value
    /// In seconds since 1970, the clock skew not added.
    package var expiresAt: Int64
    /// The key that verified it.
    package var thumbprint: Digest
}

/// Verifies tokens in compact form (RFC 7515, 7519). Pure but for its working memory: the same token, rules and time give the same answer.
///
/// In this order: form and size, header, payload as JSON, issuer, algorithm, key, signature, claims. The header is never asked how to verify: the
/// issuer's rules say so.
package struct TokenVerifier: ~Copyable {
    /// A token, in bytes. Larger ones are refused unread.
    package static let maxBytes = 8192
    private static let maxKeyIDBytes = 256
    private static let maxAudiences = 64
    private static let limits = JSONLimits(maxDepth: 16, maxNodes: 2048)

    private var index = JSONIndex()
    private var header: [UInt8] = []
    private var payload: [UInt8] = []
    private var signature: [UInt8] = []

    package init() {}

    /// Whether the bytes look enough like a token to be verified as one: `eyJ`, which begins every JSON object in base64.
    package static func looksLikeToken(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 3 && bytes[0] == UInt8(ascii: "e") && bytes[1] == UInt8(ascii: "y") && bytes[2] == UInt8(ascii: "J")
    }

    /// - Parameters:
    ///   - now: in seconds since 1970.
    ///   - rules: the rules for an issuer; `nil`: it is none of ours.
    ///   - published: the last good keys of a source.
    ///   - mayVerify: asked once the key is known, before the one dear step; no: ``TokenRefusal/tooManyForged``.
    ///   - read: what is wanted of the verified payload.
    package mutating func verify<Value: Sendable>(
        _ token: UnsafeRawBufferPointer, now: Int64, rules: (String) -> TokenRules?, published: (String) -> PublishedKeys?,
        mayVerify: (VerificationKey) -> Bool = { _ in true },
        read: (JSONValue, TokenRules) throws(TokenRefusal) -> Value
    ) throws(TokenRefusal) -> VerifiedToken<Value> {
        let signedCount = try split(token)
        let (algorithm, keyID) = try readHeader()
        let payload = self.payload
        let result: Result<VerifiedToken<Value>, TokenRefusal> = payload.withUnsafeBytes { payload in
            Result { () throws(TokenRefusal) in
                let claims = try document(payload)
                guard let issuer = claims.text("iss"), let rules = rules(issuer) else { throw .unknownIssuer }
                guard algorithm == rules.algorithm.rawValue else { throw .wrongAlgorithm }
                let key = try Self.key(keyID, of: rules, now: now, published: published)
                guard mayVerify(key) else { throw .tooManyForged }
                let signed = UnsafeRawBufferPointer(rebasing: token[..<signedCount])
                guard signature.withUnsafeBytes({ key.verify($0, of: signed) }) else { throw .badSignature }
                let expiresAt = try Self.checkClaims(claims, rules: rules, now: now)
                return VerifiedToken(value: try read(claims, rules), expiresAt: expiresAt, thumbprint: key.thumbprint)
            }
        }
        return try result.get()
    }

    // MARK: form

    /// Decodes the three parts; returns how many bytes are signed.
    private mutating func split(_ token: UnsafeRawBufferPointer) throws(TokenRefusal) -> Int {
        guard token.count <= Self.maxBytes else { throw .tooLarge }
        var dots: [Int] = []
        for (position, byte) in token.enumerated() where byte == UInt8(ascii: ".") {
            guard dots.count < 2 else { throw .malformed }
            dots.append(position)
        }
        guard dots.count == 2,
            Base64URL.decode(UnsafeRawBufferPointer(rebasing: token[..<dots[0]]), into: &header),
            Base64URL.decode(UnsafeRawBufferPointer(rebasing: token[(dots[0] + 1)..<dots[1]]), into: &payload),
            Base64URL.decode(UnsafeRawBufferPointer(rebasing: token[(dots[1] + 1)...]), into: &signature),
            !header.isEmpty, !payload.isEmpty, !signature.isEmpty
        else { throw .malformed }
        return dots[1]
    }

    private mutating func document(_ bytes: UnsafeRawBufferPointer) throws(TokenRefusal) -> JSONValue {
        guard (try? index.scan(bytes, limits: Self.limits)) != nil else { throw .malformed }
        let root = index.root(of: bytes)
        guard root.isObject, !root.hasDuplicateMember else { throw .malformed }
        return root
    }

    private mutating func readHeader() throws(TokenRefusal) -> (algorithm: String, keyID: String?) {
        let bytes = header
        let result: Result<(String, String?), TokenRefusal> = bytes.withUnsafeBytes { bytes in
            Result { () throws(TokenRefusal) in
                let header = try document(bytes)
                // RFC 7515, 4.1.11: whoever does not know a critical extension refuses the token. None is known here.
                for name in ["crit", "b64", "zip", "enc"] where header.has(name) { throw .unsupportedHeader }
                if header.has("typ") {
                    // RFC 8725, 3.11: a token of another kind, such as one for logging out, is no credential.
                    guard let kind = header.text("typ")?.lowercased(), ["jwt", "at+jwt", "application/at+jwt"].contains(kind) else {
                        throw .unsupportedHeader
                    }
                }
                guard let algorithm = header.text("alg") else { throw .malformed }
                guard header.has("kid") else { return (algorithm, nil) }
                guard let keyID = header.text("kid"), keyID.utf8.count <= Self.maxKeyIDBytes else { throw .malformed }
                return (algorithm, keyID)
            }
        }
        return try result.get()
    }

    // MARK: key

    private static func key(
        _ id: String?, of rules: TokenRules, now: Int64, published: (String) -> PublishedKeys?
    ) throws(TokenRefusal) -> VerificationKey {
        let key: VerificationKey?
        switch rules.keys {
        case .fixed(let keys): key = keys.key(for: id)
        case .published(let source):
            guard let set = published(source), now < set.usableUntil else { throw .keysUnavailable(source: source) }
            key = set.keys.key(for: id)
            if key == nil, now >= set.completeUntil { throw .keyNotYetKnown(source: source) }
        }
        // A set holds keys of its issuer's algorithm only; this keeps it so whatever made the set.
        guard let key, key.algorithm == rules.algorithm else { throw .unknownKey }
        return key
    }

    // MARK: claims

    /// - Returns: when the token expires.
    private static func checkClaims(_ claims: JSONValue, rules: TokenRules, now: Int64) throws(TokenRefusal) -> Int64 {
        guard let audiences = claims.texts("aud", atMost: maxAudiences) else { throw .badClaim("aud") }
        guard audiences.contains(where: rules.audiences.contains) else { throw .wrongAudience }
        guard let expiresAt = claims.time("exp") else { throw .badClaim("exp") }
        guard now < expiresAt + rules.clockSkewSeconds else { throw .expired }
        for name in ["nbf", "iat"] where claims.has(name) {
            guard let time = claims.time(name) else { throw .badClaim(name) }
            guard now >= time - rules.clockSkewSeconds else { throw .notYetValid }
        }
        return expiresAt
    }
}

/// Claims, read without belief in their types.
extension JSONValue {
    func has(_ name: String) -> Bool { (try? member(named: name)) != nil }

    func text(_ name: String) -> String? {
        guard let value = try? member(named: name), value.isString else { return nil }
        return value.string
    }

    /// A string, or an array of strings; `nil` for anything else and for more than `limit`.
    func texts(_ name: String, atMost limit: Int) -> [String]? {
        guard let value = try? member(named: name) else { return nil }
        if value.isString { return value.string.map { [$0] } }
        guard value.isArray else { return nil }
        var texts: [String] = []
        for element in value.elements {
            guard texts.count < limit, element.isString, let text = element.string else { return nil }
            texts.append(text)
        }
        return texts
    }

    /// Seconds since 1970 (RFC 7519, NumericDate), rounded down; within 0 to 2^53.
    func time(_ name: String) -> Int64? {
        guard let value = try? member(named: name), let seconds = value.double, seconds >= 0, seconds <= 9_007_199_254_740_992 else {
            return nil
        }
        return Int64(seconds)
    }
}
