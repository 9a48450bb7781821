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
    ///
    /// - Parameter makesFile: a SQLite file that is not there is made. Otherwise it is a mistyped name.
    func with<Result>(makesFile: Bool = false, _ body: (any ControlStore) async throws -> Result) async throws -> Result {
        do {
            if let store, !makesFile, !FileManager.default.fileExists(atPath: store) {
                throw Refused(
                    "there is no file \(store); the gateway makes it at its start, and so does `agentshield tenants create`", status: 66)
            }
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
            throw Refused("\(error)", status: Self.status(of: error)).told
        } catch let refused as Refused {
            throw refused.told
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
    static func read(_ name: String, from vault: Vault = .process, minimumCount: Int) throws -> Secret {
        do throws(ValueProblem) {
            return try vault.secret(named: name, minimumCount: minimumCount)
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

/// Why a command did not do what it was asked, with a status of sysexits.h.
struct Refused: Error {
    let problem: String
    let status: Int32

    init(_ problem: String, status: Int32) {
        self.problem = problem
        self.status = status
    }

    /// On standard error; what is left is the status.
    var told: ExitCode {
        FileHandle.standardError.write(Data("agentshield: \(problem)\n".utf8))
        return ExitCode(status)
    }
}

/// Writes what commands found.
enum Listing {
    /// One JSON object a line, its keys in order.
    static func show(_ objects: [JSONObject]) throws {
        for object in objects { print(String(decoding: try object.encoded(), as: UTF8.self)) }
    }

    static func show(_ object: JSONObject?, orElse missing: String) throws {
        guard let object else { throw Refused(missing, status: 66).told }
        try show([object])
    }

    /// A key's text, once, and the record that is kept; for programs both in one object.
    static func show(_ key: KeyRecord, _ issued: IssuedKey, isJSON: Bool) throws {
        var object = JSONObject(key)
        if isJSON { object.set("key", issued.text) } else { print("key (shown once, kept nowhere):\n  \(issued.text)\n") }
        try show([object])
    }
}

/// What cannot be taken back is asked for, where somebody is there to be asked.
struct Confirmation: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Do not ask. Nobody is asked where standard input is no terminal.")
    var yes = false

    func ask(_ question: String) throws {
        guard !yes, isatty(STDIN_FILENO) == 1 else { return }
        FileHandle.standardError.write(Data("\(question) [y/N] ".utf8))
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            throw Refused("nothing was done", status: 75).told
        }
    }
}
