internal import GatewayCrypto

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
    ) async throws(ControlPlaneError) -> KeyRecord {
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

    package func key(_ id: String, in tenant: String) async throws(ControlPlaneError) -> KeyRecord? {
        let statement = Statement(
            "SELECT \(Self.keyColumns) FROM agentshield.api_keys k WHERE k.tenant_id = $1 AND k.id = $2", [SQLValue(tenant), SQLValue(id)])
        return try await all(statement, isRepeatable: true) { row throws(PostgresError) in try KeyRecord(row: row) }.first
    }

    /// In the order of their ids, at most `maxPage`.
    package func keys(of tenant: String, after id: String = "") async throws(ControlPlaneError) -> [KeyRecord] {
        let statement = Statement(
            """
            SELECT \(Self.keyColumns) FROM agentshield.api_keys k WHERE k.tenant_id = $1 AND k.id > $2
            ORDER BY k.id LIMIT \(Self.maxPage)
            """, [SQLValue(tenant), SQLValue(id)])
        return try await all(statement, isRepeatable: true) { row throws(PostgresError) in try KeyRecord(row: row) }
    }

    /// Ends a key for good, with all of its hashes. A revoked one stays as it is. `nil`: the tenant has no such key.
    package func revokeKey(_ id: String, in tenant: String) async throws(ControlPlaneError) -> KeyRecord? {
        let statement = Statement(
            """
            UPDATE agentshield.api_keys k
            SET epoch = k.epoch + CASE WHEN k.revoked_at IS NULL THEN 1 ELSE 0 END, revoked_at = coalesce(k.revoked_at, now())
            WHERE k.tenant_id = $1 AND k.id = $2 RETURNING \(Self.keyColumns)
            """, [SQLValue(tenant), SQLValue(id)])
        return try await all(statement, isRepeatable: true) { row throws(PostgresError) in try KeyRecord(row: row) }.first
    }

    /// Gives a key another secret. The ones before it are good for `overlapSeconds` more, or until they would have ended anyway.
    ///
    /// - Returns: `nil`: the tenant has no such key, or it is revoked.
    package func rotateKey(
        _ id: String, in tenant: String, hash: KeyHash, overlapSeconds: Int64
    ) async throws(ControlPlaneError) -> KeyRecord? {
        // The lock first, so that of two rotations at once the later one sees what the earlier one left; and the new hash in a statement of
        // its own, for it may stand only when the old one is no longer the current one.
        let transaction = Transaction([
            Statement(
                "SELECT 1 FROM agentshield.api_keys WHERE tenant_id = $1 AND id = $2 FOR UPDATE", [SQLValue(tenant), SQLValue(id)]),
            Statement(
                """
                UPDATE agentshield.api_key_hashes h
                SET expires_at = least(h.expires_at, now() + greatest($3::bigint, 0) * interval '1 second')
                FROM agentshield.api_keys k
                WHERE k.tenant_id = $1 AND k.id = $2 AND k.revoked_at IS NULL AND h.tenant_id = k.tenant_id AND h.key_id = k.id
                """, [SQLValue(tenant), SQLValue(id), SQLValue(overlapSeconds)]),
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
            throw ControlPlaneError(error)
        }
    }

    /// Gives a key other permissions and another expiry. `nil`: the tenant has no such key.
    package func changeKey(
        _ id: String, in tenant: String, permissions: KeyPermissions, expiresAtUnixSeconds: Int64?
    ) async throws(ControlPlaneError) -> KeyRecord? {
        let statement = Statement(
            """
            UPDATE agentshield.api_keys k
            SET allowed_models = $3::text[], requests_per_minute = $4::bigint, tokens_per_minute = $5::bigint,
                concurrent_streams = $6::bigint, scrub_policy = $7, expires_at = to_timestamp($8::bigint), epoch = k.epoch + 1
            WHERE k.tenant_id = $1 AND k.id = $2 RETURNING \(Self.keyColumns)
            """, [SQLValue(tenant), SQLValue(id)] + permissions.values + [SQLValue(expiresAtUnixSeconds)])
        return try await all(statement, isRepeatable: true) { row throws(PostgresError) in try KeyRecord(row: row) }.first
    }

    /// Deletes hashes whose overlap is over. Returns how many.
    package func deleteEndedHashes() async throws(ControlPlaneError) -> Int {
        do throws(PostgresError) {
            let statement = Statement("DELETE FROM agentshield.api_key_hashes WHERE expires_at < now()")
            return try await driver.query(statement, timeout: timeout, isRepeatable: true).affectedRows
        } catch {
            throw ControlPlaneError(error)
        }
    }

    /// Finds what a presented key stands for, revoked and ended ones too. `nil`: nothing.
    package func lookUp(_ hash: KeyHash) async throws(ControlPlaneError) -> KeyLookUp? {
        let statement = Self.lookUpStatement(hash)
        return try await all(statement, isRepeatable: true) { row throws(PostgresError) in try KeyLookUp(row: row) }.first
    }

    /// The same for an event loop: calls back once, on the driver's thread.
    package func lookUp(_ hash: KeyHash, completion: @escaping @Sendable (Result<KeyLookUp?, ControlPlaneError>) -> Void) {
        driver.submit(SingleStatement(Self.lookUpStatement(hash)), timeout: timeout, isRepeatable: true) { result in
            do throws(PostgresError) {
                guard let row = try result.get().rows.first else { return completion(.success(nil)) }
                completion(.success(try KeyLookUp(row: row)))
            } catch {
                completion(.failure(ControlPlaneError(error)))
            }
        }
    }

    private static func lookUpStatement(_ hash: KeyHash) -> Statement {
        Statement(
            """
            SELECT \(keyColumns), t.id, t.name, t.region, floor(extract(epoch FROM t.suspended_at))::bigint,
                floor(extract(epoch FROM least(k.expires_at, h.expires_at)))::bigint,
                k.revoked_at IS NULL AND t.suspended_at IS NULL AND coalesce(least(k.expires_at, h.expires_at) > now(), true)
            FROM agentshield.api_key_hashes h
            JOIN agentshield.api_keys k ON k.tenant_id = h.tenant_id AND k.id = h.key_id
            JOIN agentshield.tenants t ON t.id = k.tenant_id
            WHERE h.pepper_id = $1 AND h.hash = $2::bytea
            """, [SQLValue(hash.pepperID), .bytes(hash.digest.bytes)])
    }
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
    fileprivate init(row: Row) throws(PostgresError) {
        tenant = try row.text(0)
        id = try row.text(1)
        department = try row.optionalText(2)
        user = try row.optionalText(3)
        permissions = KeyPermissions(
            allowedModels: try row.optionalArray(4), requestsPerMinute: try row.optionalInteger(5),
            tokensPerMinute: try row.optionalInteger(6), concurrentStreams: try row.optionalInteger(7),
            scrubPolicy: try row.optionalText(8))
        createdAtUnixSeconds = try row.integer(9)
        expiresAtUnixSeconds = try row.optionalInteger(10)
        revokedAtUnixSeconds = try row.optionalInteger(11)
        epoch = try row.integer(12)
    }
}

extension KeyLookUp {
    fileprivate init(row: Row) throws(PostgresError) {
        key = try KeyRecord(row: row)
        tenant = try Tenant(row: row, from: 13)
        endsAtUnixSeconds = try row.optionalInteger(17)
        isValid = try row.flag(18)
    }
}
