import Foundation
import GatewayCore

/// What commands and the HTTP interface tell of tenants and keys: the same names in both. No key and no hash is ever in it.
struct JSONObject {
    private var members: [String: Any] = [:]

    init(_ members: [String: Any?]) {
        self.members = members.compactMapValues { $0 }
    }

    init(list: [JSONObject], more: Bool) {
        members = ["data": list.map(\.members), "more": more]
    }

    func encoded() throws -> Data {
        try JSONSerialization.data(withJSONObject: members, options: [.sortedKeys, .withoutEscapingSlashes])
    }

    mutating func set(_ name: String, _ value: String) {
        members[name] = value
    }

    init(_ tenant: Tenant) {
        self.init([
            "id": tenant.id, "name": tenant.name, "region": tenant.region, "paused_at": tenant.pausedAtUnixSeconds,
            "stopped_at": tenant.stoppedAtUnixSeconds,
        ])
    }

    init(_ department: Department) {
        self.init(["id": department.id, "tenant": department.tenant, "name": department.name])
    }

    init(_ user: User) {
        self.init(["id": user.id, "tenant": user.tenant, "department": user.department, "name": user.name])
    }

    init(_ key: KeyRecord) {
        self.init([
            "id": key.id, "tenant": key.tenant, "department": key.department, "user": key.user, "models": key.permissions.allowedModels,
            "requests_per_minute": key.permissions.requestsPerMinute, "tokens_per_minute": key.permissions.tokensPerMinute,
            "concurrent_streams": key.permissions.concurrentStreams, "scrub": key.permissions.scrubPolicy,
            "created_at": key.createdAtUnixSeconds, "expires_at": key.expiresAtUnixSeconds, "revoked_at": key.revokedAtUnixSeconds,
        ])
    }
}
