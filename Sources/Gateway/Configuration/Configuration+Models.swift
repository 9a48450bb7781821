package import GatewayCore
package import GatewayCrypto
package import Scrubbing

extension Configuration {
    package enum Dialect: String, Sendable, CaseIterable { case openai, anthropic, ollama, gemini }

    package struct Provider: Sendable, Equatable {
        package var name: String
        package var dialect: Dialect
        /// Never empty.
        package var endpoints: [Endpoint]
        /// The first endpoint's.
        package var baseURL: ProviderURL { endpoints[0].baseURL }
        package var credential: Secret? { endpoints[0].credential }
        package var credentialHeader: CredentialHeader
        package var refusesStreamOptions: Bool
        /// Of Azure OpenAI's API by deployments, which stands in their paths; `nil`: any other API.
        package var deploymentsVersion: String?
        /// PEM certificates to trust instead of the system's; `nil`: the system's.
        package var trustRoots: [UInt8]?
        package var maxConnectionsPerLoop: Int
        package var maxWaitersPerLoop: Int
        package var connectTimeout: Duration
        package var firstByteTimeout: Duration
        package var idleTimeout: Duration
        package var queueTimeout: Duration
        package var maxConnectionAge: Duration
        package var warmConnectionsPerLoop: Int
        /// Under which name its prices are listed.
        package var priceList: String
    }

    /// One way to a provider.
    package struct Endpoint: Sendable, Equatable {
        package var baseURL: ProviderURL
        /// `nil`: requests carry no credential.
        package var credential: Secret?
        package var weight: Int
    }

    /// A model that callers may name, or a pattern for such names.
    package struct Model: Sendable, Equatable {
        package enum Name: Sendable, Hashable {
            case exact(String)
            /// Every name that begins so; the name is passed on unchanged.
            case prefix(String)
        }

        package var name: Name
        /// Name of the provider.
        package var provider: String
        /// What the provider calls the model; `nil`: as the caller does.
        package var upstreamName: String?
        /// `nil`: the price list says it. `free` is a price of nothing.
        package var price: Price?
        package var cacheMode: CacheMode
        package var cacheTTL: Duration
        package var firstByteTimeout: Duration
        package var idleTimeout: Duration
        /// Name of the policy in place of the key's; `nil`: the key's.
        package var scrubPolicy: String?
        /// Whether fields that the provider's dialect has no place for are left out of requests.
        package var dropsUnsupported: Bool
        /// Names of models that are called behind it, in order, none twice.
        package var fallback: [String]
        /// `nil`: as `resilience` says.
        package var maxAttempts: Int?
        /// `nil`: no second call is made beside the first one.
        package var hedgeAfter: Duration?

        package func matches(_ model: String) -> Bool {
            switch name {
            case .exact(let name): model == name
            case .prefix(let prefix): model.hasPrefix(prefix)
            }
        }
    }

    /// A name that stands for other models, tried one after another.
    package struct Alias: Sendable, Equatable {
        package var name: String
        /// Names of models, in order, none twice: aliases among them have been replaced by what they stand for.
        package var models: [String]
    }

    package enum CacheMode: String, Sendable, CaseIterable {
        /// Requests with temperature 0 and without tools.
        case deterministic
        case always
        case off
    }

    package enum CacheScope: String, Sendable, CaseIterable { case tenant, user, key }

    package struct Cache: Sendable, Equatable {
        package var maxBytes: Int
        package var maxEntryBytes: Int
        package var defaultTTL: Duration
        package var scope: CacheScope
        /// How many equal requests may wait for the one that is under way.
        package var maxWaiters: Int
    }

    package struct Idempotency: Sendable, Equatable {
        /// How long an answer is told again.
        package var timeToLive: Duration
        package var maxBytes: Int
    }

    package struct Scrubbing: Sendable {
        /// By name; `default` is always there.
        package var policies: [String: NamedPolicy]
    }

    /// A scrubbing policy, ready for use.
    package struct NamedPolicy: Sendable {
        /// By the kind's name: `EMAIL`, `CARD` …
        package var actions: [String: ScrubAction]
        package var policy: ScrubPolicy
        /// Names of tools in whose call arguments placeholders are put back.
        package var restoreInToolArguments: [String]
        /// Differs whenever the rules do.
        package var version: String
    }
}
