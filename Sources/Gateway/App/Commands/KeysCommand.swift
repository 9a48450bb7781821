import ArgumentParser
import Foundation
import GatewayConfiguration
import GatewayCrypto

struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "keys", abstract: "API keys of this gateway.", subcommands: [Create.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Prints a new key, once, and the entry of it for `auth.keys`. The entry holds only a keyed hash.",
            discussion: "The pepper of the hashes is read from AGENTSHIELD_PEPPER, or from the file that AGENTSHIELD_PEPPER_FILE names.")

        @Option(name: .long, help: "What the key is called in logs and the ledger.")
        var id: String

        @Option(name: .long, help: "Whose key it is.")
        var tenant: String

        @Option(name: .long, help: "The environment variable that holds the pepper, as `auth.pepper_env` names it.")
        var pepperEnv = "AGENTSHIELD_PEPPER"

        @Flag(name: .long, help: "A key for development: refused where the gateway listens to more than this machine.")
        var development = false

        func run() throws {
            let pepper: Secret
            do {
                pepper = try Vault.process.secret(named: pepperEnv, minimumCount: Vault.minimumPepperCount)
            } catch {
                throw ValidationError("\(pepperEnv) \(error.problem); \(error.remedy)")
            }
            guard let key = try NewKey.make(id: id, tenant: tenant, isDevelopment: development, pepper: pepper, random: secureRandom) else {
                throw ValidationError("--id and --tenant take 1 to 64 letters, digits, `.`, `_` and `-`")
            }
            print("key (shown once, kept nowhere):\n  \(key.key)\n\nentry for auth.keys of the configuration file:\n  \(key.entry)")
        }
    }
}
