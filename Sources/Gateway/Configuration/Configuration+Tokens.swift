package import GatewayAuthentication
package import GatewayCore
package import GatewayCrypto

extension Configuration {
    /// Issuers of tokens that are credentials.
    package struct Issuer: Sendable {
        package var id: String
        package var rules: TokenRules
        package var tenant: ClaimMapping.Tenant
        package var userClaim: String
        package var departmentClaim: String?
        package var modelsClaim: String?
        package var profileClaim: String?
        /// Name of a profile.
        package var profile: String?
    }

    /// What bearers of tokens may do.
    package struct Profile: Sendable, Equatable {
        package var models: [String]
        package var limits: SubjectLimits
        /// Name of a policy in `scrub.policies`.
        package var scrubPolicy: String
    }

    /// Keys that an issuer publishes at a URL.
    package struct PublishedKeySource: Sendable, Equatable {
        /// As `TokenRules.keys` names it.
        package var name: String
        package var url: ProviderURL
        package var algorithm: SignatureAlgorithm
        package var trustRoots: [UInt8]?
        package var refresh: KeyRefresh.Settings
        package var fetchTimeout: Duration
    }
}
