package import GatewayCore

/// API keys. Their secrets never come here: only keyed hashes do.
extension EmbeddedControlStore {
    private static let keyNames = [
        "tenant_id", "id", "department_id", "user_id", "allowed_models", "requests_per_minute", "tokens_per_minute", "concurrent_streams",
        "scrub_policy", "created_at", "expires_at", "revoked_at", "epoch",
    ]
    private static let keyColumns = keyNames.joined(separator: ", ")

    package func createKey(
        _ id: String, in tenant: String, hash: KeyHash, department: String?, user: String?, permissions: KeyPermissions,
        expiresAtUnixSeconds: Int64?
    ) async throws(ControlError) -> KeyRecord {
        let models = try Self.lines(permissions.allowedModels)
        return try await perform { connection throws(SQLiteError) in
            try connection.transaction { () throws(SQLiteError) in
                let key = try connection.run(
                    """
                    INSERT INTO api_keys (tenant_id, id, department_id, user_id, allowed_models, requests_per_minute, tokens_per_minute,
                        concurrent_streams, scrub_policy, expires_at)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING \(Self.keyColumns)
                    """,
                    [
                        .text(tenant), .text(id), SQLiteValue(department), SQLiteValue(user), models,
                        SQLiteValue(permissions.requestsPerMinute), SQLiteValue(permissions.tokensPerMinute),
                        SQLiteValue(permissions.concurrentStreams), SQLiteValue(permissions.scrubPolicy), SQLiteValue(expiresAtUnixSeconds),
                    ]
                ).one { row throws(SQLiteError) in try KeyRecord(row, from: 0) }
                try Self.insert(hash, of: id, in: tenant, connection)
                return key
            }
        }
    }

    package func key(_ id: String, in tenant: String) async throws(ControlError) -> KeyRecord? {
        try await keys("tenant_id = ?1 AND id = ?2", [.text(tenant), .text(id)]).first
    }

    package func keys(of tenant: String, after id: String) async throws(ControlError) -> [KeyRecord] {
        try await keys("tenant_id = ?1 AND id > ?2 ORDER BY id LIMIT \(ControlLimits.maxPage)", [.text(tenant), .text(id)])
    }

    private func keys(_ condition: String, _ values: [SQLiteValue]) async throws(ControlError) -> [KeyRecord] {
        try await perform { connection throws(SQLiteError) in
            try connection.run("SELECT \(Self.keyColumns) FROM api_keys WHERE \(condition)", values)
                .each { row throws(SQLiteError) in try KeyRecord(row, from: 0) }
        }
    }

    package func revokeKey(_ id: String, in tenant: String) async throws(ControlError) -> KeyRecord? {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                """
                UPDATE api_keys SET epoch = epoch + (revoked_at IS NULL), revoked_at = coalesce(revoked_at, \(EmbeddedControlSchema.now))
                WHERE tenant_id = ?1 AND id = ?2 RETURNING \(Self.keyColumns)
                """, [.text(tenant), .text(id)]
            ).each { row throws(SQLiteError) in try KeyRecord(row, from: 0) }.first
        }
    }

    package func rotateKey(
        _ id: String, in tenant: String, hash: KeyHash, overlapSeconds: Int64
    ) async throws(ControlError) -> KeyRecord? {
        let overlap = min(max(0, overlapSeconds), 10 * 366 * 86_400)
        return try await perform { connection throws(SQLiteError) in
            try connection.transaction { () throws(SQLiteError) in
                let changed = try connection.run(
                    """
                    UPDATE api_keys SET epoch = epoch + 1 WHERE tenant_id = ?1 AND id = ?2 AND revoked_at IS NULL
                    RETURNING \(Self.keyColumns)
                    """, [.text(tenant), .text(id)]
                ).each { row throws(SQLiteError) in try KeyRecord(row, from: 0) }
                guard let key = changed.first else { return nil }
                // Of rotations before, so that they do not add up.
                try connection.run(
                    "DELETE FROM api_key_hashes WHERE tenant_id = ?1 AND key_id = ?2 AND expires_at <= \(EmbeddedControlSchema.now)",
                    [.text(tenant), .text(id)])
                let end = "\(EmbeddedControlSchema.now) + ?3"
                try connection.run(
                    """
                    UPDATE api_key_hashes SET expires_at = min(coalesce(expires_at, \(end)), \(end)) WHERE tenant_id = ?1 AND key_id = ?2
                    """, [.text(tenant), .text(id), .integer(overlap)])
                try Self.insert(hash, of: id, in: tenant, connection)
                return key
            }
        }
    }

    private static func insert(_ hash: KeyHash, of id: String, in tenant: String, _ connection: SQLiteConnection) throws(SQLiteError) {
        try connection.run(
            "INSERT INTO api_key_hashes (pepper_id, hash, tenant_id, key_id) VALUES (?1, ?2, ?3, ?4)",
            [.text(hash.pepperID), .blob(hash.digest.bytes), .text(tenant), .text(id)])
    }

    /// Patterns are visible ASCII; a line end in one would make two of it.
    private static func lines(_ models: [String]?) throws(ControlError) -> SQLiteValue {
        guard let models else { return .null }
        guard models.count <= 256, models.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } }) else {
            throw .invalid(constraint: "api_keys_allowed_models_check")
        }
        return .text(models.joined(separator: "\n"))
    }
}

/// What replicas ask.
extension EmbeddedControlStore {
    package func lookUp(_ hashes: [KeyHash]) async throws(ControlError) -> KeyAnswer {
        guard let first = hashes.first else { throw .invalid(constraint: nil) }
        let second = hashes.dropFirst().first ?? first
        return try await perform { connection throws(SQLiteError) in
            let row = try connection.run(
                Self.lookUpStatement,
                [.text(first.pepperID), .blob(first.digest.bytes), .text(second.pepperID), .blob(second.digest.bytes)]
            ).one { row throws(SQLiteError) in row }
            let revision = try row.integer(0)
            guard try row.optionalText(1) != nil else { return KeyAnswer(revision: revision, found: nil) }
            return KeyAnswer(
                revision: revision,
                found: KeyLookUp(
                    key: try KeyRecord(row, from: 1), tenant: try Tenant(row, from: 14), endsAtUnixSeconds: try row.optionalInteger(19),
                    isValid: try row.integer(20) == 1))
        }
    }

    /// One row in any case, for the revision. `min` of two is NULL where one is.
    private static let lookUpStatement = """
        SELECT s.revision, \(keyNames.map { "f.\($0)" }.joined(separator: ", ")), f.t_id, f.t_name, f.t_region, f.t_paused, f.t_stopped,
            f.ends_at, f.revoked_at IS NULL AND coalesce(f.ends_at > \(EmbeddedControlSchema.now), 1)
        FROM control_state s LEFT JOIN (
            SELECT k.*, t.id AS t_id, t.name AS t_name, t.region AS t_region, t.paused_at AS t_paused, t.stopped_at AS t_stopped,
                min(coalesce(k.expires_at, h.expires_at), coalesce(h.expires_at, k.expires_at)) AS ends_at
            FROM api_key_hashes h
            JOIN api_keys k ON k.tenant_id = h.tenant_id AND k.id = h.key_id
            JOIN tenants t ON t.id = k.tenant_id
            WHERE (h.pepper_id = ?1 AND h.hash = ?2) OR (h.pepper_id = ?3 AND h.hash = ?4)
            LIMIT 1
        ) f ON true
        """

    package func changes(after revision: Int64?) async throws(ControlError) -> ControlChanges {
        try await perform { connection throws(SQLiteError) in
            let state = try connection.run("SELECT revision, stopped_at FROM control_state").one { row throws(SQLiteError) in row }
            let (last, isStopped) = (try state.integer(0), try state.optionalInteger(1) != nil)
            guard let revision, revision <= last, last - revision <= Int64(ControlLimits.maxChanges) else {
                return ControlChanges(revision: last, changes: nil, isStopped: isStopped)
            }
            guard revision < last else { return ControlChanges(revision: last, changes: [], isStopped: isStopped) }
            let rows = try connection.run(
                "SELECT tenant_id, key_id FROM control_changes WHERE revision > ?1 AND revision <= ?2",
                [.integer(revision), .integer(last)])
            let changes = try rows.each { row throws(SQLiteError) -> ControlChange? in
                ControlChange(tenant: try row.optionalText(0), key: try row.optionalText(1))
            }
            let isWhole = Int64(rows.count) == last - revision
            return ControlChanges(revision: last, changes: isWhole ? changes.compactMap { $0 } : nil, isStopped: isStopped)
        }
    }
}

extension KeyRecord {
    fileprivate init(_ row: SQLiteRow, from column: Int) throws(SQLiteError) {
        self.init(
            tenant: try row.text(column), id: try row.text(column + 1), department: try row.optionalText(column + 2),
            user: try row.optionalText(column + 3),
            permissions: KeyPermissions(
                allowedModels: try row.optionalText(column + 4)?.split(separator: "\n").map(String.init),
                requestsPerMinute: try row.optionalInteger(column + 5), tokensPerMinute: try row.optionalInteger(column + 6),
                concurrentStreams: try row.optionalInteger(column + 7), scrubPolicy: try row.optionalText(column + 8)),
            createdAtUnixSeconds: try row.integer(column + 9), expiresAtUnixSeconds: try row.optionalInteger(column + 10),
            revokedAtUnixSeconds: try row.optionalInteger(column + 11), epoch: try row.integer(column + 12))
    }
}
