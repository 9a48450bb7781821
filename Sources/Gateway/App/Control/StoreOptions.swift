import ArgumentParser
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayCrypto

/// Where a command finds the store of tenants and keys.
struct StoreOptions: ParsableArguments {
    @Option(
        name: .long,
        help:
            "The SQLite file that `control.file` names. Without it: the database that DATABASE_URL, or the file in DATABASE_URL_FILE, names."
    )
    var store: String?

    /// Long enough for a name server and a server that is slow to take connections.
    private static let timeout = Duration.seconds(30)

    private func location() throws -> Configuration.Control {
        if let store { return .file(store) }
        guard Vault.process.holds("DATABASE_URL") else { return .none }
        return .database(try EnvironmentSecret.read("DATABASE_URL", minimumCount: 1))
    }

    /// Whether the command has any store.
    func isGiven() throws -> Bool { try location() != .none }

    /// Runs the body with the store; what goes wrong is told on standard error, with a status of sysexits.h.
    func with<Result>(_ body: (any ControlStore) async throws -> Result) async throws -> Result {
        do {
            guard let opened = try location().open(timeout: Self.timeout) else {
                throw ValidationError("there is no store: give --store FILE, or set DATABASE_URL")
            }
            do {
                let result = try await body(opened)
                await opened.close()
                return result
            } catch {
                await opened.close()
                throw error
            }
        } catch let error as ControlError {
            FileHandle.standardError.write(Data("agentshield: \(error)\n".utf8))
            throw ExitCode(Self.status(of: error))
        }
    }

    private static func status(of error: ControlError) -> Int32 {
        switch error {
        case .alreadyExists, .unknownReference, .invalid: 65
        case .unavailable: 69
        case .broken: 70
        }
    }
}

/// A secret of the environment, for commands.
enum EnvironmentSecret {
    static func read(_ name: String, minimumCount: Int) throws -> Secret {
        do throws(ValueProblem) {
            return try Vault.process.secret(named: name, minimumCount: minimumCount)
        } catch {
            throw ValidationError("\(name) \(error.problem); \(error.remedy)")
        }
    }
}

/// Which pepper hashes new keys.
struct PepperOptions: ParsableArguments {
    @Option(name: .long, help: "The environment variable that holds the pepper, as `auth.pepper_env` names it.")
    var pepperEnv = "AGENTSHIELD_PEPPER"

    @Option(name: .long, help: "What the store calls the pepper, as `auth.pepper_id` says.")
    var pepperID = "1"

    func pepper() throws -> Secret {
        try EnvironmentSecret.read(pepperEnv, minimumCount: Vault.minimumPepperCount)
    }
}

/// Writes what commands found.
enum Listing {
    /// One JSON object a line, its keys in order.
    static func show(_ objects: [JSONObject]) throws {
        for object in objects { print(String(decoding: try object.encoded(), as: UTF8.self)) }
    }

    static func show(_ object: JSONObject?, orElse missing: String) throws {
        guard let object else {
            FileHandle.standardError.write(Data("agentshield: \(missing)\n".utf8))
            throw ExitCode(66)
        }
        try show([object])
    }
}
