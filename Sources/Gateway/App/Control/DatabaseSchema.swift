import ArgumentParser
import Foundation
import GatewayConfiguration
import GatewayCrypto
import PostgresStore

/// The schema of the PostgreSQL database, as commands look after it. What goes wrong is told on standard error, with a status of sysexits.h.
struct DatabaseSchema {
    /// Who asks, as it is told.
    let command: String
    private let driver: PostgresDriver

    /// Runs the body with the schema of the database that DATABASE_URL names.
    static func with(command: String, _ body: (DatabaseSchema) async throws -> Void) async throws {
        let name = "DATABASE_URL"
        let driver: PostgresDriver
        do {
            var settings = PostgresDriver.Settings()
            settings.connections = 1
            driver = try PostgresDriver(PostgresLocation(try Vault.process.secret(named: name)), settings: settings)
        } catch let problem as ValueProblem {
            throw exit(command, 78, "\(name) \(problem.problem); \(problem.remedy)")
        } catch let error as PostgresError {
            throw exit(command, error.kind == .malformed ? 78 : 69, "\(name): \(error.detail)")
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body(DatabaseSchema(command: command, driver: driver))) } catch { result = .failure(error) }
        await driver.closeAndWait()
        try result.get()
    }

    /// - Returns: what would be applied.
    func pending(timeout: Duration) async throws -> [Migration] {
        do throws(Migrator.Failure) {
            return try await Migrator(driver, timeout: timeout).pending()
        } catch {
            throw explained(error)
        }
    }

    /// - Parameters:
    ///   - timeout: for each migration, with the waits for the server and for others who migrate.
    ///   - told: called for each that was applied.
    func migrate(timeout: Duration, told: (Migration) -> Void) async throws -> Int {
        do throws(Migrator.Failure) {
            return try await Migrator(driver, timeout: timeout).migrate(applied: told)
        } catch {
            throw explained(error)
        }
    }

    var location: String { "\(driver.location)" }

    /// Refuses a database that lacks migrations, where that can be seen now; one that is out of reach is followed later.
    static func refuseOutdated(_ location: Secret, within time: Duration, command: String) async throws {
        var settings = PostgresDriver.Settings()
        settings.connections = 1
        guard let driver = try? PostgresDriver(PostgresLocation(location), settings: settings) else { return }
        let pending = try? await Migrator(driver, timeout: time).pending()
        await driver.closeAndWait()
        guard let count = pending?.count, count > 0 else { return }
        throw exit(
            command, 78, "DATABASE_URL names a database that lacks \(count) migrations of this version: run `agentshield migrate`")
    }

    private func explained(_ failure: Migrator.Failure) -> ExitCode {
        switch failure {
        case .refused(let refusal): return exit(65, "\(refusal)")
        case .store(let error):
            // The statements are this program's own and hold no value of anybody's, so the server may be quoted.
            let text = "\(error)" + (error.serverMessage.map { ": \($0)" } ?? "")
            switch error.kind {
            case .unreachable, .connectionLost: return exit(69, text)
            case .deadlineExceeded: return exit(75, text)
            case .refused(let state) where state == .insufficientPrivilege || state.errorClass == "28": return exit(77, text)
            case .refused(let state) where state.retry == .later: return exit(69, text)
            default: return exit(65, text)
            }
        }
    }

    private func exit(_ status: Int32, _ text: String) -> ExitCode { Self.exit(command, status, "\(location): \(text)") }

    private static func exit(_ command: String, _ status: Int32, _ text: String) -> ExitCode {
        FileHandle.standardError.write(Data("agentshield \(command): \(text)\n".utf8))
        return ExitCode(status)
    }
}
