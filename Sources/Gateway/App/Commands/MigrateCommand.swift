import ArgumentParser
import Foundation
import GatewayConfiguration
import PostgresStore

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Brings the schema of the PostgreSQL database up to this version's.",
        discussion: """
            Reads where the database is from DATABASE_URL, or from the file that DATABASE_URL_FILE names. Any number of these may run at a \
            time. Ends with 0 when the schema is up to date (with --dry-run: when it could be looked at), 65 when a migration was refused, \
            69 when the database cannot be reached, 75 when it did not answer in time, 77 when it denies access, 78 when the location is \
            missing or malformed.
            """)

    @Flag(name: .long, help: "Only list what would be applied.")
    var dryRun = false

    @Option(name: .long, help: "Seconds for each migration, with the waits for the server and for others who migrate: 1 to 86400.")
    var timeout = 60

    func validate() throws {
        guard (1...86_400).contains(timeout) else { throw ValidationError("--timeout takes 1 to 86400 seconds") }
    }

    func run() async throws {
        let driver = try Self.driver()
        do {
            try await migrate(driver)
        } catch {
            await driver.closeAndWait()
            throw error
        }
        await driver.closeAndWait()
    }

    private func migrate(_ driver: PostgresDriver) async throws {
        let migrator = Migrator(driver, timeout: .seconds(timeout))
        do throws(Migrator.Failure) {
            if dryRun {
                let pending = try await migrator.pending()
                pending.forEach { print("would apply \($0.name)") }
                print("\(driver.location): \(pending.count) to apply")
            } else {
                let count = try await migrator.migrate { print("applied \($0.name)") }
                print("\(driver.location): up to date, \(count) applied")
            }
        } catch {
            throw Self.exit(error, at: driver.location)
        }
    }

    private static func driver() throws -> PostgresDriver {
        let name = "DATABASE_URL"
        do {
            let location = try Vault.process.secret(named: name)
            var settings = PostgresDriver.Settings()
            settings.connections = 1
            return try PostgresDriver(PostgresLocation(location), settings: settings)
        } catch let problem as ValueProblem {
            throw exit(78, "\(name) \(problem.problem); \(problem.remedy)")
        } catch let error as PostgresError {
            throw exit(error.kind == .malformed ? 78 : 69, "\(name): \(error.detail)")
        }
    }

    /// The status is one of sysexits.h.
    private static func exit(_ failure: Migrator.Failure, at location: PostgresLocation) -> ExitCode {
        switch failure {
        case .refused(let refusal): return exit(65, "\(location): \(refusal)")
        case .store(let error):
            // The statements are this program's own and hold no value of anybody's, so the server may be quoted.
            let text = "\(location): \(error)" + (error.serverMessage.map { ": \($0)" } ?? "")
            switch error.kind {
            case .unreachable, .connectionLost: return exit(69, text)
            case .deadlineExceeded: return exit(75, text)
            case .refused(let state) where state == .insufficientPrivilege || state.errorClass == "28": return exit(77, text)
            case .refused(let state) where state.retry == .later: return exit(69, text)
            default: return exit(65, text)
            }
        }
    }

    private static func exit(_ status: Int32, _ text: String) -> ExitCode {
        FileHandle.standardError.write(Data("agentshield migrate: \(text)\n".utf8))
        return ExitCode(status)
    }
}
