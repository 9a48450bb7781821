package import GatewayCore

/// Tenants, departments and users in PostgreSQL; keys are beside.
package struct ControlPlane: ControlStore {
    let driver: PostgresDriver
    /// For one operation, with waiting and connecting.
    let timeout: Duration

    package init(_ driver: PostgresDriver, timeout: Duration = .seconds(10)) {
        self.driver = driver
        self.timeout = timeout
    }

    private static let tenantColumns = """
        id, name, region, floor(extract(epoch FROM paused_at))::bigint, floor(extract(epoch FROM stopped_at))::bigint
        """

    package func createTenant(_ id: String, name: String, region: String?) async throws(ControlError) -> Tenant {
        let statement = Statement(
            "INSERT INTO agentshield.tenants (id, name, region) VALUES ($1, $2, $3) RETURNING \(Self.tenantColumns)",
            [SQLValue(id), SQLValue(name), SQLValue(region)])
        return try await one(statement, isRepeatable: false, Tenant.init(row:))
    }

    package func tenant(_ id: String) async throws(ControlError) -> Tenant? {
        let statement = Statement("SELECT \(Self.tenantColumns) FROM agentshield.tenants WHERE id = $1", [SQLValue(id)])
        return try await all(statement, isRepeatable: true, Tenant.init(row:)).first
    }

    package func tenants(after id: String) async throws(ControlError) -> [Tenant] {
        let statement = Statement(
            "SELECT \(Self.tenantColumns) FROM agentshield.tenants WHERE id > $1 ORDER BY id LIMIT \(ControlLimits.maxPage)", [SQLValue(id)]
        )
        return try await all(statement, isRepeatable: true, Tenant.init(row:))
    }

    package func tenants(named ids: [String]) async throws(ControlError) -> [Tenant] {
        let statement = Statement(
            "SELECT \(Self.tenantColumns) FROM agentshield.tenants WHERE id = ANY ($1::text[]) ORDER BY id LIMIT \(ControlLimits.maxPage)",
            [.array(ids)])
        return try await all(statement, isRepeatable: true, Tenant.init(row:))
    }

    package func changeTenant(_ id: String, _ change: TenantChange) async throws(ControlError) -> Tenant? {
        let statement = Statement(
            """
            UPDATE agentshield.tenants SET
                paused_at = CASE $2::boolean WHEN true THEN coalesce(paused_at, now()) WHEN false THEN NULL ELSE paused_at END,
                stopped_at = CASE $3::boolean WHEN true THEN coalesce(stopped_at, now()) WHEN false THEN NULL ELSE stopped_at END,
                region = CASE WHEN $4::boolean THEN $5 ELSE region END
            WHERE id = $1 RETURNING \(Self.tenantColumns)
            """,
            [
                SQLValue(id), SQLValue(change.isPaused), SQLValue(change.isStopped), SQLValue(change.newRegion != nil),
                SQLValue(change.newRegion ?? nil),
            ])
        return try await all(statement, isRepeatable: true, Tenant.init(row:)).first
    }

    package func setStopped(_ isStopped: Bool) async throws(ControlError) {
        let statement = Statement(
            "UPDATE agentshield.control_state SET stopped_at = CASE WHEN $1::boolean THEN coalesce(stopped_at, now()) END RETURNING 1",
            [SQLValue(isStopped)])
        _ = try await one(statement, isRepeatable: true) { row throws(PostgresError) in try row.integer(0) }
    }

    package func close() async {
        await driver.closeAndWait()
    }

    package func createDepartment(_ id: String, name: String, in tenant: String) async throws(ControlError) -> Department {
        let statement = Statement(
            "INSERT INTO agentshield.departments (tenant_id, id, name) VALUES ($1, $2, $3) RETURNING tenant_id, id, name",
            [SQLValue(tenant), SQLValue(id), SQLValue(name)])
        return try await one(statement, isRepeatable: false, Department.init(row:))
    }

    package func departments(of tenant: String, after id: String) async throws(ControlError) -> [Department] {
        let statement = Statement(
            """
            SELECT tenant_id, id, name FROM agentshield.departments WHERE tenant_id = $1 AND id > $2
            ORDER BY id LIMIT \(ControlLimits.maxPage)
            """, [SQLValue(tenant), SQLValue(id)])
        return try await all(statement, isRepeatable: true, Department.init(row:))
    }

    package func createUser(
        _ id: String, name: String, department: String? = nil, in tenant: String
    ) async throws(ControlError) -> User {
        let statement = Statement(
            """
            INSERT INTO agentshield.users (tenant_id, id, department_id, name) VALUES ($1, $2, $3, $4)
            RETURNING tenant_id, id, department_id, name
            """, [SQLValue(tenant), SQLValue(id), SQLValue(department), SQLValue(name)])
        return try await one(statement, isRepeatable: false, User.init(row:))
    }

    package func users(of tenant: String, after id: String) async throws(ControlError) -> [User] {
        let statement = Statement(
            """
            SELECT tenant_id, id, department_id, name FROM agentshield.users WHERE tenant_id = $1 AND id > $2
            ORDER BY id LIMIT \(ControlLimits.maxPage)
            """, [SQLValue(tenant), SQLValue(id)])
        return try await all(statement, isRepeatable: true, User.init(row:))
    }

    func all<Record>(
        _ statement: Statement, isRepeatable: Bool, _ read: (Row) throws(PostgresError) -> Record
    ) async throws(ControlError) -> [Record] {
        do throws(PostgresError) {
            let result = try await driver.query(statement, timeout: timeout, isRepeatable: isRepeatable)
            var records: [Record] = []
            for row in result.rows { records.append(try read(row)) }
            return records
        } catch {
            throw ControlError(error)
        }
    }

    func one<Record>(
        _ statement: Statement, isRepeatable: Bool, _ read: (Row) throws(PostgresError) -> Record
    ) async throws(ControlError) -> Record {
        guard let record = try await all(statement, isRepeatable: isRepeatable, read).first else {
            throw .broken("PostgreSQL gave no row")
        }
        return record
    }
}

extension Tenant {
    fileprivate init(row: Row) throws(PostgresError) {
        try self.init(row: row, from: 0)
    }

    init(row: Row, from column: Int) throws(PostgresError) {
        self.init(
            id: try row.text(column), name: try row.text(column + 1), region: try row.optionalText(column + 2),
            pausedAtUnixSeconds: try row.optionalInteger(column + 3), stoppedAtUnixSeconds: try row.optionalInteger(column + 4))
    }
}

extension Department {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(tenant: try row.text(0), id: try row.text(1), name: try row.text(2))
    }
}

extension User {
    fileprivate init(row: Row) throws(PostgresError) {
        self.init(tenant: try row.text(0), id: try row.text(1), department: try row.optionalText(2), name: try row.text(3))
    }
}

extension ControlError {
    init(_ error: PostgresError) {
        switch (error.sqlState, error.kind) {
        case (.uniqueViolation?, _): self = .alreadyExists
        case (.foreignKeyViolation?, _): self = .unknownReference
        case (let state?, _) where state.blamesValues: self = .invalid(constraint: error.constraint)
        case (let state?, _) where state.retry == .later: self = .unavailable("\(error)")
        case (.some, _), (nil, .malformed), (nil, .resultTooLarge): self = .broken(error.explanation)
        case (nil, _): self = .unavailable("\(error)")
        }
    }
}
