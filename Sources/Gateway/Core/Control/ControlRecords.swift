/// Identifiers are 1 to 64 letters, digits, `.`, `_` and `-`; those of users up to 128, also with `@` and `+`. The store checks them.
package struct Tenant: Sendable, Equatable {
    package let id: String
    package let name: String
    /// Where its requests may be served; `nil`: anywhere.
    package let region: String?
    /// `nil`: it is not.
    package let pausedAtUnixSeconds: Int64?
    /// Since when a panic stops its traffic; `nil`: none does.
    package let stoppedAtUnixSeconds: Int64?

    package init(id: String, name: String, region: String?, pausedAtUnixSeconds: Int64?, stoppedAtUnixSeconds: Int64? = nil) {
        self.id = id
        self.name = name
        self.region = region
        self.pausedAtUnixSeconds = pausedAtUnixSeconds
        self.stoppedAtUnixSeconds = stoppedAtUnixSeconds
    }
}

/// What to change of a tenant; `nil` leaves a field as it is.
package struct TenantChange: Sendable, Equatable {
    package enum Region: Sendable, Equatable {
        case anywhere
        case only(String)
    }

    /// What the region becomes, where it changes; `nil` in it: any.
    package var newRegion: String?? {
        switch region {
        case nil: nil
        case .anywhere: .some(nil)
        case .only(let region): region
        }
    }

    package var isPaused: Bool?
    /// A panic's stop.
    package var isStopped: Bool?
    package var region: Region?

    package init(isPaused: Bool? = nil, isStopped: Bool? = nil, region: Region? = nil) {
        self.isPaused = isPaused
        self.isStopped = isStopped
        self.region = region
    }
}

package struct Department: Sendable, Equatable {
    package let tenant: String
    package let id: String
    package let name: String

    package init(tenant: String, id: String, name: String) {
        self.tenant = tenant
        self.id = id
        self.name = name
    }
}

package struct User: Sendable, Equatable {
    package let tenant: String
    package let id: String
    package let department: String?
    package let name: String

    package init(tenant: String, id: String, department: String?, name: String) {
        self.tenant = tenant
        self.id = id
        self.department = department
        self.name = name
    }
}

/// What a key may do. `nil`: no limit of the key's own.
package struct KeyPermissions: Sendable, Equatable {
    /// Patterns of model names, at most 256; `nil`: every model.
    package var allowedModels: [String]?
    /// At least 1, as the others.
    package var requestsPerMinute: Int64?
    package var tokensPerMinute: Int64?
    package var concurrentStreams: Int64?
    /// Of the configuration file's policies; `nil`: `default`.
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
    package let digest: CredentialDigest

    package init(pepperID: String, digest: CredentialDigest) {
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

    package init(
        tenant: String, id: String, department: String?, user: String?, permissions: KeyPermissions, createdAtUnixSeconds: Int64,
        expiresAtUnixSeconds: Int64?, revokedAtUnixSeconds: Int64?, epoch: Int64
    ) {
        self.tenant = tenant
        self.id = id
        self.department = department
        self.user = user
        self.permissions = permissions
        self.createdAtUnixSeconds = createdAtUnixSeconds
        self.expiresAtUnixSeconds = expiresAtUnixSeconds
        self.revokedAtUnixSeconds = revokedAtUnixSeconds
        self.epoch = epoch
    }
}

/// What the gateway finds for a presented key.
package struct KeyLookUp: Sendable, Equatable {
    package let key: KeyRecord
    package let tenant: Tenant
    /// When the presented secret ends, by the key's expiry or by a rotation, whichever comes first; `nil`: never.
    package let endsAtUnixSeconds: Int64?
    /// By the store's clock: neither revoked nor ended. Says nothing about the tenant.
    package let isValid: Bool

    package init(key: KeyRecord, tenant: Tenant, endsAtUnixSeconds: Int64?, isValid: Bool) {
        self.key = key
        self.tenant = tenant
        self.endsAtUnixSeconds = endsAtUnixSeconds
        self.isValid = isValid
    }
}
