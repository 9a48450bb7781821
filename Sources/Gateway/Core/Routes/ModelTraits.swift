/// What requests may ask of a model beside text.
package struct ModelCapabilities: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let tools = ModelCapabilities(rawValue: 1)
    /// Images in the request.
    package static let vision = ModelCapabilities(rawValue: 2)
    /// An answer that is JSON, by a schema or without.
    package static let structuredOutput = ModelCapabilities(rawValue: 4)
    package static let all: ModelCapabilities = [.tools, .vision, .structuredOutput]
}

/// What the configuration says of a model for the choice among several.
package struct ModelTraits: Sendable, Equatable {
    /// Tokens of prompt and answer together; `nil`: no request is too long.
    package var contextTokens: UInt64?
    package var supports = ModelCapabilities.all
    /// Where it computes; `nil`: not known.
    package var region: String?
    /// The quality that is expected of it before anything was learned, in [0, 1]; `nil`: as of the others.
    package var strength: Double?
    /// How many bytes its tokens have.
    package var tokenRates = TokenRates.plain

    package init() {}
}

/// What a tenant says of arbitrated names.
package struct TenantArbitration: Sendable, Equatable {
    /// Whether a model that a caller names may be replaced.
    package var allowsSubstitution: Bool
    /// `nil`: any.
    package var regions: Set<String>?
    /// λ and μ in place of the name's; `nil`: the name's.
    package var qualityPerMilliUSD: Double?
    package var qualityPerSecond: Double?

    package init(
        allowsSubstitution: Bool = false, regions: Set<String>? = nil, qualityPerMilliUSD: Double? = nil, qualityPerSecond: Double? = nil
    ) {
        self.allowsSubstitution = allowsSubstitution
        self.regions = regions
        self.qualityPerMilliUSD = qualityPerMilliUSD
        self.qualityPerSecond = qualityPerSecond
    }

    package func dials(_ own: ArbitrageDials) -> ArbitrageDials {
        ArbitrageDials(
            qualityPerMilliUSD: qualityPerMilliUSD ?? own.qualityPerMilliUSD, qualityPerSecond: qualityPerSecond ?? own.qualityPerSecond)
    }
}
