import ArgumentParser
import EmbeddedStore
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayCrypto
import PostgresStore

/// Where a command finds the ledger.
struct LedgerOptions: ParsableArguments {
    @Option(
        name: .long,
        help:
            "The SQLite file that `ledger.file` names. Without it: the database that DATABASE_URL, or the file in DATABASE_URL_FILE, names."
    )
    var file: String?

    private func open() throws -> any LedgerArchive {
        if let file { return try LedgerFileReader(path: file) }
        guard Vault.process.holds("DATABASE_URL") else {
            throw ValidationError("there is no ledger: give --file FILE, or set DATABASE_URL")
        }
        let location = try EnvironmentSecret.read("DATABASE_URL", minimumCount: 1)
        do throws(PostgresError) {
            let driver = try PostgresDriver(PostgresLocation(location))
            return PostgresLedger(driver, timeout: .seconds(30))
        } catch {
            throw LedgerError.broken("DATABASE_URL: \(error.detail)")
        }
    }

    /// What the file says is reserved.
    func holds() async throws -> [LedgerFile.Hold] {
        guard let file else { return [] }
        let reader = try LedgerFileReader(path: file)
        let holds = try await reader.holds()
        await reader.close()
        return holds
    }

    /// Runs the body with the ledger; what goes wrong is told on standard error, with a status of sysexits.h.
    func with(_ body: (any LedgerArchive) async throws -> Void) async throws {
        do {
            let archive = try open()
            do {
                try await body(archive)
                await archive.close()
            } catch {
                await archive.close()
                throw error
            }
        } catch let error as LedgerError {
            FileHandle.standardError.write(Data("agentshield: \(error)\n".utf8))
            switch error {
            case .unavailable: throw ExitCode(69)
            case .broken: throw ExitCode(65)
            }
        } catch let fault as LedgerEntryFault {
            FileHandle.standardError.write(Data("agentshield: a row's record cannot be read: \(fault)\n".utf8))
            throw ExitCode(65)
        }
    }
}

/// Which rows a command is about.
struct LedgerSelection: ParsableArguments {
    @Option(name: .long, help: "Only this tenant's rows.")
    var tenant: String?

    @Option(name: .long, help: "Only requests that came at this instant or later: 2026-11-30 or 2026-11-30T08:00:00Z.", transform: instant)
    var since: Int64?

    @Option(name: .long, help: "Only requests that came before this instant.", transform: instant)
    var until: Int64?

    var query: LedgerQuery { LedgerQuery(tenant: tenant, since: since, until: until) }

    /// Milliseconds since 1970.
    private static func instant(_ text: String) throws -> Int64 {
        let whole = text.contains("T") ? text : text + "T00:00:00Z"
        guard let date = try? Date(whole, strategy: .iso8601) else {
            throw ValidationError("`\(text)` is no instant: write 2026-11-30 or 2026-11-30T08:00:00Z")
        }
        return Int64(date.timeIntervalSince1970 * 1_000)
    }
}
