/// Brings a database's schema up to this program's.
package struct Migrator: Sendable {
    package enum Failure: Error, Sendable, Equatable {
        case store(PostgresError)
        case refused(MigrationRefusal)
    }

    private let driver: PostgresDriver
    private let migrations: [Migration]
    /// For each migration, with the wait for others who migrate.
    private let timeout: Duration

    package init(_ driver: PostgresDriver, migrations: [Migration] = Migration.all, timeout: Duration = .seconds(600)) {
        self.driver = driver
        self.migrations = migrations
        self.timeout = timeout
    }

    /// What would be applied, in order. Changes nothing.
    package func pending() async throws(Failure) -> [Migration] {
        switch try await run(isDryRun: true) {
        case .pending(let migrations): return migrations
        case .applied, .upToDate, .refused: return []
        }
    }

    /// Applies what is missing.
    ///
    /// - Parameter applied: called after each.
    /// - Returns: how many were applied here; others may have applied more.
    @discardableResult
    package func migrate(applied: (Migration) -> Void = { _ in }) async throws(Failure) -> Int {
        var count = 0
        while case .applied(let migration) = try await run(isDryRun: false) {
            applied(migration)
            count += 1
        }
        return count
    }

    private func run(isDryRun: Bool) async throws(Failure) -> MigrationOutcome {
        let outcome: MigrationOutcome
        do {
            // Done twice it is done once: the second time it is found in the table.
            outcome = try await driver.run(MigrationConversation(migrations, isDryRun: isDryRun), timeout: timeout, isRepeatable: true)
        } catch {
            throw .store(error)
        }
        if case .refused(let refusal) = outcome { throw .refused(refusal) }
        return outcome
    }
}
