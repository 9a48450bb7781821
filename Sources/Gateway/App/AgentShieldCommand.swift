import ArgumentParser
import Foundation
import GatewayConfiguration
import PostgresStore

@main
struct AgentShieldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agentshield", abstract: "An AI gateway: scrubs, limits, caches and routes what agents send to model providers.",
        version: GatewayVersion.current,
        subcommands: [
            ServeCommand.self, CheckCommand.self, ScrubCommand.self, KeysCommand.self, TenantsCommand.self, DepartmentsCommand.self,
            UsersCommand.self, PricesCommand.self, BudgetsCommand.self, LedgerCommand.self, CacheCommand.self, PanicCommand.self,
            ArbitrageCommand.self, ModelsCommand.self, MigrateCommand.self, DevCommand.self,
            HealthcheckCommand.self, TopCommand.self,
            VersionCommand.self,
        ])

    static func main() async {
        Vault.removeFromProcess(PostgresLocation.environmentVariables)
        if let problem = CredentialScan.problem(withArguments: Array(CommandLine.arguments.dropFirst())) {
            FileHandle.standardError.write(Data("agentshield: \(problem)\n".utf8))
            // EX_CONFIG of sysexits.h, as for a refused configuration.
            Foundation.exit(78)
        }
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            if CommandLine.arguments.dropFirst().first == "scrub" { ScrubCommand.leave(with: error) }
            exit(withError: error)
        }
    }
}

enum GatewayVersion {
    static let current = "0.1.0"
}
