package import GatewayCrypto

/// Identifiers are 1 to 64 letters, digits, `.`, `_` and `-`; those of users up to 128, also with `@` and `+`. The database checks them.
package struct Tenant: Sendable, Equatable {
    package let id: String
    package let name: String
    /// Where its requests may be served; `nil`: anywhere.
    package let region: String?
    /// `nil`: it is not.
    package let suspendedAtUnixSeconds: Int64?

    package init(id: String, name: String, region: String?, suspendedAtUnixSeconds: Int64?) {
        self.id = id
        self.name = name
        self.region = region
        self.suspendedAtUnixSeconds = suspendedAtUnixSeconds
    }
}

package struct Department: Sendable, Equatable {
    package let tenant: String
    package let id: String
    package let name: String
}

package struct User: Sendable, Equatable {
    package let tenant: String
    package let id: String
    package let department: String?
    package let name: String
}

/// What a key may do. `nil`: no limit of the key's own.
package struct KeyPermissions: Sendable, Equatable {
    /// Patterns of model names, at most 256; `nil`: every model.
    package var allowedModels: [String]?
    /// At least 1, as the others.
    package var requestsPerMinute: Int64?
    package var tokensPerMinute: Int64?
    package var concurrentStreams: Int64?
    /// `nil`: the tenant's.
    package var scrubPolicy: String?

    package init(
        allowedModels: [String]? = nil, requestsPerMinute: Int64? = nil, tokensPerMinute: Int64? = nil, concurrentStreams: Int64? = nil,
        scrubPolicy: String? = nil
    ) {
        self.allowedModels = allowedModels
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
        self.concurrentStreams = concurrentStreams
        self.scrubPolicy = scrubPolicy
    }
}

/// What is kept in a key's place: its hash, and which pepper the hash was made with.
package struct KeyHash: Sendable, Equatable {
    package let pepperID: String
    package let digest: Digest

    package init(pepperID: String, digest: Digest) {
        self.pepperID = pepperID
        self.digest = digest
    }
}

package struct KeyRecord: Sendable, Equatable {
    package let tenant: String
    package let id: String
    package let department: String?
    package let user: String?
    package let permissions: KeyPermissions
    package let createdAtUnixSeconds: Int64
    /// `nil`: never.
    package let expiresAtUnixSeconds: Int64?
    /// `nil`: it is not.
    package let revokedAtUnixSeconds: Int64?
    /// Grows with every change of the key.
    package let epoch: Int64
}

/// What the gateway finds for a presented key.
package struct KeyLookUp: Sendable, Equatable {
    package let key: KeyRecord
    package let tenant: Tenant
    /// When the presented secret ends, by the key's expiry or by a rotation, whichever comes first; `nil`: never.
    package let endsAtUnixSeconds: Int64?
    /// By the database's clock: neither revoked nor ended, and the tenant not suspended.
    package let isValid: Bool

    package init(key: KeyRecord, tenant: Tenant, endsAtUnixSeconds: Int64?, isValid: Bool) {
        self.key = key
        self.tenant = tenant
        self.endsAtUnixSeconds = endsAtUnixSeconds
        self.isValid = isValid
    }
}

/// Why the control plane did not do what it was asked.
package enum ControlPlaneError: Error, Sendable, Equatable {
    /// The identifier, or the hash, is taken.
    case alreadyExists
    /// The tenant, department or user that was named is not there, or is another tenant's.
    case unknownReference
    /// A value that the schema refuses, by the name of its check.
    case invalid(constraint: String?)
    case store(PostgresError)

    init(_ error: PostgresError) {
        switch error.sqlState {
        case .uniqueViolation?: self = .alreadyExists
        case .foreignKeyViolation?: self = .unknownReference
        case let state? where state.blamesValues: self = .invalid(constraint: error.constraint)
        default: self = .store(error)
        }
    }
}
