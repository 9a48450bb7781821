import ArgumentParser

@main
struct AgentShieldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agentshield", abstract: "An AI gateway: scrubs, limits, caches and routes what agents send to model providers.",
        version: GatewayVersion.current,
        subcommands: [
            ServeCommand.self, CheckCommand.self, KeysCommand.self, MigrateCommand.self, DevCommand.self, HealthcheckCommand.self,
            VersionCommand.self,
        ])
}

enum GatewayVersion {
    static let current = "0.1.0"
}
