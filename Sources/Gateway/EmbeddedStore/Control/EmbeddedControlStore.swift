import CSQLite
package import GatewayCore
import NIOPosix
import Synchronization

/// Tenants and keys in a SQLite file of this machine. Several processes may have the same file open.
///
/// One thread has the connection; nothing here blocks a caller.
package final class EmbeddedControlStore: ControlStore {
    private let threads: NIOThreadPool
    private let connection: ThreadOwned
    private let waiting = Atomic<Int>(0)
    /// Operations that wait or run; one more is refused.
    private static let maxWaiting = 1_024

    /// `@unchecked Sendable`: after it was opened the connection is used on the pool's one thread alone.
    private final class ThreadOwned: @unchecked Sendable {
        let connection: SQLiteConnection

        init(path: String) throws(SQLiteError) {
            connection = try SQLiteConnection(path: path)
            try EmbeddedControlSchema.prepare(connection)
        }
    }

    /// Opens the file, which is made with its tables if it is not there. Waits for the disk: for start-up, never for an event loop.
    package init(path: String) throws(ControlError) {
        do throws(SQLiteError) {
            connection = try ThreadOwned(path: path)
        } catch {
            throw ControlError(error)
        }
        threads = NIOThreadPool(numberOfThreads: 1)
        threads.start()
    }

    package func close() async {
        try? await threads.shutdownGracefully()
    }

    /// Runs `body` on the connection's thread.
    func perform<Result: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws(SQLiteError) -> Result
    ) async throws(ControlError) -> Result {
        guard waiting.wrappingAdd(1, ordering: .relaxed).newValue <= Self.maxWaiting else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            throw .unavailable("too much waits for the SQLite file")
        }
        defer { waiting.wrappingSubtract(1, ordering: .relaxed) }
        do {
            return try await threads.runIfActive { [connection] in try body(connection.connection) }
        } catch let error as SQLiteError {
            throw ControlError(error)
        } catch {
            throw .unavailable("the store is closed")
        }
    }

    // MARK: tenants

    static let tenantColumns = "t.id, t.name, t.region, t.paused_at, t.stopped_at"

    package func createTenant(_ id: String, name: String, region: String?) async throws(ControlError) -> Tenant {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                "INSERT INTO tenants AS t (id, name, region) VALUES (?1, ?2, ?3) RETURNING id, name, region, paused_at, stopped_at",
                [.text(id), .text(name), SQLiteValue(region)]
            ).one { row throws(SQLiteError) in try Tenant(row, from: 0) }
        }
    }

    package func tenant(_ id: String) async throws(ControlError) -> Tenant? {
        try await tenants("WHERE t.id = ?1", [.text(id)]).first
    }

    package func tenants(after id: String) async throws(ControlError) -> [Tenant] {
        try await tenants("WHERE t.id > ?1 ORDER BY t.id LIMIT \(ControlLimits.maxPage)", [.text(id)])
    }

    package func tenants(named ids: [String]) async throws(ControlError) -> [Tenant] {
        let ids = ids.prefix(ControlLimits.maxPage)
        let places = ids.indices.map { "?\($0 - ids.startIndex + 1)" }.joined(separator: ", ")
        return try await tenants("WHERE t.id IN (\(places)) ORDER BY t.id", ids.map { .text($0) })
    }

    private func tenants(_ condition: String, _ values: [SQLiteValue]) async throws(ControlError) -> [Tenant] {
        try await perform { connection throws(SQLiteError) in
            try connection.run("SELECT \(Self.tenantColumns) FROM tenants t \(condition)", values)
                .each { row throws(SQLiteError) in try Tenant(row, from: 0) }
        }
    }

    package func changeTenant(_ id: String, _ change: TenantChange) async throws(ControlError) -> Tenant? {
        let now = EmbeddedControlSchema.now
        let statement = """
            UPDATE tenants SET
                paused_at = CASE ?2 WHEN 1 THEN coalesce(paused_at, \(now)) WHEN 0 THEN NULL ELSE paused_at END,
                stopped_at = CASE ?3 WHEN 1 THEN coalesce(stopped_at, \(now)) WHEN 0 THEN NULL ELSE stopped_at END,
                region = CASE WHEN ?4 THEN ?5 ELSE region END
            WHERE id = ?1 RETURNING id, name, region, paused_at, stopped_at
            """
        let flags = [change.isPaused, change.isStopped, change.newRegion != nil].map { flag in
            flag.map { SQLiteValue.integer($0 ? 1 : 0) } ?? .null
        }
        return try await perform { connection throws(SQLiteError) in
            try connection.run(statement, [.text(id)] + flags + [SQLiteValue(change.newRegion ?? nil)])
                .each { row throws(SQLiteError) in try Tenant(row, from: 0) }.first
        }
    }

    package func setStopped(_ isStopped: Bool) async throws(ControlError) {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                "UPDATE control_state SET stopped_at = CASE WHEN ?1 THEN coalesce(stopped_at, \(EmbeddedControlSchema.now)) END",
                [.integer(isStopped ? 1 : 0)])
            return
        }
    }

    // MARK: departments and users

    package func createDepartment(_ id: String, name: String, in tenant: String) async throws(ControlError) -> Department {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                "INSERT INTO departments (tenant_id, id, name) VALUES (?1, ?2, ?3)", [.text(tenant), .text(id), .text(name)])
            return Department(tenant: tenant, id: id, name: name)
        }
    }

    package func departments(of tenant: String, after id: String) async throws(ControlError) -> [Department] {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                "SELECT tenant_id, id, name FROM departments WHERE tenant_id = ?1 AND id > ?2 ORDER BY id LIMIT \(ControlLimits.maxPage)",
                [.text(tenant), .text(id)]
            ).each { row throws(SQLiteError) in
                Department(tenant: try row.text(0), id: try row.text(1), name: try row.text(2))
            }
        }
    }

    package func createUser(_ id: String, name: String, department: String?, in tenant: String) async throws(ControlError) -> User {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                "INSERT INTO users (tenant_id, id, department_id, name) VALUES (?1, ?2, ?3, ?4)",
                [.text(tenant), .text(id), SQLiteValue(department), .text(name)])
            return User(tenant: tenant, id: id, department: department, name: name)
        }
    }

    package func users(of tenant: String, after id: String) async throws(ControlError) -> [User] {
        try await perform { connection throws(SQLiteError) in
            try connection.run(
                """
                SELECT tenant_id, id, department_id, name FROM users WHERE tenant_id = ?1 AND id > ?2
                ORDER BY id LIMIT \(ControlLimits.maxPage)
                """, [.text(tenant), .text(id)]
            ).each { row throws(SQLiteError) in
                User(tenant: try row.text(0), id: try row.text(1), department: try row.optionalText(2), name: try row.text(3))
            }
        }
    }
}

extension ControlError {
    init(_ error: SQLiteError) {
        switch error.code {
        case 1555, 2067: self = .alreadyExists  // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE
        case 787: self = .unknownReference  // SQLITE_CONSTRAINT_FOREIGNKEY
        case 275: self = .invalid(constraint: error.message.split(separator: " ").last.map(String.init))  // SQLITE_CONSTRAINT_CHECK
        default:
            let isTransient = [SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN, SQLITE_NOMEM].contains(
                error.primaryCode)
            let detail = "SQLite: \(error.message) (\(error.code))"
            self = isTransient ? .unavailable(detail) : .broken(detail)
        }
    }
}

extension Tenant {
    init(_ row: SQLiteRow, from column: Int) throws(SQLiteError) {
        self.init(
            id: try row.text(column), name: try row.text(column + 1), region: try row.optionalText(column + 2),
            pausedAtUnixSeconds: try row.optionalInteger(column + 3), stoppedAtUnixSeconds: try row.optionalInteger(column + 4))
    }
}
