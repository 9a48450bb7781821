package import GatewayCore

extension TokenRefusal {
    /// What the caller is told. Of a token whose signature was not verified, nothing but that.
    package var fault: Fault {
        switch self {
        case .keyNotYetKnown, .keysUnavailable: .issuerKeysUnavailable
        case .tooManyForged: .tooManyForgedTokens
        case .wrongAudience: .badToken("It was issued for another audience.")
        case .expired: .badToken("It has expired: get a new one from its issuer.")
        case .notYetValid: .badToken("It is not valid yet: compare the clocks of its issuer and this gateway.")
        case .badClaim(let name): .badToken("Its claim `\(name)` is missing, or stands for nothing here.")
        case .tooLarge, .malformed, .unsupportedHeader, .unknownIssuer, .wrongAlgorithm, .unknownKey, .badSignature:
            .badToken("It must be a JSON Web Token, signed by an issuer that this gateway is configured to believe.")
        }
    }

    /// A word for logs and metrics.
    package var name: String {
        switch self {
        case .tooLarge: "too_large"
        case .malformed: "malformed"
        case .unsupportedHeader: "unsupported_header"
        case .unknownIssuer: "unknown_issuer"
        case .wrongAlgorithm: "wrong_algorithm"
        case .unknownKey: "unknown_key"
        case .keyNotYetKnown: "key_not_yet_known"
        case .keysUnavailable: "keys_unavailable"
        case .tooManyForged: "too_many_forged"
        case .badSignature: "bad_signature"
        case .wrongAudience: "wrong_audience"
        case .expired: "expired"
        case .notYetValid: "not_yet_valid"
        case .badClaim: "bad_claim"
        }
    }
}

extension Fault {
    /// - Parameter reason: a sentence. The claim names in it are the configuration's, never the token's.
    fileprivate static func badToken(_ reason: String) -> Fault {
        Fault(.unauthenticated, origin: .downstream, message: "The token is not valid here. \(reason)")
    }

    fileprivate static let issuerKeysUnavailable = Fault(
        .authorityUnavailable, origin: .gateway,
        message: "The issuer's keys that would verify the token are not at hand; they are being fetched. Try again shortly.",
        retryAfterMilliseconds: 1000)

    fileprivate static let tooManyForgedTokens = Fault(
        .authorityUnavailable, origin: .gateway,
        message: "Many tokens with bad signatures are arriving, and this one could not be verified among them. Try again shortly.",
        retryAfterMilliseconds: 1000)

    package static let notThroughEdge = Fault(
        .edgeProofRequired, origin: .downstream,
        message:
            "This gateway is reached through its edge only, and the request carries no valid proof that it came that way. Use the public address."
    )
}
