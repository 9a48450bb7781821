package import GatewayCore

/// API keys. Their secrets never come here: only keyed hashes do.
extension ControlPlane {
    private static let keyColumns = """
        k.tenant_id, k.id, k.department_id, k.user_id, k.allowed_models, k.requests_per_minute, k.tokens_per_minute, k.concurrent_streams, \
        k.scrub_policy, floor(extract(epoch FROM k.created_at))::bigint, floor(extract(epoch FROM k.expires_at))::bigint, \
        floor(extract(epoch FROM k.revoked_at))::bigint, k.epoch
        """

    package func createKey(
        _ id: String, in tenant: String, hash: KeyHash, department: String? = nil, user: String? = nil,
        permissions: KeyPermissions = KeyPermissions(), expiresAtUnixSeconds: Int64? = nil
    ) async throws(ControlError) -> KeyRecord {
        let statement = Statement(
            """
            WITH k AS (
                INSERT INTO agentshield.api_keys (tenant_id, id, department_id, user_id, allowed_models, requests_per_minute,
                    tokens_per_minute, concurrent_streams, scrub_policy, expires_at)
                VALUES ($1, $2, $5, $6, $7::text[], $8::bigint, $9::bigint, $10::bigint, $11, to_timestamp($12::bigint)) RETURNING *
            ), h AS (
                INSERT INTO agentshield.api_key_hashes (pepper_id, hash, tenant_id, key_id)
                SELECT $3, $4::bytea, k.tenant_id, k.id FROM k
            )
            SELECT \(Self.keyColumns) FROM k
            """,
            [SQLValue(tenant), SQLValue(id), SQLValue(hash.pepperID), .bytes(hash.digest.bytes), SQLValue(department), SQLValue(user)]
                + permissions.values + [SQLValue(expiresAtUnixSeconds)])
        return try await one(statement, isRepeatable: false) { row throws(PostgresError) in try KeyRecord(row: row) }
    }

    package func key(_ id: String, in tenant: String) async throws(ControlError) -> KeyRecord? {
        let statement = Statement(
            "SELECT \(Self.keyColumns) FROM agentshield.api_keys k WHERE k.tenant_id = $1 AND k.id = $2", [SQLValue(tenant), SQLValue(id)])
        return try await all(statement, isRepeatable: true) { row throws(PostgresError) in try KeyRecord(row: row) }.first
    }

    package func keys(of tenant: String, after id: String) async throws(ControlError) -> [KeyRecord] {
        let statement = Statement(
            """
            SELECT \(Self.keyColumns) FROM agentshield.api_keys k WHERE k.tenant_id = $1 AND k.id > $2
            ORDER BY k.id LIMIT \(ControlLimits.maxPage)
            """, [SQLValue(tenant), SQLValue(id)])
        return try await all(statement, isRepeatable: true) { row throws(PostgresError) in try KeyRecord(row: row) }
    }

    package func revokeKey(_ id: String, in tenant: String) async throws(ControlError) -> KeyRecord? {
        let statement = Statement(
            """
            UPDATE agentshield.api_keys k
            SET epoch = k.epoch + CASE WHEN k.revoked_at IS NULL THEN 1 ELSE 0 END, revoked_at = coalesce(k.revoked_at, now())
            WHERE k.tenant_id = $1 AND k.id = $2 RETURNING \(Self.keyColumns)
            """, [SQLValue(tenant), SQLValue(id)])
        return try await all(statement, isRepeatable: true) { row throws(PostgresError) in try KeyRecord(row: row) }.first
    }

    package func rotateKey(
        _ id: String, in tenant: String, hash: KeyHash, overlapSeconds: Int64
    ) async throws(ControlError) -> KeyRecord? {
        // The lock first, so that of two rotations at once the later one sees what the earlier one left; and the new hash in a statement of
        // its own, for it may stand only when the old one is no longer the current one.
        let transaction = Transaction([
            Statement(
                "SELECT 1 FROM agentshield.api_keys WHERE tenant_id = $1 AND id = $2 FOR UPDATE", [SQLValue(tenant), SQLValue(id)]),
            // Of rotations before, so that they do not add up.
            Statement(
                "DELETE FROM agentshield.api_key_hashes WHERE tenant_id = $1 AND key_id = $2 AND expires_at <= now()",
                [SQLValue(tenant), SQLValue(id)]),
            Statement(
                """
                UPDATE agentshield.api_key_hashes h
                SET expires_at = least(h.expires_at, now() + greatest($3::bigint, 0) * interval '1 second')
                FROM agentshield.api_keys k
                WHERE k.tenant_id = $1 AND k.id = $2 AND k.revoked_at IS NULL AND h.tenant_id = k.tenant_id AND h.key_id = k.id
                """, [SQLValue(tenant), SQLValue(id), SQLValue(min(overlapSeconds, 10 * 366 * 86_400))]),
            Statement(
                """
                WITH k AS (
                    UPDATE agentshield.api_keys SET epoch = epoch + 1 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING *
                ), h AS (
                    INSERT INTO agentshield.api_key_hashes (pepper_id, hash, tenant_id, key_id)
                    SELECT $3, $4::bytea, k.tenant_id, k.id FROM k
                )
                SELECT \(Self.keyColumns) FROM k
                """, [SQLValue(tenant), SQLValue(id), SQLValue(hash.pepperID), .bytes(hash.digest.bytes)]),
        ])
        do throws(PostgresError) {
            let results = try await driver.run(transaction, timeout: timeout)
            guard let row = results.last?.rows.first else { return nil }
            return try KeyRecord(row: row)
        } catch {
            throw ControlError(error)
        }
    }

    package func lookUp(_ hashes: [KeyHash]) async throws(ControlError) -> KeyAnswer {
        guard let first = hashes.first else { throw .invalid(constraint: nil) }
        let second = hashes.dropFirst().first ?? first
        let statement = Statement(
            """
            SELECT s.revision, f.*
            FROM agentshield.control_state s LEFT JOIN LATERAL (
                SELECT \(Self.keyColumns), t.id, t.name, t.region, floor(extract(epoch FROM t.paused_at))::bigint,
                    floor(extract(epoch FROM t.stopped_at))::bigint, floor(extract(epoch FROM least(k.expires_at, h.expires_at)))::bigint,
                    k.revoked_at IS NULL AND coalesce(least(k.expires_at, h.expires_at) > now(), true)
                FROM agentshield.api_key_hashes h
                JOIN agentshield.api_keys k ON k.tenant_id = h.tenant_id AND k.id = h.key_id
                JOIN agentshield.tenants t ON t.id = k.tenant_id
                WHERE (h.pepper_id = $1 AND h.hash = $2::bytea) OR (h.pepper_id = $3 AND h.hash = $4::bytea)
                LIMIT 1
            ) f ON true
            """,
            [
                SQLValue(first.pepperID), .bytes(first.digest.bytes), SQLValue(second.pepperID), .bytes(second.digest.bytes),
            ])
        return try await one(statement, isRepeatable: true) { row throws(PostgresError) in
            KeyAnswer(revision: try row.integer(0), found: try row.optionalText(1) == nil ? nil : try KeyLookUp(row: row, from: 1))
        }
    }

    package func changes(after revision: Int64?) async throws(ControlError) -> ControlChanges {
        // One statement, so that it is one view of both tables.
        let statement = Statement(
            """
            SELECT s.revision, s.stopped_at IS NOT NULL, c.revision IS NOT NULL, c.tenant_id, c.key_id
            FROM agentshield.control_state s LEFT JOIN agentshield.control_changes c ON c.revision > $1::bigint
            ORDER BY c.revision LIMIT \(ControlLimits.maxChanges + 1)
            """, [SQLValue(revision)])
        let told = try await all(statement, isRepeatable: true) { row throws(PostgresError) in
            ToldChange(
                last: try row.integer(0), isStopped: try row.flag(1), isThere: try row.flag(2), tenant: try row.optionalText(3),
                key: try row.optionalText(4))
        }
        guard let state = told.first else { throw .broken("PostgreSQL has no control state") }
        let changes = told.filter(\.isThere)
        guard let revision, revision <= state.last, Int64(changes.count) == state.last - revision else {
            return ControlChanges(revision: state.last, changes: nil, isStopped: state.isStopped)
        }
        let named = changes.compactMap { ControlChange(tenant: $0.tenant, key: $0.key) }
        return ControlChanges(revision: state.last, changes: named, isStopped: state.isStopped)
    }
}

/// A row of what changed, or of the state alone.
private struct ToldChange {
    var last: Int64
    var isStopped: Bool
    var isThere: Bool
    var tenant: String?
    var key: String?
}

extension KeyPermissions {
    fileprivate var values: [SQLValue] {
        [
            .array(allowedModels), SQLValue(requestsPerMinute), SQLValue(tokensPerMinute), SQLValue(concurrentStreams),
            SQLValue(scrubPolicy),
        ]
    }
}

extension KeyRecord {
    fileprivate init(row: Row, from column: Int = 0) throws(PostgresError) {
        self.init(
            tenant: try row.text(column), id: try row.text(column + 1), department: try row.optionalText(column + 2),
            user: try row.optionalText(column + 3),
            permissions: KeyPermissions(
                allowedModels: try row.optionalArray(column + 4), requestsPerMinute: try row.optionalInteger(column + 5),
                tokensPerMinute: try row.optionalInteger(column + 6), concurrentStreams: try row.optionalInteger(column + 7),
                scrubPolicy: try row.optionalText(column + 8)),
            createdAtUnixSeconds: try row.integer(column + 9), expiresAtUnixSeconds: try row.optionalInteger(column + 10),
            revokedAtUnixSeconds: try row.optionalInteger(column + 11), epoch: try row.integer(column + 12))
    }
}

extension KeyLookUp {
    fileprivate init(row: Row, from column: Int) throws(PostgresError) {
        self.init(
            key: try KeyRecord(row: row, from: column), tenant: try Tenant(row: row, from: column + 13),
            endsAtUnixSeconds: try row.optionalInteger(column + 18), isValid: try row.flag(column + 19))
    }
}
