package import GatewayCrypto

/// What proves that a request came through the edge in front of the gateway. Each part that is there must hold; with none, nothing is proven.
package struct EdgePolicy: Sendable {
    /// Of the token that the edge adds, Cloudflare's `Cf-Access-Jwt-Assertion`.
    package var access: TokenRules?
    /// One of these must be in the origin secret's header; two while one replaces the other.
    package var originSecrets: [Secret]

    package init(access: TokenRules?, originSecrets: [Secret]) {
        self.access = access
        self.originSecrets = originSecrets
    }

    /// Compares with every secret, in a time that says nothing about which of them is near.
    func acceptsSecret(_ presented: String?) -> Bool {
        guard !originSecrets.isEmpty else { return true }
        guard var presented else { return false }
        return presented.withUTF8 { presented in
            var isEqual = false
            for secret in originSecrets {
                let matches = secret.withUnsafeBytes { constantTimeEqual($0, UnsafeRawBufferPointer(presented)) }
                isEqual = isEqual || matches
            }
            return isEqual
        }
    }
}

/// What a request brings of the edge. A header that stands twice proves nothing.
package struct EdgeEvidence: Sendable, Equatable {
    /// `cf-access-jwt-assertion`
    package var assertion: String?
    /// `x-agentshield-origin-secret`
    package var originSecret: String?
    /// `cf-connecting-ip`
    package var connectingAddress: String?
    /// One of them stands twice.
    package var isAmbiguous: Bool

    package init(assertion: String? = nil, originSecret: String? = nil, connectingAddress: String? = nil, isAmbiguous: Bool = false) {
        self.assertion = assertion
        self.originSecret = originSecret
        self.connectingAddress = connectingAddress
        self.isAmbiguous = isAmbiguous
    }
}
