import Foundation
import PostgresStore
import ProcessSupport
import Synchronization
import Testing

/// Long enough for a machine with much else to do; a test that waits for it has failed.
let patience: Duration = .seconds(30)

extension PostgresCluster {
    private static let template = "migrated"

    static var shared: PostgresCluster { get throws { try #require(current, "outside of ServerTests") } }

    func createTemplate() async throws {
        try await administer("CREATE DATABASE \(Self.template)")
        let driver = try PostgresDriver(location(Self.template))
        defer { driver.close() }
        try await Migrator(driver).migrate()
        // A template that somebody is connected to cannot be copied; the server ends the connection after us.
        try await administer("ALTER DATABASE \(Self.template) IS_TEMPLATE true")
    }

    func administer(_ sql: String) async throws {
        var settings = PostgresDriver.Settings()
        settings.connections = 1
        let driver = try PostgresDriver(location("postgres"), settings: settings)
        defer { driver.close() }
        _ = try await driver.query(Statement(sql), timeout: patience)
    }

    /// A new database; one with the schema is a copy of one that was migrated.
    func createDatabase(isMigrated: Bool) async throws -> String {
        let name = "t" + UUID().uuidString.replacingOccurrences(of: "-", with: "").lowercased()
        // Another copy under way, or a connection of the one that made the template, stands in the way for a moment (55006).
        var settings = PostgresDriver.Settings()
        settings.connections = 1
        let driver = try PostgresDriver(location("postgres"), settings: settings)
        defer { driver.close() }
        let template = isMigrated ? Self.template : "template0"
        _ = try await driver.query(Statement("CREATE DATABASE \(name) TEMPLATE \(template)"), timeout: patience, isRepeatable: true)
        return name
    }

    /// Runs the body with a driver to a new database.
    static func withDatabase<Result>(
        isMigrated: Bool = false, settings: PostgresDriver.Settings = .init(),
        _ body: (PostgresDriver, _ database: String) async throws -> Result
    ) async throws -> Result {
        let cluster = try shared
        let database = try await cluster.createDatabase(isMigrated: isMigrated)
        let driver = try PostgresDriver(cluster.location(database), settings: settings)
        defer { driver.close() }
        return try await body(driver, database)
    }
}

extension PostgresDriver {
    func rows(_ sql: String, _ parameters: [SQLValue] = [], timeout: Duration = patience) async throws(PostgresError) -> [[String?]] {
        try await query(Statement(sql, parameters), timeout: timeout).rows.map(\.cells)
    }

    /// The error that an operation must end with.
    func failure(_ sql: String, timeout: Duration = patience, sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> PostgresError
    {
        try #require(await failure(SingleStatement(Statement(sql)), timeout: timeout), sourceLocation: sourceLocation)
    }

    func failure(_ conversation: some Conversation, timeout: Duration = patience, isRepeatable: Bool = false) async -> PostgresError? {
        do throws(PostgresError) {
            _ = try await run(conversation, timeout: timeout, isRepeatable: isRepeatable)
            return nil
        } catch {
            return error
        }
    }
}

extension PostgresDriver.Settings {
    static func connections(_ count: Int, maxOperations: Int = 1_024) -> Self {
        var settings = Self()
        settings.connections = count
        settings.maxOperations = maxOperations
        return settings
    }
}
