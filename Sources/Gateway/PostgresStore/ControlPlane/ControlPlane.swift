/// Tenants, departments and users in PostgreSQL; keys are beside.
///
/// Everything but the tenants themselves is reached through a tenant's id alone: whoever presents another tenant's ids finds nothing.
package struct ControlPlane: Sendable {
    let driver: PostgresDriver
    /// For one operation, with waiting and connecting.
    let timeout: Duration
    /// Rows of a listing; more is asked for with `after`.
    package static let maxPage = 500

    package init(_ driver: PostgresDriver, timeout: Duration = .seconds(10)) {
        self.driver = driver
        self.timeout = timeout
    }

    private static let tenantColumns = "id, name, region, floor(extract(epoch FROM suspended_at))::bigint"

    package func createTenant(_ id: String, name: String, region: String? = nil) async throws(ControlPlaneError) -> Tenant {
        let statement = Statement(
            "INSERT INTO agentshield.tenants (id, name, region) VALUES ($1, $2, $3) RETURNING \(Self.tenantColumns)",
            [SQLValue(id), SQLValue(name), SQLValue(region)])
        return try await one(statement, isRepeatable: false, Tenant.init(row:))
    }

    package func tenant(_ id: String) async throws(ControlPlaneError) -> Tenant? {
        let statement = Statement("SELECT \(Self.tenantColumns) FROM agentshield.tenants WHERE id = $1", [SQLValue(id)])
        return try await all(statement, isRepeatable: true, Tenant.init(row:)).first
    }

    /// In the order of their ids, at most `maxPage`.
    package func tenants(after id: String = "") async throws(ControlPlaneError) -> [Tenant] {
        let statement = Statement(
            "SELECT \(Self.tenantColumns) FROM agentshield.tenants WHERE id > $1 ORDER BY id LIMIT \(Self.maxPage)", [SQLValue(id)])
        return try await all(statement, isRepeatable: true, Tenant.init(row:))
    }

    /// Suspends a tenant or lets it go on; all of its keys get a new epoch. `nil`: there is no such tenant.
    package func setSuspended(_ isSuspended: Bool, tenant id: String) async throws(ControlPlaneError) -> Tenant? {
        let statement = Statement(
            """
            WITH keys AS (
                UPDATE agentshield.api_keys k SET epoch = k.epoch + 1 FROM agentshield.tenants t
                WHERE t.id = $1 AND k.tenant_id = t.id AND (t.suspended_at IS NOT NULL) <> $2::boolean
            )
            UPDATE agentshield.tenants SET suspended_at = CASE WHEN $2::boolean THEN coalesce(suspended_at, now()) END
            WHERE id = $1 RETURNING \(Self.tenantColumns)
            """, [SQLValue(id), SQLValue(isSuspended)])
        return try await all(statement, isRepeatable: true, Tenant.init(row:)).first
    }

    package func createDepartment(_ id: String, name: String, in tenant: String) async throws(ControlPlaneError) -> Department {
        let statement = Statement(
            "INSERT INTO agentshield.departments (tenant_id, id, name) VALUES ($1, $2, $3) RETURNING tenant_id, id, name",
            [SQLValue(tenant), SQLValue(id), SQLValue(name)])
        return try await one(statement, isRepeatable: false, Department.init(row:))
    }

    package func departments(of tenant: String, after id: String = "") async throws(ControlPlaneError) -> [Department] {
        let statement = Statement(
            """
            SELECT tenant_id, id, name FROM agentshield.departments WHERE tenant_id = $1 AND id > $2
            ORDER BY id LIMIT \(Self.maxPage)
            """, [SQLValue(tenant), SQLValue(id)])
        return try await all(statement, isRepeatable: true, Department.init(row:))
    }

    package func createUser(
        _ id: String, name: String, department: String? = nil, in tenant: String
    ) async throws(ControlPlaneError) -> User {
        let statement = Statement(
            """
            INSERT INTO agentshield.users (tenant_id, id, department_id, name) VALUES ($1, $2, $3, $4)
            RETURNING tenant_id, id, department_id, name
            """, [SQLValue(tenant), SQLValue(id), SQLValue(department), SQLValue(name)])
        return try await one(statement, isRepeatable: false, User.init(row:))
    }

    package func users(of tenant: String, after id: String = "") async throws(ControlPlaneError) -> [User] {
        let statement = Statement(
            """
            SELECT tenant_id, id, department_id, name FROM agentshield.users WHERE tenant_id = $1 AND id > $2
            ORDER BY id LIMIT \(Self.maxPage)
            """, [SQLValue(tenant), SQLValue(id)])
        return try await all(statement, isRepeatable: true, User.init(row:))
    }

    func all<Record>(
        _ statement: Statement, isRepeatable: Bool, _ read: (Row) throws(PostgresError) -> Record
    ) async throws(ControlPlaneError) -> [Record] {
        do throws(PostgresError) {
            let result = try await driver.query(statement, timeout: timeout, isRepeatable: isRepeatable)
            var records: [Record] = []
            for row in result.rows { records.append(try read(row)) }
            return records
        } catch {
            throw ControlPlaneError(error)
        }
    }

    func one<Record>(
        _ statement: Statement, isRepeatable: Bool, _ read: (Row) throws(PostgresError) -> Record
    ) async throws(ControlPlaneError) -> Record {
        guard let record = try await all(statement, isRepeatable: isRepeatable, read).first else {
            throw .store(.malformed("no row came back"))
        }
        return record
    }
}

extension Tenant {
    fileprivate init(row: Row) throws(PostgresError) {
        try self.init(row: row, from: 0)
    }

    init(row: Row, from column: Int) throws(PostgresError) {
        id = try row.text(column)
        name = try row.text(column + 1)
        region = try row.optionalText(column + 2)
        suspendedAtUnixSeconds = try row.optionalInteger(column + 3)
    }
}

extension Department {
    fileprivate init(row: Row) throws(PostgresError) {
        tenant = try row.text(0)
        id = try row.text(1)
        name = try row.text(2)
    }
}

extension User {
    fileprivate init(row: Row) throws(PostgresError) {
        tenant = try row.text(0)
        id = try row.text(1)
        department = try row.optionalText(2)
        name = try row.text(3)
    }
}
